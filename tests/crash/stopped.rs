//! SIGTERM and SIGINT under load: an ordered end in time, with what was accepted finished.

use std::time::{Duration, Instant};

use refuge_tests::{Broken, Load, Node, Options, compare, consistent};
use rustix::process::Signal;
use serde_json::json;

/// A node ends in order within five seconds, or says that it did not; the rest is for a busy machine.
const LIMIT: Duration = Duration::from_secs(5 + 10);

async fn stops_in_order(signal: Signal) {
    let mut node = Node::start(Options::default());
    node.client().put_nothing("/a").await.expect(201);
    let load = Load::start(node.address(), "a", "load", 16);
    let mut feed = node
        .client()
        .request("GET", "/a/_changes?feed=continuous&heartbeat=60000")
        .lines()
        .await
        .unwrap();
    load.advance(1000).await;
    let told = Instant::now();
    node.signal(signal);
    let ended = node.ended();
    assert!(told.elapsed() < LIMIT, "it took {:?}", told.elapsed());
    assert_eq!(ended.code(), Some(0), "{:#?}", node.errors());
    while let Ok(Some(_)) = feed.next_row().await {}
    let acknowledged = load.stop().await;
    node.restart();
    consistent(&node.client(), "a").await;
    compare(&node.client(), "a", &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_in_order() {
    stops_in_order(Signal::TERM).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigint_ends_in_order() {
    stops_in_order(Signal::INT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepted_requests_are_finished() {
    let mut node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let docs: Vec<_> = (0..4_000)
        .map(|number| json!({"_id": format!("{number:05}"), "filler": "x".repeat(500)}))
        .collect();
    client.post("/a/_bulk_docs", json!({"docs": docs})).await.expect(201);
    // Each of these takes a while; their heads are in, so the node has accepted them.
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(
            node.client().request("GET", "/a/_all_docs?include_docs=true").lines().await.unwrap(),
        );
    }
    node.terminate();
    // All at once, and read to their ends before anything else is done: their time is bounded.
    let reading = answers.into_iter().map(|mut answer| {
        tokio::spawn(async move {
            let mut text = String::new();
            loop {
                match answer.next().await {
                    Ok(Some(line)) => text.push_str(&line),
                    Ok(None) => return text,
                    Err(Broken(told)) => panic!("an accepted request was cut off: {told}"),
                }
            }
        })
    });
    for read in reading.collect::<Vec<_>>() {
        let text = read.await.expect("an answer");
        let told: serde_json::Value = serde_json::from_str(&text).expect("a whole answer");
        assert_eq!(told["rows"].as_array().map(Vec::len), Some(4_000));
    }
    assert_eq!(node.ended().code(), Some(0));
}
