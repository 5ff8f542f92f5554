//! More replications than may run at once: they take turns, and whoever crashes rests.

use std::collections::BTreeSet;

use refuge_tests::{Client, Node, Options, eventually};
use serde_json::{Value, json};

/// Jobs of the test that are wanted, and those that may run.
const JOBS: usize = 300;
const MOST: usize = 12;

async fn jobs(client: &Client) -> Vec<Value> {
    let told = client.get("/_scheduler/jobs?limit=1000").await.expect(200).json();
    told["jobs"].as_array().expect("jobs").clone()
}

fn kinds(job: &Value) -> BTreeSet<String> {
    let history = job["history"].as_array().expect("a history");
    history.iter().map(|step| step["type"].as_str().expect("a type").to_owned()).collect()
}

#[tokio::test]
async fn hundreds_of_continuous_replications_take_turns_and_none_starves() {
    let node = Node::start(
        Options::default()
            .set(&format!("replicator.max_jobs={MOST}"))
            .set("replicator.interval_ms=100")
            .set("replicator.max_churn=6"),
    );
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    client.put("/a/first", json!({})).await.expect(201);
    let documents: Vec<Value> = (0..JOBS)
        .map(|number| {
            let (id, target) = (format!("j{number:03}"), format!("t{number:03}"));
            json!({"_id": id, "source": "a", "target": target, "create_target": true,
                "continuous": true})
        })
        .collect();
    client.post("/_replicator/_bulk_docs", json!({"docs": documents})).await.expect(201);
    eventually("all are known", || async {
        let told = client.get("/_scheduler/jobs?limit=1").await.expect(200).json();
        assert!(told["jobs"].as_array().is_some_and(|jobs| jobs.len() <= 1), "{told}");
        (told["total_rows"] == JOBS).then_some(())
    })
    .await;
    let waits = client.get("/_scheduler/docs?states=pending&limit=1").await.expect(200).json();
    assert!(waits["total_rows"].as_u64() > Some(200), "{waits}");
    eventually("each had its turn", || async {
        let jobs = jobs(&client).await;
        let with_actor = jobs.iter().filter(|job| !job["pid"].is_null()).count();
        assert!(with_actor <= MOST, "{with_actor} run");
        jobs.iter().all(|job| kinds(job).contains("started")).then_some(())
    })
    .await;
    // What is written now reaches all of them in their next turns.
    client.put("/a/second", json!({})).await.expect(201);
    eventually("all have both", || async {
        for number in 0..JOBS {
            let told = client.get(&format!("/t{number:03}")).await;
            if told.status != 200 || told.json()["doc_count"] != 2 {
                return None;
            }
        }
        Some(())
    })
    .await;
    let jobs = jobs(&client).await;
    let waiting = jobs.iter().find(|job| job["pid"].is_null()).expect("somebody waits");
    let steps = waiting["history"].as_array().expect("steps").len();
    assert!(steps <= 20, "{waiting}");
    let mut told = kinds(waiting);
    if steps == 20 {
        // The oldest step may be forgotten by then.
        told.insert("added".to_owned());
    }
    assert_eq!(told, BTreeSet::from(["added", "started", "stopped"].map(str::to_owned)));
    assert!(waiting["info"]["docs_written"].is_u64(), "{waiting}");
    for member in
        ["database", "id", "pid", "source", "target", "user", "doc_id", "node", "start_time"]
    {
        assert!(waiting.get(member).is_some(), "{member} is missing in {waiting}");
    }
    let running = client.get("/_active_tasks").await.expect(200).json();
    assert!(running.as_array().is_some_and(|tasks| tasks.len() <= MOST), "{running}");
    // Whoever runs once and waits is let in as others are stopped.
    let once = json!({"source": "a", "target": "once", "create_target": true});
    let told = client.post("/_replicate", once).await.expect(200).json();
    assert_eq!(told["history"][0]["docs_written"], 2, "{told}");
}

#[tokio::test]
async fn another_limit_is_noticed_while_the_node_runs() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let set = |name: &'static str, value: &'static str| {
        let client = client.clone();
        async move {
            let path = format!("/_node/_local/_config/replicator/{name}");
            client.put(&path, json!(value)).await.expect(200);
        }
    };
    let running = |wanted: usize| {
        let client = client.clone();
        async move {
            eventually("so many run", || async {
                let jobs = jobs(&client).await;
                let running = jobs.iter().filter(|job| !job["pid"].is_null()).count();
                (jobs.len() == 3 && running == wanted).then_some(())
            })
            .await;
        }
    };
    // By the names that CouchDB has for them.
    set("interval", "100").await;
    set("max_jobs", "1").await;
    for target in ["b", "c", "d"] {
        let request =
            json!({"source": "a", "target": target, "create_target": true, "continuous": true});
        client.post("/_replicate", request).await.expect(202);
    }
    running(1).await;
    set("max_jobs", "3").await;
    running(3).await;
    set("max_jobs", "2").await;
    running(2).await;
}

#[tokio::test]
async fn a_job_that_is_killed_crashes_rests_and_goes_on() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    client.put("/a/first", json!({})).await.expect(201);
    let request = json!({"source": "a", "target": "b", "create_target": true, "continuous": true});
    client.put("/_replicator/always", request.clone()).await.expect(201);
    let other = json!({"source": "a", "target": "c", "create_target": true, "continuous": true});
    let other = client.post("/_replicate", other).await.expect(202).member("_local_id");
    let told = node.replication_is("always", "running").await;
    let id = told["id"].as_str().expect("an id").to_owned();
    for id in [&id, &other] {
        let name = format!("replication/{id}");
        eventually("its actor is there to be killed", || async {
            let told = node.console().command("kill", &[&name]).await.expect("an answer");
            told.get("ok").map(|_| ())
        })
        .await;
    }
    let told = node.replication_is("always", "crashing").await;
    assert!(told["info"]["error"].as_str().is_some_and(|why| why.contains("killed")), "{told}");
    assert_eq!(told["error_count"], 1);
    let job = client.get(&format!("/_scheduler/jobs/{id}")).await.expect(200).json();
    assert!(kinds(&job).contains("crashed"), "{job}");
    assert_eq!((&job["pid"], &job["doc_id"]), (&Value::Null, &json!("always")));
    assert_eq!(job["info"]["error"], told["info"]["error"]);
    client.put("/a/second", json!({})).await.expect(201);
    node.replication_is("always", "running").await;
    for path in ["/b/second", "/c/second"] {
        eventually("it goes on", || async { (client.get(path).await.status == 200).then_some(()) })
            .await;
    }
    let path = format!("/_scheduler/jobs/{other}");
    let job = client.get(&path.replace('+', "%2B")).await.expect(200).json();
    assert_eq!(job["user"], "admin");
    let steps = ["added", "started", "crashed"].map(str::to_owned);
    assert_eq!(kinds(&job), BTreeSet::from(steps), "{job}");
}

#[tokio::test]
async fn what_fails_is_told_with_its_reason_and_disturbs_nobody() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let missing = json!({"source": "missing", "target": "b", "continuous": true});
    client.put("/_replicator/missing", missing.clone()).await.expect(201);
    let id =
        client.post("/_replicate", json!({"source": "missing", "target": "c", "continuous": true}));
    let id = id.await.expect(202).member("_local_id").replace('+', "%2B");
    let well = json!({"source": "a", "target": "d", "create_target": true, "continuous": true});
    client.put("/_replicator/well", well).await.expect(201);
    node.replication_is("missing", "crashing").await;
    node.replication_is("well", "running").await;
    let job = eventually("a crash is told", || async {
        let job = client.get(&format!("/_scheduler/jobs/{id}")).await.expect(200).json();
        job["info"]["error"].is_string().then_some(job)
    })
    .await;
    let reason = "db_not_found: could not open missing";
    assert_eq!(job["info"]["error"], reason);
    assert!(job["history"].as_array().expect("steps").iter().any(|step| step["reason"] == reason));
    // It is tried again by itself.
    client.put_nothing("/missing").await.expect(201);
    client.put_nothing("/c").await.expect(201);
    client.put("/missing/x", json!({})).await.expect(201);
    eventually("it arrives", || async { (client.get("/c/x").await.status == 200).then_some(()) })
        .await;
    // What crashed leaves nothing behind when its document goes.
    let rev = client.get("/_replicator/missing").await.member("_rev");
    client.delete(&format!("/_replicator/missing?rev={rev}")).await.expect(200);
    eventually("nothing of it is told", || async {
        jobs(&client).await.iter().all(|job| job["doc_id"] != "missing").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_goes_away_is_waited_for() {
    let (source, mut target) = (Node::start(Options::default()), Node::start(Options::default()));
    let client = source.client();
    client.put_nothing("/a").await.expect(201);
    let document = json!({"source": "a", "target": format!("{}/b", target.url()),
        "create_target": true, "continuous": true});
    client.put("/_replicator/push", document).await.expect(201);
    source.replication_is("push", "running").await;
    client.put("/a/first", json!({})).await.expect(201);
    let arrives = |target: &Node, path: &'static str| {
        let client = target.client();
        async move {
            eventually("it arrives", || async {
                (client.get(path).await.status == 200).then_some(())
            })
            .await;
        }
    };
    arrives(&target, "/b/first").await;
    target.kill_hard();
    client.put("/a/second", json!({})).await.expect(201);
    target.restart();
    arrives(&target, "/b/second").await;
    let told = client.get("/_scheduler/docs?states=running").await.expect(200).text();
    let jobs = client.get("/_scheduler/jobs").await.expect(200).text();
    let tasks = client.get("/_active_tasks").await.expect(200).text();
    for told in [told, jobs, tasks] {
        assert!(told.contains("/b") && !told.contains("secret"), "{told}");
    }
}
