//! Databases of replications with other names than `_replicator`.

use refuge_tests::{Client, Node, Options, eventually};
use serde_json::{Value, json};

fn document(target: &str) -> Value {
    json!({"source": "a", "target": target, "create_target": true, "continuous": true})
}

async fn state(client: &Client, path: &str, state: &str) -> Value {
    eventually(&format!("{path} is {state}"), || async {
        let reply = client.get(path).await;
        (reply.status == 200 && reply.json()["state"] == state).then(|| reply.json())
    })
    .await
}

async fn arrives(client: &Client, path: &str) {
    eventually(&format!("{path} arrives"), || async {
        (client.get(path).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn they_are_followed_from_when_they_are_made_until_they_are_deleted() {
    let mut node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    client.put("/a/first", json!({})).await.expect(201);
    client.put_nothing("/team%2F_replicator").await.expect(201);
    client.put("/team%2F_replicator/one", document("b")).await.expect(201);
    client.put("/_replicator/one", document("c")).await.expect(201);
    let path = "/_scheduler/docs/team%2F_replicator/one";
    let told = state(&client, path, "running").await;
    assert_eq!((&told["database"], &told["doc_id"]), (&json!("team/_replicator"), &json!("one")));
    node.replication_is("one", "running").await;
    let of_it = client.get("/_scheduler/docs/team%2F_replicator").await.expect(200).json();
    assert_eq!((&of_it["total_rows"], &of_it["docs"][0]["target"]), (&json!(1), &json!("b")));
    let of_it = client.get("/_scheduler/docs/team/_replicator").await.expect(200).json();
    assert_eq!(of_it["docs"][0]["doc_id"], "one");
    let usual = client.get("/_scheduler/docs").await.expect(200).json();
    assert_eq!((&usual["total_rows"], &usual["docs"][0]["target"]), (&json!(1), &json!("c")));
    let owned = client.get("/team%2F_replicator/one").await.expect(200).json();
    assert_eq!(owned["owner"], "admin", "{owned}");
    let id = told["id"].as_str().expect("an id").replace('+', "%2B");
    let job = client.get(&format!("/_scheduler/jobs/{id}")).await.expect(200).json();
    assert_eq!(job["database"], "team/_replicator");
    // Nobody but admins writes there: what is asked for runs as the node.
    node.anonymous().put("/team%2F_replicator/x", document("d")).await.expect(401);
    // A one-shot one says in its document that it is done.
    let once = json!({"source": "a", "target": "once", "create_target": true});
    client.put("/team%2F_replicator/once", once).await.expect(201);
    eventually("it says that it is done", || async {
        let told = client.get("/team%2F_replicator/once").await.expect(200).json();
        (told["_replication_state"] == "completed").then_some(())
    })
    .await;

    node.restart();
    let client = node.client();
    state(&client, path, "running").await;
    client.put("/a/second", json!({})).await.expect(201);
    arrives(&client, "/b/second").await;

    client.delete("/team%2F_replicator").await.expect(200);
    eventually("its job is gone", || async {
        let jobs = client.get("/_scheduler/jobs").await.expect(200).json();
        (jobs["total_rows"] == 1 && jobs["jobs"][0]["target"] == "c").then_some(())
    })
    .await;
    client.get(path).await.expect(404);
    client.get("/_scheduler/docs/team%2F_replicator").await.expect(404);
    // Made anew under the same name it is another one.
    client.put_nothing("/team%2F_replicator").await.expect(201);
    client.put("/team%2F_replicator/two", document("e")).await.expect(201);
    arrives(&client, "/e/second").await;
    client.get(path).await.expect(404);
}

#[tokio::test]
async fn a_crash_of_who_follows_them_loses_nothing() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    client.put_nothing("/team%2F_replicator").await.expect(201);
    client.put("/team%2F_replicator/one", document("b")).await.expect(201);
    let path = "/_scheduler/docs/team%2F_replicator/one";
    state(&client, path, "running").await;
    for actor in ["replicator-documents", "replication-scheduler"] {
        node.console().command("kill", &[actor]).await.expect("an answer");
        let id = format!("/a/after-{actor}");
        client.put(&id, json!({})).await.expect(201);
        arrives(&client, &id.replace("/a/", "/b/")).await;
        state(&client, path, "running").await;
    }
}
