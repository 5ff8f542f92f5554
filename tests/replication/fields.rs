//! Fields of a replication that say as whom, how, and into what.

use refuge_tests::{Node, Options, eventually};
use serde_json::{Value, json};

use crate::{database, replicate};

fn with(source: Value, target: Value, more: Value) -> Value {
    let mut request = json!({"source": source, "target": target, "create_target": true});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

async fn source() -> Node {
    let node = Node::start(Options::default());
    node.client().put_nothing("/a").await.expect(201);
    for number in 0..10 {
        node.client().put(&format!("/a/d{number}"), json!({})).await.expect(201);
    }
    node
}

#[tokio::test]
async fn credentials_come_in_the_url_in_auth_or_in_headers() {
    let (one, two) = (source().await, Node::start(Options::default()));
    let plain = format!("http://{}/a", one.address());
    let basic = json!({"basic": {"username": "admin", "password": "secret"}});
    // admin:secret
    let headers = json!({"authorization": "Basic YWRtaW46c2VjcmV0"});
    for (target, end) in [
        ("by-url", json!(database(&one, "a"))),
        ("by-auth", json!({"url": plain, "auth": basic})),
        ("by-headers", json!({"url": plain, "headers": headers})),
    ] {
        let told = replicate(&two.client(), with(end, json!(target), json!({}))).await.json();
        assert_eq!(told["history"][0]["docs_written"], 10, "{target}: {told}");
    }
    let wrong = json!({"basic": {"username": "admin", "password": "mistyped"}});
    let end = json!({"url": plain, "auth": wrong});
    let reply = two.client().post("/_replicate", with(end, json!("none"), json!({}))).await;
    assert_eq!(reply.status, 401, "{}", reply.text());
    assert!(!reply.text().contains("mistyped"), "{}", reply.text());
}

#[tokio::test]
async fn a_target_is_made_with_as_many_shards_as_it_is_to_have() {
    let (one, two) = (source().await, Node::start(Options::default()));
    let client = one.client();
    let parameters = json!({"create_target_params": {"q": 5, "n": 3, "partitioned": false}});
    replicate(&client, with(json!("a"), json!("here"), parameters.clone())).await;
    replicate(&client, with(json!("a"), json!(database(&two, "there")), parameters)).await;
    for (client, name) in [(&client, "here"), (&two.client(), "there")] {
        assert_eq!(client.get(&format!("/{name}")).await.json()["cluster"]["q"], 5, "{name}");
    }
    let many = json!({"create_target_params": {"q": 1000}});
    client.post("/_replicate", with(json!("a"), json!("many"), many)).await.expect(400);
}

#[tokio::test]
async fn without_checkpoints_none_is_kept_and_with_them_soon() {
    let node = source().await;
    let client = node.client();
    let locals = |name: &'static str| {
        let client = client.clone();
        async move {
            let told = client.get(&format!("/{name}/_local_docs")).await.expect(200).json();
            told["rows"].as_array().map(Vec::len)
        }
    };
    replicate(&client, with(json!("a"), json!("b"), json!({"use_checkpoints": false}))).await;
    assert_eq!((locals("a").await, locals("b").await), (Some(0), Some(0)));
    let more = json!({"continuous": true, "checkpoint_interval": 100, "worker_batch_size": 3,
        "worker_processes": 1, "http_connections": 1, "retries_per_request": 2,
        "connection_timeout": 60_000, "socket_options": "[{keepalive, true}]"});
    client.post("/_replicate", with(json!("a"), json!("c"), more)).await.expect(202);
    eventually("there is a checkpoint", || async {
        (client.get("/c").await.status == 200 && locals("c").await == Some(1)).then_some(())
    })
    .await;
    let tasks = client.get("/_active_tasks").await.expect(200).json();
    assert_eq!(tasks[0]["checkpoint_interval"], 100, "{tasks}");
}

#[tokio::test]
async fn a_request_that_fails_is_repeated_as_often_as_is_asked_for() {
    let node = source().await;
    let nowhere = json!("http://127.0.0.1:1/b");
    let request = with(json!("a"), nowhere, json!({"retries_per_request": 0}));
    let told = node.client().post("/_replicate", request).await;
    assert_eq!(told.status, 500, "{}", told.text());
    assert!(told.member("reason").contains("failed 1 times"), "{}", told.text());
}

#[tokio::test]
async fn a_user_context_takes_rights_away() {
    let node = source().await;
    let client = node.client();
    for name in ["b", "closed"] {
        client.put_nothing(&format!("/{name}")).await.expect(201);
    }
    let members = json!({"admins": {"names": [], "roles": ["_admin"]},
        "members": {"names": ["ada"], "roles": []}});
    for name in ["a", "b"] {
        client.put(&format!("/{name}/_security"), members.clone()).await.expect(200);
    }
    let validation = "function (doc, old, user) { if (user.name !== 'ada' || user.roles[0] !== 'r') \
        throw({forbidden: 'who is ' + user.name}); }";
    client.put("/b/_design/v", json!({"validate_doc_update": validation})).await.expect(201);
    client.put("/a/_design/d", json!({})).await.expect(201);
    let as_user = |target: &str, name: &str| {
        let user = json!({"user_ctx": {"name": name, "roles": ["r"]}});
        let mut request = with(json!("a"), json!(target), user);
        request["create_target"] = json!(false);
        request
    };
    let told = replicate(&client, as_user("b", "ada")).await.json();
    let session = &told["history"][0];
    assert_eq!(session["docs_written"], 10, "{told}");
    assert_eq!(session["doc_write_failures"], 1, "a design document is for admins: {told}");
    assert_eq!(told["refused"][0]["id"], "_design/d");
    for request in [as_user("b", "bob"), as_user("closed", "ada")] {
        client.post("/_replicate", request).await.error_named(403, "forbidden");
    }
    let mut makes = as_user("new", "ada");
    makes["create_target"] = json!(true);
    client.post("/_replicate", makes).await.error_named(403, "forbidden");
    // In a document it is told whose replication it is.
    let mut document = as_user("b", "ada");
    document["continuous"] = json!(true);
    client.put("/_replicator/hers", document).await.expect(201);
    node.replication_is("hers", "running").await;
    let jobs = client.get("/_scheduler/jobs").await.expect(200).json();
    assert_eq!(jobs["jobs"][0]["user"], "ada", "{jobs}");
    client
        .post("/_replicate", with(json!("a"), json!("b"), json!({"user_ctx": "ada"})))
        .await
        .expect(400);
}

#[tokio::test]
async fn a_cancellation_names_the_job_by_its_id_or_its_fields() {
    let node = source().await;
    let client = node.client();
    let request = with(json!("a"), json!("b"), json!({"continuous": true}));
    let gone = || async {
        let jobs = client.get("/_scheduler/jobs").await.expect(200).json();
        assert_eq!(jobs["total_rows"], 0, "{jobs}");
    };
    let id = client.post("/_replicate", request.clone()).await.expect(202).member("_local_id");
    client.post("/_replicate", json!({"replication_id": id, "cancel": true})).await.expect(200);
    gone().await;
    client.post("/_replicate", request.clone()).await.expect(202);
    let mut cancel = request;
    cancel["cancel"] = json!(true);
    client.post("/_replicate", cancel.clone()).await.expect(200);
    gone().await;
    client.post("/_replicate", cancel).await.expect(404);
}
