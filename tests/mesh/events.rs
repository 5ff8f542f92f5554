//! `GET /_mesh/events` in all its feeds.

use refuge_tests::{Certificate, Client, Events, Node, Options, befriend};
use serde_json::{Value, json};

/// Makes an event: an admin trusts somebody.
async fn trust_somebody(node: &Node, name: &str) {
    node.peer(&["add", &Certificate::rsa(2048).node_id(), "--name", name]).await;
}

async fn page(client: &Client, query: &str) -> Value {
    client.get(&format!("/_mesh/events{query}")).await.expect(200).json()
}

fn numbers(page: &Value) -> Vec<u64> {
    let results = page["results"].as_array().expect("results");
    results.iter().map(|event| event["seq"].as_u64().expect("a number")).collect()
}

#[tokio::test]
async fn a_normal_feed_has_pages() {
    let node = Node::start(Options::mesh());
    let client = node.client();
    for name in ["a", "b", "c"] {
        trust_somebody(&node, name).await;
    }
    let all = page(&client, "").await;
    let kinds: Vec<_> =
        all["results"].as_array().unwrap().iter().map(|event| &event["event"]).collect();
    assert_eq!(kinds, ["trusted", "trusted", "trusted"], "{all}");
    let seen = numbers(&all);
    assert!(seen.is_sorted() && seen[0] > 0, "{seen:?}");
    assert_eq!(all["last_seq"], seen[2]);
    let first = page(&client, "?limit=1").await;
    assert_eq!((numbers(&first), &first["last_seq"]), (vec![seen[0]], &json!(seen[0])));
    let rest = page(&client, &format!("?since={}", seen[0])).await;
    assert_eq!(numbers(&rest), seen[1..]);
    let event = &all["results"][0];
    let time = event["time"].as_str().unwrap();
    assert!(time.ends_with('Z') && time.contains('T'), "{time}");
    assert_eq!((&event["name"], event["node"].as_str().map(str::len)), (&json!("a"), Some(52)));
    let nothing = page(&client, &format!("?since={}", seen[2])).await;
    assert_eq!(nothing, json!({"results": [], "last_seq": seen[2]}));
}

#[tokio::test]
async fn numbers_grow_over_crashes() {
    let mut node = Node::start(Options::mesh());
    let mut last = 0;
    for name in ["a", "b", "c"] {
        trust_somebody(&node, name).await;
        let seen = numbers(&page(&node.client(), "").await);
        assert!(seen.is_sorted() && *seen.last().unwrap() > last, "{seen:?} after {last}");
        last = *seen.last().unwrap();
        node.restart();
    }
    assert_eq!(numbers(&page(&node.client(), "").await).len(), 3, "all are kept");
}

#[tokio::test]
async fn a_long_poll_waits_for_the_next_event() {
    let node = Node::start(Options::mesh());
    let client = node.client();
    trust_somebody(&node, "a").await;
    let last = page(&client, "").await["last_seq"].as_u64().unwrap();
    let at_once = page(&client, "?feed=longpoll&since=0").await;
    assert_eq!(numbers(&at_once), [last]);
    let path = format!("/_mesh/events?feed=longpoll&since={last}&timeout=50000");
    let waiting = tokio::spawn(async move { client.get(&path).await.expect(200).json() });
    trust_somebody(&node, "b").await;
    let told = waiting.await.unwrap();
    assert_eq!(told["results"][0]["name"], "b", "{told}");
    let nothing = page(&node.client(), "?feed=longpoll&since=1000000&timeout=10").await;
    assert_eq!(nothing["results"], json!([]));
}

#[tokio::test]
async fn continuous_feeds_go_on() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    let mut events = Events::after(&one.client(), 0).await;
    let path = "/_mesh/events?feed=eventsource&heartbeat=1000";
    let mut source = one.client().request("GET", path).lines().await.unwrap();
    assert_eq!(source.status, 200);
    let kind = source.headers["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("text/event-stream"), "{kind}");
    befriend(&one, &two).await;
    let trusted = events.next_of("trusted", "two").await;
    let up = events.next_of("nodeup", "two").await;
    assert!(up["seq"].as_u64() > trusted["seq"].as_u64());
    let mut told = Vec::new();
    while told.len() < 2 {
        let line = source.next().await.unwrap().expect("a feed that goes on");
        if let Some(data) = line.strip_prefix("data:")
            && let Ok(event) = serde_json::from_str::<Value>(data.trim())
        {
            told.push(event["seq"].clone());
        }
    }
    assert_eq!(told, [trusted["seq"].clone(), up["seq"].clone()]);
}

#[tokio::test]
async fn events_are_for_admins() {
    let node = Node::start(Options::mesh());
    for feed in ["normal", "longpoll", "continuous", "eventsource"] {
        node.anonymous().get(&format!("/_mesh/events?feed={feed}")).await.expect(401);
    }
    let client = node.client();
    client.get("/_mesh/events?feed=nonsense").await.expect(400);
    client.get("/_mesh/events?since=nonsense").await.expect(400);
    client.post("/_mesh/events", json!({})).await.expect(405);
}
