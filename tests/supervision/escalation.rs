//! What happens when restarts do not help.

use refuge_otp::{ChildState, TreeNode};
use refuge_tests::{Node, Options, eventually};
use serde_json::json;

/// Kills `name` and waits until it runs in a new incarnation, is parked, or the node has ended.
async fn kill_again(node: &Node, name: &str) {
    let console = node.console();
    let incarnation = |tree: TreeNode| tree.find(name).and_then(|actor| actor.incarnation);
    let before = eventually("it runs", || async { incarnation(console.tree().await.ok()?) }).await;
    console.kill(name).await.ok();
    eventually("it runs anew, or never again", || async {
        match console.tree().await {
            Ok(tree) if tree.walk().any(|actor| actor.state == ChildState::Parked) => Some(()),
            Ok(tree) => incarnation(tree).is_some_and(|now| now != before).then_some(()),
            Err(_) => node.has_ended().then_some(()),
        }
    })
    .await;
}

#[tokio::test]
async fn a_branch_that_fails_too_often_ends_the_node() {
    let mut node = Node::start(Options::default());
    for _ in 0..6 {
        kill_again(&node, "kernel").await;
        if node.has_ended() {
            break;
        }
    }
    assert_eq!(
        node.ended().code(),
        Some(70),
        "the service manager starts it anew: {:#?}",
        node.errors()
    );
}

#[tokio::test]
async fn a_storage_that_keeps_failing_is_parked_and_tried_again() {
    let node = Node::start(Options::default());
    let (client, console) = (node.client(), node.console());
    client.put_nothing("/a").await.expect(201);
    client.put("/a/b", json!({"n": 1})).await.expect(201);
    for _ in 0..3 {
        kill_again(&node, "engine").await;
    }
    eventually("the storage is parked", || async {
        let tree = console.tree().await.ok()?;
        tree.find("storage").is_some_and(|actor| actor.state == ChildState::Parked).then_some(())
    })
    .await;
    let busy = eventually("the node answers that it cannot", || async {
        let reply = client.request("GET", "/a/b").try_send().await.ok()?;
        (reply.status == 503).then_some(reply)
    })
    .await;
    busy.error_named(503, "service_unavailable");
    let told = node.refuge(&["eval", "check"]);
    assert!(told.output.contains("the storage is down"), "{}{}", told.output, told.errors);
    assert!(told.output.contains("root/storage is parked"), "{}", told.output);
    let told = node.refuge(&["ping"]);
    assert_eq!(told.code, Some(75), "{}", told.errors);
    assert!(told.errors.contains("parked"), "{}", told.errors);
    assert_eq!(node.refuge(&["eval", "dbs"]).code, Some(75));
    assert_eq!(node.refuge(&["eval", "stats restarts"]).code, Some(0));
    eventually("the storage is tried again, and all is back", || async {
        let reply = client.request("GET", "/a/b").try_send().await.ok()?;
        (reply.status == 200).then(|| assert_eq!(reply.json()["n"], 1))
    })
    .await;
}
