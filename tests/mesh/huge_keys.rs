//! A certificate over a key of 16384 bits, each use of which takes a processor for long, is no node's. The key
//! is kept in a file, since OpenSSL takes minutes to make one.

use std::path::Path;

use refuge_tests::{Certificate, Node, Options, Visitor, befriend, eventually};
use serde_json::json;

/// What is told of it.
const REFUSAL: &str = "the key has 16384 bits: 2048 to 8192 are allowed";

fn huge() -> Certificate {
    Certificate::kept_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("mesh/huge_keys"))
}

#[tokio::test]
async fn a_visitor_with_a_huge_key_is_turned_away_and_harms_nobody() {
    let start = || Node::start(Options::mesh().set("log.level=debug"));
    let (one, two) = (start(), start());
    befriend(&one, &two).await;
    let (huge, good) = (huge(), Certificate::rsa(2048));
    let from_elsewhere = |certificate| Visitor {
        arguments: &["--interface", "127.0.0.2"],
        ..Visitor::with(one.mesh_address(), certificate)
    };
    for _ in 0..3 {
        assert_eq!(from_elsewhere(&huge).get("/").await.status, 0);
    }
    one.error_line("of a huge key", |line| {
        (line.contains("a handshake failed") && line.contains(REFUSAL)).then_some(())
    });
    // How often one address may shake hands is bounded.
    eventually("others are let in", || async {
        (from_elsewhere(&good).get("/").await.status == 200).then_some(())
    })
    .await;
    let events = one.client().get("/_mesh/events").await.expect(200).json();
    let events = events["results"].as_array().expect("events").clone();
    assert!(events.iter().all(|event| event["event"] != "nodedown"), "{events:?}");
}

#[tokio::test]
async fn the_certificate_of_a_huge_key_is_no_peers() {
    let node = Node::start(Options::mesh());
    let huge = huge();
    let pem = std::fs::read_to_string(&huge.certificate).expect("a certificate");
    let path = format!("/_peers/{}", huge.node_id());
    let refused = node.client().put(&path, json!({"certificate": pem})).await;
    assert!(matches!(refused.status, 400 | 403), "{} {}", refused.status, refused.text());
    assert!(refused.text().contains(REFUSAL), "{}", refused.text());
    node.client().get(&path).await.expect(404);
}
