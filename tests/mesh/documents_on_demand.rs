//! Documents that are not here and that a friend has: they come when somebody asks for them, and not
//! otherwise.

mod made;

use refuge_tests::{Client, Node, Options, befriend, eventually, share};
use serde_json::{Value, json};

const ON: &str = r#"{"enabled": true, "nodes": "group:family", "timeout_ms": 20000}"#;

/// Two nodes that know each other, each with the database `work`; the first asks.
async fn pair() -> (Node, Node) {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    for node in [&one, &two] {
        let admin = node.client();
        admin.put_nothing("/work").await.expect(201);
        share(&admin, "work", "family").await;
    }
    one.client().put_text("/work/_on_demand", ON).await.expect(200);
    (one, two)
}

async fn user(node: &Node, name: &str) -> Client {
    let admin = node.client();
    if admin.get("/_users").await.status == 404 {
        admin.put_nothing("/_users").await.expect(201);
    }
    let document = json!({"name": name, "password": "secret", "roles": ["group"], "type": "user"});
    admin.put(&format!("/_users/org.couchdb.user:{name}"), document).await.expect(201);
    Client::with_credentials(node.address(), name, "secret")
}

#[tokio::test]
async fn a_document_comes_with_its_history_when_it_is_asked_for() {
    let (one, two) = pair().await;
    let (here, there) = (one.client(), two.client());
    let first = there.put("/work/a", json!({"n": 1})).await.expect(201).member("rev");
    let second = json!({"n": 2, "_rev": first, "_attachments": {
        "small": {"content_type": "text/plain", "data": "aGVsbG8="}
    }});
    let second = there.put("/work/a", second).await.expect(201).member("rev");
    let told = here.get("/work/a?revs=true").await.expect(200).json();
    assert_eq!((&told["n"], &told["_rev"]), (&json!(2), &json!(second)));
    assert_eq!(told["_revisions"]["start"], 2);
    assert_eq!(told["_revisions"]["ids"].as_array().unwrap().len(), 2);
    assert_eq!(here.get("/work/a/small").await.expect(200).text(), "hello");
    // It is here now, and nobody is asked any more.
    let rows = here.get("/work/_all_docs").await.expect(200).json();
    assert_eq!(rows["total_rows"], 1);
    here.get("/work/nobody-has-it").await.error(404, "not_found", "missing");
}

#[tokio::test]
async fn a_link_on_a_page_of_another_site_fetches_nothing() {
    let (one, two) = pair().await;
    let (here, there) = (one.client(), two.client());
    there.put("/work/a", json!({"n": 1})).await.expect(201);
    let led = here.request("GET", "/work/a").header("sec-fetch-site", "cross-site").send().await;
    led.error(404, "not_found", "missing");
    let typed = here.request("GET", "/work/a").header("sec-fetch-site", "none").send().await;
    assert_eq!(typed.expect(200).json()["n"], 1);
}

#[tokio::test]
async fn conflicts_come_along_and_a_large_attachment() {
    let (one, two) = pair().await;
    let (here, there) = (one.client(), two.client());
    let [loser, winner] = ["a", "b"].map(|digit| format!("1-{}", digit.repeat(32)));
    let leaves = json!({"new_edits": false, "docs": [
        {"_id": "a", "_rev": loser, "by": "anna"}, {"_id": "a", "_rev": winner, "by": "bert"}
    ]});
    there.post("/work/_bulk_docs", leaves).await.expect(201);
    let told = here.get("/work/a?conflicts=true").await.expect(200).json();
    assert_eq!((&told["by"], &told["_conflicts"]), (&json!("bert"), &json!([loser])));
    let large = "x".repeat(3 << 20);
    there.put_text("/work/b/large", large.clone()).await.expect(201);
    here.get("/work/b").await.expect(200);
    assert_eq!(here.get("/work/b/large").await.expect(200).text(), large);
}

#[tokio::test]
async fn what_was_deleted_here_stays_deleted_and_what_was_deleted_there_does_not_come() {
    let (one, two) = pair().await;
    let (here, there) = (one.client(), two.client());
    there.put("/work/a", json!({"n": 1})).await.expect(201);
    let revision = here.get("/work/a").await.expect(200).member("_rev");
    here.delete(&format!("/work/a?rev={revision}")).await.expect(200);
    here.get("/work/a").await.error(404, "not_found", "deleted");
    let revision = there.put("/work/b", json!({"n": 1})).await.expect(201).member("rev");
    there.delete(&format!("/work/b?rev={revision}")).await.expect(200);
    here.get("/work/b").await.error(404, "not_found", "missing");
    let rows = here.get("/work/_changes").await.expect(200).json();
    assert_eq!(rows["results"].as_array().unwrap().len(), 1, "{rows}");
}

#[tokio::test]
async fn what_nobody_had_is_asked_for_again_of_a_node_that_comes_up() {
    let (one, mut two) = pair().await;
    let (here, there) = (one.client(), two.client());
    there.put("/work/a", json!({"n": 1})).await.expect(201);
    two.kill_hard();
    one.sees("two", false).await;
    here.get("/work/a").await.error(404, "not_found", "missing");
    two.restart();
    eventually("it came by itself", || async {
        let rows = here.get("/work/_all_docs").await.expect(200).json();
        (rows["total_rows"] == 1).then_some(())
    })
    .await;
    assert_eq!(here.get("/work/a").await.expect(200).json()["n"], 1);
}

#[tokio::test]
async fn design_documents_decide_about_what_comes() {
    let (one, two) = pair().await;
    let (here, there) = (one.client(), two.client());
    let judge = "function (doc) { if (doc.bad) { throw { forbidden: 'no' } } }";
    here.put("/work/_design/judge", json!({"validate_doc_update": judge})).await.expect(201);
    there.put("/work/good", json!({})).await.expect(201);
    there.put("/work/bad", json!({"bad": true})).await.expect(201);
    here.get("/work/good").await.expect(200);
    here.get("/work/bad").await.error(404, "not_found", "missing");
}

#[tokio::test]
async fn nodes_are_asked_for_those_who_may_write_and_for_nobody_else() {
    let (one, two) = pair().await;
    let (here, there) = (one.client(), two.client());
    let open = json!({"admins": {"names": [], "roles": []}, "members": {"names": [], "roles": []}});
    here.put("/work/_security", open.clone()).await.expect(200);
    for id in ["a", "_design/a"] {
        there.put(&format!("/work/{id}"), json!({})).await.expect(201);
    }
    one.anonymous().get("/work/a").await.error(404, "not_found", "missing");
    let writer = user(&one, "writer").await;
    writer.get("/work/_design/a").await.error(404, "not_found", "missing");
    writer.put_text("/work/_on_demand", ON).await.expect(401);
    // Nor does an admin of the database alone have nodes asked in this node's name.
    let owned = json!({"admins": {"names": ["writer"]}, "members": {}});
    here.put("/work/_security", owned).await.expect(200);
    writer.put_text("/work/_on_demand", ON).await.expect(401);
    here.put("/work/_security", open).await.expect(200);
    writer.get("/work/a").await.expect(200);
    here.get("/work/_design/a").await.expect(200);
    // Nor is a node asked for another node: what comes from far is asked for by nobody.
    there.put_text("/work/_on_demand", ON).await.expect(200);
    there.put("/work/_security", json!({})).await.expect(200);
    here.get("/work/neither").await.error(404, "not_found", "missing");
}

#[tokio::test]
async fn a_document_is_stored_for_the_one_who_asks_and_not_for_an_admin() {
    let (one, two) = pair().await;
    let (here, there) = (one.client(), two.client());
    let open = json!({"admins": {"names": [], "roles": []}, "members": {"names": [], "roles": []}});
    here.put("/work/_security", open).await.expect(200);
    let judge = "function (doc, old, user) { if (user.name !== doc.by) throw { forbidden: 'no' } }";
    here.put("/work/_design/judge", json!({"validate_doc_update": judge, "by": "x"})).await;
    for id in ["a", "b"] {
        there.put(&format!("/work/{id}"), json!({"by": "writer"})).await.expect(201);
    }
    here.get("/work/a").await.error(404, "not_found", "missing");
    let writer = user(&one, "writer").await;
    writer.get("/work/b").await.expect(200);
    // That another was refused is no miss.
    writer.get("/work/a").await.expect(200);
}

#[tokio::test]
async fn it_is_off_until_somebody_wants_it_and_stays_as_it_is_set() {
    let mut node = Node::start(Options::default());
    let admin = node.client();
    admin.put_nothing("/work").await.expect(201);
    let off = json!({"enabled": false, "nodes": "*", "timeout_ms": 2000});
    assert_eq!(admin.get("/work/_on_demand").await.expect(200).json(), off);
    for wrong in [
        json!({"enabled": 1}),
        json!({"on": true}),
        json!({"enabled": true, "nodes": "group:"}),
        json!({"enabled": true, "timeout_ms": 0}),
        json!({"enabled": true, "timeout_ms": 60_001}),
        json!({"enabled": true, "function": 5}),
        json!({"enabled": true, "function": "_design/maker"}),
        json!([]),
    ] {
        admin.put("/work/_on_demand", wrong).await.error_named(400, "bad_request");
    }
    let set = json!({"enabled": true, "nodes": "bert", "timeout_ms": 2000, "function": "maker"});
    let told = json!({"enabled": true, "nodes": "bert", "function": "maker"});
    admin.put("/work/_on_demand", told).await.expect(200);
    node.restart();
    let admin = node.client();
    assert_eq!(admin.get("/work/_on_demand").await.expect(200).json(), set);
    // Another database of the same name is another.
    admin.delete("/work").await.expect(200);
    admin.put_nothing("/work").await.expect(201);
    assert_eq!(admin.get("/work/_on_demand").await.expect(200).json(), off);
    let users = admin.put("/_replicator/_on_demand", json!({"enabled": true})).await;
    assert!(matches!(users.status, 403 | 404), "{}", users.status);
    let told: Value = admin.get("/work/a").await.json();
    assert_eq!(told["reason"], "missing");
}
