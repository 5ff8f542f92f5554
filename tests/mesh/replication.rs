//! Databases that follow nodes as they come and go.

use std::time::Instant;

use refuge_tests::{Client, Events, Node, Options, Peering, befriend, contents, eventually, share};
use serde_json::{Value, json};

/// Two nodes that are up to each other, both with the database `work` that the family shares.
async fn nodes() -> (Node, Node) {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    for node in [&one, &two] {
        shared(&node.client(), "work").await;
    }
    (one, two)
}

/// A new database that the family shares.
async fn shared(client: &Client, name: &str) {
    client.put_nothing(&format!("/{name}")).await.expect(201);
    share(client, name, "family").await;
}

async fn write(client: &Client, prefix: &str, number: usize) {
    let docs: Vec<Value> = (0..number)
        .map(|number| json!({"_id": format!("{prefix}-{number}"), "n": number}))
        .collect();
    client.post("/work/_bulk_docs", json!({"docs": docs})).await.expect(201);
}

async fn converge(one: &Client, two: &Client) {
    eventually("both hold the same", || async {
        (contents(one, "work").await == contents(two, "work").await).then_some(())
    })
    .await;
}

fn push(node: &str) -> Value {
    json!({"source": "work", "target": {"node": node, "db": "work"}, "continuous": true})
}

fn pull(node: &str) -> Value {
    json!({"source": {"node": node, "db": "work"}, "target": "work", "continuous": true})
}

#[tokio::test]
async fn both_ways_over_the_comings_and_goings_of_a_node() {
    let (one, mut two) = nodes().await;
    let here = one.client();
    here.put("/_replicator/push", push("two")).await.expect(201);
    here.put("/_replicator/pull", pull("two")).await.expect(201);
    write(&here, "first", 50).await;
    write(&two.client(), "other", 50).await;
    converge(&here, &two.client()).await;
    one.replication_is("push", "running").await;

    two.kill_hard();
    for document in ["push", "pull"] {
        one.replication_is(document, "waiting").await;
    }
    write(&here, "meanwhile", 50).await;
    two.restart();
    write(&two.client(), "again", 50).await;
    converge(&here, &two.client()).await;
    assert_eq!(contents(&here, "work").await.len(), 200);
}

#[tokio::test]
async fn from_nodeup_to_the_first_document_is_no_long_time() {
    let (one, mut two) = nodes().await;
    one.client().put("/_replicator/push", push("two")).await.expect(201);
    one.replication_is("push", "running").await;
    let mut figures = Vec::new();
    for round in 0..3 {
        two.kill_hard();
        one.sees("two", false).await;
        write(&one.client(), &format!("round-{round}"), 1).await;
        let last = one.client().get("/_mesh/events").await.json()["last_seq"].as_u64().unwrap();
        let mut events = Events::after(&one.client(), last).await;
        two.restart();
        events.next_of("nodeup", "two").await;
        let begun = Instant::now();
        let to = two.client();
        let path = format!("/work/round-{round}-0");
        eventually("it arrives", || async { (to.get(&path).await.status == 200).then_some(()) })
            .await;
        figures.push(begun.elapsed());
    }
    println!("nodeup_to_first_document {figures:?}");
    // A job that rests after a crash rests for longer.
    figures.sort_unstable();
    assert!(figures[1].as_secs_f64() < 4.5, "{figures:?}");
}

#[tokio::test]
async fn a_node_that_cannot_be_dialled_is_replicated_with() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    let groups = &["family"];
    // Only two knows where the other is, as if it stood behind a router.
    one.trust(&two, Peering { name: "two", address: None, groups }).await;
    two.trust(&one, Peering { name: "one", address: Some(one.mesh_address()), groups }).await;
    one.sees("two", true).await;
    for node in [&one, &two] {
        shared(&node.client(), "work").await;
    }
    write(&one.client(), "here", 50).await;
    write(&two.client(), "there", 50).await;
    one.client().put("/_replicator/push", push("two")).await.expect(201);
    one.client().put("/_replicator/pull", pull("two")).await.expect(201);
    converge(&one.client(), &two.client()).await;
    assert_eq!(contents(&one.client(), "work").await.len(), 100);
}

#[tokio::test]
async fn a_document_waits_for_a_node_that_was_never_there() {
    let one = Node::start(Options::mesh());
    let two = Node::start(Options::mesh());
    for node in [&one, &two] {
        shared(&node.client(), "work").await;
    }
    write(&one.client(), "early", 10).await;
    one.client().put("/_replicator/later", push("two")).await.expect(201);
    let waiting = one.replication_is("later", "waiting").await;
    assert_eq!(waiting["database"], "_replicator");
    assert_eq!(waiting["doc_id"], "later");
    befriend(&one, &two).await;
    converge(&one.client(), &two.client()).await;
    one.replication_is("later", "running").await;
}

#[tokio::test]
async fn a_one_shot_document_runs_at_each_coming() {
    let (one, mut two) = nodes().await;
    let mut document = push("two");
    document["continuous"] = json!(false);
    write(&one.client(), "first", 10).await;
    one.client().put("/_replicator/once", document).await.expect(201);
    converge(&one.client(), &two.client()).await;
    two.kill_hard();
    one.sees("two", false).await;
    one.replication_is("once", "waiting").await;
    write(&one.client(), "second", 10).await;
    two.restart();
    converge(&one.client(), &two.client()).await;
    assert_eq!(contents(&two.client(), "work").await.len(), 20);
}

#[tokio::test]
async fn what_is_not_shared_is_not_replicated() {
    let (one, two) = nodes().await;
    two.client().put_nothing("/private").await.expect(201);
    two.client().put("/private/secret", json!({})).await.expect(201);
    let document = json!({
        "source": {"node": "two", "db": "private"}, "target": "stolen", "create_target": true,
        "continuous": true
    });
    one.client().put("/_replicator/steal", document).await.expect(201);
    one.replication_is("steal", "crashing").await;
    let stolen = one.client().get("/stolen/secret").await;
    assert_eq!(stolen.status, 404, "{}", stolen.text());
    // Once it is shared the next try works, without anybody's help.
    share(&two.client(), "private", "family").await;
    eventually("it arrives", || async {
        (one.client().get("/stolen/secret").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn one_request_replicates_with_a_node_at_once() {
    let (one, two) = nodes().await;
    write(&one.client(), "now", 20).await;
    let request = json!({"source": "work", "target": {"node": "two", "db": "work"}});
    let told = one.client().post("/_replicate", request).await.expect(200).json();
    assert_eq!(told["ok"], true, "{told}");
    assert_eq!(contents(&one.client(), "work").await, contents(&two.client(), "work").await);
    let nobody = json!({"source": "work", "target": {"node": "nobody", "db": "work"}});
    let told = one.client().post("/_replicate", nobody).await;
    assert!(matches!(told.status, 404 | 503), "{}", told.text());
}
