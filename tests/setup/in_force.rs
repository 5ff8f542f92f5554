//! CouchDB's `[attachments]` and `[replicator]`, set while the node runs: what comes after is done so.

use refuge_tests::{Client, Node, Options, eventually};
use serde_json::{Value, json};

async fn set(client: &Client, key: &str, value: &str) {
    client.put(&format!("/_node/_local/_config/{key}"), json!(value)).await.expect(200);
}

#[tokio::test]
async fn attachments_are_packed_as_the_settings_say() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let put = async |id: &str, content_type: &str| {
        let path = format!("/a/{id}/file");
        let put = client.request("PUT", &path).header("content-type", content_type);
        let rev = put.body("text ".repeat(1_000)).send().await.expect(201).member("rev");
        let told = client.get(&format!("/a/{id}?att_encoding_info=true")).await.expect(200).json();
        assert_eq!(client.get(&path).await.expect(200).body, "text ".repeat(1_000));
        (rev, told["_attachments"]["file"]["encoding"].clone())
    };
    let (usual, encoding) = put("usual", "text/plain").await;
    assert_eq!(encoding, "gzip");
    set(&client, "attachments/compressible_types", "image/*").await;
    assert_eq!(put("text", "text/plain").await.1, Value::Null);
    assert_eq!(put("image", "image/svg+xml").await.1, "gzip");
    client.delete("/_node/_local/_config/attachments/compressible_types").await.expect(200);
    set(&client, "attachments/compression_level", "1").await;
    let (fast, encoding) = put("fast", "text/plain").await;
    assert_eq!(encoding, "gzip");
    assert_ne!(fast, usual, "other bytes are another revision");
    set(&client, "attachments/compression_level", "0").await;
    assert_eq!(put("none", "text/plain").await.1, Value::Null);
    set(&client, "attachments/compression_level", "8").await;
    assert_eq!(put("again", "text/plain").await.0, usual);
    let path = "/_node/_local/_config/attachments/compression_level";
    client.put(path, json!("10")).await.error_named(400, "bad_request");
}

#[tokio::test]
async fn replications_run_as_the_settings_say() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    set(&client, "replicator/checkpoint_interval", "7000").await;
    set(&client, "replicator/max_jobs", "1").await;
    let ask = |target: &str| json!({"source": "a", "target": target, "create_target": true, "continuous": true});
    client.post("/_replicate", ask("b")).await.expect(202);
    let task = eventually("the replication runs", || async {
        let tasks = client.get("/_active_tasks").await.expect(200).json();
        let tasks = tasks.as_array().expect("tasks").clone();
        tasks.into_iter().find(|task| task["type"] == "replication")
    })
    .await;
    assert_eq!(task["checkpoint_interval"], 7_000, "{task}");
    // One more waits for its turn, and runs when more may: that is noticed with the next job at the latest.
    let id = client.post("/_replicate", ask("c")).await.expect(202).member("_local_id");
    let path = format!("/_scheduler/jobs/{id}");
    let waits = client.get(&path).await.expect(200).json();
    assert_eq!((&waits["pid"], &waits["info"]), (&Value::Null, &Value::Null), "{waits}");
    set(&client, "replicator/max_jobs", "2").await;
    client.post("/_replicate", ask("d")).await.expect(202);
    eventually("the other one runs too", || async {
        (!client.get(&path).await.expect(200).json()["pid"].is_null()).then_some(())
    })
    .await;
    // What has no effect is kept, so that a set-up script goes through.
    set(&client, "replicator/startup_jitter", "5000").await;
    let told = client.get("/_node/_local/_config/replicator/startup_jitter").await.expect(200);
    assert_eq!(told.json(), "5000");
}

#[tokio::test]
async fn checkpoints_are_kept_as_the_job_says_and_else_as_the_settings_say() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    client.put("/a/one", json!({})).await.expect(201);
    // Whether a replication to a fresh database leaves checkpoints there.
    let kept = async |target: &str, said: Option<bool>| {
        let mut job = json!({"source": "a", "target": target, "create_target": true});
        if let Some(said) = said {
            job["use_checkpoints"] = json!(said);
        }
        client.post("/_replicate", job).await.expect(200);
        let told = client.get(&format!("/{target}/_local_docs")).await.expect(200).json();
        !told["rows"].as_array().expect("rows").is_empty()
    };
    assert!(kept("usual", None).await);
    assert!(!kept("said_no", Some(false)).await);
    set(&client, "replicator/use_checkpoints", "false").await;
    assert!(!kept("set_no", None).await);
    assert!(kept("said_yes", Some(true)).await);
}
