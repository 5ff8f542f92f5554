//! `refuge replicate`: what it shows, what it writes, and how it ends.

use refuge_tests::{Node, Options, eventually};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::database;

async fn node() -> Node {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let docs: Vec<Value> = (0..1_500)
        .map(|number| json!({"_id": format!("d{number}"), "n": number, "text": "x".repeat(200)}))
        .collect();
    client.post("/a/_bulk_docs", json!({"docs": docs})).await.expect(201);
    node
}

#[tokio::test]
async fn it_replicates_within_a_node_and_between_nodes_and_says_what_it_did() {
    let (one, two) = (node().await, Node::start(Options::default()));
    let there = database(&two, "b");
    let told = one.refuge(&["replicate", "a", &there, "--create-target"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert_eq!(
        told.output,
        "done: 1,500 documents written, 0 refused; 1,500 of 1,500 revisions were missing\n"
    );
    // Not a terminal: lines, and no password in them.
    assert!(told.errors.lines().all(|line| line.contains(" changes, ")), "{told:?}");
    assert!(!told.errors.contains("secret"), "{told:?}");
    assert_eq!(two.client().get("/b").await.json()["doc_count"], 1_500);
    let again = one.refuge(&["replicate", "a", &there]);
    assert_eq!(
        (again.code, again.output.as_str()),
        (Some(0), "done: nothing was to be replicated\n")
    );
    let told = two.refuge(&["replicate", &database(&one, "a"), "c", "--create-target", "--json"]);
    let answer: Value = serde_json::from_str(&told.output).expect("JSON");
    assert_eq!((told.code, &answer["history"][0]["docs_written"]), (Some(0), &json!(1_500)));
}

#[tokio::test]
async fn a_choice_is_made_by_its_options() {
    let node = node().await;
    let client = node.client();
    let filters = json!({"live": "function (doc, req) { return doc.n == req.query.n; }"});
    client.put("/a/_design/app", json!({"filters": filters})).await.expect(201);
    for (target, options, count) in [
        ("ids", vec!["--doc-ids", "d1,d2,d3"], 3),
        ("selected", vec!["--selector", r#"{"n": {"$lt": 5}}"#], 5),
        ("filtered", vec!["--filter", "app/live", "--query-param", "n=7"], 1),
    ] {
        let mut verb = vec!["replicate", "a", target, "--create-target"];
        verb.extend(options);
        let told = node.refuge(&verb);
        assert_eq!(told.code, Some(0), "{told:?}");
        assert_eq!(client.get(&format!("/{target}")).await.json()["doc_count"], count, "{target}");
    }
}

#[tokio::test]
async fn refused_documents_are_told_and_counted() {
    let node = node().await;
    let client = node.client();
    client.put_nothing("/b").await.expect(201);
    let validation = "function (doc) { if (doc.n == 7) throw({forbidden: 'not seven'}); }";
    client.put("/b/_design/v", json!({"validate_doc_update": validation})).await.expect(201);
    let told = node.refuge(&["replicate", "a", "b"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.errors.contains("refused: d7: forbidden: not seven\n"), "{told:?}");
    assert!(told.output.contains("1,499 documents written, 1 refused"), "{told:?}");
}

#[tokio::test]
async fn how_it_failed_is_told_by_its_exit_code() {
    let mut node = node().await;
    node.client().put_nothing("/b").await.expect(201);
    let wrong = format!("http://admin:mistyped@{}/a", node.address());
    for (arguments, code, reason) in [
        (vec!["missing", "b"], 64, "there is no such database"),
        (vec!["a", "ftp://x/b"], 64, "http://"),
        (vec!["a", "b", "--selector", "{"], 64, "--selector"),
        (vec!["a"], 64, "TARGET"),
        (vec![wrong.as_str(), "b"], 77, "credentials"),
        (vec!["a", "_peers"], 77, "no end of a replication"),
    ] {
        let mut verb = vec!["replicate"];
        verb.extend(&arguments);
        let told = node.refuge(&verb);
        assert_eq!(told.code, Some(code), "{arguments:?}: {told:?}");
        assert!(told.errors.contains(reason) && !told.errors.contains("mistyped"), "{told:?}");
        assert_eq!(told.output, "");
    }
    node.kill_hard();
    let told = node.refuge(&["replicate", "a", "b"]);
    assert_eq!(told.code, Some(69), "{told:?}");
}

#[tokio::test]
async fn a_continuous_one_goes_on_until_it_is_interrupted() {
    let node = node().await;
    let client = node.client();
    let mut verb = node.begin(&["replicate", "a", "b", "--create-target", "--continuous"]);
    let arrives = |path: &'static str| {
        let client = client.clone();
        async move {
            eventually("it arrives", || async {
                (client.get(path).await.status == 200).then_some(())
            })
            .await;
        }
    };
    arrives("/b/d1499").await;
    client.put("/a/later", json!({})).await.expect(201);
    arrives("/b/later").await;
    assert_eq!(verb.try_wait().expect("a child"), None);
    kill_process(Pid::from_child(&verb), Signal::INT).expect("a process that runs");
    let status = tokio::task::spawn_blocking(move || verb.wait().expect("a child")).await;
    assert_eq!(status.expect("a thread").code(), Some(0));
    let jobs = client.get("/_scheduler/jobs").await.expect(200).json();
    assert_eq!(jobs["total_rows"], 0, "{jobs}");
}
