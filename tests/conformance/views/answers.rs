//! What an answer holds beside its rows, and what is refused.

use serde_json::{Value, json};

use super::{ask, design, fill, keys, rows, url};
use crate::database;

#[tokio::test]
async fn documents_come_with_their_rows() {
    let (client, path) = database("view-docs").await;
    fill(
        &client,
        &path,
        vec![
            json!({"_id": "a", "n": 1, "friend": "b"}),
            json!({"_id": "b", "n": 2, "friend": "gone"}),
        ],
    )
    .await;
    let views = json!({
        "own": {"map": "function (doc) { emit(doc.n, null) }"},
        "linked": {"map": "function (doc) { emit(doc.n, {_id: doc.friend}) }"},
    });
    design(&client, &path, views).await;
    let own = rows(&client, &path, "own", "include_docs=true").await;
    assert_eq!(own[0]["doc"]["_id"], "a");
    assert_eq!(own[1]["doc"]["n"], 2);
    let linked = rows(&client, &path, "linked", "include_docs=true").await;
    assert_eq!(linked[0]["doc"]["_id"], "b");
    assert_eq!(linked[1]["doc"], Value::Null);
    assert_eq!(linked[0]["value"], json!({"_id": "b"}));
}

#[tokio::test]
async fn listed_keys_are_answered_in_their_order() {
    let (client, path) = database("view-keys").await;
    fill(&client, &path, (0..20).map(|n| json!({"n": n})).collect()).await;
    let view = json!({"map": "function (doc) { emit(doc.n, 1) }", "reduce": "_sum"});
    design(&client, &path, json!({"n": view})).await;
    let listed = json!([7, 3, 99, 7]);
    let query = format!("reduce=false&keys={}", url(&listed));
    assert_eq!(keys(&client, &path, "n", &query).await, [json!(7), json!(3), json!(7)]);
    let posted = client
        .post(&format!("{path}/_design/d/_view/n?reduce=false"), json!({"keys": listed}))
        .await
        .expect(200)
        .json();
    assert_eq!(posted["rows"].as_array().expect("rows").len(), 3);
    let grouped = format!("group=true&keys={}", url(&json!([7, 3])));
    assert_eq!(keys(&client, &path, "n", &grouped).await, [json!(7), json!(3)]);
    let skipped = format!("reduce=false&skip=1&limit=1&keys={}", url(&listed));
    assert_eq!(keys(&client, &path, "n", &skipped).await, [json!(3)]);
}

#[tokio::test]
async fn several_questions_are_one_request() {
    let (client, path) = database("view-queries").await;
    fill(&client, &path, (0..10).map(|n| json!({"n": n})).collect()).await;
    let view = json!({"map": "function (doc) { emit(doc.n, 1) }", "reduce": "_count"});
    design(&client, &path, json!({"n": view})).await;
    let queries = json!({"queries": [
        {"reduce": false, "limit": 2},
        {"startkey": 5},
        {"reduce": false, "keys": [4]},
    ]});
    let answer =
        client.post(&format!("{path}/_design/d/_view/n/queries"), queries).await.expect(200).json();
    let results = answer["results"].as_array().expect("results");
    assert_eq!(results[0]["rows"].as_array().expect("rows").len(), 2);
    assert_eq!(results[1]["rows"][0]["value"], 5);
    assert_eq!(results[2]["rows"][0]["key"], 4);
    let path = format!("{path}/_design/d/_view/n/queries");
    for (body, reason) in [
        (json!({}), "POST body must include `queries` parameter."),
        (json!({"queries": {}}), "`queries` member must be an array."),
        (json!({"queries": [[]]}), "a query must be a JSON object"),
        (json!([]), "Request body must be a JSON object"),
    ] {
        client.post(&path, body).await.error(400, "bad_request", reason);
    }
    client.post_text(&path, "{").await.error(400, "bad_request", "invalid UTF-8 JSON");
    let reply = client.post_text(&path, "").await;
    reply.error(400, "bad_request", "POST body must include `queries` parameter.");
    let none = client.post(&path, json!({"queries": []})).await.expect(200).json();
    assert_eq!(none, json!({"results": []}));
    client.get(&path).await.error(405, "method_not_allowed", "Only POST allowed");
}

#[tokio::test]
async fn answers_of_many_pages_are_whole() {
    let (client, path) = database("view-pages").await;
    fill(&client, &path, (0..2500).map(|n| json!({"n": n})).collect()).await;
    let large = "function (doc) { if (doc.n < 40) emit(doc.n, new Array(40000).join('x')) }";
    let views = json!({
        "n": {"map": "function (doc) { emit(doc.n, 1) }", "reduce": "_sum"},
        "large": {"map": large},
    });
    design(&client, &path, views).await;
    let numbers = |from: u64, to: u64| (from..to).map(Value::from).collect::<Vec<_>>();
    let reversed = |from: u64, to: u64| (from..to).rev().map(Value::from).collect::<Vec<_>>();
    assert_eq!(keys(&client, &path, "n", "reduce=false").await, numbers(0, 2500));
    let query = "reduce=false&descending=true&skip=100&limit=2100";
    assert_eq!(keys(&client, &path, "n", query).await, reversed(300, 2400));
    assert_eq!(keys(&client, &path, "n", "group=true").await, numbers(0, 2500));
    let query = "group=true&descending=true&skip=1100&limit=1200";
    assert_eq!(keys(&client, &path, "n", query).await, reversed(200, 1400));
    assert_eq!(keys(&client, &path, "large", "").await, numbers(0, 40));
    let query = "descending=true&include_docs=true&limit=39";
    assert_eq!(keys(&client, &path, "large", query).await, reversed(1, 40));
    let documents = rows(&client, &path, "n", "reduce=false&include_docs=true&limit=1100").await;
    assert_eq!(documents.len(), 1100);
    assert!(documents.iter().all(|row| row["doc"]["n"] == row["key"]));
}

#[tokio::test]
async fn each_of_several_questions_says_how_fresh_its_answer_is_to_be() {
    let (client, path) = database("view-fresh-queries").await;
    design(&client, &path, json!({"n": {"map": "function (doc) { emit(doc.n, 1) }"}})).await;
    assert!(keys(&client, &path, "n", "").await.is_empty());
    let url = format!("{path}/_design/d/_view/n/queries?update=false");
    for written in 1..=10 {
        fill(&client, &path, vec![json!({"n": written})]).await;
        let queries = json!({"queries": [{"stale": "ok"}, {"update": "true"}, {"limit": 1}]});
        let answer = client.post(&url, queries).await.expect(200).json();
        assert_eq!(answer["results"][1]["rows"].as_array().expect("rows").len(), written);
        assert_eq!(answer["results"][2]["rows"][0]["key"], 1);
    }
    let unknown = json!({"queries": [{}, {"update": "soon"}]});
    client.post(&url, unknown).await.error(400, "query_parse_error", "Invalid value for `update`.");
    let missing = format!("{path}/_design/d/_view/none/queries");
    let queries = json!({"queries": [{"limit": "x"}]});
    client.post(&missing, queries).await.error(404, "not_found", "missing_named_view");
}

#[tokio::test]
async fn what_contradicts_itself_is_refused() {
    let (client, path) = database("view-refusals").await;
    let views = json!({
        "map": {"map": "function (doc) { emit(doc.n, 1) }"},
        "red": {"map": "function (doc) { emit(doc.n, 1) }", "reduce": "_sum"},
    });
    design(&client, &path, views).await;
    for (view, query, reason) in [
        ("map", "reduce=true", "Reduce is invalid for map-only views."),
        ("map", "group=true", "Invalid use of grouping on a map view."),
        ("red", "include_docs=true", "`include_docs` is invalid for reduce"),
        ("red", "keys=[1]", "Multi-key fetches for reduce views must use `group=true`"),
        (
            "map",
            "keys=[1]&startkey=1",
            "`keys` is incompatible with `key`, `start_key` and `end_key`",
        ),
        (
            "map",
            "startkey=2&endkey=1",
            "No rows can match your key range, reverse your start_key and end_key or set descending=true",
        ),
        ("map", "partition=p", "`partition` parameter is not supported in this design doc"),
        ("red", "partition=", "`partition` parameter is not supported in this design doc"),
    ] {
        ask(&client, &path, view, query).await.error(400, "query_parse_error", reason);
    }
    ask(&client, &path, "none", "").await.error(404, "not_found", "missing_named_view");
    let other = client.get(&format!("{path}/_design/none/_view/map")).await;
    other.error(404, "not_found", "missing");
    ask(&client, &path, "map", "startkey=%7B").await.error_named(400, "bad_request");
    let url = format!("{path}/_design/d/_view/map");
    let reply = client.post_text(&url, "[]").await;
    reply.error(400, "bad_request", "Request body must be a JSON object");
    client.post_text(&url, "{").await.error(400, "bad_request", "invalid UTF-8 JSON");
    client.post_text(&url, "").await.expect(200);
    let text = client.request("POST", &url).header("content-type", "text/plain").body("{}");
    let reason = "Content-Type must be application/json";
    text.send().await.error(415, "bad_content_type", reason);
    let reason = "Only GET,HEAD,POST allowed";
    client.put_nothing(&url).await.error(405, "method_not_allowed", reason);
}

#[tokio::test]
async fn an_answer_that_is_known_is_not_sent_again() {
    let (client, path) = database("view-tags").await;
    design(&client, &path, json!({"n": {"map": "function (doc) { emit(doc.n, 1) }"}})).await;
    let url = format!("{path}/_design/d/_view/n");
    let tag = client.get(&url).await.expect(200).header("etag").to_owned();
    let again = client.request("GET", &url).header("if-none-match", &tag).send().await;
    assert_eq!(again.status, 304);
    client.put(&format!("{path}/x"), json!({"n": 1})).await.expect(201);
    let after = client.request("GET", &url).header("if-none-match", &tag).send().await;
    assert_eq!(after.status, 200);
}

#[tokio::test]
async fn answers_of_views_that_share_an_index_have_tags_of_their_own() {
    let (client, path) = database("view-own-tags").await;
    let view = json!({"map": "function (doc) { emit(doc.n, 1) }"});
    design(&client, &path, json!({"a": view, "b": view})).await;
    let tag = async |name: &str, query: &str| -> String {
        ask(&client, &path, name, query).await.expect(200).header("etag").to_owned()
    };
    let known = tag("a", "").await;
    assert_eq!(tag("a", "").await, known);
    for (name, query) in [("b", ""), ("a", "update=false"), ("a", "limit=1")] {
        assert_ne!(tag(name, query).await, known, "{name} {query}");
    }
}

#[tokio::test]
async fn an_index_tells_of_itself() {
    let (client, path) = database("view-info").await;
    fill(&client, &path, vec![json!({"n": 1})]).await;
    design(&client, &path, json!({"n": {"map": "function (doc) { emit(doc.n, 1) }"}})).await;
    ask(&client, &path, "n", "").await.expect(200);
    let told = client.get(&format!("{path}/_design/d/_info")).await.expect(200).json();
    assert_eq!(told["name"], "d");
    let index = &told["view_index"];
    assert_eq!(index["signature"].as_str().expect("text").len(), 32);
    assert_eq!(index["language"], "javascript");
    assert!(index["update_seq"].as_str().expect("text").starts_with("2-"), "{index}");
    assert_eq!(index["updates_pending"]["total"], 0);
    let update = ask(&client, &path, "n", "update_seq=true").await.expect(200).json();
    assert!(update["update_seq"].as_str().expect("text").starts_with("2-"), "{update}");
}

#[tokio::test]
async fn rows_are_passed_over_across_more_keys_than_a_page_goes_through() {
    let (client, path) = database("view-skipped-keys").await;
    fill(&client, &path, (0..1300).map(|n| json!({"n": n})).collect()).await;
    let view = json!({"map": "function (doc) { emit(doc.n, 1) }", "reduce": "_sum"});
    design(&client, &path, json!({"n": view})).await;
    let listed: Vec<u32> = (0..1300).collect();
    let asked = async |query: &str| -> Value {
        let url = format!("{path}/_design/d/_view/n?{query}");
        client.post(&url, json!({"keys": listed})).await.expect(200).json()
    };
    let keys = |answer: &Value| -> Vec<u64> {
        let rows = answer["rows"].as_array().expect("rows");
        rows.iter().map(|row| row["key"].as_u64().expect("a number")).collect()
    };
    for skip in [0, 499, 500, 550, 1001, 1299, 1300, 2000] {
        let wanted: Vec<u64> = (skip..1300).collect();
        let rows = asked(&format!("reduce=false&skip={skip}")).await;
        assert_eq!(keys(&rows), wanted, "rows behind {skip}");
        assert_eq!(rows["offset"], skip.min(1300), "rows behind {skip}");
        let some = asked(&format!("reduce=false&skip={skip}&limit=2")).await;
        assert_eq!(keys(&some), wanted.iter().copied().take(2).collect::<Vec<_>>());
        let none = asked(&format!("reduce=false&skip={skip}&limit=0")).await;
        assert_eq!((keys(&none), &none["offset"]), (Vec::new(), &json!(skip.min(1300))));
        let groups = asked(&format!("group=true&skip={skip}")).await;
        assert_eq!(keys(&groups), wanted, "groups behind {skip}");
    }
}

#[tokio::test]
async fn a_key_without_rows_has_no_group_that_could_be_passed_over() {
    let (client, path) = database("view-skipped-groups").await;
    fill(&client, &path, [1, 1, 2, 3].iter().map(|n| json!({"n": n})).collect()).await;
    let view = json!({"map": "function (doc) { emit(doc.n, 1) }", "reduce": "_sum"});
    design(&client, &path, json!({"n": view})).await;
    let listed = url(&json!([9, 1, 8, 2, 7, 3, 1]));
    let found = [1, 2, 3, 1].map(|key| json!(key));
    for skip in 0..6 {
        let query = format!("group=true&skip={skip}&keys={listed}");
        let groups = keys(&client, &path, "n", &query).await;
        assert_eq!(groups, found[skip.min(4)..], "groups behind {skip}");
        let limited = keys(&client, &path, "n", &format!("{query}&limit=1")).await;
        assert_eq!(limited, found[skip.min(4)..].iter().take(1).cloned().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn however_long_a_key_is_it_finds_its_row_and_no_other() {
    let (client, path) = database("view-long-keys").await;
    let map = "function (doc) { emit(doc.n, 1) }";
    design(&client, &path, json!({"n": {"map": map, "reduce": "_count"}})).await;
    let long = |last: u32| {
        let mut elements = vec![json!("long".repeat(1000)); 20];
        elements.push(json!(last));
        json!(elements)
    };
    let documents = [json!(3), long(1), long(1), long(2)].map(|n| json!({"n": n}));
    fill(&client, &path, documents.to_vec()).await;
    let mut listed: Vec<Value> = (0..1000).map(Value::from).collect();
    listed.push(long(1));
    let url = format!("{path}/_design/d/_view/n");
    let asked = json!({"keys": listed, "reduce": false});
    let found = client.post(&url, asked).await.expect(200).json();
    let rows = found["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().skip(1).all(|row| row["key"] == long(1)));
    let grouped = client.get(&format!("{url}?group=true")).await.expect(200).json();
    let counts: Vec<_> = grouped["rows"].as_array().expect("rows").iter().collect();
    assert_eq!(counts.len(), 3);
    let two = counts.iter().find(|row| row["key"] == long(1)).expect("its group");
    assert_eq!(two["value"], 2);
}

#[tokio::test]
async fn parameters_that_contradict_each_other_are_refused() {
    let (client, path) = database("view-contradictions").await;
    let view = json!({"map": "function (doc) { emit([doc.n, doc._id], 1) }", "reduce": "_sum"});
    design(&client, &path, json!({"v": view})).await;
    fill(&client, &path, vec![json!({"n": 1}), json!({"n": 1}), json!({"n": 2})]).await;
    let parse = "query_parse_error";
    for query in
        ["group=false&group_level=1", "group_level=1&group=false", "keys=[]", "conflicts=false"]
    {
        ask(&client, &path, "v", query).await.error_named(400, parse);
    }
    for query in ["group=true&group_level=1", "group_level=1&group=true", "group_level=1"] {
        assert_eq!(keys(&client, &path, "v", query).await, [json!([1]), json!([2])], "{query}");
    }
    ask(&client, &path, "v", "reduce=false&conflicts=false&keys=[]").await.expect(200);
    let asked = json!({"queries": [{}]});
    let reply = client.post(&format!("{path}/_design/d/_view/v"), asked).await;
    let reason = "The `queries` parameter is no longer supported at this endpoint";
    reply.error(400, "bad_request", reason);
}

#[tokio::test]
async fn sizes_are_those_of_the_index_alone() {
    let (client, path) = database("view-sizes").await;
    let large = "x".repeat(2_000);
    fill(&client, &path, (0..200).map(|n| json!({"n": n, "text": large})).collect()).await;
    design(&client, &path, json!({"v": {"map": "function (doc) { emit(doc.n, doc.text) }"}})).await;
    let other = json!({"views": {"v": {"map": "function (doc) { if (doc.n === 1) emit(doc.n) }"}}});
    client.put(&format!("{path}/_design/small"), other).await.expect(201);
    ask(&client, &path, "v", "").await.expect(200);
    client.get(&format!("{path}/_design/small/_view/v")).await.expect(200);
    let size = async |name: &str| {
        let told = client.get(&format!("{path}/_design/{name}/_info")).await.expect(200).json();
        told["view_index"]["sizes"]["active"].as_u64().expect("a number")
    };
    let (large, small) = (size("d").await, size("small").await);
    assert!((400_000..800_000).contains(&large), "{large}");
    assert!((1..20_000).contains(&small), "{small}");
}
