//! Databases that nobody uses are closed, and nobody notices.

use refuge_tests::{Node, Options, eventually};
use serde_json::json;

#[tokio::test]
async fn an_idle_database_is_closed_and_answers_again() {
    let node = Node::start(Options::default().set("databases.idle_seconds=1"));
    let (client, console) = (node.client(), node.console());
    let is_open = |name: &'static str| {
        let console = console.clone();
        async move { console.tree().await.expect("a tree").find(name).is_some() }
    };
    let mut rev = String::new();
    for round in 0..2 {
        client.request("PUT", "/a").try_send().await.expect("an answer");
        let mut body = json!({"round": round});
        if !rev.is_empty() {
            body["_rev"] = json!(rev);
        }
        rev = client.put("/a/b", body).await.expect(201).member("rev");
        assert!(is_open("database/a").await);
        eventually("it is closed", || async { (!is_open("database/a").await).then_some(()) }).await;
        let document = client.get("/a/b").await.expect(200).json();
        assert_eq!((&document["round"], &document["_rev"]), (&json!(round), &json!(rev)));
        assert!(is_open("database/a").await);
        eventually("it is closed again", || async { (!is_open("database/a").await).then_some(()) })
            .await;
    }
    assert_eq!(client.get("/a").await.expect(200).json()["doc_count"], 1);
}

#[tokio::test]
async fn a_database_that_is_followed_stays_open() {
    let node = Node::start(Options::default().set("databases.idle_seconds=1"));
    let client = node.client();
    for name in ["/followed", "/idle"] {
        client.put_nothing(name).await.expect(201);
    }
    let feed = "/followed/_changes?feed=continuous&heartbeat=1000&since=0";
    let mut feed = client.request("GET", feed).lines().await.expect("a feed");
    let tree = || async { node.console().tree().await.expect("a tree") };
    eventually("the idle one is closed", || async {
        tree().await.find("database/idle").is_none().then_some(())
    })
    .await;
    client.put("/followed/a", json!({})).await.expect(201);
    assert_eq!(feed.row().await["id"], "a");
    assert!(tree().await.find("database/followed").is_some());
}
