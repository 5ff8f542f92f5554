//! Hooks of the node's own events.

use std::os::unix::fs::PermissionsExt;

use refuge_tests::{Node, Options, eventually};

/// Each event's hook writes a line into one file.
fn put_hooks(root: &std::path::Path) {
    for event in [
        "started",
        "stopping",
        "database_created",
        "database_deleted",
        "actor_restarted",
        "replication_completed",
        "replication_failed",
        "disk_low",
    ] {
        let folder = root.join(format!("etc/hooks/{event}.d"));
        std::fs::create_dir_all(&folder).unwrap();
        let hook = folder.join("10-write");
        let script = "#!/bin/sh\necho \"$REFUGE_EVENT $REFUGE_NAME $(cat)\" >> told\n";
        std::fs::write(&hook, script).unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

async fn told(node: &Node, begin: &str) -> String {
    let file = node.root().join("told");
    eventually(&format!("a hook writes {begin}"), || async {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.lines().find(|line| line.starts_with(begin)).map(str::to_owned)
    })
    .await
}

#[tokio::test]
async fn what_happens_to_the_node_itself_runs_hooks() {
    let root = tempfile::Builder::new().prefix("refuge-").tempdir().unwrap();
    put_hooks(root.path());
    let mut node = Node::start_under(root.into(), Options::default());
    told(&node, "started ").await;
    let client = node.client();
    client.put_nothing("/cities").await.expect(201);
    let line = told(&node, "database_created cities ").await;
    assert!(line.contains(r#""event":"database_created""#), "{line}");
    client
        .post(
            "/_replicate",
            serde_json::json!({"source": "cities", "target": "copy", "create_target": true}),
        )
        .await
        .expect(200);
    let line = told(&node, "replication_completed ").await;
    assert!(line.contains(r#""docs_written":0"#), "{line}");
    client.delete("/copy").await.expect(200);
    told(&node, "database_deleted copy ").await;
    node.console().kill("expiry").await.unwrap();
    let line = told(&node, "actor_restarted root/databases/expiry ").await;
    assert!(line.contains(r#""reason":"killed""#), "{line}");
    let events = node.refuge(&["eval", "events"]).output;
    for event in ["started", "database_created", "actor_restarted"] {
        assert!(events.contains(event), "{event} is not in {events}");
    }
    node.terminate();
    assert!(node.ended().success());
    told(&node, "stopping ").await;
}

#[tokio::test]
async fn a_full_disk_runs_a_hook_once() {
    let root = tempfile::Builder::new().prefix("refuge-").tempdir().unwrap();
    put_hooks(root.path());
    let node = Node::start_under(root.into(), Options::default());
    // A PiB: more than the disk has.
    let short = node.refuge(&["eval", "config set storage free_bytes_least 1125899906842624"]);
    assert_eq!(short.code, Some(0), "{}", short.errors);
    node.client().put_nothing("/cities").await.expect(507);
    let line = told(&node, "disk_low ").await;
    assert!(line.contains("available_bytes"), "{line}");
    let told = node.refuge(&["eval", "check"]);
    assert!(told.output.contains("the disk is nearly full"), "{}", told.output);
}

#[test]
fn every_event_has_an_example_that_a_shell_takes() {
    let top = concat!(env!("CARGO_MANIFEST_DIR"), "/../etc/hooks");
    let mut seen = 0;
    for folder in std::fs::read_dir(top).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        for example in std::fs::read_dir(folder).unwrap() {
            let path = example.unwrap().path();
            let told = std::process::Command::new("sh").arg("-n").arg(&path).status().unwrap();
            assert!(told.success(), "{}", path.display());
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o111, 0, "{} is active", path.display());
            seen += 1;
        }
    }
    assert_eq!(seen, 11);
}
