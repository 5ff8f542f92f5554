//! The root directory: where everything lies, and that one node alone uses it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use refuge_tests::{Node, Options};
use serde_json::json;

#[tokio::test]
async fn everything_lies_under_the_root() {
    let node = Node::start(Options::default());
    node.client().put_nothing("/a").await.expect(201);
    for folder in ["etc", "var/data", "var/log", "var/run", "var/identity"] {
        assert!(node.root().join(folder).is_dir(), "{folder} is missing");
    }
    let socket = fs::metadata(node.console().socket()).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn two_nodes_do_not_share_a_root() {
    let node = Node::start(Options::default());
    let (code, output, errors) = Node::refusal(node.root(), &Options::default());
    assert!(code.is_some_and(|code| code != 0), "{code:?}");
    assert_eq!(output, "");
    assert!(
        errors.contains("var/data") || errors.contains("lock") || errors.contains("running"),
        "{errors}"
    );
    node.client().put_nothing("/a").await.expect(201);
    node.console().tree().await.expect("the first node's console still answers");
}

#[tokio::test]
async fn two_nodes_live_side_by_side() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    one.client().put_nothing("/a").await.expect(201);
    two.client().get("/a").await.expect(404);
    let uuid = |told: serde_json::Value| told["uuid"].clone();
    let names = (one.client().get("/").await.json(), two.client().get("/").await.json());
    assert_ne!(uuid(names.0), uuid(names.1));
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let mut node = Node::start(Options::default());
    let uuid = node.client().get("/").await.json()["uuid"].clone();
    node.client().put_nothing("/a").await.expect(201);
    node.client().put("/a/b", json!({"n": 1})).await.expect(201);
    node.client().put("/a/_local/c", json!({"n": 2})).await.expect(201);
    let before = node.client().get("/a").await.json();
    node.terminate();
    assert_eq!(node.ended().code(), Some(0));
    assert!(!node.console().socket().exists(), "an ordered end removes the socket");
    node.restart();
    assert_eq!(node.client().get("/").await.json()["uuid"], uuid);
    let after = node.client().get("/a").await.json();
    assert_eq!(
        (&before["update_seq"], &before["doc_count"]),
        (&after["update_seq"], &after["doc_count"])
    );
    assert_eq!(node.client().get("/a/b").await.json()["n"], 1);
    assert_eq!(node.client().get("/a/_local/c").await.json()["n"], 2);
}

#[tokio::test]
async fn a_flipped_byte_in_the_journal_stops_the_node() {
    let mut node = Node::start(Options::default());
    node.client().put_nothing("/a").await.expect(201);
    for number in 0..200 {
        let body = json!({"marker": format!("marker-{number:04}"), "filler": "x".repeat(300)});
        node.client().put(&format!("/a/{number}"), body).await.expect(201);
    }
    node.kill_hard();
    let flipped = flip(&node.root().join("var/data"), b"marker-0050");
    let (code, output, errors) = Node::refusal(node.root(), &Options::default());
    assert_eq!((code, output.as_str()), (Some(65), ""), "{errors}");
    let file = flipped.file_name().unwrap().to_str().unwrap();
    assert!(errors.contains(file), "{errors} does not name {file}");
}

/// Flips a byte where `marker` stands in some file under `folder`; that file.
fn flip(folder: &std::path::Path, marker: &[u8]) -> std::path::PathBuf {
    damage(folder, marker, |rest| rest[0] ^= 0x20)
}

/// Changes what stands from `marker` on in some file under `folder`; that file.
fn damage(
    folder: &std::path::Path,
    marker: &[u8],
    change: impl Fn(&mut [u8]),
) -> std::path::PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map_while(Result::ok) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let mut bytes = fs::read(entry.path()).unwrap();
            if let Some(place) = bytes.windows(marker.len()).position(|window| window == marker) {
                change(&mut bytes[place..]);
                fs::write(entry.path(), bytes).unwrap();
                return entry.path();
            }
        }
    }
    panic!("no file holds the marker");
}

#[tokio::test]
async fn a_torn_tail_is_the_normal_end_of_a_crash() {
    let mut node = Node::start(Options::default());
    node.client().put_nothing("/a").await.expect(201);
    for number in 0..20 {
        node.client()
            .put(&format!("/a/{number}"), json!({"marker": format!("torn-{number:04}")}))
            .await
            .expect(201);
    }
    node.kill_hard();
    // The last write was under way when the power went: its end is not there.
    damage(&node.root().join("var/data"), b"torn-0019", |rest| rest.fill(0));
    node.restart();
    for number in 0..19 {
        node.client().get(&format!("/a/{number}")).await.expect(200);
    }
    node.client().put("/a/next", json!({})).await.expect(201);
}
