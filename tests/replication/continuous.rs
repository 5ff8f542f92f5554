//! Replications that go on, across crashes of both ends.

use refuge_tests::{Client, Load, Node, Options, compare, consistent, contents, eventually};
use serde_json::{Value, json};

use crate::{database, diverge, fill, same};

/// Starts a continuous replication; its id without the options at its end: the name of its checkpoints.
pub(crate) async fn start(client: &Client, mut request: Value) -> String {
    request["continuous"] = json!(true);
    // A checkpoint soon, so that the tests need not wait for the usual interval.
    request["checkpoint_interval"] = json!(300);
    let reply = client.post("/_replicate", request).await.expect(202);
    let id = reply.member("_local_id");
    let (base, options) = id.split_once('+').expect("an id and its options");
    assert!(options.starts_with("continuous"), "{id}");
    base.to_owned()
}

/// Waits until both hold the same.
async fn converge(one: (&Client, &str), two: (&Client, &str)) {
    eventually("both databases hold the same", || async {
        (contents(one.0, one.1).await == contents(two.0, two.1).await).then_some(())
    })
    .await;
}

/// The checkpoint of a replication, once there is one beyond `after`.
pub(crate) async fn checkpoint(client: &Client, name: &str, id: &str, after: u64) -> Value {
    eventually("there is a checkpoint", || async {
        let reply = client.get(&format!("/{name}/_local/{id}")).await;
        (reply.status == 200 && number(&reply.json()["source_last_seq"]) > after)
            .then(|| reply.json())
    })
    .await
}

pub(crate) fn number(sequence: &Value) -> u64 {
    match sequence {
        Value::Number(number) => number.as_u64().expect("a sequence"),
        other => other
            .as_str()
            .and_then(|text| text.split('-').next())
            .and_then(|text| text.parse().ok())
            .unwrap_or(0),
    }
}

#[tokio::test]
async fn changes_follow_while_it_runs() {
    let (source, target) = (Node::start(Options::default()), Node::start(Options::default()));
    let (from, to) = (source.client(), target.client());
    fill(&from, "a").await;
    let request = json!({"source": database(&source, "a"), "target": "a", "create_target": true});
    start(&to, request.clone()).await;
    eventually("the target is made", || async { (to.get("/a").await.status == 200).then_some(()) })
        .await;
    converge((&from, "a"), (&to, "a")).await;
    diverge(&from, "a", "later").await;
    converge((&from, "a"), (&to, "a")).await;
    same((&from, "a"), (&to, "a")).await;

    let again = start(&to, request.clone()).await;
    let mut cancel = request;
    cancel["continuous"] = json!(true);
    cancel["cancel"] = json!(true);
    let told = to.post("/_replicate", cancel.clone()).await.expect(200).json();
    assert_eq!(told["ok"], true);
    assert!(told["_local_id"].as_str().is_some_and(|id| id.starts_with(&again)), "{told}");
    from.put("/a/after-the-end", json!({})).await.expect(201);
    to.post("/_replicate", cancel).await.expect(404);
    to.get("/a/after-the-end").await.expect(404);
}

#[tokio::test]
async fn a_continuous_push_follows_too() {
    let (source, target) = (Node::start(Options::default()), Node::start(Options::default()));
    let (from, to) = (source.client(), target.client());
    fill(&from, "a").await;
    start(&from, json!({"source": "a", "target": database(&target, "a"), "create_target": true}))
        .await;
    eventually("the target is made", || async { (to.get("/a").await.status == 200).then_some(()) })
        .await;
    converge((&from, "a"), (&to, "a")).await;
    from.put("/a/later", json!({})).await.expect(201);
    converge((&from, "a"), (&to, "a")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ends_are_killed_and_it_goes_on_from_the_checkpoint() {
    let (mut source, mut target) =
        (Node::start(Options::default()), Node::start(Options::default()));
    let from = source.client();
    fill(&from, "a").await;
    let request = json!({"source": database(&source, "a"), "target": "a", "create_target": true});
    let id = start(&target.client(), request.clone()).await;
    let first = checkpoint(&target.client(), "a", &id, 0).await;
    let load = Load::start(source.address(), "a", "load", 4);
    load.advance(500).await;
    let later = checkpoint(&target.client(), "a", &id, number(&first["source_last_seq"])).await;
    // In the middle of it: writers write, the replication runs, and both processes die.
    source.kill_hard();
    target.kill_hard();
    let acknowledged = load.stop().await;
    source.restart();
    target.restart();
    let (from, to) = (source.client(), target.client());
    compare(&from, "a", &acknowledged).await;
    for (client, name) in [(&from, "a"), (&to, "a")] {
        consistent(client, name).await;
        let kept = client.get(&format!("/{name}/_local/{id}")).await.expect(200).json();
        assert!(number(&kept["source_last_seq"]) > 0, "{kept}");
    }
    let kept = to.get(&format!("/a/_local/{id}")).await.expect(200).json();
    assert!(
        number(&kept["source_last_seq"]) >= number(&later["source_last_seq"]),
        "a checkpoint is durable"
    );
    let kept_at_source = from.get(&format!("/a/_local/{id}")).await.expect(200).json();

    assert_eq!(start(&to, request).await, id, "the same replication has the same id");
    converge((&from, "a"), (&to, "a")).await;
    from.put("/a/one-more", json!({})).await.expect(201);
    converge((&from, "a"), (&to, "a")).await;
    same((&from, "a"), (&to, "a")).await;
    compare(&to, "a", &acknowledged).await;
    let common = number(&kept["source_last_seq"]).min(number(&kept_at_source["source_last_seq"]));
    let resumed = checkpoint(&to, "a", &id, number(&kept["source_last_seq"])).await;
    let session = &resumed["history"][0];
    assert_ne!(session["session_id"], kept["session_id"]);
    assert!(
        number(&session["start_last_seq"]) >= common.min(number(&first["source_last_seq"])),
        "it began anew: {resumed}"
    );
    assert!(number(&session["start_last_seq"]) > 0, "it began anew: {resumed}");
    assert_eq!(
        from.get(&format!("/a/_local/{id}")).await.expect(200).json()["session_id"],
        resumed["session_id"]
    );
}
