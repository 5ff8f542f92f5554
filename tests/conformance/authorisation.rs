//! Who may do what, with at least one admin.

use refuge_tests::{Client, database_name};
use serde_json::json;

use crate::{NODE, database};

const NOBODY: &str = "You are not authorized to access this db.";
const NO_ADMIN: &str = "You are not a db or server admin.";
const NO_SERVER_ADMIN: &str = "You are not a server admin.";

#[tokio::test]
async fn wrong_credentials_are_401_everywhere() {
    // A node of its own: whoever tries so often is kept out for a while.
    let node = refuge_tests::Node::start(refuge_tests::Options::default().set("lockout.mode=off"));
    let path = "/wrong".to_owned();
    node.client().put_nothing(&path).await.expect(201);
    for (name, password) in [("admin", "wrong"), ("nobody", "secret"), ("admin", ""), ("", "")] {
        let client = Client::with_credentials(node.address(), name, password);
        for asked in ["/", "/_up", "/_session", "/_all_dbs", &path, &format!("{path}/a")] {
            client.get(asked).await.error(401, "unauthorized", "Name or password is incorrect.");
        }
    }
}

#[tokio::test]
async fn unknown_schemes_and_broken_headers() {
    let ask = |authorization: &'static str| async move {
        let client = NODE.anonymous();
        client.request("GET", "/_session").header("authorization", authorization).send().await
    };
    assert_eq!(ask("Negotiate abc").await.expect(200).json()["userCtx"]["name"], json!(null));
    let broken = ask("Basic !!!").await;
    assert!(matches!(broken.status, 200 | 400 | 401), "{}", broken.text());
    assert_eq!(ask("basic YWRtaW46c2VjcmV0").await.expect(200).json()["userCtx"]["name"], "admin");
}

#[tokio::test]
async fn the_servers_own_things_are_for_admins() {
    let nobody = NODE.anonymous();
    let (_, path) = database("admins").await;
    nobody.put_nothing(&format!("/{}", database_name("mine"))).await.error(
        401,
        "unauthorized",
        NO_SERVER_ADMIN,
    );
    nobody.delete(&path).await.error(401, "unauthorized", NO_SERVER_ADMIN);
    nobody.get("/_all_dbs").await.error(401, "unauthorized", NO_SERVER_ADMIN);
    let request = json!({"source": path[1..], "target": "other"});
    nobody.post("/_replicate", request).await.error_named(401, "unauthorized");
    nobody.get("/_node/_local/_config").await.error_named(401, "unauthorized");
}

#[tokio::test]
async fn a_new_database_is_for_admins_only() {
    let (admin, path) = database("new").await;
    admin.put(&format!("{path}/a"), json!({})).await.expect(201);
    let security = admin.get(&format!("{path}/_security")).await.expect(200).json();
    let admins = json!({"roles": ["_admin"]});
    assert_eq!(security, json!({"members": admins, "admins": admins}));
    let nobody = NODE.anonymous();
    for (method, rest) in [
        ("GET", ""),
        ("HEAD", ""),
        ("GET", "/a"),
        ("PUT", "/b"),
        ("DELETE", "/a"),
        ("GET", "/_all_docs"),
        ("GET", "/_changes"),
        ("POST", "/_bulk_docs"),
        ("POST", "/_bulk_get"),
        ("POST", "/_revs_diff"),
        ("GET", "/_local/a"),
        ("PUT", "/_local/a"),
        ("GET", "/_security"),
        ("PUT", "/_security"),
        ("POST", ""),
        ("GET", "/a/f"),
        ("PUT", "/a/f"),
        ("GET", "/missing"),
    ] {
        let reply =
            nobody.request(method, &format!("{path}{rest}")).json(r#"{"docs":[]}"#).send().await;
        assert_eq!(reply.status, 401, "{method} {rest}: {}", reply.text());
        if method != "HEAD" {
            assert_eq!(reply.json()["error"], "unauthorized", "{method} {rest}");
        }
    }
    nobody.get(&format!("{path}/a")).await.error(401, "unauthorized", NOBODY);
    assert_eq!(admin.get(&path).await.json()["doc_count"], 1);
}

#[tokio::test]
async fn an_open_database_takes_documents_from_anybody() {
    let (admin, path) = database("open").await;
    let open = json!({"admins": {"names": [], "roles": []}, "members": {"names": [], "roles": []}});
    let put = admin.put(&format!("{path}/_security"), open.clone()).await.expect(200);
    assert_eq!(put.json(), json!({"ok": true}));
    assert_eq!(admin.get(&format!("{path}/_security")).await.json(), open);
    let nobody = NODE.anonymous();
    nobody.put(&format!("{path}/a"), json!({})).await.expect(201);
    nobody.get(&format!("{path}/a")).await.expect(200);
    nobody.get(&path).await.expect(200);
    nobody.put(&format!("{path}/_design/a"), json!({})).await.error(401, "unauthorized", NO_ADMIN);
    nobody.put(&format!("{path}/_security"), open).await.error(401, "unauthorized", NO_ADMIN);
    nobody.delete(&path).await.error(401, "unauthorized", NO_SERVER_ADMIN);
    let bulk = json!({"docs": [{"_id": "b"}, {"_id": "_design/b"}]});
    let told = nobody.post(&format!("{path}/_bulk_docs"), bulk).await;
    assert!(told.status == 401 || told.json()[1]["error"] == "unauthorized", "{}", told.text());
    admin.get(&format!("{path}/_design/b")).await.expect(404);
}

#[tokio::test]
async fn members_are_named_in_security() {
    let (admin, path) = database("members").await;
    let security = json!({"admins": {"names": ["alice"], "roles": ["boss"]}, "members": {"names": ["bob"], "roles": []}, "kept": {"as": "is"}});
    admin.put(&format!("{path}/_security"), security.clone()).await.expect(200);
    assert_eq!(admin.get(&format!("{path}/_security")).await.json(), security);
    NODE.anonymous().get(&path).await.error(401, "unauthorized", NOBODY);
    admin.get(&path).await.expect(200);
}

#[tokio::test]
async fn a_wrong_security_object_is_refused() {
    let (admin, path) = database("security").await;
    for body in [
        "[]",
        "1",
        r#"{"admins":1}"#,
        r#"{"admins":{"names":"bob"}}"#,
        r#"{"members":{"roles":[1]}}"#,
        "{",
    ] {
        let reply = admin.put_text(&format!("{path}/_security"), body).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
        assert!(!reply.text().contains("struct"), "{body}: {}", reply.text());
    }
    let kept = admin.get(&format!("{path}/_security")).await.json();
    assert_eq!(kept["members"]["roles"], json!(["_admin"]));
}

#[tokio::test]
async fn security_is_given_back_as_it_was_put() {
    let (admin, path) = database("given").await;
    let path = format!("{path}/_security");
    for given in [
        r#"{"members":{"roles":["b"],"since":3},"cloudant":{"nobody":[]},"admins":{}}"#,
        r#"{"admins":{"names":["ada"]}}"#,
        "{}",
    ] {
        admin.put_text(&path, given).await.expect(200);
        assert_eq!(admin.get(&path).await.expect(200).text(), format!("{given}\n"));
    }
}

#[tokio::test]
async fn readers_of_old_restrict_as_members_do() {
    let (admin, path) = database("readers").await;
    let nobody = NODE.anonymous();
    let old = json!({"readers": {"names": ["bob"], "roles": []}});
    admin.put(&format!("{path}/_security"), old.clone()).await.expect(200);
    nobody.get(&path).await.error(401, "unauthorized", NOBODY);
    assert_eq!(admin.get(&format!("{path}/_security")).await.json(), old);
    let both = json!({"readers": {"names": ["bob"]}, "members": {"names": []}});
    admin.put(&format!("{path}/_security"), both).await.expect(200);
    nobody.get(&path).await.expect(200);
}

#[tokio::test]
async fn security_outlives_the_process() {
    let mut node = refuge_tests::Node::start(refuge_tests::Options::default());
    let admin = node.client();
    admin.put_nothing("/a").await.expect(201);
    admin.put("/a/_security", json!({"members": {"names": [], "roles": []}})).await.expect(200);
    node.anonymous().get("/a").await.expect(200);
    node.restart();
    node.anonymous().get("/a").await.expect(200);
    node.client().put_nothing("/b").await.expect(201);
    node.anonymous().get("/b").await.error(401, "unauthorized", NOBODY);
}
