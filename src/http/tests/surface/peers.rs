//! Other nodes: who they are when they ask, and the database that lists them.

use std::sync::Arc;

use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;

use crate::client::{Client, serve_peer};
use crate::memory::MemoryNode;
use crate::memory::mesh::node_id;

/// A node with the database `db`, which the group `family` may read and write.
async fn shared_with_family() -> Arc<MemoryNode> {
    let node = Arc::new(MemoryNode::with_admin());
    let mut ada = Client::named(node.clone(), "ada", "secret").await;
    ada.put("/db", "").await.expect(201);
    let security = r#"{"members":{"roles":["group:family"]}}"#;
    ada.put("/db/_security", security).await.expect(200);
    ada.put("/open", "").await.expect(201);
    ada.put("/open/_security", "{}").await.expect(200);
    node
}

#[tokio::test]
async fn who_a_node_is_is_decided_with_each_request() {
    let node = shared_with_family().await;
    let one = node_id(1);
    let mut stranger = Client::peer(node.clone(), one).await;
    let session = stranger.get("/_session").await.expect(200).json();
    assert_eq!(session["userCtx"], json!({"name": null, "roles": []}));
    stranger.get("/db").await.expect(401);
    stranger.get("/open").await.expect(200);

    // The same connection.
    node.mesh.trust(one, "family");
    let session = stranger.get("/_session").await.expect(200).json();
    let name = format!("node:{one}");
    assert_eq!(session["userCtx"], json!({"name": name, "roles": ["_peer", "group:family"]}));
    stranger.put("/db/a", "{}").await.expect(201);
    stranger.put("/db/_design/a", "{}").await.expect(403);
    stranger.get("/_all_dbs").await.expect(401);

    node.mesh.trust(node_id(2), "club");
    let mut two = Client::peer(node, node_id(2)).await;
    two.get("/db").await.expect(403);
}

#[tokio::test]
async fn credentials_decide_alone() {
    let node = shared_with_family().await;
    let one = node_id(1);
    node.mesh.trust(one, "family");
    let mut bob = Client::peer(node.clone(), one).await.with_credentials("bob", "bob");
    bob.get("/db").await.expect(403);
    assert_eq!(bob.get("/_session").await.json()["userCtx"]["name"], "bob");
    let mut ada = Client::peer(node.clone(), one).await.with_credentials("ada", "secret");
    ada.get("/_all_dbs").await.expect(200);
    let mut wrong = Client::peer(node.clone(), one).await.with_credentials("ada", "guess");
    wrong.get("/open").await.expect(401);
    let mut unknown = Client::peer(node, one).await;
    let headers = [("authorization", "Bearer x")];
    unknown.send("GET /db", &headers, "").await.expect(401);
}

#[tokio::test]
async fn names_and_roles_of_the_mesh_are_not_to_be_had_by_password() {
    let node = shared_with_family().await;
    // The node's own list of users says so, by mistake or by malice.
    let mut impostor = Client::named(node.clone(), "impostor", "impostor").await;
    impostor.get("/open").await.expect(401);
    let mut climber = Client::named(node, "climber", "climber").await;
    assert_eq!(climber.get("/_session").await.json()["userCtx"]["roles"], json!(["reader"]));
    climber.get("/db").await.expect(403);
}

#[tokio::test]
async fn a_connection_ends_when_its_node_is_trusted_no_more() {
    let node = shared_with_family().await;
    let one = node_id(1);
    node.mesh.trust(one, "family");
    let (near, _shutdown) = serve_peer(node.clone(), Some(one));
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(near)).await.unwrap();
    let connection = tokio::spawn(connection);
    let feed = "http://node/db/_changes?feed=continuous&heartbeat=1000";
    let request = hyper::Request::get(feed).body(Empty::<bytes::Bytes>::new()).unwrap();
    let mut feed = sender.send_request(request).await.unwrap().into_body();
    assert!(feed.frame().await.unwrap().is_ok());
    node.mesh.distrust(&one);
    let end = async {
        while let Some(Ok(_)) = feed.frame().await {}
        let _ = connection.await.unwrap();
    };
    tokio::time::timeout(std::time::Duration::from_secs(1), end).await.expect("an end");
}

#[tokio::test]
async fn a_stranger_keeps_its_connection() {
    let node = shared_with_family().await;
    let mut stranger = Client::peer(node.clone(), node_id(1)).await;
    stranger.get("/open").await.expect(200);
    node.mesh.trust(node_id(1), "family");
    node.mesh.distrust(&node_id(1));
    stranger.get("/open").await.expect(200);
}

#[tokio::test]
async fn peers_are_for_admins() {
    let node = Arc::new(MemoryNode::with_admin());
    let mut ada = Client::named(node.clone(), "ada", "secret").await;
    ada.put("/_peers", "").await.expect(201);
    ada.put("/_peers/_security", "{}").await.expect(200);
    ada.put("/_peers/x", "{}").await.expect(201);
    ada.get("/_peers/_all_docs").await.expect(200);
    node.mesh.trust(node_id(1), "family");
    let mut peer = Client::peer(node.clone(), node_id(1)).await;
    let mut bob = Client::named(node, "bob", "bob").await;
    for path in ["/_peers", "/_peers/x", "/_peers/_changes", "/_peers/_all_docs"] {
        bob.get(path).await.expect(401);
        peer.get(path).await.expect(401);
    }
    bob.put("/_peers/x", "{}").await.expect(401);
}

#[tokio::test]
async fn peers_are_no_end_of_a_replication() {
    let node = Arc::new(MemoryNode::with_admin());
    let mut ada = Client::named(node, "ada", "secret").await;
    ada.put("/_peers", "").await.expect(201);
    ada.put("/_peers/x", "{}").await.expect(201);
    let refused = |answer: crate::client::Answer| {
        let answer = answer.expect(403);
        assert_eq!(answer.json()["reason"], "_peers is no end of a replication");
    };
    refused(ada.post("/_peers/_revs_diff", r#"{"x":["1-a"]}"#).await);
    refused(ada.post("/_peers/_missing_revs", r#"{"x":["1-a"]}"#).await);
    refused(ada.post("/_peers/_bulk_get", r#"{"docs":[{"id":"x"}]}"#).await);
    refused(ada.put("/_peers/_local/checkpoint", "{}").await);
    refused(ada.post("/_peers", r#"{"_id":"_local/checkpoint"}"#).await);
    refused(ada.put("/_peers/y?new_edits=false", r#"{"_rev":"1-a"}"#).await);
    let docs = r#"{"new_edits":false,"docs":[{"_id":"y","_rev":"1-a"}]}"#;
    refused(ada.post("/_peers/_bulk_docs", docs).await);
    refused(ada.get("/_peers/_changes?style=all_docs").await);
    refused(ada.get("/_peers/_changes?Style=all_docs&feed=continuous").await);
    let docs = r#"{"docs":[{"_id":"_local/checkpoint"}]}"#;
    let results = ada.post("/_peers/_bulk_docs", docs).await.expect(201).json();
    assert_eq!(results[0]["error"], "forbidden");
    ada.get("/_peers/_local/checkpoint").await.expect(404);
    ada.get("/_peers/_changes").await.expect(200);
    ada.post("/_peers/_bulk_docs", r#"{"docs":[{"_id":"z"}]}"#).await.expect(201);
}
