//! Questions: with an index and without, in an order, in parts, in pages.

use serde_json::{Value, json};

use super::{find, found, index, people};
use crate::ids;

#[tokio::test]
async fn a_question_without_an_index_looks_at_all_documents() {
    let (client, path) = people("mango").await;
    let question = json!({"selector": {"age": {"$lt": 3}}, "execution_stats": true});
    let reply = client.post(&format!("{path}/_find"), question).await.expect(200);
    assert!(
        reply.text().starts_with("{\"docs\":[\r\n{\"_id\":\"p00\",\"_rev\":\"1-"),
        "{}",
        reply.text()
    );
    let told = reply.json();
    assert_eq!(found(&told), ["p00", "p01", "p02"]);
    let statistics = &told["execution_stats"];
    assert_eq!(statistics["total_docs_examined"], 30);
    assert_eq!(statistics["total_quorum_docs_examined"], 0);
    assert_eq!(statistics["results_returned"], 3);
    assert!(statistics["execution_time_ms"].is_number());
    let warning = told["warning"].as_str().expect("a warning");
    assert!(warning.starts_with("No matching index found"), "{warning}");
}

#[tokio::test]
async fn an_index_answers_in_its_order_and_backwards() {
    let (client, path) = people("mango").await;
    index(&client, &path, json!({"index": {"fields": ["town", "age"]}})).await;
    let question = |sort: Value| {
        json!({"selector": {"town": "Ulm", "age": {"$gt": 20}}, "sort": sort,
            "fields": ["_id", "name.first"], "execution_stats": true})
    };
    let told = find(&client, &path, question(json!(["town", "age"]))).await;
    assert_eq!(found(&told), ["p21", "p24", "p27"]);
    assert_eq!(told["docs"][0], json!({"_id": "p21", "name": {"first": "n21"}}));
    assert_eq!(told["execution_stats"]["total_docs_examined"], 3);
    assert_eq!(told["execution_stats"]["total_keys_examined"], 3);
    assert!(told.get("warning").is_none());
    let told = find(&client, &path, question(json!([{"town": "desc"}, {"age": "desc"}]))).await;
    assert_eq!(found(&told), ["p27", "p24", "p21"]);
    let unsorted = json!({"selector": {"age": 1}, "sort": ["name"]});
    client.post(&format!("{path}/_find"), unsorted).await.error_named(400, "no_usable_index");
}

#[tokio::test]
async fn bookmarks_lead_to_the_end_of_either_index_in_either_direction() {
    let (client, path) = people("mango").await;
    index(&client, &path, json!({"index": {"fields": ["age"]}, "ddoc": "i"})).await;
    for (selector, sort) in [
        (json!({"age": {"$gte": 3}}), json!([])),
        (json!({"age": {"$gte": 3}}), json!([{"age": "desc"}])),
        (json!({"_id": {"$gte": "p03"}}), json!([])),
        (json!({"_id": {"$gte": "p03"}}), json!([{"_id": "desc"}])),
    ] {
        let descending = sort.get(0).is_some();
        let mut seen = Vec::new();
        let mut bookmark = Value::Null;
        loop {
            let question =
                json!({"selector": selector, "sort": sort, "limit": 10, "bookmark": bookmark});
            let told = find(&client, &path, question).await;
            let page = found(&told);
            if page.is_empty() {
                assert_eq!(told["bookmark"], bookmark, "the end keeps the bookmark");
                break;
            }
            bookmark = told["bookmark"].clone();
            seen.extend(page);
        }
        let mut all: Vec<String> = (3..30).map(|n| format!("p{n:02}")).collect();
        if descending {
            all.reverse();
        }
        assert_eq!(seen, all, "{selector} {sort}");
    }
    let question = json!({"selector": {"age": 1}, "bookmark": "nonsense"});
    client.post(&format!("{path}/_find"), question).await.error_named(400, "invalid_bookmark");
}

#[tokio::test]
async fn matches_are_passed_over_and_limited() {
    let (client, path) = people("mango").await;
    let told =
        find(&client, &path, json!({"selector": {"town": "Graz"}, "skip": 2, "limit": 3})).await;
    assert_eq!(found(&told), ["p07", "p10", "p13"]);
    let none = find(&client, &path, json!({"selector": {}, "limit": 0})).await;
    assert_eq!(
        none,
        json!({"docs": [], "bookmark": "nil",
        "warning": "No matching index found, create an index to optimize query time."})
    );
    assert_eq!(found(&find(&client, &path, json!({"selector": {}})).await).len(), 25);
    let contradiction = json!({"selector": {"_id": {"$gt": "b", "$lt": "a"}}});
    assert_eq!(find(&client, &path, contradiction).await, json!({"docs": []}));
}

#[tokio::test]
async fn a_covering_index_reads_no_documents() {
    let (client, path) = people("mango").await;
    index(&client, &path, json!({"index": {"fields": ["age", "name.first"]}})).await;
    let question = json!({"selector": {"age": {"$gte": 28}, "name.first": {"$exists": true}},
        "fields": ["_id", "age", "name.first"], "execution_stats": true});
    let told = find(&client, &path, question).await;
    let shown = json!([{"_id": "p28", "age": 28, "name": {"first": "n28"}},
        {"_id": "p29", "age": 29, "name": {"first": "n29"}}]);
    assert_eq!(told["docs"], shown);
    assert_eq!(told["execution_stats"]["total_docs_examined"], 0);
    assert_eq!(told["execution_stats"]["total_keys_examined"], 2);
}

#[tokio::test]
async fn a_partial_index_answers_where_it_is_named() {
    let (client, path) = people("mango").await;
    let definition = json!({"fields": ["age"], "partial_filter_selector": {"town": "Bern"}});
    index(&client, &path, json!({"index": definition, "ddoc": "bern", "name": "part"})).await;
    let selector = json!({"age": {"$lt": 7}});
    let told = find(&client, &path, json!({"selector": selector})).await;
    assert_eq!(found(&told).len(), 7, "it is not chosen by itself");
    for wish in [json!("bern"), json!("_design/bern"), json!(["bern", "part"])] {
        let told = find(&client, &path, json!({"selector": selector, "use_index": wish})).await;
        assert_eq!(found(&told), ["p02", "p05"]);
    }
}

#[tokio::test]
async fn an_index_that_is_wished_for_and_does_not_fit_is_told_or_refused() {
    let (client, path) = people("mango").await;
    index(&client, &path, json!({"index": {"fields": ["town"]}, "ddoc": "towns"})).await;
    let question = |fallback: bool| json!({"selector": {"age": 3}, "use_index": "towns", "allow_fallback": fallback});
    let told = find(&client, &path, question(true)).await;
    assert_eq!(found(&told), ["p03"]);
    let warning = told["warning"].as_str().expect("a warning");
    assert!(warning.starts_with("_design/towns was not used because"), "{warning}");
    client.post(&format!("{path}/_find"), question(false)).await.error_named(400, "invalid_index");
    let scan = json!({"selector": {"age": 3}, "allow_fallback": false});
    client.post(&format!("{path}/_find"), scan).await.error_named(400, "no_usable_index");
}

#[tokio::test]
async fn a_choice_is_explained() {
    let (client, path) = people("mango").await;
    index(&client, &path, json!({"index": {"fields": ["age"]}, "ddoc": "i", "name": "age"})).await;
    let question = json!({"selector": {"age": {"$gt": 7}}, "fields": ["age"], "limit": 4});
    let told = client.post(&format!("{path}/_explain"), question).await.expect(200).json();
    assert_eq!(told["dbname"], path.trim_start_matches('/'));
    assert_eq!(told["index"]["name"], "age");
    assert_eq!(told["selector"], json!({"age": {"$gt": 7}}));
    assert_eq!(told["mrargs"]["start_key"], json!([7]));
    assert_eq!(told["mrargs"]["end_key"], json!(["<MAX>"]));
    assert_eq!(told["covering"], true);
    assert_eq!(told["limit"], 4);
    assert_eq!(told["index_candidates"][0]["index"]["name"], "_all_docs");
}

#[tokio::test]
async fn conflicts_and_attachments_are_seen_by_questions() {
    let (client, path) = people("mango").await;
    let edits = json!({"new_edits": false, "docs": [
        {"_id": "c", "_rev": "1-a", "age": 100}, {"_id": "c", "_rev": "1-b", "age": 101}]});
    client.post(&format!("{path}/_bulk_docs"), edits).await.expect(201);
    let told =
        find(&client, &path, json!({"selector": {"age": {"$gt": 50}}, "conflicts": true})).await;
    assert_eq!(told["docs"][0]["_rev"], "1-b");
    assert_eq!(told["docs"][0]["_conflicts"], json!(["1-a"]));
    let file =
        json!({"_attachments": {"a.txt": {"content_type": "text/plain", "data": "aGVsbG8="}}});
    client.put(&format!("{path}/file"), file).await.expect(201);
    let question =
        json!({"selector": {"_attachments": {"$exists": true}}, "fields": ["_id", "_attachments"]});
    let told = find(&client, &path, question).await;
    assert_eq!(found(&told), ["file"]);
    assert_eq!(told["docs"][0]["_attachments"]["a.txt"]["length"], 5);
}

#[tokio::test]
async fn what_is_no_question_is_refused_as_couchdb_does() {
    let (client, path) = people("mango").await;
    let refused = async |question: Value, error: &str| {
        client.post(&format!("{path}/_find"), question).await.error_named(400, error);
    };
    refused(json!([]), "bad_request").await;
    refused(json!({}), "missing_required_key").await;
    refused(json!({"selector": 1}), "invalid_selector_json").await;
    refused(json!({"selector": {"a": {"$no": 1}}}), "invalid_operator").await;
    refused(json!({"selector": {}, "limit": -1}), "invalid_non_neg_integer").await;
    refused(json!({"selector": {}, "sort": 1}), "invalid_sort_json").await;
    refused(json!({"selector": {}, "fields": 1}), "invalid_fields").await;
    refused(json!({"selector": {}, "nonsense": 1}), "invalid_key").await;
    client.get(&format!("{path}/_find")).await.error_named(405, "method_not_allowed");
    client.post_text(&format!("{path}/_find"), "{").await.error_named(400, "bad_request");
    let text = client.request("POST", &format!("{path}/_find"));
    let text = text.header("content-type", "text/plain").body("{}");
    text.send().await.error(415, "bad_content_type", "Content-Type must be application/json");
    let reason = "`partition` is asked for, and the database is not partitioned: leave it out";
    for endpoint in ["_find", "_explain"] {
        let question = json!({"selector": {}, "partition": "p"});
        let reply = client.post(&format!("{path}/{endpoint}"), question).await;
        reply.error(400, "bad_request", reason);
    }
}

#[tokio::test]
async fn an_answer_of_many_pages_is_whole() {
    let (client, path) = people("mango").await;
    let text = "x".repeat(2_000);
    for part in 0..3 {
        let documents: Vec<Value> = (0..1_000)
            .map(|n| json!({"_id": format!("m{part}{n:03}"), "many": n % 2, "text": text}))
            .collect();
        client.post(&format!("{path}/_bulk_docs"), json!({"docs": documents})).await.expect(201);
    }
    index(&client, &path, json!({"index": {"fields": ["many"]}, "ddoc": "many"})).await;
    for selector in [json!({"many": 1}), json!({"text": {"$gt": ""}, "_id": {"$gt": "m"}})] {
        let question = json!({"selector": selector, "limit": 5_000, "execution_stats": true});
        let told = find(&client, &path, question).await;
        let mut ids = found(&told);
        let count = ids.len();
        assert_eq!(told["execution_stats"]["results_returned"], count);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "none twice");
        assert_eq!(count, if selector.get("many").is_some() { 1_500 } else { 3_000 });
    }
}

#[tokio::test]
async fn a_feed_of_changes_tells_what_matches_a_selector() {
    let (client, path) = people("mango").await;
    let rev = client.get(&format!("{path}/p03")).await.member("_rev");
    client.delete(&format!("{path}/p03?rev={rev}")).await.expect(200);
    let asked = json!({"selector": {"town": "Ulm", "age": {"$lt": 8}}});
    let feed = format!("{path}/_changes?filter=_selector");
    let told = client.post(&feed, asked).await.expect(200).json();
    // Shards commit side by side.
    let mut chosen = ids(&told);
    chosen.sort_unstable();
    assert_eq!(chosen, ["p00", "p06"]);
    let deleted = json!({"selector": {"_deleted": true}});
    let told = client.post(&format!("{feed}&include_docs=true"), deleted).await.expect(200).json();
    assert_eq!(ids(&told), ["p03"]);
    assert_eq!(told["results"][0]["doc"]["_deleted"], true);
    client.get(&feed).await.error_named(400, "bad_request");
    client.post(&feed, json!({"selector": 1})).await.error_named(400, "invalid_selector_json");
}
