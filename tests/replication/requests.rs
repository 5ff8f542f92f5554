//! What `_replicate` refuses.

use refuge_tests::{Node, Options};
use serde_json::json;

#[tokio::test]
async fn wrong_requests_are_told_why() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    for body in [
        json!({}),
        json!({"source": "a"}),
        json!({"target": "a"}),
        json!({"source": 1, "target": "a"}),
        json!([]),
    ] {
        let reply = client.post("/_replicate", body.clone()).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
    }
    for body in [
        json!({"source": "missing", "target": "a"}),
        json!({"source": "a", "target": "missing"}),
        json!({"source": format!("{}/missing", node.url()), "target": "a"}),
    ] {
        let reply = client.post("/_replicate", body.clone()).await;
        assert_eq!(
            (reply.status, reply.json()["error"].as_str()),
            (404, Some("db_not_found")),
            "{body}: {}",
            reply.text()
        );
    }
    let wrong = format!("http://admin:wrong@{}/a", node.address());
    let reply = client
        .post("/_replicate", json!({"source": wrong, "target": "b", "create_target": true}))
        .await;
    assert!(
        reply.status >= 400 && !reply.text().contains("wrong@"),
        "no password in an answer: {}",
        reply.text()
    );
    let nowhere =
        client.post("/_replicate", json!({"source": "http://127.0.0.1:1/a", "target": "a"})).await;
    assert!(nowhere.status >= 400, "{}", nowhere.text());
    client.get("/_replicate").await.error(405, "method_not_allowed", "Only POST allowed");
}

#[tokio::test]
async fn what_would_change_the_answer_and_is_later_work_says_so() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    for more in [json!({"view": "a/b"}), json!({"create_target_params": {"other": 1}})] {
        let mut request = json!({"source": "a", "target": "b", "create_target": true});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        client.post("/_replicate", request).await.not_implemented();
    }
}

#[tokio::test]
async fn passwords_do_not_reach_the_log() {
    let node = Node::start(Options::default().set("log.level=debug"));
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    client.put("/a/b", json!({})).await.expect(201);
    let request =
        json!({"source": format!("{}/a", node.url()), "target": "b", "create_target": true});
    client.post("/_replicate", request).await.expect(200);
    let wrong = format!("http://admin:mistyped@{}/a", node.address());
    client.post("/_replicate", json!({"source": wrong, "target": "b"})).await;
    let told =
        node.errors().into_iter().find(|line| line.contains("secret") || line.contains("mistyped"));
    assert_eq!(told, None);
}
