//! What `check` finds of the mesh and of replications, and how the console tells why they fail.

use std::net::TcpListener;

use refuge_tests::{Node, Options, befriend, eventually};
use serde_json::{Value, json};

/// What is not well, once one of it holds all of these pieces; what is to be done about it.
async fn finds(node: &Node, pieces: &[&str]) -> String {
    let console = node.console();
    eventually(&format!("check tells {pieces:?}"), || async {
        let told = console.command("check", &[]).await.ok()?;
        let problems = told["ok"]["problems"].as_array()?.clone();
        let is_it = |problem: &&Value| {
            problem["what"].as_str().is_some_and(|what| pieces.iter().all(|one| what.contains(one)))
        };
        let problem = problems.iter().find(is_it)?;
        problem["do"].as_str().map(str::to_owned)
    })
    .await
}

fn typed(node: &Node, line: &str) -> String {
    let told = node.refuge(&["eval", line]);
    assert_eq!(told.code, Some(0), "{line}: {}", told.errors);
    told.output
}

#[tokio::test]
async fn a_replication_that_is_forbidden_is_found_and_its_cause_is_shown() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    eventually("all is well", || async { (typed(&one, "check") == "all is well\n").then_some(()) })
        .await;
    // Shared with nobody.
    two.client().put_nothing("/work").await.expect(201);
    let pull = json!({"source": {"node": "two", "db": "work"}, "target": "work", "create_target": true,
        "continuous": true});
    one.client().put("/_replicator/pull", pull).await.expect(201);
    let what = "the replication _replicator/pull from node://two/work to work crashed";
    let to_do = finds(&one, &[what, "forbids it"]).await;
    assert!(to_do.contains("_security"), "{to_do}");
    let id = two.id().await;
    eventually("the table shows why", || async {
        let table = typed(&one, "replications");
        assert!(!table.contains(&id), "{table}");
        let has_head = table.lines().any(|line| line.ends_with("  ERROR"));
        let row = table.lines().find(|line| line.contains("node://two/work"))?;
        (has_head && row.contains("forbids it")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_replication_that_waits_for_nobody_is_found_and_is_shown_by_its_document() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/work").await.expect(201);
    for (document, nodes, lacking) in [
        ("name", "nosuch", "no peer is called `nosuch`"),
        ("group", "group:nosuch", "no peer is in `group:nosuch`"),
    ] {
        let end = json!({"node": nodes, "db": "work"});
        let push = json!({"source": "work", "target": end, "continuous": true});
        client.put(&format!("/_replicator/{document}"), push.clone()).await.expect(201);
        let what = format!("the replication _replicator/{document} waits: {lacking}");
        finds(&node, &[&what]).await;
        let told = node.replication_is(document, "waiting").await;
        let reason = told["info"]["reason"].as_str().expect("a reason");
        assert!(reason.starts_with(lacking), "{told}");
        assert!(reason.contains("refuge peer list"), "{told}");
        let shown = typed(&node, &format!("replicate show {document}"));
        assert!(shown.contains("waiting") && shown.contains(lacking), "{shown}");
        let refused = client.post("/_replicate", push).await;
        refused.error_named(503, "service_unavailable");
        assert!(refused.text().contains(lacking), "{}", refused.text());
    }
    // The form that is shown is taken as well, and a replication that runs is shown by its document.
    let text = json!({"source": "node://nosuch/work", "target": "work"});
    let refused = client.post("/_replicate", text).await.expect(503);
    assert!(refused.text().contains("no peer is called `nosuch`"), "{}", refused.text());
    let always =
        json!({"source": "work", "target": "b", "create_target": true, "continuous": true});
    client.put("/_replicator/always", always).await.expect(201);
    node.replication_is("always", "running").await;
    for name in ["always", "_replicator/always"] {
        let line = format!("replicate show {name}");
        let runs = || async { typed(&node, &line).contains("running").then_some(()) };
        eventually(&format!("{name} is shown to run"), runs).await;
    }
    let unknown = node.refuge(&["eval", "replicate show never"]);
    assert_ne!(unknown.code, Some(0), "{}", unknown.output);
    assert!(unknown.errors.contains("no document in _replicator"), "{}", unknown.errors);
}

#[tokio::test]
async fn a_port_that_is_taken_and_a_hub_that_nobody_is_are_found() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let mesh = Options::default().set("mesh.enabled=true").set("mesh.bind=127.0.0.1");
    let mesh = mesh.set(&format!("mesh.port={port}")).set("hub.hubs=nosuch, nobody");
    let node = Node::start(mesh);
    let to_do = finds(&node, &["the mesh's port cannot be listened on", &port.to_string()]).await;
    assert!(to_do.contains("mesh.port"), "{to_do}");
    for hub in ["nosuch", "nobody"] {
        let what = format!("`{hub}` in hub.hubs is not the name of any peer");
        let to_do = finds(&node, &[&what]).await;
        assert!(to_do.contains("refuge peer list"), "{to_do}");
    }
}

#[tokio::test]
async fn a_node_is_not_given_a_name_that_no_peer_can_have() {
    let root = tempfile::tempdir().expect("a directory");
    let options = Options::default().set("mesh.name=group:x");
    let (code, _, errors) = Node::refusal(root.path(), &options);
    assert_eq!(code, Some(78), "{errors}");
    assert!(errors.contains("mesh.name") && errors.contains("group:"), "{errors}");
    let node = Node::start(Options::default());
    let told = node.refuge(&["eval", "config set mesh name group:x"]);
    assert_ne!(told.code, Some(0), "{}", told.output);
    assert!(told.errors.contains("a name that a peer can have"), "{}", told.errors);
}

#[tokio::test]
async fn events_of_this_node_and_of_others_are_counted_apart() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    let told = one.console().command("events", &[]).await.expect("an answer");
    let events = told["ok"]["events"].as_array().expect("events").clone();
    for event in &events {
        let is_of_a_node = event["node"].is_string();
        assert_eq!(event["seq"].is_u64(), is_of_a_node, "{event}");
        assert_eq!(event["own_seq"].is_u64(), !is_of_a_node, "{event}");
    }
    let times: Vec<&str> = events.iter().filter_map(|event| event["time"].as_str()).collect();
    assert!(times.is_sorted() && times.len() == events.len(), "{events:?}");
}
