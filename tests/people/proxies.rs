//! What a proxy says of its users.

use refuge_tests::{Node, Reply};
use serde_json::{Value, json};

use crate::{options, set};

/// HMAC-SHA256 of "anna" under "the secret".
const TOKEN: &str = "d8b3fc8da9f2f7fae00c2c3f5b60eb8cecddc267cb38192d9926e0c694da5a03";
/// The same with SHA-1, as CouchDB made it before 3.4.
const OLD_TOKEN: &str = "fbac35b32cec995f83c8c54edfd7c19a7ea4568e";

async fn ask(node: &Node, headers: &[(&str, &str)]) -> Reply {
    let nobody = node.anonymous();
    let mut request = nobody.request("GET", "/_session");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.send().await
}

fn node() -> Node {
    Node::start(
        options()
            .set("authentication.handlers=proxy, cookie, default")
            .set("authentication.secret=the secret"),
    )
}

#[tokio::test]
async fn a_proxy_that_knows_the_secret_names_users() {
    let node = node();
    for token in [TOKEN, OLD_TOKEN, &TOKEN.to_uppercase()] {
        let headers = [
            ("x-auth-couchdb-username", "anna"),
            ("x-auth-couchdb-roles", "reader,_admin, group:family"),
            ("x-auth-couchdb-token", token),
        ];
        let told = ask(&node, &headers).await.expect(200).json();
        assert_eq!(told["userCtx"], json!({"name": "anna", "roles": ["reader"]}), "{told}");
        assert_eq!(told["info"]["authenticated"], "proxy");
    }
    let name = ("x-auth-couchdb-username", "anna");
    for headers in [
        vec![name],
        vec![name, ("x-auth-couchdb-token", "")],
        vec![name, ("x-auth-couchdb-token", &TOKEN[..63])],
        vec![("x-auth-couchdb-username", "admin"), ("x-auth-couchdb-token", TOKEN)],
    ] {
        let told = ask(&node, &headers).await.expect(200).json();
        assert_eq!(told["userCtx"]["name"], Value::Null, "{headers:?}");
    }
}

#[tokio::test]
async fn without_its_handler_or_a_secret_a_proxy_is_nobody() {
    let headers = [("x-auth-couchdb-username", "anna"), ("x-auth-couchdb-token", TOKEN)];
    let usual = Node::start(options().set("authentication.secret=the secret"));
    assert_eq!(ask(&usual, &headers).await.json()["userCtx"]["name"], Value::Null);
    let secretless = Node::start(options().set("authentication.handlers=proxy, default"));
    assert_eq!(ask(&secretless, &headers).await.json()["userCtx"]["name"], Value::Null);
    set(&secretless, "chttpd_auth/proxy_use_secret", "false").await;
    let told = ask(&secretless, &headers[..1]).await.json();
    assert_eq!(told["userCtx"]["name"], "anna", "somebody wanted it so");
    let node_name = [("x-auth-couchdb-username", "node:ABC")];
    assert_eq!(ask(&secretless, &node_name).await.json()["userCtx"]["name"], Value::Null);
    set(&secretless, "chttpd_auth/x_auth_username", "X-User").await;
    let told = ask(&secretless, &[("x-user", "bert")]).await.json();
    assert_eq!(told["userCtx"]["name"], "bert");
}
