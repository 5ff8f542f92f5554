//! Replications on the board of active tasks.

use refuge_tests::{Node, Options, eventually};
use serde_json::{Value, json};

#[tokio::test]
async fn a_replication_that_runs_is_an_active_task_until_it_ends() {
    let node = Node::start(Options::default());
    let client = node.client();
    assert_eq!(client.get("/_active_tasks").await.expect(200).json(), json!([]));
    client.put_nothing("/a").await.expect(201);
    let docs: Vec<Value> = (0..20).map(|number| json!({"n": number})).collect();
    client.post("/a/_bulk_docs", json!({"docs": docs})).await.expect(201);
    let mut request =
        json!({"source": "a", "target": "b", "create_target": true, "continuous": true});
    let id = client.post("/_replicate", request.clone()).await.expect(202).member("_local_id");

    let task = eventually("all is written", || async {
        let tasks = client.get("/_active_tasks").await.expect(200).json();
        let task = tasks.as_array().expect("tasks").first().cloned()?;
        (task["docs_written"] == 20).then_some(task)
    })
    .await;
    let told = |member: &str| task[member].clone();
    assert_eq!((told("type"), told("replication_id")), (json!("replication"), json!(id)));
    assert_eq!((told("source"), told("target")), (json!("a"), json!("b")));
    assert_eq!((told("user"), told("doc_id")), (json!("admin"), Value::Null));
    assert_eq!((told("continuous"), told("docs_read")), (json!(true), json!(20)));
    assert_eq!((told("bulk_get_attempts"), told("bulk_get_docs")), (json!(20), json!(20)));
    assert_eq!((told("node"), told("doc_write_failures")), (json!("nonode@nohost"), json!(0)));
    for member in ["started_on", "updated_on", "checkpoint_interval", "revisions_checked"] {
        assert!(told(member).is_u64(), "{member}: {task}");
    }

    assert_eq!((told("changes_pending"), told("seconds_left")), (json!(0), json!(0)));
    for member in ["docs_per_second", "bytes_per_second"] {
        assert!(told(member).as_f64() >= Some(0.0), "{member}: {task}");
    }

    request["cancel"] = json!(true);
    client.post("/_replicate", request).await.expect(200);
    eventually("the task is gone", || async {
        (client.get("/_active_tasks").await.expect(200).json() == json!([])).then_some(())
    })
    .await;
}

#[tokio::test]
async fn how_fast_it_is_and_what_is_left_is_told_while_it_runs() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    for _ in 0..10 {
        let docs: Vec<Value> =
            (0..1_000).map(|n| json!({"n": n, "text": "x".repeat(500)})).collect();
        client.post("/a/_bulk_docs", json!({"docs": docs})).await.expect(201);
    }
    let request = json!({"source": "a", "target": "b", "create_target": true, "continuous": true,
        "worker_batch_size": 10, "worker_processes": 1});
    client.post("/_replicate", request).await.expect(202);
    eventually("it is told", || async {
        let tasks = client.get("/_active_tasks").await.expect(200).json();
        let task = tasks.as_array().expect("tasks").first().cloned()?;
        let number = |member: &str| task[member].as_f64().unwrap_or_default();
        let at_work = number("changes_pending") > 0.0 && number("docs_per_second") > 0.0;
        let left = number("seconds_left") > 0.0;
        (at_work && left && number("bytes_per_second") > 500.0 * number("docs_per_second"))
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn active_tasks_are_for_admins() {
    let node = Node::start(Options::default());
    node.anonymous().get("/_active_tasks").await.error_named(401, "unauthorized");
    node.client().post("/_active_tasks", json!({})).await.error_named(405, "method_not_allowed");
}
