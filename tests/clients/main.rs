//! Other people's clients against a node: PouchDB and nano under Node.js, couchdb3 under Python.

use refuge_tests::{Node, Options, Program, consistent, contents, eventually};
use serde_json::json;

#[tokio::test]
async fn nano_finds_its_way() {
    let node = Node::start(Options::default());
    Program::node("nano.mjs", &[&node.url()]).ends_well().await;
}

#[tokio::test]
async fn python_finds_its_way() {
    let node = Node::start(Options::default());
    Program::python("basics.py", &[&node.url()]).ends_well().await;
}

#[tokio::test]
async fn requests_made_from_the_nodes_own_description_find_no_failure_of_it() {
    let examples = std::env::var("REFUGE_SURFACE_EXAMPLES").unwrap_or_else(|_| "5".to_owned());
    let seed = refuge_tests::seed("requests made from the description").to_string();
    let options = Options::default().set("feeds.changes_timeout_ms=200");
    let node = Node::start(options.set("authentication.argon2_memory_kib=64"));
    Program::python("surface.py", &[&node.url(), &examples, &seed]).ends_well().await;
    let told = node.errors();
    let panicked = told.iter().find(|line| line.contains("panicked"));
    assert!(panicked.is_none(), "{panicked:?}");
}

#[tokio::test]
async fn pouchdb_as_a_remote_database() {
    let node = Node::start(Options::default());
    Program::node("pouchdb-remote.mjs", &[&node.url()]).ends_well().await;
}

#[tokio::test]
async fn pouchdb_finds_by_mango() {
    let node = Node::start(Options::default());
    Program::node("pouchdb-find.mjs", &[&node.url()]).ends_well().await;
}

#[tokio::test]
async fn pouchdb_server_and_the_node_replicate_each_way_whoever_begins() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    for number in 0..30 {
        client.put(&format!("/a/n{number}"), json!({"n": number})).await.expect(201);
    }
    let text = client.request("PUT", "/a/file/text").header("content-type", "text/plain");
    text.body("hello from the node").send().await.expect(201);
    let mut script = Program::node("pouchdb-server.mjs", &[&node.url()]);
    // By then its own replicator has done its part.
    let server = script.line().await.expect("an address");
    let pull = json!({"source": format!("{server}/mine"), "target": "b", "create_target": true});
    let told = client.post("/_replicate", pull.clone()).await.expect(200).json();
    assert_eq!(told["history"][0]["doc_write_failures"], 0, "{told}");
    assert_eq!(client.get("/b").await.json()["doc_count"], 121);
    assert_eq!(client.get("/b/s0").await.json()["changed"], true);
    client.get("/b/s1").await.error(404, "not_found", "deleted");
    assert_eq!(client.get("/b/letter/text").await.text(), "hello from the server");
    let conflict = client.get("/b/conflict?conflicts=true").await.json();
    assert_eq!(conflict["_conflicts"], json!(["1-aaaa"]));
    let again = client.post("/_replicate", pull).await.expect(200).json();
    assert_eq!(again["no_changes"], true, "it goes on from its checkpoint: {again}");
    let target = format!("{server}/from-the-node");
    let push = json!({"source": "a", "target": target, "create_target": true});
    let told = client.post("/_replicate", push).await.expect(200).json();
    assert_eq!(told["history"][0]["docs_written"], 31, "{told}");
    let back = json!({"source": target, "target": "c", "create_target": true});
    client.post("/_replicate", back).await.expect(200);
    assert_eq!(contents(&client, "c").await, contents(&client, "a").await);
    assert_eq!(client.get("/c/file/text").await.text(), "hello from the node");
    script.tell("that is all").await;
    script.ends_well().await;
}

#[tokio::test]
async fn notes_are_kept_alike_as_obsidian_live_sync_does() {
    let node = Node::start(Options::default());
    node.client().put_nothing("/obsidian").await.expect(201);
    let url = format!("{}/obsidian", node.url());
    Program::node("live-sync.mjs", &[&url]).ends_well().await;
    consistent(&node.client(), "obsidian").await;
}

#[tokio::test]
async fn an_upload_of_tus_goes_on_after_a_hard_end_of_both() {
    let mut node = Node::start(Options::default());
    node.client().put_nothing("/files").await.expect(201);
    let memory = node.keep_root().path().join("uploads.json");
    let memory = memory.to_str().expect("a path in UTF-8").to_owned();
    let url = format!("{}/files", node.url());
    let mut script = Program::node("tus.mjs", &[&url, &memory]);
    script.says("broken off").await;
    node.kill_hard();
    node.check();
    node.restart();
    script.tell("the node is back").await;
    script.ends_well().await;
}

#[tokio::test]
async fn pouchdb_syncs_live_both_ways() {
    let mut node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/notes").await.expect(201);
    client.put("/notes/from-the-server", json!({"n": 1})).await.expect(201);
    let mut script = Program::node("pouchdb-sync.mjs", &[&format!("{}/notes", node.url())]);

    // The first exchange, in both directions.
    script.says("first exchange").await;
    eventually("the client's documents arrive", || async {
        let told = client.get("/notes").await.json();
        (told["doc_count"].as_u64() >= Some(10_001)).then_some(())
    })
    .await;
    client.put("/notes/live", json!({"n": 2})).await.expect(201);
    script.says("live arrived").await;

    // Attachments in both directions, changed and deleted documents.
    eventually("the client's attachment arrives", || async {
        let reply = client.get("/notes/picture/cat.png").await;
        (reply.status == 200 && reply.body == [137, 80, 78, 71].as_slice()).then_some(())
    })
    .await;
    let put = client.request("PUT", "/notes/letter/text").header("content-type", "text/plain");
    put.body("dear client").send().await.expect(201);
    let gone = client.get("/notes/from-the-server").await.member("_rev");
    client.delete(&format!("/notes/from-the-server?rev={gone}")).await.expect(200);
    script.says("letter arrived, deletion arrived").await;

    // Off line: the node is gone, hard; both sides change the same document.
    node.kill_hard();
    script.tell("offline").await;
    script.says("changed off line").await;
    node.restart();
    let client = node.client();
    let rev = client.get("/notes/live").await.expect(200).member("_rev");
    client.put("/notes/live", json!({"_rev": rev, "by": "server"})).await.expect(201);
    script.tell("online").await;
    script.says("back, with the conflict").await;
    let told = eventually("the conflict is here too", || async {
        let reply = client.get("/notes/live?conflicts=true").await;
        reply.json().get("_conflicts").is_some().then(|| reply.json())
    })
    .await;
    script.tell(&told["_rev"].to_string()).await;
    script.says("the same winner").await;
    eventually("the client settles the conflict", || async {
        let told = client.get("/notes/live?conflicts=true").await.json();
        told.get("_conflicts").is_none().then_some(())
    })
    .await;
    script.says("in step").await;
    script.ends_well().await;
    consistent(&client, "notes").await;
}
