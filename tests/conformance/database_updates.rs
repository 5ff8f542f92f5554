//! `_db_updates`: what happens to the databases of a node.

use refuge_tests::{Client, Lines, Node, Options, eventually};
use serde_json::{Value, json};

/// Names and kinds of an answer's rows, in order.
fn rows(told: &Value) -> Vec<(String, String)> {
    let rows = told["results"].as_array().expect("rows").iter();
    let told = rows.map(|row| {
        let text = |member: &str| row[member].as_str().expect("text").to_owned();
        assert!(text("seq").contains('-'), "{row}");
        (text("db_name"), text("type"))
    });
    // The system makes its own databases when it finds time.
    told.filter(|(name, _)| !name.starts_with('_')).collect()
}

fn pair(name: &str, kind: &str) -> (String, String) {
    (name.to_owned(), kind.to_owned())
}

/// The next row of a continuous feed that is not of the system.
async fn next(lines: &mut Lines) -> Value {
    loop {
        let row = lines.row().await;
        if row["db_name"].as_str().is_some_and(|name| !name.starts_with('_')) {
            return row;
        }
    }
}

/// Waits until the system has made its databases.
async fn settled(client: &Client) {
    eventually("the system's databases are made", || async {
        let told = updates(client, "").await;
        let made = told["results"].as_array().map_or(0, Vec::len);
        (made >= 2).then_some(())
    })
    .await;
}

async fn updates(client: &Client, query: &str) -> Value {
    client.get(&format!("/_db_updates{query}")).await.expect(200).json()
}

#[tokio::test]
async fn a_database_is_made_changed_and_removed() {
    let node = Node::start(Options::default());
    let client = node.client();
    settled(&client).await;
    client.put_nothing("/a").await.expect(201);
    client.put_nothing("/b").await.expect(201);
    assert_eq!(rows(&updates(&client, "").await), [pair("a", "created"), pair("b", "created")]);
    let known = updates(&client, "").await["last_seq"].as_str().expect("text").to_owned();
    for number in 0..20 {
        client.put(&format!("/a/{number}"), json!({})).await.expect(201);
    }
    let since = format!("?since={known}");
    let told = eventually("the change is told", || async {
        let told = updates(&client, &since).await;
        (!rows(&told).is_empty()).then_some(told)
    })
    .await;
    assert_eq!(rows(&told), [pair("a", "updated")], "twenty writes are one row");
    client.delete("/b").await.expect(200);
    let all =
        [pair("a", "created"), pair("b", "created"), pair("a", "updated"), pair("b", "deleted")];
    let told = eventually("the removal is told", || async {
        let told = rows(&updates(&client, "").await);
        (told.last() == Some(&pair("b", "deleted"))).then_some(told)
    })
    .await;
    assert_eq!(told, all);
    let backwards = rows(&updates(&client, "?descending=true&limit=2").await);
    assert_eq!(backwards, [pair("b", "deleted"), pair("a", "updated")]);
    assert_eq!(rows(&updates(&client, "?since=now").await), []);
    client.get("/_db_updates?feed=x").await.error_named(400, "bad_request");
    node.anonymous().get("/_db_updates").await.error_named(401, "unauthorized");
}

#[tokio::test]
async fn feeds_tell_what_comes() {
    let node = Node::start(Options::default());
    let client = node.client();
    settled(&client).await;
    let waiting = {
        let client = node.client();
        tokio::spawn(async move { updates(&client, "?feed=longpoll&since=now").await })
    };
    let feed = "/_db_updates?feed=continuous&since=now&heartbeat=500";
    let mut lines = client.request("GET", feed).lines().await.expect("a feed");
    let source = "/_db_updates?feed=eventsource&timeout=500";
    client.put_nothing("/new").await.expect(201);
    let row = next(&mut lines).await;
    assert_eq!((&row["db_name"], &row["type"]), (&json!("new"), &json!("created")));
    assert_eq!(rows(&waiting.await.expect("an answer")), [pair("new", "created")]);
    let events = client.get(source).await.expect(200);
    assert_eq!(events.header("content-type"), "text/event-stream");
    assert!(
        events.text().contains("data: {\"db_name\":\"new\",\"type\":\"created\""),
        "{}",
        events.text()
    );
    client.put("/new/a", json!({})).await.expect(201);
    assert_eq!(next(&mut lines).await["type"], "updated");
    let ended = updates(&client, "?feed=longpoll&since=now&timeout=50").await;
    assert_eq!(rows(&ended), []);
}

#[tokio::test]
async fn nothing_is_missed_over_a_crash() {
    let mut node = Node::start(Options::default());
    let client = node.client();
    for name in ["/kept", "/removed"] {
        client.put_nothing(name).await.expect(201);
    }
    assert_eq!(rows(&updates(&client, "").await).len(), 2);
    // What follows may be written down or not when the node is killed.
    client.put_nothing("/late").await.expect(201);
    client.put("/kept/a", json!({})).await.expect(201);
    client.delete("/removed").await.expect(200);
    node.restart();
    let client = node.client();
    let told = eventually("all is told", || async {
        let told = rows(&updates(&client, "").await);
        let wanted = [pair("late", "created"), pair("kept", "updated"), pair("removed", "deleted")];
        wanted.iter().all(|row| told.contains(row)).then_some(told)
    })
    .await;
    assert_eq!(told.iter().filter(|row| **row == pair("late", "created")).count(), 1, "{told:?}");
}

#[tokio::test]
async fn a_restart_of_the_log_loses_nothing_and_disturbs_nobody() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let tree = || async { node.console().tree().await.expect("a tree") };
    let incarnation = |tree: &refuge_otp::TreeNode, name: &str| {
        tree.find(name).and_then(|actor| actor.incarnation)
    };
    let before = tree().await;
    let feed = "/_db_updates?feed=continuous&heartbeat=500";
    let mut lines = client.request("GET", feed).lines().await.expect("a feed");
    assert_eq!(next(&mut lines).await["db_name"], "a");
    node.console().kill("database-updates").await.expect("killed");
    client.put_nothing("/b").await.expect(201);
    assert_eq!(next(&mut lines).await["db_name"], "b");
    let after = tree().await;
    for name in ["database-directory", "open-databases"] {
        assert_eq!(incarnation(&before, name), incarnation(&after, name), "{name}");
    }
}
