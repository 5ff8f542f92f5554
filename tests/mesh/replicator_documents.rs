//! `_replicator` and `_scheduler/docs`, as CouchDB has them, where no node is named.

use refuge_tests::{Node, Options, contents, eventually};
use serde_json::{Value, json};

async fn node() -> Node {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    for number in 0..20 {
        client.put(&format!("/a/{number}"), json!({"n": number})).await.expect(201);
    }
    node
}

#[tokio::test]
async fn a_one_shot_document_completes_and_says_so() {
    let mut node = node().await;
    let document = json!({"source": "a", "target": "b", "create_target": true});
    node.client().put("/_replicator/once", document).await.expect(201);
    let done = eventually("the document says that it is done", || async {
        let document = node.client().get("/_replicator/once").await.expect(200).json();
        (document["_replication_state"] == "completed").then_some(document)
    })
    .await;
    assert!(done["_replication_state_time"].is_string(), "{done}");
    let told = node.replication_is("once", "completed").await;
    assert_eq!(told["doc_id"], "once");
    assert_eq!(contents(&node.client(), "b").await.len(), 20);
    // It is not run again at a restart, and is when it is made anew.
    node.client().delete("/b").await.expect(200);
    node.restart();
    node.replication_is("once", "completed").await;
    node.client().get("/b").await.expect(404);
    let rev = node.client().get("/_replicator/once").await.member("_rev");
    node.client().delete(&format!("/_replicator/once?rev={rev}")).await.expect(200);
    let document = json!({"source": "a", "target": "b", "create_target": true});
    node.client().put("/_replicator/twice", document).await.expect(201);
    node.replication_is("twice", "completed").await;
    assert_eq!(contents(&node.client(), "b").await.len(), 20);
}

#[tokio::test]
async fn a_continuous_document_goes_on_after_a_crash_until_it_is_deleted() {
    let mut node = node().await;
    let document = json!({"source": "a", "target": "b", "create_target": true, "continuous": true});
    node.client().put("/_replicator/always", document).await.expect(201);
    node.replication_is("always", "running").await;
    node.restart();
    node.replication_is("always", "running").await;
    node.client().put("/a/later", json!({})).await.expect(201);
    let arrives = |path: &'static str| {
        let client = node.client();
        async move {
            eventually("it arrives", || async {
                (client.get(path).await.status == 200).then_some(())
            })
            .await;
        }
    };
    arrives("/b/later").await;
    let rev = node.client().get("/_replicator/always").await.member("_rev");
    node.client().delete(&format!("/_replicator/always?rev={rev}")).await.expect(200);
    eventually("its job is gone", || async {
        let jobs = node.client().get("/_scheduler/jobs").await.expect(200).json();
        (jobs["total_rows"] == 0).then_some(())
    })
    .await;
    node.client().get("/_scheduler/docs/_replicator/always").await.expect(404);
}

#[tokio::test]
async fn what_cannot_be_read_has_failed_and_what_cannot_be_reached_is_tried_again() {
    let node = node().await;
    let client = node.client();
    let mut states = Vec::new();
    for (id, document, state) in [
        ("no-target", json!({"source": "a"}), "failed"),
        (
            "two-nodes",
            json!({"source": {"node": "x", "db": "a"}, "target": {"node": "y", "db": "a"}}),
            "failed",
        ),
        (
            "no-source",
            json!({"source": "missing", "target": "b", "create_target": true}),
            "crashing",
        ),
        (
            "nowhere",
            json!({"source": "http://127.0.0.1:1/a", "target": "b", "create_target": true}),
            "crashing",
        ),
    ] {
        let put = client.put(&format!("/_replicator/{id}"), document).await;
        // CouchDB may refuse at once what it cannot read; what it takes it must tell of.
        if put.status == 201 {
            states.push((id, state));
        } else {
            assert!(state == "failed" && matches!(put.status, 400 | 403), "{id}: {}", put.text());
        }
    }
    for (id, state) in states {
        let told = node.replication_is(id, state).await;
        assert!(told["info"].is_object(), "{told}");
        if state == "crashing" {
            assert!(told["error_count"].as_u64() > Some(0), "{told}");
        }
    }
}

#[tokio::test]
async fn all_documents_are_listed() {
    let node = node().await;
    let client = node.client();
    for id in ["x", "y"] {
        let document =
            json!({"source": "a", "target": id, "create_target": true, "continuous": true});
        client.put(&format!("/_replicator/{id}"), document).await.expect(201);
        node.replication_is(id, "running").await;
    }
    let told: Value = client.get("/_scheduler/docs").await.expect(200).json();
    assert_eq!((&told["total_rows"], &told["offset"]), (&json!(2), &json!(0)), "{told}");
    for row in told["docs"].as_array().unwrap() {
        for member in [
            "database",
            "doc_id",
            "id",
            "node",
            "source",
            "target",
            "state",
            "info",
            "error_count",
            "start_time",
            "last_updated",
        ] {
            assert!(row.get(member).is_some(), "{member} is missing in {row}");
        }
    }
    assert_eq!(
        client.get("/_scheduler/docs/_replicator").await.expect(200).json()["total_rows"],
        2
    );
    let jobs = client.get("/_scheduler/jobs").await.expect(200).json();
    assert_eq!(jobs["total_rows"], 2, "{jobs}");
    for path in ["/_scheduler/docs", "/_scheduler/jobs", "/_replicator/x"] {
        node.anonymous().get(path).await.expect(401);
    }
    client.get("/_scheduler/docs/_replicator/missing").await.expect(404);
}
