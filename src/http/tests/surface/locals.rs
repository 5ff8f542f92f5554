//! `_local` documents.

use crate::client::Client;

#[tokio::test]
async fn a_local_document_counts_its_writes() {
    let mut client = Client::with_database().await;
    client.get("/db/_local/x").await.expect(404);
    let first = client.put("/db/_local/x", r#"{"a":1}"#).await.expect(201);
    assert_eq!(first.text(), "{\"ok\":true,\"id\":\"_local/x\",\"rev\":\"0-1\"}\n");
    let second = client.put("/db/_local/x", r#"{"_rev":"0-1","a":2}"#).await.expect(201);
    assert_eq!(second.json()["rev"], "0-2");
    // Nobody's write conflicts.
    client.put("/db/_local/x", r#"{"_rev":"0-1","a":3}"#).await.expect(201);
    let read = client.get("/db/_local/x").await.expect(200);
    assert_eq!(read.text(), "{\"_id\":\"_local/x\",\"_rev\":\"0-2\",\"a\":3}\n");
    client.put("/db/_local/x", r#"{"_rev":"1-abc"}"#).await.expect(400);
    assert_eq!(client.get("/db").await.json()["doc_count"], 0);
    let gone = client.send("DELETE /db/_local/x?rev=0-2", &[], "").await.expect(200);
    assert_eq!(gone.json()["rev"], "0-0");
    client.send("DELETE /db/_local/x", &[], "").await.expect(404);
}

#[tokio::test]
async fn a_local_document_is_named_in_several_ways() {
    let mut client = Client::with_database().await;
    client.post("/db", r#"{"_id":"_local/a/b","n":1}"#).await.expect(201);
    for path in ["/db/_local/a%2Fb", "/db/_local%2Fa%2Fb"] {
        assert_eq!(client.get(path).await.expect(200).json()["n"], 1, "{path}");
    }
    client.put("/db/_local/x/attachment", "x").await.expect(400);
    client.get("/db/_local").await.expect(400);
}
