//! Nodes that ask to be trusted, and wait for an admin's word.

use refuge_tests::{Certificate, Events, Node, Options, Peering, Visitor, eventually};
use serde_json::{Value, json};

async fn ask(node: &Node, certificate: &Certificate, name: &str) -> refuge_tests::Answer {
    let visitor = Visitor::with(node.mesh_address(), certificate);
    let body = json!({"name": name, "port": 6984}).to_string();
    let json = "Content-Type: application/json";
    visitor.ask(&[&["-H", json, "-d", &body, "/_mesh/pair/request"]]).await.remove(0)
}

async fn pending(node: &Node) -> Vec<Value> {
    node.peer(&["pending"]).await["pending"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_node_that_was_added_over_there_is_approved_here() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    let id = one.id().await;
    let mut events = Events::after(&two.client(), 0).await;
    let peering = Peering { name: "two", address: Some(two.mesh_address()), groups: &[] };
    one.trust(&two, peering).await;
    let asking = eventually("it asks", || async { pending(&two).await.first().cloned() }).await;
    assert_eq!(asking["id"], json!(id));
    let told = events.next_of("pending", &id[..13]).await;
    assert_eq!(told["node"], json!(id));
    let listed = two.refuge(&["peer", "pending"]);
    assert!(listed.output.contains(&id), "{}", listed.output);
    let approved =
        two.refuge(&["peer", "approve", &id[..13], "--name", "one", "--group", "family"]);
    assert_eq!(approved.code, Some(0), "{}", approved.errors);
    two.sees("one", true).await;
    one.sees("two", true).await;
    assert_eq!(two.known("one").await.expect("a peer")["groups"], json!(["family"]));
    assert_eq!(pending(&two).await, Vec::<Value>::new());
}

#[tokio::test]
async fn who_was_refused_does_not_ask_again() {
    let node = Node::start(Options::mesh());
    let stranger = Certificate::rsa(2048);
    ask(&node, &stranger, "stranger").await.expect(200);
    assert_eq!(pending(&node).await[0]["claimed_name"], "stranger");
    assert_eq!(node.refuge(&["peer", "reject", &stranger.node_id()]).code, Some(0));
    ask(&node, &stranger, "stranger").await.expect(403);
    assert_eq!(pending(&node).await, Vec::<Value>::new());
    assert_eq!(node.refuge(&["peer", "reject", &stranger.node_id()]).code, Some(64));
    assert_eq!(node.refuge(&["peer", "approve", &stranger.node_id()]).code, Some(64));
    assert_eq!(node.peer(&["list"]).await["peers"], json!([]));
}

#[tokio::test]
async fn a_stranger_that_calls_itself_as_a_friend_is_told_as_one_that_imitates() {
    let node = Node::start(Options::mesh());
    node.peer(&["add", &Certificate::rsa(2048).node_id(), "--name", "anna"]).await;
    ask(&node, &Certificate::rsa(2048), "\u{430}nna").await.expect(200);
    assert_eq!(pending(&node).await[0]["imitates"], "anna");
    let told = node.refuge(&["peer", "pending"]);
    assert!(told.output.contains("LOOKS LIKE"), "{}", told.output);
}

#[tokio::test]
async fn a_short_beginning_of_an_id_approves_nobody() {
    let node = Node::start(Options::mesh());
    let stranger = Certificate::rsa(2048);
    ask(&node, &stranger, "stranger").await.expect(200);
    for length in [6, 12] {
        let told = node.refuge(&["peer", "approve", &stranger.node_id()[..length]]);
        assert_eq!(told.code, Some(64), "{}", told.errors);
        assert!(told.errors.contains("at least 13"), "{}", told.errors);
    }
    assert_eq!(node.peer(&["list"]).await["peers"], json!([]));
    let told = node.refuge(&["peer", "approve", &stranger.node_id()[..13]]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
}

#[tokio::test]
async fn three_of_one_address_wait_and_no_more_and_none_is_a_peer() {
    let node = Node::start(Options::mesh());
    let strangers: Vec<Certificate> = (0..4).map(|_| Certificate::rsa(2048)).collect();
    for stranger in &strangers[..3] {
        ask(&node, stranger, "admin\u{1b}[2J").await.expect(200);
        // The limit of handshakes is another test's.
        ask(&node, stranger, "again").await.expect(200);
    }
    let refused = ask(&node, &strangers[3], "fourth").await;
    assert_eq!(refused.expect(429).json()["error"], "too_many_pending");
    assert_eq!(pending(&node).await.len(), 3);
    assert_eq!(node.peer(&["list"]).await["peers"], json!([]));
    let visitor = Visitor::with(node.mesh_address(), &strangers[0]);
    visitor.get("/_mesh/peers").await.expect(401);
}

#[tokio::test]
async fn all_that_ask_are_refused_at_once_and_do_not_ask_again() {
    let node = Node::start(Options::mesh());
    let strangers: Vec<Certificate> = (0..3).map(|_| Certificate::rsa(2048)).collect();
    for stranger in &strangers[..2] {
        ask(&node, stranger, "stranger").await.expect(200);
    }
    for mistyped in [&["peer", "reject"][..], &["peer", "reject", "--all", "stranger"]] {
        assert_eq!(node.refuge(mistyped).code, Some(64), "{mistyped:?}");
    }
    assert_eq!(pending(&node).await.len(), 2);
    let told = node.refuge(&["peer", "reject", "--all"]);
    assert_eq!((told.code, told.output.as_str()), (Some(0), "2 nodes are refused\n"));
    assert_eq!(pending(&node).await, Vec::<Value>::new());
    ask(&node, &strangers[0], "stranger").await.expect(403);
    // The same over HTTP.
    ask(&node, &strangers[2], "another").await.expect(200);
    let everybody = json!({"action": "reject"});
    let told = node.client().post("/_mesh/peers/*", everybody).await.expect(200).json();
    let another = json!([{"id": strangers[2].node_id(), "claimed_name": "another"}]);
    assert_eq!(told["rejected"], another);
    assert_eq!(pending(&node).await, Vec::<Value>::new());
    assert_eq!(node.peer(&["list"]).await["peers"], json!([]));
}
