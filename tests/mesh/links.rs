//! Nodes notice each other's coming and going.

use std::time::{Duration, Instant};

use refuge_tests::{Events, Node, Options, Peering, befriend, eventually};
use rustix::process::Signal;
use serde_json::Value;

/// From the last byte to `nodedown`, on a link that loses nothing, and what a busy machine may add.
const SILENCE_LIMIT: Duration = Duration::from_secs(5 + 10);

fn nodes() -> (Node, Node) {
    (Node::start(Options::mesh()), Node::start(Options::mesh()))
}

/// One knows where the other is.
fn at<'a>(name: &'a str, node: &Node) -> Peering<'a> {
    Peering { name, address: Some(node.mesh_address()), groups: &[] }
}

#[tokio::test]
async fn two_nodes_that_know_each_other_are_up() {
    let (one, two) = nodes();
    befriend(&one, &two).await;
    let up = Events::after(&one.client(), 0).await.next_of("nodeup", "two").await;
    assert_eq!(up["node"], two.id().await);
    assert!(up["seq"].as_u64().unwrap() > 0);
    Events::after(&two.client(), 0).await.next_of("nodeup", "one").await;
}

#[tokio::test]
async fn trust_must_be_on_both_sides() {
    let (one, two) = nodes();
    one.trust(&two, at("two", &two)).await;
    // A third party that is trusted by both comes up: so much time has passed, and more.
    let third = Node::start(Options::mesh());
    for node in [&one, &two] {
        node.trust(&third, at("third", &third)).await;
    }
    third.trust(&one, Peering { name: "one", ..Peering::default() }).await;
    third.trust(&two, Peering { name: "two", ..Peering::default() }).await;
    one.sees("third", true).await;
    two.sees("third", true).await;
    assert_eq!(one.known("two").await.unwrap()["up"], false);
    two.trust(&one, Peering { name: "one", ..Peering::default() }).await;
    one.sees("two", true).await;
    two.sees("one", true).await;
}

#[tokio::test]
async fn one_that_cannot_be_dialled_dials() {
    let (one, two) = nodes();
    one.trust(&two, Peering { name: "two", ..Peering::default() }).await;
    two.trust(&one, at("one", &one)).await;
    one.sees("two", true).await;
    two.sees("one", true).await;
}

#[tokio::test]
async fn an_address_that_comes_later_is_tried_at_once() {
    let (one, two) = nodes();
    let nowhere = Peering { name: "two", ..Peering::default() };
    one.trust(&two, nowhere).await;
    two.trust(&one, Peering { name: "one", ..Peering::default() }).await;
    let begun = Instant::now();
    one.trust(&two, at("two", &two)).await;
    one.sees("two", true).await;
    println!("up {:?} after its address was known", begun.elapsed());
}

#[tokio::test]
async fn a_node_that_crashes_is_down_and_up_again() {
    let (one, mut two) = nodes();
    befriend(&one, &two).await;
    let mut events = Events::after(&one.client(), 0).await;
    events.next_of("nodeup", "two").await;
    two.kill_hard();
    let down = events.next_of("nodedown", "two").await;
    assert_eq!(down["reason"], "closed");
    two.restart();
    let up = events.next_of("nodeup", "two").await;
    assert!(up["seq"].as_u64() > down["seq"].as_u64());
    two.sees("one", true).await;
}

#[tokio::test]
async fn a_node_that_shuts_down_says_so() {
    let (one, mut two) = nodes();
    befriend(&one, &two).await;
    let mut events = Events::after(&one.client(), 0).await;
    events.next_of("nodeup", "two").await;
    let begun = Instant::now();
    two.terminate();
    assert_eq!(events.next_of("nodedown", "two").await["reason"], "closed");
    println!("down {:?} after SIGTERM", begun.elapsed());
    assert_eq!(two.ended().code(), Some(0));
}

#[tokio::test]
async fn a_node_that_falls_silent_is_down_until_it_speaks_again() {
    let (one, two) = nodes();
    befriend(&one, &two).await;
    let mut events = Events::after(&one.client(), 0).await;
    events.next_of("nodeup", "two").await;
    let begun = Instant::now();
    two.signal(Signal::STOP);
    let down = events.next_of("nodedown", "two").await;
    let passed = begun.elapsed();
    println!("silent_to_nodedown {passed:?}");
    assert_eq!(down["reason"], "timeout");
    assert!(passed < SILENCE_LIMIT, "{passed:?}");
    two.signal(Signal::CONT);
    events.next_of("nodeup", "two").await;
    two.sees("one", true).await;
}

#[tokio::test]
async fn crossing_links_become_one_and_stay() {
    let (mut one, mut two) = nodes();
    befriend(&one, &two).await;
    // Both start anew and dial each other at the same time.
    for node in [&mut one, &mut two] {
        node.kill_hard();
    }
    let last = |node: &Node| {
        let client = node.client();
        async move { client.get("/_mesh/events").await.expect(200).json()["last_seq"].as_u64() }
    };
    one.restart();
    two.restart();
    for (node, other) in [(&one, "two"), (&two, "one")] {
        node.sees(other, true).await;
        // Shown a moment before it is told: the numbers below are those behind it.
        eventually("its coming was told", || async {
            let events = node.client().get("/_mesh/events").await.expect(200).json();
            let of_other = |event: &&Value| event["name"] == other;
            let newest = events["results"].as_array()?.iter().rfind(of_other)?["event"].clone();
            (newest == "nodeup").then_some(())
        })
        .await;
    }
    let (before_one, before_two) = (last(&one).await.unwrap(), last(&two).await.unwrap());
    // Something else that takes several heartbeats: a third node falls silent and is found out.
    let third = Node::start(Options::mesh());
    one.trust(&third, at("third", &third)).await;
    third.trust(&one, Peering { name: "one", ..Peering::default() }).await;
    one.sees("third", true).await;
    third.signal(Signal::STOP);
    one.sees("third", false).await;
    third.signal(Signal::CONT);
    let about_two = |events: &serde_json::Value| {
        events["results"].as_array().unwrap().iter().filter(|event| event["name"] == "two").count()
    };
    let since = format!("/_mesh/events?since={before_one}");
    assert_eq!(about_two(&one.client().get(&since).await.json()), 0);
    assert_eq!(last(&two).await.unwrap(), before_two, "two saw nothing happen");
}

#[tokio::test]
async fn many_restarts_of_one_leave_both_up() {
    let (one, mut two) = nodes();
    befriend(&one, &two).await;
    for _ in 0..3 {
        two.restart();
        two.sees("one", true).await;
    }
    one.sees("two", true).await;
}
