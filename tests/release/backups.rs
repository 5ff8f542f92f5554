//! Backups of a running node, and what is put back of them.

use refuge_tests::{Load, Node, Options, contents};
use serde_json::json;

/// A node's folder for files of a test.
fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("refuge-backup-").tempdir().unwrap()
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
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
    let mut other = Node::start(Options::default());
    other.terminate();
    other.ended();
    std::fs::remove_dir_all(other.root().join("var/data")).unwrap();
    let refused = other.refuge(&["restore", text(&bad)]);
    assert_eq!(refused.code, Some(65), "{}", refused.errors);
    assert_eq!(other.refuge(&["restore", text(&file)]).code, Some(0));
    other.restart();
    let client = other.client();
    assert_eq!(client.get("/cities/x").await.json()["of"], "cities");
    client.get("/secrets").await.expect(404);
    client.put_nothing("/secrets").await.expect(201);
}
