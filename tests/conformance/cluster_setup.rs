//! The set-up of a node that stands alone, as clients of CouchDB ask for it.

use refuge_tests::{Client, Node, Options};
use serde_json::json;

#[tokio::test]
async fn a_single_node_is_enabled_once() {
    let node = Node::start(Options::default());
    let client = node.client();
    let state = || async {
        client.get("/_cluster_setup").await.expect(200).json()["state"].as_str().map(str::to_owned)
    };
    assert_eq!(state().await.as_deref(), Some("single_node_disabled"));
    let wish = json!({
        "action": "enable_single_node", "username": "second", "password": "its secret",
        "bind_address": "0.0.0.0", "port": 5984, "singlenode": true,
    });
    let told = client.post("/_cluster_setup", wish.clone()).await.expect(201).json();
    assert_eq!(told, json!({"ok": true}));
    for name in ["/_users", "/_replicator"] {
        client.get(name).await.expect(200);
    }
    let second = Client::with_credentials(node.address(), "second", "its secret");
    second.get("/_all_dbs").await.expect(200);
    assert_eq!(state().await.as_deref(), Some("single_node_enabled"));
    let again = client.post("/_cluster_setup", wish).await;
    again.error(400, "bad_request", "Cluster is already finished");
}

#[tokio::test]
async fn the_databases_that_are_asked_for_are_made() {
    let node = Node::start(Options::default());
    let client = node.client();
    let asked = "/_cluster_setup?ensure_dbs_exist=%5B%22mine%22%5D";
    assert_eq!(client.get(asked).await.expect(200).json()["state"], "single_node_disabled");
    let wish = json!({"action": "finish_cluster", "ensure_dbs_exist": ["mine"]});
    client.post("/_cluster_setup", wish).await.expect(201);
    client.get("/mine").await.expect(200);
    client.get("/_users").await.expect(404);
    assert_eq!(client.get(asked).await.expect(200).json()["state"], "single_node_enabled");
}

#[tokio::test]
async fn what_is_no_set_up_is_refused() {
    let node = Node::start(Options::default());
    let client = node.client();
    let wrong = client.post("/_cluster_setup", json!({"action": "dance"})).await;
    wrong.error(400, "bad_request", "Invalid Action'");
    client.post("/_cluster_setup", json!({"action": "enable_cluster"})).await.not_implemented();
    let bad = json!({"action": "finish_cluster", "ensure_dbs_exist": ["Bad"]});
    client.post("/_cluster_setup", bad).await.error_named(400, "illegal_database_name");
    let nameless = json!({"action": "enable_single_node", "username": "_a", "password": "b"});
    client.post("/_cluster_setup", nameless).await.error_named(400, "bad_request");
    node.anonymous().get("/_cluster_setup").await.error_named(401, "unauthorized");
    client.delete("/_cluster_setup").await.error_named(405, "method_not_allowed");
}
