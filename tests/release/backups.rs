//! Backups of a running node, and what is put back of them.

mod broken_off;
mod restored;

use std::path::Path;

use refuge_tests::{Load, Node, Options, contents};
use serde_json::json;

/// A node's folder for files of a test.
fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("refuge-backup-").tempdir().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A node that was stopped and whose data was taken away.
fn empty() -> Node {
    let mut node = Node::start(Options::default());
    node.terminate();
    assert!(node.ended().success());
    std::fs::remove_dir_all(node.root().join("var/data")).unwrap();
    node
}

/// A node with what was put back of a backup.
fn restored(file: &Path) -> Node {
    let mut node = empty();
    let told = node.refuge(&["restore", text(file)]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    node.check();
    node.restart();
    node
}

/// 1 MiB that cannot be packed.
fn noise() -> Vec<u8> {
    (0..(1 << 17)).flat_map(|_| rand::random::<u64>().to_le_bytes()).collect()
}

/// A database of so many documents, each with 1 MiB that cannot be packed.
async fn fill(node: &Node, database: &str, documents: usize) {
    let client = node.client();
    client.put_nothing(&format!("/{database}")).await.expect(201);
    for number in 0..documents {
        let path = format!("/{database}/{number}/noise");
        let put = client.request("PUT", &path).header("content-type", "application/noise");
        put.body(noise()).send().await.expect(201);
    }
}

/// What each document of [`fill`] holds.
async fn noises(node: &Node, database: &str, documents: usize) -> Vec<bytes::Bytes> {
    let client = node.client();
    let mut all = Vec::new();
    for number in 0..documents {
        let path = format!("/{database}/{number}/noise");
        all.push(client.get(&path).await.expect(200).body);
    }
    all
}

#[tokio::test]
async fn a_backup_taken_under_load_is_the_state_of_one_moment() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/cities").await.expect(201);
    client.put_nothing("/others").await.expect(201);
    client
        .put(
            "/others/one",
            json!({"_attachments": {"a": {
                "content_type": "text/plain", "data": "aGVsbG8=",
            }}}),
        )
        .await
        .expect(201);
    let load = Load::start(node.address(), "cities", "before", 4);
    load.advance(200).await;
    let files = folder();
    let file = files.path().join("node.backup");
    let told = node.refuge(&["backup", text(&file)]);
    assert_eq!((told.code, told.errors.as_str()), (Some(0), ""), "quiet without a terminal");
    load.advance(50).await;
    let acknowledged = load.stop().await;

    let mut other = Node::start(Options::default());
    other.terminate();
    assert!(other.ended().success());
    let refused = other.refuge(&["restore", text(&file)]);
    assert_eq!(refused.code, Some(73), "{}", refused.errors);
    assert!(refused.errors.contains("move it away"), "{}", refused.errors);
    std::fs::remove_dir_all(other.root().join("var/data")).unwrap();
    let told = other.refuge(&["restore", text(&file)]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    other.check();
    other.restart();

    let client = other.client();
    assert_eq!(client.get("/others/one/a").await.text(), "hello");
    let restored = contents(&client, "cities").await;
    assert!(restored.len() >= 200 && restored.len() <= acknowledged.len(), "{}", restored.len());
    // One moment: up to the backup's sequence both feeds are the same, row for row.
    let rows = |feed: serde_json::Value| feed["results"].as_array().unwrap().clone();
    let after = rows(client.get("/cities/_changes").await.json());
    let before = rows(node.client().get("/cities/_changes").await.json());
    assert_eq!(after, before[..after.len()]);
}

#[tokio::test]
async fn named_databases_go_alone_through_a_pipe() {
    let node = Node::start(Options::default());
    let client = node.client();
    for name in ["cities", "secrets"] {
        client.put_nothing(&format!("/{name}")).await.expect(201);
        client.put(&format!("/{name}/x"), json!({"of": name})).await.expect(201);
    }
    let missing = node.refuge(&["backup", "-", "nowhere"]);
    assert_eq!(missing.code, Some(64), "{}", missing.errors);
    let files = folder();
    let file = files.path().join("cities.backup");
    assert_eq!(node.refuge(&["backup", text(&file), "cities"]).code, Some(0));
    let again = node.refuge(&["backup", text(&file), "cities"]);
    assert_eq!(again.code, Some(73), "a file is never written over: {}", again.errors);

    let mut damaged = std::fs::read(&file).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let bad = files.path().join("bad.backup");
    std::fs::write(&bad, damaged).unwrap();
    let mut other = empty();
    let refused = other.refuge(&["restore", text(&bad)]);
    assert_eq!(refused.code, Some(65), "{}", refused.errors);
    assert_eq!(other.refuge(&["restore", text(&file)]).code, Some(0));
    other.restart();
    let client = other.client();
    assert_eq!(client.get("/cities/x").await.json()["of"], "cities");
    client.get("/secrets").await.expect(404);
    client.put_nothing("/secrets").await.expect(201);
}
