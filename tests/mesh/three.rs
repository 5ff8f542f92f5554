//! Three nodes that share a database with a group.

use refuge_tests::{Certificate, Client, Node, Options, Peering, contents, eventually, share};
use serde_json::{Value, json};

const NAMES: [&str; 3] = ["anna", "ben", "cleo"];

/// Three nodes that all know each other as `family`, each with the database `work`.
async fn family() -> Vec<Node> {
    let nodes: Vec<Node> = NAMES.iter().map(|_| Node::start(Options::mesh())).collect();
    for (place, node) in nodes.iter().enumerate() {
        let client = node.client();
        client.put_nothing("/work").await.expect(201);
        share(&client, "work", "family").await;
        for (other, name) in
            nodes.iter().zip(NAMES).enumerate().filter(|(at, _)| *at != place).map(|(_, one)| one)
        {
            let peering =
                Peering { name, address: Some(other.mesh_address()), groups: &["family"] };
            node.trust(other, peering).await;
        }
    }
    for (place, node) in nodes.iter().enumerate() {
        for name in NAMES.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, name)| name) {
            node.sees(name, true).await;
        }
    }
    nodes
}

async fn all_hold_the_same(nodes: &[Node]) {
    let clients: Vec<Client> = nodes.iter().map(Node::client).collect();
    eventually("all hold the same", || async {
        let first = contents(&clients[0], "work").await;
        for client in &clients[1..] {
            if contents(client, "work").await != first {
                return None;
            }
        }
        Some(())
    })
    .await;
}

#[tokio::test]
async fn a_group_makes_one_job_for_each_member_that_is_up() {
    let mut nodes = family().await;
    for (node, selector) in nodes.iter().zip(["group:family", "*", "group:family"]) {
        let document = json!({
            "source": "work", "target": {"node": selector, "db": "work"}, "continuous": true
        });
        node.client().put("/_replicator/share", document).await.expect(201);
    }
    for (node, name) in nodes.iter().zip(NAMES) {
        for number in 0..10 {
            node.client().put(&format!("/work/{name}-{number}"), json!({})).await.expect(201);
        }
    }
    all_hold_the_same(&nodes).await;
    let jobs = |node: &Node| {
        let client = node.client();
        async move { client.get("/_scheduler/jobs").await.expect(200).json()["total_rows"].clone() }
    };
    assert_eq!(jobs(&nodes[0]).await, 2);

    nodes[2].kill_hard();
    nodes[0].sees("cleo", false).await;
    eventually("the job towards cleo has ended", || async {
        (jobs(&nodes[0]).await == 1).then_some(())
    })
    .await;
    nodes[0].replication_is("share", "running").await;
    nodes[1].client().put("/work/meanwhile", json!({})).await.expect(201);
    nodes[2].restart();
    all_hold_the_same(&nodes).await;
    assert_eq!(contents(&nodes[2].client(), "work").await.len(), 31);
}

#[tokio::test]
async fn the_same_document_changed_on_all_three_is_in_conflict_everywhere() {
    let nodes = family().await;
    for (node, name) in nodes.iter().zip(NAMES) {
        node.client().put("/work/shared", json!({"by": name})).await.expect(201);
    }
    // Only now: else one would have it from another before it made its own.
    for node in &nodes {
        let document = json!({
            "source": "work", "target": {"node": "group:family", "db": "work"}, "continuous": true
        });
        node.client().put("/_replicator/share", document).await.expect(201);
    }
    let mut winners = Vec::new();
    for node in &nodes {
        let client = node.client();
        let told: Value = eventually("all three revisions are there", || async {
            let document = client.get("/work/shared?conflicts=true").await.expect(200).json();
            let conflicts = document["_conflicts"].as_array().map_or(0, Vec::len);
            (conflicts == 2).then_some(document)
        })
        .await;
        winners.push(told["_rev"].clone());
    }
    assert!(winners.iter().all(|winner| *winner == winners[0]), "{winners:?}");
}

#[tokio::test]
async fn one_outside_the_group_gets_nothing() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    let named =
        |name, node: &Node, groups| Peering { name, address: Some(node.mesh_address()), groups };
    one.trust(&two, named("two", &two, &["work"])).await;
    two.trust(&one, named("one", &one, &["family"])).await;
    one.sees("two", true).await;
    for node in [&one, &two] {
        node.client().put_nothing("/work").await.expect(201);
        share(&node.client(), "work", "family").await;
    }
    one.client().put("/work/a", json!({})).await.expect(201);
    let document = json!({
        "source": "work", "target": {"node": "group:family", "db": "work"}, "continuous": true
    });
    one.client().put("/_replicator/share", document).await.expect(201);
    one.replication_is("share", "waiting").await;
    // Two is not of one's family: one does not let it in either.
    let two_as_visitor = Certificate::of_node(two.root());
    let visitor = refuge_tests::Visitor::with(one.mesh_address(), &two_as_visitor);
    visitor.get("/work/a").await.expect(403);
    two.client().get("/work/a").await.expect(404);
}
