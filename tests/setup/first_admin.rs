//! A node without admins: what it shows, and the one-time link that makes the first one.

use std::fs;

use refuge_tests::{Client, Node, Options};
use serde_json::json;

/// The path of the set-up link that the node printed on the terminal.
fn link(node: &Node) -> String {
    let url = node.error_line("its set-up link", |line| {
        let start = line.find("http://")?;
        let url = line[start..].split_whitespace().next()?;
        url.contains("/_setup/").then(|| url.to_owned())
    });
    let path =
        url.strip_prefix(&format!("http://{}", node.address())).expect("the node's own address");
    path.to_owned()
}

#[tokio::test]
async fn a_node_without_admins_answers_little() {
    let node = Node::start(Options::without_admin());
    assert!(node.address().ip().is_loopback());
    let nobody = node.anonymous();
    nobody.get("/").await.expect(200);
    nobody.get("/_up").await.expect(200);
    for (method, path) in [
        ("GET", "/_all_dbs"),
        ("PUT", "/a"),
        ("GET", "/a"),
        ("GET", "/_session"),
        ("POST", "/_replicate"),
        ("GET", "/_setup/guess"),
        ("GET", "/_uuids"),
    ] {
        let reply = nobody.request(method, path).json("{}").send().await;
        reply.error_named(401, "unauthorized");
    }
    let token = link(&node);
    let token = token.strip_prefix("/_setup/").unwrap();
    assert!(token.len() >= 22, "a token of at least 128 bits: {token}");
}

#[test]
fn without_admins_it_stays_on_loopback() {
    let root = tempfile::tempdir().unwrap();
    let options = Options::without_admin().set("http.bind=0.0.0.0");
    let (code, output, errors) = Node::refusal(root.path(), &options);
    assert_eq!((code, output.as_str()), (Some(78), ""), "{errors}");
    assert!(errors.contains("http.bind") && errors.contains("admin"), "{errors}");
}

#[tokio::test]
async fn the_link_makes_one_admin_once() {
    let mut node = Node::start(Options::without_admin());
    let path = link(&node);
    let nobody = node.anonymous();
    let form = nobody.get(&path).await.expect(200);
    assert!(form.header("content-type").starts_with("text/html"), "{:?}", form.headers);
    assert!(form.text().contains("<form"), "{}", form.text());
    for body in [
        json!({}),
        json!({"name": "alice"}),
        json!({"name": "", "password": "x"}),
        json!({"name": "alice", "password": ""}),
        json!([]),
    ] {
        let reply = nobody.post(&path, body.clone()).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
    }
    nobody.post(&format!("{path}x"), json!({"name": "mallory", "password": "x"})).await.expect(401);
    nobody.post(&path, json!({"name": "alice", "password": "a secret"})).await.expect(201);
    let again = nobody.post(&path, json!({"name": "mallory", "password": "x"})).await;
    assert!(matches!(again.status, 401 | 404 | 410), "{}", again.text());
    let alice = Client::with_credentials(node.address(), "alice", "a secret");
    alice.put_nothing("/a").await.expect(201);
    alice.put("/a/b", json!({"n": 1})).await.expect(201);
    let mallory = Client::with_credentials(node.address(), "mallory", "x");
    mallory.get("/").await.expect(401);

    let local = fs::read_to_string(node.root().join("etc/local.toml")).unwrap();
    assert!(
        local.contains("alice") && local.contains("$argon2id$") && !local.contains("a secret"),
        "{local}"
    );
    node.restart();
    let alice = Client::with_credentials(node.address(), "alice", "a secret");
    assert_eq!(alice.get("/a/b").await.expect(200).json()["n"], 1);
    assert!(
        !node.errors().iter().any(|line| line.contains("/_setup/")),
        "no link where an admin is"
    );
}

#[tokio::test]
async fn the_form_makes_an_admin_too() {
    let node = Node::start(Options::without_admin());
    let path = link(&node);
    let form = node.anonymous();
    let sent =
        form.request("POST", &path).header("content-type", "application/x-www-form-urlencoded");
    let sent = sent.body("name=alice&password=a+secret%21").send().await;
    assert!(matches!(sent.status, 201 | 303), "{}", sent.text());
    let alice = Client::with_credentials(node.address(), "alice", "a secret!");
    alice.get("/_all_dbs").await.expect(200);
}

#[tokio::test]
async fn a_restart_makes_a_new_link() {
    let mut node = Node::start(Options::without_admin());
    let first = link(&node);
    node.restart();
    let second = link(&node);
    assert_ne!(first, second);
    node.anonymous().get(&first).await.expect(401);
    node.anonymous().get(&second).await.expect(200);
}

#[tokio::test]
async fn the_token_is_in_no_file() {
    let node = Node::start(Options::without_admin());
    let path = link(&node);
    node.anonymous().get(&path).await.expect(200);
    let token = path.strip_prefix("/_setup/").unwrap();
    let mut folders = vec![node.root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map_while(Result::ok) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let bytes = fs::read(entry.path()).unwrap_or_default();
                let found = bytes.windows(token.len()).any(|window| window == token.as_bytes());
                assert!(!found, "{} holds the token", entry.path().display());
            }
        }
    }
}
