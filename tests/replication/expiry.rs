//! Documents that expire: towards targets that know it, and towards those that do not.

use refuge_tests::{Client, Node, Options, contents, eventually};
use serde_json::json;

use crate::{database, replicate, same};

const LATER: &str = "2999-12-31T23:59:59.000Z";

async fn expiring(client: &Client, name: &str) {
    client.put_nothing(&format!("/{name}")).await.expect(201);
    client.put(&format!("/{name}/_options"), json!({"ttl": true})).await.expect(200);
}

async fn all_gone(client: &Client, name: &str) {
    eventually("all have expired", || async {
        let information = client.get(&format!("/{name}")).await.expect(200).json();
        (information["doc_count"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn both_nodes_expire_the_same_documents_and_agree() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    let (left, right) = (one.client(), two.client());
    for client in [&left, &right] {
        expiring(client, "db").await;
    }
    for number in 0..50 {
        let body = json!({"n": number, "_expires": 3});
        left.put(&format!("/db/d{number}"), body).await.expect(201);
    }
    let pull = json!({"source": database(&one, "db"), "target": "db"});
    let told = replicate(&right, pull.clone()).await.json();
    assert_eq!(told["history"][0]["doc_write_failures"], 0, "{told}");
    assert_eq!(contents(&left, "db").await.len(), 50);
    all_gone(&left, "db").await;
    all_gone(&right, "db").await;
    let before = contents(&right, "db").await;
    assert_eq!(before, contents(&left, "db").await);
    assert!(before.values().all(|(leaves, deleted)| leaves.len() == 1 && *deleted));
    replicate(&right, pull).await;
    assert_eq!(contents(&right, "db").await, before);
}

#[tokio::test]
async fn a_target_that_does_not_know_the_member_is_told_of() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    let (from, to) = (one.client(), two.client());
    expiring(&from, "db").await;
    from.put("/db/expires", json!({"a": 1, "_expires": LATER})).await.expect(201);
    from.put("/db/stays", json!({"a": 2})).await.expect(201);
    to.put_nothing("/db").await.expect(201);
    let request = |strip: bool| json!({"source": "db", "target": database(&two, "db"), "create_target": true, "strip": strip});
    let told = replicate(&from, request(false)).await.json();
    let history = &told["history"][0];
    assert_eq!((&history["doc_write_failures"], &history["docs_written"]), (&json!(1), &json!(1)));
    to.get("/db/stays").await.expect(200);
    to.get("/db/expires").await.expect(404);

    replicate(&from, request(true)).await;
    let document = to.get("/db/expires").await.expect(200).json();
    assert_eq!((&document["a"], &document["_expires"]), (&json!(1), &json!(null)));
    let source = from.get("/db/expires").await.expect(200).json();
    assert_eq!(document["_rev"], source["_rev"]);
}

#[tokio::test]
async fn databases_of_one_node_are_treated_alike() {
    let node = Node::start(Options::default());
    let client = node.client();
    for name in ["a", "b"] {
        expiring(&client, name).await;
    }
    client.put_nothing("/plain").await.expect(201);
    client.put("/a/expires", json!({"_expires": LATER})).await.expect(201);
    replicate(&client, json!({"source": "a", "target": "b"})).await;
    same((&client, "a"), (&client, "b")).await;
    let told = replicate(&client, json!({"source": "a", "target": "plain"})).await.json();
    assert_eq!(told["history"][0]["doc_write_failures"], 1, "{told}");
}

#[tokio::test]
async fn a_target_that_is_made_knows_what_its_source_knows() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    let (from, to) = (one.client(), two.client());
    expiring(&from, "db").await;
    from.put("/db/expires", json!({"_expires": LATER})).await.expect(201);
    let ask = |source: String, target: String| json!({"source": source, "target": target, "create_target": true});
    replicate(&from, ask("db".to_owned(), database(&two, "pushed"))).await;
    replicate(&to, ask(database(&one, "db"), "pulled".to_owned())).await;
    replicate(&from, ask("db".to_owned(), "beside".to_owned())).await;
    for (client, name) in [(&to, "pushed"), (&to, "pulled"), (&from, "beside")] {
        assert_eq!(client.get(&format!("/{name}")).await.json()["props"], json!({"ttl": true}));
        same((&from, "db"), (client, name)).await;
    }
    let mut stripped = ask("db".to_owned(), database(&two, "stripped"));
    stripped["strip"] = json!(true);
    replicate(&from, stripped).await;
    assert_eq!(to.get("/stripped").await.json()["props"], json!({}));
}
