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
    client.post(&path, json!({})).await.error(
        400,
        "bad_request",
        "POST body must include `queries` parameter.",
    );
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
    ] {
        ask(&client, &path, view, query).await.error(400, "query_parse_error", reason);
    }
    ask(&client, &path, "none", "").await.error(404, "not_found", "missing_named_view");
    let other = client.get(&format!("{path}/_design/none/_view/map")).await;
    other.error(404, "not_found", "missing");
    ask(&client, &path, "map", "startkey=%7B").await.error_named(400, "bad_request");
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
