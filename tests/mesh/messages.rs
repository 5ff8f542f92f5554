//! What applications on two nodes say to each other: it arrives once, whatever is down in between, and
//! nobody reads or sends it who may not.

use refuge_tests::{Certificate, Client, Node, Options, Peering, Visitor, befriend, eventually};
use serde_json::{Value, json};

fn text(body: &str) -> Value {
    json!({"to": "two", "app": "chat", "body": {"text": body}})
}

async fn send(node: &Node, body: &str) -> Value {
    node.client().post("/_mesh/messages", text(body)).await.expect(202).json()
}

/// All that came, once there are so many.
async fn received(node: &Node, count: usize) -> Vec<Value> {
    let client = node.client();
    eventually("the messages came", || async {
        let told = client.get("/_mesh/messages?app=chat").await.expect(200).json();
        let rows = told["results"].as_array().expect("rows").clone();
        (rows.len() >= count).then_some(rows)
    })
    .await
}

fn texts(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["body"]["text"].as_str().expect("a text")).collect()
}

#[tokio::test]
async fn a_message_arrives_at_a_node_that_is_up() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    let client = two.client();
    let path = "/_mesh/messages?app=chat&feed=continuous&heartbeat=1000";
    let mut feed = client.request("GET", path).lines().await.expect("a feed");
    let sent = send(&one, "hello").await;
    let row = feed.row().await;
    assert_eq!(row["id"], sent["id"]);
    assert_eq!(row["from"], json!(one.id().await));
    assert_eq!((&row["name"], &row["app"]), (&json!("one"), &json!("chat")));
    assert_eq!((&row["seq"], &row["body"]), (&json!(1), &json!({"text": "hello"})));
    assert_eq!(sent["to"], json!([two.id().await]));
    send(&one, "again").await;
    assert_eq!(feed.row().await["body"]["text"], "again");
}

#[tokio::test]
async fn a_message_waits_for_a_node_that_is_down_over_a_restart_of_its_sender() {
    let (mut one, mut two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    send(&one, "first").await;
    received(&two, 1).await;
    two.kill_hard();
    one.sees("two", false).await;
    for body in ["second", "third"] {
        send(&one, body).await;
    }
    one.restart();
    send(&one, "fourth").await;
    two.restart();
    let rows = received(&two, 4).await;
    assert_eq!(texts(&rows), ["first", "second", "third", "fourth"]);
    // Its receiver knows what it has after a restart, too, and goes on counting.
    two.restart();
    one.restart();
    send(&one, "fifth").await;
    let rows = received(&two, 5).await;
    assert_eq!(texts(&rows), ["first", "second", "third", "fourth", "fifth"]);
    let numbers: Vec<_> = rows.iter().map(|row| row["seq"].as_u64().expect("a number")).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn many_messages_arrive_in_their_order_however_often_the_receiver_is_killed() {
    let (one, mut two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    let wanted: Vec<String> = (0..60).map(|number| number.to_string()).collect();
    for (number, body) in wanted.iter().enumerate() {
        send(&one, body).await;
        if number % 20 == 10 {
            two.restart();
        }
    }
    let rows = received(&two, wanted.len()).await;
    assert_eq!(texts(&rows), wanted);
}

#[tokio::test]
async fn the_actor_may_be_killed_and_nothing_is_lost() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    send(&one, "first").await;
    for node in [&one, &two] {
        node.console().kill("messages").await.expect("it is killed");
    }
    let client = one.client();
    eventually("it is there again", || async {
        let sent = client.post("/_mesh/messages", text("second")).await;
        (sent.status == 202).then_some(())
    })
    .await;
    assert_eq!(texts(&received(&two, 2).await), ["first", "second"]);
    let peers = two.peer(&["list"]).await;
    assert_eq!(peers["peers"][0]["up"], true, "no link was cut");
}

#[tokio::test]
async fn messages_are_for_admins_and_for_their_application() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    let user = |name: &str, role: &str| {
        let document = json!({
            "name": name, "password": "secret", "roles": [role], "type": "user"
        });
        let (admin, path) = (one.client(), format!("/_users/org.couchdb.user:{name}"));
        async move { admin.put(&path, document).await.expect(201) }
    };
    let admin = one.client();
    if admin.get("/_users").await.status == 404 {
        admin.put_nothing("/_users").await.expect(201);
    }
    user("chatter", "app:chat").await;
    user("mailer", "app:mail").await;
    let chatter = Client::with_credentials(one.address(), "chatter", "secret");
    let mailer = Client::with_credentials(one.address(), "mailer", "secret");
    chatter.post("/_mesh/messages", text("hello")).await.expect(202);
    chatter.get("/_mesh/messages?app=chat").await.expect(200);
    chatter.get("/_mesh/messages").await.expect(403);
    mailer.post("/_mesh/messages", text("hello")).await.expect(403);
    mailer.get("/_mesh/messages?app=chat").await.expect(403);
    let nobody = one.anonymous();
    nobody.post("/_mesh/messages", text("hello")).await.expect(401);
    nobody.get("/_mesh/messages?app=chat").await.expect(401);
    // Not even a trusted node reads them, or sends without a link.
    let certificate = Certificate::rsa(2048);
    one.peer(&["add", &certificate.node_id(), "--name", "three"]).await;
    let visitor = Visitor::with(one.mesh_address(), &certificate);
    visitor.get("/_mesh/messages?app=chat").await.expect(403);
    assert_eq!(texts(&received(&two, 1).await), ["hello"]);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_with_what_to_do() {
    let node = Node::start(Options::mesh());
    let away = Certificate::rsa(2048).node_id();
    let peering = Peering { name: "two", ..Peering::default() };
    node.peer(&["add", &away, "--name", peering.name]).await;
    let client = node.client();
    let post = |body: Value| {
        let client = client.clone();
        async move { client.post("/_mesh/messages", body).await }
    };
    post(json!({"to": "nobody", "app": "chat", "body": 1})).await.error_named(404, "not_found");
    post(json!({"to": "group:", "app": "chat", "body": 1})).await.error_named(400, "bad_request");
    post(json!({"to": "two", "app": "Chat!", "body": 1})).await.error_named(400, "bad_request");
    post(json!({"to": "two", "app": "chat"})).await.error_named(400, "bad_request");
    let long = "x".repeat(63 * 1024);
    post(json!({"to": "two", "app": "chat", "body": long}))
        .await
        .error_named(413, "message_too_large");
    post(json!({"to": "two", "app": "chat", "body": "x".repeat(80 * 1024)})).await.expect(413);
    for number in 0..1_000 {
        post(json!({"to": "two", "app": "chat", "body": number})).await.expect(202);
    }
    post(text("one more")).await.error_named(429, "too_many_messages");
    node.peer(&["revoke", "two"]).await;
    post(text("one more")).await.error_named(404, "not_found");
}
