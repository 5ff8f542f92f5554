//! Feeds that wait: longpoll, continuous, eventsource.

use refuge_tests::{Client, Lines};
use serde_json::json;

use crate::{database, ids, put_all};

async fn feed(client: &Client, path: &str, query: &str) -> Lines {
    let lines = client.request("GET", &format!("{path}/_changes?{query}")).lines().await;
    let lines = lines.unwrap_or_else(|broken| panic!("{}", broken.0));
    assert_eq!(lines.status, 200);
    lines
}

#[tokio::test]
async fn longpoll_answers_at_once_when_there_is_something() {
    let (client, path) = database("longpoll").await;
    put_all(&client, &path, &[("a", json!({}))]).await;
    let told = client.get(&format!("{path}/_changes?feed=longpoll")).await.expect(200).json();
    assert_eq!(ids(&told), ["a"]);
    assert_eq!(told["pending"], 0);
}

#[tokio::test]
async fn longpoll_waits_for_the_next_change() {
    let (client, path) = database("longpoll").await;
    put_all(&client, &path, &[("a", json!({}))]).await;
    let asked = format!("{path}/_changes?feed=longpoll&since=now&timeout=50000&include_docs=true");
    // The head of the answer says that the node has the question and waits.
    let mut waiting = client.request("GET", &asked).lines().await.unwrap();
    client.put(&format!("{path}/b"), json!({"n": 1})).await.expect(201);
    let mut text = String::new();
    while let Some(line) = waiting.next().await.unwrap() {
        text.push_str(&line);
    }
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(ids(&told), ["b"]);
    assert_eq!(told["results"][0]["doc"]["n"], 1);
    assert!(told["last_seq"].as_str().unwrap().starts_with("2-"), "{told}");
}

#[tokio::test]
async fn longpoll_gives_up_after_its_time() {
    let (client, path) = database("longpoll").await;
    let told = client
        .get(&format!("{path}/_changes?feed=longpoll&since=now&timeout=50"))
        .await
        .expect(200)
        .json();
    assert_eq!(told["results"], json!([]));
    assert!(told["last_seq"].as_str().unwrap().starts_with('0'), "{told}");
}

#[tokio::test]
async fn a_continuous_feed_follows() {
    let (client, path) = database("continuous").await;
    put_all(&client, &path, &[("a", json!({}))]).await;
    let mut lines = feed(&client, &path, "feed=continuous&heartbeat=60000").await;
    assert_eq!(lines.row().await["id"], "a");
    for number in 0..50 {
        client.put(&format!("{path}/{number}"), json!({})).await.expect(201);
        let row = lines.row().await;
        assert_eq!(row["id"], number.to_string());
        assert!(row["seq"].as_str().unwrap().starts_with(&format!("{}-", number + 2)), "{row}");
    }
}

#[tokio::test]
async fn a_continuous_feed_misses_nothing_under_load() {
    let (client, path) = database("continuous").await;
    let mut lines = feed(&client, &path, "feed=continuous&heartbeat=60000").await;
    let load = refuge_tests::Load::start(crate::NODE.address(), &path[1..], "load", 8);
    load.advance(1000).await;
    let mut acknowledged = load.stop().await;
    while !acknowledged.is_empty() {
        let row = lines.row().await;
        let rev = acknowledged.remove(row["id"].as_str().unwrap());
        assert_eq!(rev.as_deref(), row["changes"][0]["rev"].as_str(), "{row}");
    }
}

#[tokio::test]
async fn heartbeats_are_empty_lines() {
    let (client, path) = database("heartbeat").await;
    let mut lines = feed(&client, &path, "feed=continuous&heartbeat=20").await;
    for _ in 0..3 {
        assert_eq!(lines.next().await.unwrap().as_deref(), Some(""));
    }
    client.put(&format!("{path}/a"), json!({})).await.expect(201);
    assert_eq!(lines.row().await["id"], "a");
}

#[tokio::test]
async fn heartbeats_keep_a_longpoll_alive_too() {
    let (client, path) = database("heartbeat").await;
    let mut lines = feed(&client, &path, "feed=longpoll&since=now&heartbeat=20").await;
    let mut empty = 0;
    while empty < 3 {
        let line = lines.next().await.unwrap().expect("a feed that waits");
        empty += usize::from(line.is_empty());
    }
    client.put(&format!("{path}/a"), json!({})).await.expect(201);
    let mut text = String::new();
    while let Some(line) = lines.next().await.unwrap() {
        text.push_str(&line);
    }
    assert!(text.contains("\"id\":\"a\""), "{text}");
}

#[tokio::test]
async fn a_continuous_feed_ends_with_its_position() {
    let (client, path) = database("timeout").await;
    put_all(&client, &path, &[("a", json!({}))]).await;
    let mut lines = feed(&client, &path, "feed=continuous&timeout=50").await;
    assert_eq!(lines.row().await["id"], "a");
    let last = lines.row().await;
    assert!(last["last_seq"].as_str().unwrap().starts_with("1-"), "{last}");
    assert_eq!(last["pending"], 0);
    assert!(lines.next_row().await.unwrap().is_none());
}

#[tokio::test]
async fn a_continuous_feed_with_a_limit_ends() {
    let (client, path) = database("limit").await;
    put_all(&client, &path, &[("a", json!({})), ("b", json!({})), ("c", json!({}))]).await;
    let mut lines = feed(&client, &path, "feed=continuous&limit=2&heartbeat=60000").await;
    assert_eq!(lines.row().await["id"], "a");
    assert_eq!(lines.row().await["id"], "b");
    let last = lines.row().await;
    assert!(last["last_seq"].as_str().unwrap().starts_with("2-"), "{last}");
    assert!(lines.next_row().await.unwrap().is_none());
}

#[tokio::test]
async fn an_event_source_tells_events() {
    let (client, path) = database("events").await;
    put_all(&client, &path, &[("a", json!({"n": 1}))]).await;
    let mut lines = feed(&client, &path, "feed=eventsource&heartbeat=20&include_docs=true").await;
    let kind = lines.headers["content-type"].to_str().unwrap();
    assert!(kind.starts_with("text/event-stream"), "{kind}");
    let data = lines.next().await.unwrap().unwrap();
    let row: serde_json::Value =
        serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((&row["id"], &row["doc"]["n"]), (&json!("a"), &json!(1)));
    let id = lines.next().await.unwrap().unwrap();
    assert_eq!(id, format!("id: {}", row["seq"]));
    assert_eq!(lines.next().await.unwrap().as_deref(), Some(""));
    assert_eq!(lines.next().await.unwrap().as_deref(), Some("event: heartbeat"));
    // A browser comes back with the last id it saw.
    let asked = format!("{path}/_changes?feed=eventsource&heartbeat=60000");
    client.put(&format!("{path}/b"), json!({})).await.expect(201);
    let again = client.request("GET", &asked).header("last-event-id", &row["seq"].to_string());
    let mut lines = again.lines().await.unwrap();
    assert!(lines.next().await.unwrap().unwrap().contains("\"id\":\"b\""));
}

#[tokio::test]
async fn a_feed_of_a_database_that_goes_away_ends() {
    let (client, path) = database("gone").await;
    let mut lines = feed(&client, &path, "feed=continuous&heartbeat=1000").await;
    client.delete(&path).await.expect(200);
    // With or without a last line: what matters is that it does not hang.
    let end = async { while let Ok(Some(_)) = lines.next_row().await {} };
    let ended = tokio::time::timeout(std::time::Duration::from_secs(20), end).await;
    assert!(ended.is_ok(), "the feed goes on as if the database were there");
    client.get(&path).await.expect(404);
}

#[tokio::test]
async fn an_unknown_feed_is_refused() {
    let (client, path) = database("unknown").await;
    client.get(&format!("{path}/_changes?feed=nonsense")).await.expect(400);
    client.get(&format!("{path}/_changes?heartbeat=never&feed=continuous")).await.expect(400);
    client.get(&format!("{path}/_changes?limit=x")).await.expect(400);
}
