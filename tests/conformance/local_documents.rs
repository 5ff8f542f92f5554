//! `_local` documents: kept, never replicated, never listed.

use serde_json::json;

use crate::database;

#[tokio::test]
async fn local_documents_count_their_changes() {
    let (client, path) = database("local").await;
    let doc = format!("{path}/_local/checkpoint");
    client.get(&doc).await.error(404, "not_found", "missing");
    let put = client.put(&doc, json!({"last_seq": "1-a"})).await.expect(201);
    assert_eq!(put.json(), json!({"ok": true, "id": "_local/checkpoint", "rev": "0-1"}));
    assert_eq!(
        client.get(&doc).await.expect(200).json(),
        json!({"_id": "_local/checkpoint", "_rev": "0-1", "last_seq": "1-a"})
    );
    let put = client.put(&doc, json!({"_rev": "0-1", "last_seq": "2-a"})).await.expect(201);
    assert_eq!(put.member("rev"), "0-2");
    assert_eq!(client.get(&doc).await.json()["last_seq"], "2-a");
    let gone = client.delete(&format!("{doc}?rev=0-2")).await.expect(200);
    assert_eq!(gone.json()["ok"], true);
    client.get(&doc).await.expect(404);
}

#[tokio::test]
async fn local_documents_do_not_show() {
    let (client, path) = database("hidden").await;
    client.put(&format!("{path}/_local/a"), json!({})).await.expect(201);
    let bulk = json!({"docs": [{"_id": "_local/b", "n": 1}]});
    let told = client.post(&format!("{path}/_bulk_docs"), bulk).await.expect(201).json();
    assert_eq!(told[0]["rev"], "0-1", "{told}");
    assert_eq!(client.get(&format!("{path}/_local/b")).await.expect(200).json()["n"], 1);
    let info = client.get(&path).await.json();
    assert_eq!(
        (&info["doc_count"], info["update_seq"].as_str().map(|seq| seq.starts_with('0'))),
        (&json!(0), Some(true))
    );
    assert_eq!(client.get(&format!("{path}/_changes")).await.json()["results"], json!([]));
    assert_eq!(client.get(&format!("{path}/_all_docs")).await.json()["rows"], json!([]));
}

#[tokio::test]
async fn their_ids_may_hold_anything() {
    let (client, path) = database("anything").await;
    for id in ["a%2Fb", "LXKXwmdyqfB2.8zKd7E5ZQ%3D%3D", "%C3%BC"] {
        client.put(&format!("{path}/_local/{id}"), json!({"id": id})).await.expect(201);
        assert_eq!(client.get(&format!("{path}/_local/{id}")).await.expect(200).json()["id"], id);
    }
    client.get(&format!("{path}/_local%2Fa%2Fb")).await.expect(200);
}
