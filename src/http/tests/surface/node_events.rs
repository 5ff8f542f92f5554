//! The feed of what happens to other nodes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::Client;
use crate::memory::MemoryNode;

async fn admin_of(numbers: &[u64]) -> (Arc<MemoryNode>, Client) {
    let node = Arc::new(MemoryNode::with_admin());
    for number in numbers {
        node.mesh.happen(*number);
    }
    let client = Client::named(node.clone(), "ada", "secret").await;
    (node, client)
}

fn numbers(answer: &Value) -> Vec<u64> {
    let events = answer["results"].as_array().unwrap();
    events.iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_normal_feed_tells_what_happened_behind_a_number() {
    let (_, mut client) = admin_of(&[1, 2, 100]).await;
    let answer = client.get("/_mesh/events").await.expect(200).json();
    assert_eq!(numbers(&answer), [1, 2, 100]);
    assert_eq!((&answer["last_seq"], answer.get("missed")), (&json!(100), None));
    assert_eq!(answer["results"][0]["event"], "nodeup");
    let answer = client.get("/_mesh/events?since=1&limit=1").await.expect(200).json();
    assert_eq!((numbers(&answer), &answer["last_seq"]), (vec![2], &json!(2)));
    for since in ["now", "100", "1000"] {
        let path = format!("/_mesh/events?since={since}");
        assert_eq!(
            client.get(&path).await.expect(200).json(),
            json!({"results": [], "last_seq": 100})
        );
    }
    client.get("/_mesh/events?since=x").await.expect(400);
    client.post("/_mesh/events", "{}").await.expect(405);
}

#[tokio::test]
async fn events_that_are_no_longer_kept_are_missed() {
    let all: Vec<u64> = (1..=12).collect();
    let (_, mut client) = admin_of(&all).await;
    let answer = client.get("/_mesh/events?since=1").await.expect(200).json();
    assert_eq!((numbers(&answer).first(), &answer["missed"]), (Some(&3), &json!(true)));
    let answer = client.get("/_mesh/events?since=2").await.expect(200).json();
    assert_eq!(answer.get("missed"), None);
    let path = "/_mesh/events?feed=continuous&limit=1";
    let lines = client.get(path).await.expect(200).text();
    assert!(lines.starts_with("{\"missed\":true}\n{\"seq\":3,"), "{lines}");
    assert!(lines.ends_with("\n{\"last_seq\":3,\"missed\":true}\n"), "{lines}");
    let path = "/_mesh/events?feed=eventsource&limit=1";
    let events = client.get(path).await.expect(200).text();
    assert!(events.starts_with("event: missed\ndata: {\"missed\":true}\n\ndata: {"), "{events}");
    assert!(events.ends_with("\nid: 3\n\n"), "{events}");
}

#[tokio::test(start_paused = true)]
async fn a_longpoll_waits_for_the_first_event() {
    let (node, mut client) = admin_of(&[7]).await;
    let mut feed = client.open("GET /_mesh/events?feed=longpoll&since=now", &[], "").await;
    assert_eq!(feed.piece().await.as_deref(), Some("{\"results\":[\n\n"));
    node.mesh.happen(9);
    let rest = feed.rest().await;
    assert!(rest.starts_with("{\"seq\":9,"), "{rest}");
    assert!(rest.ends_with("}\n],\n\"last_seq\":9}\n"), "{rest}");
    let begin = tokio::time::Instant::now();
    let path = "/_mesh/events?feed=longpoll&since=9&timeout=3000";
    assert_eq!(client.get(path).await.json(), json!({"results": [], "last_seq": 9}));
    assert_eq!(begin.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_continuous_feed_shows_life_and_ends_with_the_node() {
    let (node, mut client) = admin_of(&[1]).await;
    let path = "GET /_mesh/events?feed=continuous&heartbeat=2000";
    let mut feed = client.open(path, &[], "").await;
    assert!(feed.piece().await.is_some_and(|line| line.starts_with("{\"seq\":1,")));
    let begin = tokio::time::Instant::now();
    assert_eq!(feed.piece().await.as_deref(), Some("\n"));
    assert_eq!(begin.elapsed(), Duration::from_secs(2));
    node.mesh.happen(2);
    assert!(feed.piece().await.is_some_and(|line| line.starts_with("{\"seq\":2,")));
    client.shutdown.send(true).unwrap();
    assert_eq!(feed.rest().await, "{\"last_seq\":2}\n");
}

#[tokio::test(start_paused = true)]
async fn an_event_source_goes_on_where_the_browser_was() {
    let (node, mut client) = admin_of(&[1, 2]).await;
    let headers = [("last-event-id", "1")];
    let mut feed = client.open("GET /_mesh/events?feed=eventsource", &headers, "").await;
    assert_eq!(feed.headers.get("content-type").unwrap(), "text/event-stream");
    let event = feed.piece().await.unwrap();
    assert!(event.starts_with("data: {\"seq\":2,") && event.ends_with("}\nid: 2\n\n"), "{event}");
    node.mesh.happen(3);
    assert!(feed.piece().await.is_some_and(|event| event.ends_with("}\nid: 3\n\n")));
}

#[tokio::test]
async fn events_are_for_admins() {
    let (node, _) = admin_of(&[1]).await;
    Client::anonymous(node.clone()).await.get("/_mesh/events").await.expect(401);
    Client::named(node, "bob", "bob").await.get("/_mesh/events").await.expect(401);
    let without_admin = Arc::new(MemoryNode::new());
    Client::anonymous(without_admin).await.get("/_mesh/events").await.expect(401);
}
