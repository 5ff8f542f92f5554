//! `_design_docs`, `_local_docs`, and several lists in one answer.

use refuge_tests::Client;
use serde_json::{Value, json};

use crate::{database, ids, put_all};

/// Three plain, three design and three local documents.
async fn filled(story: &str) -> (Client, String) {
    let (client, path) = database(story).await;
    let plain = [("A", json!({})), ("a", json!({"n": 1})), ("z", json!({}))];
    put_all(&client, &path, &plain).await;
    for name in ["one", "three", "two"] {
        client.put(&format!("{path}/_design/{name}"), json!({"of": name})).await.expect(201);
        client.put(&format!("{path}/_local/{name}"), json!({"of": name})).await.expect(201);
    }
    (client, path)
}

#[tokio::test]
async fn design_documents_are_listed_alone() {
    let (client, path) = filled("designs").await;
    let get = async |query: &str| {
        client.get(&format!("{path}/_design_docs{query}")).await.expect(200).json()
    };
    let all = get("").await;
    assert_eq!(ids(&all), ["_design/one", "_design/three", "_design/two"]);
    assert_eq!((&all["total_rows"], &all["offset"]), (&json!(3), &json!(0)));
    let row = &all["rows"][0];
    assert_eq!(row["key"], "_design/one");
    assert!(row["value"]["rev"].as_str().unwrap().starts_with("1-"));

    let from = get("?startkey=%22_design/t%22&include_docs=true").await;
    assert_eq!(ids(&from), ["_design/three", "_design/two"]);
    assert_eq!((&from["total_rows"], &from["offset"]), (&json!(3), &json!(1)));
    assert_eq!(from["rows"][0]["doc"]["of"], "three");
    assert_eq!(ids(&get("?descending=true&limit=1").await), ["_design/two"]);
    assert_eq!(ids(&get("?skip=1&limit=1").await), ["_design/three"]);
    assert_eq!(ids(&get("?startkey=%22a%22").await), Vec::<String>::new());

    let keys = json!({"keys": ["_design/two", "a", "_design/none"]});
    let listed = client.post(&format!("{path}/_design_docs"), keys).await.expect(200).json();
    assert_eq!(listed["rows"][0]["id"], "_design/two");
    assert_eq!(listed["rows"][1], json!({"key": "_design/none", "error": "not_found"}));
    assert_eq!(listed["rows"].as_array().unwrap().len(), 2);

    let gone = client.get(&format!("{path}/_design/one")).await.member("_rev");
    client.delete(&format!("{path}/_design/one?rev={gone}")).await.expect(200);
    assert_eq!(get("").await["total_rows"], 2);
}

#[tokio::test]
async fn local_documents_are_listed_alone() {
    let (client, path) = filled("locals").await;
    let get = async |query: &str| {
        client.get(&format!("{path}/_local_docs{query}")).await.expect(200).json()
    };
    let all = get("").await;
    assert_eq!(
        all,
        json!({"total_rows": null, "offset": null, "rows": [
            {"id": "_local/one", "key": "_local/one", "value": {"rev": "0-1"}},
            {"id": "_local/three", "key": "_local/three", "value": {"rev": "0-1"}},
            {"id": "_local/two", "key": "_local/two", "value": {"rev": "0-1"}},
        ]})
    );
    let from = get("?startkey=%22_local/t%22&include_docs=true").await;
    assert_eq!(ids(&from), ["_local/three", "_local/two"]);
    assert_eq!(
        from["rows"][0]["doc"],
        json!({"_id": "_local/three", "_rev": "0-1", "of": "three"})
    );
    assert_eq!(ids(&get("?descending=true&skip=1").await), ["_local/three", "_local/one"]);
    assert_eq!(ids(&get("?endkey=%22_local/one%22").await), ["_local/one"]);
    assert_eq!(
        ids(&get("?endkey=%22_local/one%22&inclusive_end=false").await),
        Vec::<String>::new()
    );
    let keys = json!({"keys": ["_local/two", "_local/none", "a"]});
    let listed = client.post(&format!("{path}/_local_docs"), keys).await.expect(200).json();
    assert_eq!(
        listed["rows"],
        json!([
            {"id": "_local/two", "key": "_local/two", "value": {"rev": "0-1"}},
            {"key": "_local/none", "error": "not_found"},
        ])
    );
}

#[tokio::test]
async fn many_local_documents_are_listed_page_by_page() {
    let (client, path) = database("pages").await;
    let documents: Vec<Value> =
        (0..1200).map(|number| json!({"_id": format!("_local/{number:05}")})).collect();
    client.post(&format!("{path}/_bulk_docs"), json!({"docs": documents})).await.expect(201);
    let all = client.get(&format!("{path}/_local_docs")).await.json();
    let expected: Vec<String> = (0..1200).map(|number| format!("_local/{number:05}")).collect();
    assert_eq!(ids(&all), expected);
    let some = client.get(&format!("{path}/_local_docs?skip=700&limit=450")).await.json();
    assert_eq!(ids(&some), expected[700..1150]);
}

#[tokio::test]
async fn several_lists_come_in_one_answer() {
    let (client, path) = filled("queries").await;
    let queries = json!({"queries": [
        {"keys": ["a", "none"], "include_docs": true},
        {"limit": 1},
        {"startkey": "a", "descending": true},
    ]});
    let told = client.post(&format!("{path}/_all_docs/queries"), queries).await.expect(200).json();
    let results = told["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    assert_eq!(results[0]["rows"][0]["doc"]["n"], 1);
    assert_eq!(results[0]["rows"][1]["error"], "not_found");
    assert_eq!(ids(&results[1]), ["A"]);
    assert_eq!(results[1]["total_rows"], 6);
    assert_eq!(ids(&results[2]).first().map(String::as_str), Some("a"));

    let queries = json!({"queries": [{"limit": 1}, {"skip": 2}]});
    let told = client.post(&format!("{path}/_design_docs/queries"), queries.clone()).await.json();
    assert_eq!(ids(&told["results"][0]), ["_design/one"]);
    assert_eq!(ids(&told["results"][1]), ["_design/two"]);
    let told = client.post(&format!("{path}/_local_docs/queries"), queries).await.json();
    assert_eq!(ids(&told["results"][1]), ["_local/two"]);

    let none = client.post(&format!("{path}/_all_docs/queries"), json!({"queries": []})).await;
    assert_eq!(none.expect(200).json(), json!({"results": []}));
    let refused = client.post(&format!("{path}/_all_docs/queries"), json!({})).await;
    refused.error(400, "bad_request", "POST body must include `queries` parameter.");
    let refused =
        client.post(&format!("{path}/_all_docs/queries"), json!({"queries": [{"skip": -1}]})).await;
    refused.error_named(400, "query_parse_error");
    client.get(&format!("{path}/_all_docs/queries")).await.error_named(405, "method_not_allowed");
}

#[tokio::test]
async fn a_list_that_did_not_change_is_not_sent_again() {
    let (client, path) = filled("unchanged").await;
    for list in ["_all_docs", "_design_docs"] {
        let asked = format!("{path}/{list}");
        let tag = client.get(&asked).await.expect(200).header("etag").to_owned();
        assert!(tag.starts_with('"'), "{list}: {tag}");
        let again =
            async || client.request("GET", &asked).header("if-none-match", &tag).send().await;
        assert_eq!(again().await.expect(304).body.len(), 0);
        client.put(&format!("{path}/new-{list}"), json!({})).await.expect(201);
        again().await.expect(200);
    }
}

#[tokio::test]
async fn parameters_that_contradict_each_other_are_refused() {
    let (client, path) = filled("contradictions").await;
    for query in ["reduce=true", "group=true", "group_level=2", "partition=a", "stale=maybe"] {
        let reply = client.get(&format!("{path}/_all_docs?{query}")).await;
        reply.error_named(400, "query_parse_error");
    }
    let both = client.get(&format!("{path}/_all_docs?keys=[%22a%22]&key=%22a%22")).await;
    both.error(
        400,
        "query_parse_error",
        "`keys` is incompatible with `key`, `start_key` and `end_key`",
    );
}
