//! `_random_doc`: a document by chance.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::database;

#[tokio::test]
async fn every_live_document_comes_up() {
    let (client, path) = database("random").await;
    let asked = format!("{path}/_random_doc");
    client.get(&asked).await.error(404, "not_found", "missing");
    for number in 0..8 {
        client.put(&format!("{path}/d{number}"), json!({"n": number})).await.expect(201);
    }
    // A gap in the sequences makes nobody more likely.
    let mut rev = client.put(&format!("{path}/d7"), json!({})).await;
    assert_eq!(rev.status, 409);
    for _ in 0..40 {
        let now = client.get(&format!("{path}/d7")).await.json();
        rev = client.put(&format!("{path}/d7"), now).await.expect(201);
    }
    let gone = client.get(&format!("{path}/d0")).await.member("_rev");
    client.delete(&format!("{path}/d0?rev={gone}")).await.expect(200);
    let mut seen: HashMap<String, usize> = HashMap::new();
    for _ in 0..400 {
        *seen.entry(client.get(&asked).await.expect(200).member("_id")).or_default() += 1;
    }
    assert_eq!(seen.len(), 7, "{seen:?}");
    assert!(!seen.contains_key("d0"));
    // 57 are expected of each; fewer than 20 come once in ten million times.
    assert!(seen.values().all(|times| *times >= 20), "{seen:?}");
    assert!(rev.member("rev").starts_with("41-"));
}

#[tokio::test]
async fn among_tombstones_the_last_live_document_is_found() {
    let (client, path) = database("tombstones").await;
    let bulk = format!("{path}/_bulk_docs");
    let documents: Vec<Value> = (0..500).map(|n| json!({"_id": format!("d{n:03}")})).collect();
    let stored = client.post(&bulk, json!({"docs": documents})).await.expect(201).json();
    let delete = |row: &Value| json!({"_id": row["id"], "_rev": row["rev"], "_deleted": true});
    let stones: Vec<Value> = stored.as_array().unwrap().iter().map(delete).collect();
    let but_one: Vec<&Value> = stones.iter().filter(|one| one["_id"] != "d123").collect();
    client.post(&bulk, json!({"docs": but_one})).await.expect(201);
    for _ in 0..20 {
        assert_eq!(client.get(&format!("{path}/_random_doc")).await.member("_id"), "d123");
    }
    client.post(&bulk, json!({"docs": [stones[123]]})).await.expect(201);
    client.get(&format!("{path}/_random_doc")).await.error(404, "not_found", "missing");
}

#[tokio::test]
async fn it_is_shown_as_any_document() {
    let (client, path) = database("shown").await;
    let rev = client.put(&format!("{path}/a"), json!({"n": 1})).await.member("rev");
    let asked = format!("{path}/_random_doc");
    let reply = client.get(&asked).await.expect(200);
    assert_eq!(reply.header("etag"), format!("\"{rev}\""));
    assert_eq!(reply.json(), json!({"_id": "a", "_rev": rev, "n": 1}));
    let told = client.get(&format!("{asked}?revs=true&local_seq=true")).await.json();
    assert_eq!(told["_revisions"]["start"], 1);
    client.head(&asked).await.expect(200);
    client.get(&format!("{asked}?rev={rev}")).await.error_named(400, "bad_request");
    client.get(&format!("{asked}?filter=app/mine")).await.not_implemented();
    client.delete(&asked).await.error_named(405, "method_not_allowed");
}
