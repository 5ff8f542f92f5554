//! `batch=ok`: writes whose writers do not wait; and `_ensure_full_commit`, which waits for them.

use serde_json::json;

use crate::{database, ids};

#[tokio::test]
async fn what_was_accepted_is_stored_after_a_full_commit() {
    let (client, path) = database("batch").await;
    for number in 0..100 {
        let reply =
            client.put(&format!("{path}/d{number:03}?batch=ok"), json!({"n": number})).await;
        let told = reply.expect(202).json();
        assert_eq!(told, json!({"ok": true, "id": format!("d{number:03}")}));
    }
    let posted = client.post(&format!("{path}?batch=ok"), json!({"_id": "posted"})).await;
    assert_eq!(posted.expect(202).json(), json!({"ok": true, "id": "posted"}));
    let named = client.post(&format!("{path}?batch=ok"), json!({})).await.expect(202);
    assert_eq!(named.member("id").len(), 32);
    let full = client.post(&format!("{path}/_ensure_full_commit"), json!({})).await.expect(201);
    assert_eq!(full.json()["ok"], true);
    assert_eq!(ids(&client.get(&format!("{path}/_all_docs")).await.json()).len(), 102);
}

#[tokio::test]
async fn a_conflict_in_a_batch_changes_nothing() {
    let (client, path) = database("quiet").await;
    client.put(&format!("{path}/a"), json!({"n": 1})).await.expect(201);
    client.put(&format!("{path}/a?batch=ok"), json!({"n": 2})).await.expect(202);
    client.post(&format!("{path}/_ensure_full_commit"), json!({})).await.expect(201);
    assert_eq!(client.get(&format!("{path}/a")).await.json()["n"], 1);
}

#[tokio::test]
async fn what_cannot_be_a_document_is_refused_at_once() {
    let (client, path) = database("refused").await;
    client.put_text(&format!("{path}/a?batch=ok"), "[]").await.error_named(400, "bad_request");
    client.put(&format!("{path}/_a?batch=ok"), json!({})).await.error_named(400, "illegal_docid");
    client.put(&format!("{path}/a?batch=ok&new_edits=false"), json!({})).await.expect(400);
}
