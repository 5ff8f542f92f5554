//! What letting people in costs, printed and not checked: run with `--ignored --nocapture`.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use refuge_tests::{Client, Node, Options};
use serde_json::json;

use crate::{cookie, make_user, node_with_users, sign_in};

/// Connections at once.
const CONNECTIONS: usize = 64;
/// How long each rate is measured.
const TIME: Duration = Duration::from_secs(4);

/// Requests a second for one document, with these headers.
async fn rate(client: &Client, headers: &[(&'static str, String)]) -> f64 {
    let (count, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let begun = Instant::now();
    let asking: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (client, headers) = (client.clone(), headers.to_vec());
            let (count, over) = (Arc::clone(&count), Arc::clone(&over));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let mut request = client.request("GET", "/notes/a");
                    for (name, value) in &headers {
                        request = request.header(name, value);
                    }
                    request.send().await.expect(200);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    tokio::time::sleep(TIME).await;
    over.store(true, Ordering::Relaxed);
    for one in asking {
        one.await.expect("a task that ends");
    }
    count.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}

/// Processor time of the node so far, in seconds: fields 14 and 15 of its line, in hundredths.
fn processor(node: &Node) -> f64 {
    let line = fs::read_to_string(format!("/proc/{}/stat", node.process_id())).expect("a line");
    let (_, rest) = line.rsplit_once(") ").expect("a name in brackets");
    let fields: Vec<&str> = rest.split(' ').collect();
    let ticks = |number: usize| fields[number].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a check"]
async fn reads_with_and_without_credentials() {
    let node = node_with_users(Options::default()).await;
    let admin = node.client();
    admin.put_nothing("/notes").await.expect(201);
    admin.put("/notes/_security", json!({})).await.expect(200);
    admin.put("/notes/a", json!({"n": 1})).await.expect(201);
    let anna = make_user(&node, "anna", "apple", &[]).await;
    let session = cookie(&sign_in(&node, "anna", "apple").await.expect(200));
    let nobody = node.anonymous();
    rate(&nobody, &[]).await;
    for round in 1..=3 {
        let anonymous = rate(&nobody, &[]).await;
        let basic = rate(&anna, &[]).await;
        let by_cookie = rate(&nobody, &[("cookie", session.clone())]).await;
        println!(
            "round {round}: anonymous {anonymous:.0}/s, basic {basic:.0}/s ({:.2}), cookie \
             {by_cookie:.0}/s ({:.2})",
            basic / anonymous,
            by_cookie / anonymous
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a check"]
async fn ten_thousand_guesses() {
    let node = node_with_users(Options::default()).await;
    make_user(&node, "anna", "apple", &[]).await;
    let (begun, before) = (Instant::now(), processor(&node));
    let mut statuses = std::collections::BTreeMap::new();
    for number in 0..10_000 {
        let told = sign_in(&node, "anna", &format!("guess {number}")).await;
        *statuses.entry(told.status).or_insert(0) += 1;
    }
    println!(
        "10,000 guesses: {:.2} core-seconds in {:.1} s, {statuses:?}",
        processor(&node) - before,
        begun.elapsed().as_secs_f64()
    );
}
