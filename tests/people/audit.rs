//! The audit log tells who did what, and no secret; nor does anything else.

use std::fs;

use refuge_tests::{Client, Node};
use serde_json::json;

use crate::{CONFIG, cookie, make_user, node_with_users, options, path, set, sign_in, user, who};

fn audited(node: &Node, words: &[&str]) {
    node.error_line(&words.join(", "), |line| {
        (line.contains("audit") && words.iter().all(|word| line.contains(word))).then_some(())
    });
}

#[tokio::test]
async fn admins_and_refused_logins_are_told() {
    let node = node_with_users(options()).await;
    let admin = node.client();
    admin.put_nothing("/notes").await.expect(201);
    audited(&node, &["admin", "PUT", "/notes", "201"]);
    admin.put("/notes/_security", json!({})).await.expect(200);
    audited(&node, &["admin", "PUT", "/notes/_security", "200"]);
    set(&node, "log/level", "info").await;
    audited(&node, &["_config/log/level"]);
    make_user(&node, "anna", "apple", &[]).await;
    audited(&node, &["PUT", "/_users/org.couchdb.user:anna", "201"]);
    node.anonymous().delete("/notes").await.expect(401);
    audited(&node, &["DELETE", "/notes", "401"]);
    sign_in(&node, "anna\nadmin", "x").await.expect(401);
    audited(&node, &["a login was refused", "anna", "127.0.0.1"]);
    let split = node.errors().into_iter().any(|line| line.starts_with("admin"));
    assert!(!split, "a name makes no lines of its own");
}

#[tokio::test]
async fn secrets_are_in_no_log_and_no_configuration() {
    let node = node_with_users(options().environment("RUST_LOG", "trace")).await;
    let admin = node.client();
    set(&node, "chttpd_auth/secret", "hush-cookie-secret").await;
    set(&node, "jwt_keys/hmac:_default", "aHVzaC1qd3Qtc2VjcmV0").await;
    set(&node, "admins/second", "hush-admin-password").await;
    make_user(&node, "anna", "hush-user-password", &[]).await;
    let anna = Client::with_credentials(node.address(), "anna", "hush-user-password");
    anna.get("/_session").await.expect(200);
    let session = cookie(&sign_in(&node, "anna", "hush-user-password").await.expect(200));
    who(&node, "cookie", &session).await.expect(200);
    sign_in(&node, "anna", "hush-wrong-password").await.expect(401);
    admin.put(&path("bert"), user("bert", "hush-too", &["_x"])).await.expect(403);
    who(&node, "authorization", "Bearer hush-token").await.expect(200);
    let secrets =
        ["hush", "aHVzaC1qd3Qtc2VjcmV0", session.strip_prefix("AuthSession=").expect("a session")];
    let shown = admin.get(CONFIG).await.expect(200).text();
    let told = node.errors().join("\n");
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret} is shown");
        let line = told.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is logged");
    }
    // Sending back what is shown changes nothing.
    let path = format!("{CONFIG}/chttpd_auth/secret");
    assert_eq!(admin.put(&path, json!("****")).await.expect(200).json(), "****");
    assert_eq!(who(&node, "cookie", &session).await.json()["userCtx"]["name"], "anna");
    let file = fs::read_to_string(node.root().join("etc/local.toml")).expect("a file");
    assert!(file.contains("hush-cookie-secret") && !file.contains("hush-admin-password"));
}
