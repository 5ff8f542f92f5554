//! Ends that are not there, refuse who asks, or are another database than they were.

use std::time::{Duration, SystemTime};

use refuge_tests::{Client, Node, Options, eventually};
use serde_json::{Value, json};

use crate::continuous::{checkpoint, start};
use crate::{database, replicate};

/// Where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:1/b";

async fn document(client: &Client, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually("the document is told so", || async {
        let told = client.get("/_scheduler/docs/_replicator/one").await;
        (told.status == 200 && wanted(&told.json())).then(|| told.json())
    })
    .await
}

fn error(told: &Value) -> &str {
    told["info"]["error"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_told_of_while_it_is_asked_again_and_then_crashes_the_job() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let asked = json!({"source": "a", "target": NOWHERE, "continuous": true});
    client.put("/_replicator/one", asked).await.expect(201);
    document(&client, |told| told["state"] == "running" && !error(told).is_empty()).await;
    let tasks = client.get("/_active_tasks").await.expect(200).json();
    assert!(tasks[0]["error"].is_string(), "{tasks}");
    let told = document(&client, |told| told["state"] == "crashing").await;
    assert_eq!(told["error_count"], 1, "{told}");
    assert!(error(&told).contains("failed 6 times"), "{told}");
    let id = told["id"].as_str().expect("an id").replace('+', "%2B");
    let job = client.get(&format!("/_scheduler/jobs/{id}")).await.expect(200).json();
    let newest = &job["history"][0];
    assert_eq!(newest["type"], "crashed", "{job}");
    assert!(newest["reason"].as_str().is_some_and(|reason| reason.contains("failed 6 times")));
    // It is tried again, and goes on counting.
    document(&client, |told| told["error_count"] == 2).await;
}

#[tokio::test]
async fn whoever_joins_the_job_of_a_document_hears_of_its_next_crash() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let asked = json!({"source": "a", "target": NOWHERE});
    client.put("/_replicator/one", asked.clone()).await.expect(201);
    document(&client, |told| told["state"] == "running").await;
    let told = client.post("/_replicate", asked.clone()).await.expect(500).json();
    assert_eq!(told["error"], "replication_error", "{told}");
    // And at once, where it rests already.
    document(&client, |told| told["state"] == "crashing").await;
    let told = client.post("/_replicate", asked).await.expect(500).json();
    assert!(told["reason"].as_str().is_some_and(|reason| reason.contains("failed 6 times")));
}

#[tokio::test]
async fn a_wrong_password_is_not_tried_again_within_a_minute() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    let client = one.client();
    client.put_nothing("/a").await.expect(201);
    two.client().put_nothing("/b").await.expect(201);
    let target = format!("http://admin:mistyped@{}/b", two.address());
    let asked = json!({"source": "a", "target": target, "continuous": true});
    client.put("/_replicator/one", asked).await.expect(201);
    document(&client, |told| told["state"] == "crashing").await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    let told = client.get("/_scheduler/docs/_replicator/one").await.expect(200).json();
    assert_eq!((&told["state"], &told["error_count"]), (&json!("crashing"), &json!(1)), "{told}");
    two.client().get("/b").await.expect(200);
}

/// Waits for the beginning of a second.
async fn next_second() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock");
    tokio::time::sleep(Duration::from_nanos(1_010_000_000 - u64::from(now.subsec_nanos()))).await;
}

#[tokio::test]
async fn a_target_that_is_made_anew_within_the_second_is_filled_again() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    let (from, to) = (one.client(), two.client());
    from.put_nothing("/a").await.expect(201);
    from.put("/a/first", json!({})).await.expect(201);
    let began = |told: Value| told["instance_start_time"].as_str().expect("a time").to_owned();
    for round in 0..60 {
        let name = format!("b{round}");
        let path = format!("/{name}");
        next_second().await;
        to.put_nothing(&path).await.expect(201);
        let asked = json!({"source": "a", "target": database(&two, &name)});
        let id = start(&from, asked).await;
        checkpoint(&to, &name, &id, 0).await;
        let before = to.get(&path).await.expect(200).json();
        to.delete(&path).await.expect(200);
        to.put_nothing(&path).await.expect(201);
        let after = to.get(&path).await.expect(200).json();
        assert_ne!(before["instance"], after["instance"]);
        if began(before) != began(after) {
            continue;
        }
        from.put("/a/second", json!({})).await.expect(201);
        for id in ["first", "second"] {
            eventually("all of it is there again", || async {
                (to.get(&format!("{path}/{id}")).await.status == 200).then_some(())
            })
            .await;
        }
        return;
    }
    panic!("no target was made anew within a second");
}

#[tokio::test]
async fn fields_are_read_as_couchdb_reads_them() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    for id in ["x", "y", "z"] {
        client.put(&format!("/a/{id}"), json!({})).await.expect(201);
    }
    let source = database(&node, "a");
    let asked = json!({
        "source": source, "target": "b", "create_target": true, "doc_ids": ["x", "y"],
        "worker_processes": "2", "http_connections": "4", "use_bulk_get": false,
    });
    let told = replicate(&client, asked).await.json();
    for member in ["start_time", "end_time"] {
        assert!(told[member].is_string(), "{told}");
    }
    let counts = ["docs_read", "docs_written", "doc_write_failures"].map(|name| &told[name]);
    assert_eq!(counts, [&json!(2), &json!(2), &json!(0)], "{told}");
    let wrong = json!({"source": "a", "target": "b", "since_seq": "garbage"});
    client.post("/_replicate", wrong).await.expect(400);
}

#[tokio::test]
async fn what_is_marked_as_done_or_asks_for_the_same_does_not_run() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let asked = json!({"source": "a", "target": "b", "create_target": true, "continuous": true});
    let mut marked = json!({"source": "a", "target": "c", "create_target": true});
    marked["_replication_state"] = json!("completed");
    marked["_replication_id"] = json!("of another node");
    client.put("/_replicator/marked", marked).await.expect(201);
    client.put("/_replicator/one", asked.clone()).await.expect(201);
    document(&client, |told| told["state"] == "running").await;
    client.put("/_replicator/two", asked).await.expect(201);
    let failed = eventually("it fails", || async {
        let told = client.get("/_replicator/two").await.expect(200).json();
        (told["_replication_state"] == "failed").then_some(told)
    })
    .await;
    let reason = failed["_replication_state_reason"].as_str().expect("a reason");
    assert!(reason.contains("already started, triggered by document `one`"), "{reason}");
    let told = client.get("/_scheduler/docs/_replicator/marked").await.expect(200).json();
    assert_eq!(told["state"], "completed");
    client.get("/c").await.expect(404);
}
