//! The console's socket: one JSON line in, one out.

use refuge_tests::{Node, Options};

#[tokio::test]
async fn the_tree_is_told() {
    let node = Node::start(Options::default());
    let tree = node.console().tree().await.expect("a tree");
    assert!(tree.walk().count() > 10, "{tree:?}");
    assert!(tree.walk().all(|actor| actor.restarts == 0), "a new node has restarted nothing");
}

#[tokio::test]
async fn wrong_lines_are_told_why() {
    let node = Node::start(Options::default());
    let console = node.console();
    for line in [
        "nonsense",
        "{}",
        "[]",
        r#"{"command":"nonsense"}"#,
        r#"{"command":"kill"}"#,
        r#"{"command":"kill","arguments":["nobody of that name"]}"#,
        r#"{"command":1}"#,
    ] {
        let told = console.line(line).await.expect("an answer");
        assert!(told["error"].is_string() && told["reason"].is_string(), "{line}: {told}");
    }
    console.tree().await.expect("the console goes on");
}
