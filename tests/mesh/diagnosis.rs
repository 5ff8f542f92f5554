//! `refuge peer why`: in plain words why a node is not up.

use refuge_tests::{Node, Options, Peering, befriend};
use serde_json::json;

/// What is advised about the node called `name`.
fn why(node: &Node, name: &str) -> String {
    let told = node.refuge(&["peer", "why", name]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    told.output
}

#[tokio::test]
async fn each_cause_is_told_with_what_to_do() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    let told = why(&one, "two");
    assert!(told.contains("two is up; nothing is to be done."), "{told}");
    two.peer(&["revoke", "one"]).await;
    one.sees("two", false).await;
    let told = why(&one, "two");
    assert!(told.contains("two does not trust this node"), "{told}");
    assert!(told.contains("reached"), "{told}");
    one.peer(&["block", "two"]).await;
    let told = why(&one, "two");
    assert!(told.contains("blocked here"), "{told}");
    let diagnosed = one.client().get("/_mesh/diagnose/two").await.expect(200).json();
    assert_eq!(diagnosed["addresses"], json!([]), "a blocked node is not spoken to");
    one.client().get("/_mesh/diagnose/nobody").await.expect(404);
    assert_eq!(one.refuge(&["peer", "why", "nobody"]).code, Some(64));
}

#[tokio::test]
async fn an_address_that_leads_nowhere_or_elsewhere_is_named() {
    let node = || Node::start(Options::mesh());
    let (one, two, three) = (node(), node(), node());
    // Without a key of its own it reaches nobody.
    one.id().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    one.trust(&two, Peering { name: "two", address: Some(free), groups: &[] }).await;
    let told = why(&one, "two");
    assert!(told.contains(&format!("tried          {free} failed: ")), "{told}");
    assert!(told.contains("firewall"), "{told}");
    let elsewhere = Some(two.mesh_address());
    one.trust(&three, Peering { name: "three", address: elsewhere, groups: &[] }).await;
    let told = why(&one, "three");
    assert!(told.contains("another node answers"), "{told}");
    let unknown = refuge_tests::Certificate::rsa(2048).node_id();
    one.peer(&["add", &unknown, "--name", "four"]).await;
    let told = why(&one, "four");
    assert!(told.contains("No address of four is known"), "{told}");
}
