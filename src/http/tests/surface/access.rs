//! Who may do what.

use std::sync::Arc;

use crate::client::Client;
use crate::memory::{MemoryNode, TOKEN};

#[tokio::test]
async fn without_an_admin_only_the_set_up_link_answers() {
    let node = Arc::new(MemoryNode::new());
    let mut client = Client::anonymous(node.clone()).await;
    client.get("/").await.expect(200);
    client.get("/_up").await.expect(200);
    for closed in ["/_all_dbs", "/_session", "/_uuids", "/db", "/db/x", "/_node/x", "/_utils/"] {
        client.get(closed).await.expect(401);
    }
    client.put("/db", "").await.expect(401);
    client.get("/_setup/wrong").await.expect(401);
    let page = format!("/_setup/{TOKEN}");
    let form = client.send(&format!("GET {page}"), &[], "").await.expect(200);
    assert_eq!(form.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(form.header("referrer-policy"), Some("no-referrer"));
    client.post(&page, r#"{"name":"","password":"x"}"#).await.expect(400);
    client.post(&page, r#"{"name":"ada","password":"secret"}"#).await.expect(201);
    client.post(&page, r#"{"name":"eve","password":"secret"}"#).await.expect(401);
    client.get("/_session").await.expect(200);
    Client::named(node, "ada", "secret").await.get("/_all_dbs").await.expect(200);
}

#[tokio::test]
async fn the_set_up_form_of_a_browser_is_taken() {
    let node = Arc::new(MemoryNode::new());
    let mut client = Client::anonymous(node.clone()).await;
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let line = format!("POST /_setup/{TOKEN}");
    let made = client.send(&line, &headers, "name=ada+l&password=a%26b").await.expect(201);
    assert_eq!(made.header("content-type"), Some("text/html; charset=utf-8"));
    Client::named(node, "ada l", "a&b").await.get("/_all_dbs").await.expect(200);
}

#[tokio::test]
async fn an_admin_in_json_is_called_json() {
    let node = Arc::new(MemoryNode::new());
    let line = format!("POST /_setup/{TOKEN}");
    let admin = r#" {"name":"ada","password":"secret"}"#;
    for other in ["application/x-www-form-urlencoded", "text/plain"] {
        let mut client = Client::anonymous(node.clone()).await;
        let refused = client.send(&line, &[("content-type", other)], admin).await.expect(415);
        let reason = refused.json()["reason"].to_string();
        assert!(reason.contains("application/json"), "{other}: {reason}");
    }
    let mut client = Client::anonymous(node).await;
    client.send(&line, &[("content-type", "application/json")], admin).await.expect(201);
}

#[tokio::test]
async fn wrong_credentials_are_refused_everywhere_and_unknown_schemes_ignored() {
    let node = Arc::new(MemoryNode::with_admin());
    let mut wrong = Client::named(node.clone(), "ada", "guess").await;
    for path in ["/", "/_up", "/_all_dbs", "/db"] {
        let answer = wrong.get(path).await.expect(401);
        assert_eq!(answer.json()["reason"], "Name or password is incorrect.");
        assert_eq!(answer.header("www-authenticate"), None);
    }
    let mut client = Client::anonymous(node).await;
    client.send("GET /", &[("authorization", "Bearer x")], "").await.expect(200);
    let challenge = [("x-couchdb-www-authenticate", "Basic realm=\"a\"")];
    let refused = client.send("GET /_all_dbs", &challenge, "").await.expect(401);
    assert_eq!(refused.header("www-authenticate"), Some("Basic realm=\"a\""));
}

#[tokio::test]
async fn a_session_tells_who_asks() {
    let node = Arc::new(MemoryNode::with_admin());
    let mut ada = Client::named(node.clone(), "ada", "secret").await;
    assert_eq!(
        ada.get("/_session").await.expect(200).text(),
        "{\"ok\":true,\"userCtx\":{\"name\":\"ada\",\"roles\":[\"_admin\"]},\"info\":\
         {\"authentication_handlers\":[\"cookie\",\"default\"],\"authenticated\":\"default\"}}\n"
    );
    let mut nobody = Client::anonymous(node).await;
    assert_eq!(
        nobody.get("/_session").await.expect(200).text(),
        "{\"ok\":true,\"userCtx\":{\"name\":null,\"roles\":[]},\"info\":\
         {\"authentication_handlers\":[\"cookie\",\"default\"]}}\n"
    );
    nobody.post("/_session", "{}").await.expect(400);
}

#[tokio::test]
async fn members_write_documents_and_admins_design_them() {
    let node = Arc::new(MemoryNode::with_admin());
    let mut ada = Client::named(node.clone(), "ada", "secret").await;
    let mut bob = Client::named(node.clone(), "bob", "bob").await;
    let mut nobody = Client::anonymous(node).await;
    bob.put("/db", "").await.expect(401);
    bob.get("/_all_dbs").await.expect(401);
    bob.post("/_replicate", "{}").await.expect(401);
    ada.put("/db", "").await.expect(201);
    let refused = bob.get("/db").await.expect(403);
    assert_eq!(refused.json()["reason"], "You are not allowed to access this db.");
    let refused = nobody.get("/db/_changes").await.expect(401);
    assert_eq!(refused.json()["reason"], "You are not authorized to access this db.");
    nobody.get("/nothing").await.expect(404);
    ada.put("/db/_security", r#"{"members":{"names":["bob"]}}"#).await.expect(200);
    bob.put("/db/a", "{}").await.expect(201);
    bob.put("/db/_local/a", "{}").await.expect(201);
    let refused = bob.put("/db/_design/a", "{}").await.expect(403);
    assert_eq!(refused.json()["reason"], "You are not a db or server admin.");
    bob.put("/db/_design/a/x.txt", "x").await.expect(403);
    bob.put("/db/_security", "{}").await.expect(403);
    bob.send("DELETE /db", &[], "").await.expect(401);
    nobody.get("/db/a").await.expect(401);
    ada.put("/db/_design/a", "{}").await.expect(201);
    bob.get("/db/_design/a").await.expect(200);
}
