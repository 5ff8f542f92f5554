//! What somebody does who means no good: requests that no client sends, and things that are none of theirs.
//! After each the node has to be as it was. The mesh's strangers are in `mesh`, guessers of passwords
//! in `people`.

mod edges;
mod paths;
mod sizes;
mod slow;
mod smuggling;

use refuge_tests::{Node, Options};
use serde_json::json;

/// A node with the database `notes`, open to everybody, and a document in it.
async fn node_with_notes(options: Options) -> Node {
    let node = Node::start(options);
    let admin = node.client();
    admin.put_nothing("/notes").await.expect(201);
    admin.put("/notes/_security", json!({})).await.expect(200);
    admin.put("/notes/a", json!({"n": 1})).await.expect(201);
    node
}

/// The node answers, and what it holds is what it held.
async fn is_well(node: &Node) {
    node.anonymous().get("/_up").await.expect(200);
    assert_eq!(node.client().get("/notes/a").await.expect(200).json()["n"], 1);
    let told = node.errors();
    let panicked = told.iter().find(|line| line.contains("panicked"));
    assert!(panicked.is_none(), "{panicked:?}");
}
