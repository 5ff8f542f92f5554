//! What Obsidian LiveSync's set-up script and its check do, request by request.

use refuge_tests::{Client, Node, Options, Reply};
use serde_json::json;

const ORIGINS: [&str; 3] = ["app://obsidian.md", "capacitor://localhost", "http://localhost"];

/// The settings that the script makes, in its order.
const SETTINGS: [(&str, &str); 9] = [
    ("chttpd/require_valid_user", "true"),
    ("chttpd_auth/require_valid_user", "true"),
    ("httpd/WWW-Authenticate", "Basic realm=\"couchdb\""),
    ("httpd/enable_cors", "true"),
    ("chttpd/enable_cors", "true"),
    ("chttpd/max_http_request_size", "4294967296"),
    ("couchdb/max_document_size", "50000000"),
    ("cors/credentials", "true"),
    ("cors/origins", "app://obsidian.md,capacitor://localhost,http://localhost"),
];

async fn set_up(client: &Client, node: &str) {
    for (key, value) in SETTINGS {
        let path = format!("/_node/{node}/_config/{key}");
        client.put(&path, json!(value)).await.expect(200);
        assert_eq!(client.get(&path).await.expect(200).json(), value, "{key}");
    }
}

#[track_caller]
fn lets_in(reply: &Reply, origin: &str) {
    assert_eq!(reply.header("access-control-allow-origin"), origin, "{}", reply.asked);
    assert_eq!(reply.header("access-control-allow-credentials"), "true", "{}", reply.asked);
    let varies = reply.headers.get_all("vary").iter().any(|value| value == "Origin");
    assert!(varies, "{}: {:?}", reply.asked, reply.headers);
}

#[tokio::test]
async fn the_script_and_the_check_are_content() {
    for name in ["_local", "nonode@nohost"] {
        let mut node = Node::start(Options::default());
        node.anonymous().get("/_up").await.expect(200);
        set_up(&node.client(), name).await;
        check(&node).await;
        node.restart();
        check(&node).await;
    }
}

async fn check(node: &Node) {
    let (client, nobody) = (node.client(), node.anonymous());
    for origin in ORIGINS {
        let config = "/_node/_local/_config";
        let reply = client.request("GET", config).header("origin", origin).send().await.expect(200);
        lets_in(&reply, origin);
        let told = reply.json();
        assert_eq!(told["chttpd"]["require_valid_user"], "true");
        assert_eq!(told["cors"]["credentials"], "true");
        let preflight = nobody
            .request("OPTIONS", "/obsidian")
            .header("origin", origin)
            .header("access-control-request-method", "PUT")
            .header("access-control-request-headers", "authorization,content-type");
        let reply = preflight.send().await.expect(204);
        lets_in(&reply, origin);
        assert_eq!(reply.header("access-control-allow-headers"), "authorization,content-type");
        assert!(reply.header("access-control-allow-methods").contains("PUT"));
        let refused = nobody.request("GET", "/obsidian").header("origin", origin).send().await;
        refused.error(401, "unauthorized", "Authentication required.");
        assert_eq!(refused.header("www-authenticate"), "Basic realm=\"couchdb\"");
        lets_in(&refused, origin);
        let missing = client.request("GET", "/nothing").header("origin", origin).send().await;
        lets_in(&missing.expect(404), origin);
    }
    for path in ["/", "/_up", "/_session", "/_all_dbs"] {
        nobody.get(path).await.error_named(401, "unauthorized");
    }
    let stranger = client.request("GET", "/").header("origin", "https://example.org");
    let reply = stranger.send().await.expect(200);
    assert_eq!(reply.header("access-control-allow-origin"), "");
    assert_eq!(client.get("/_session").await.expect(200).json()["userCtx"]["name"], "admin");
}

/// As its replication does: chunks in bulk, read back by their ids, and a feed that ends by itself.
#[tokio::test]
async fn chunks_are_stored_and_fetched() {
    let node = Node::start(Options::default());
    let client = node.client();
    set_up(&client, "_local").await;
    client.put_nothing("/obsidian").await.expect(201);
    let chunks: Vec<_> = (0..25)
        .map(
            |number| json!({"_id": format!("h:{number}"), "data": "x".repeat(100), "type": "leaf"}),
        )
        .collect();
    let ids: Vec<_> = chunks.iter().map(|chunk| chunk["_id"].clone()).collect();
    client.post("/obsidian/_bulk_docs", json!({"docs": chunks})).await.expect(201);
    let found = client.post("/obsidian/_all_docs?include_docs=true", json!({"keys": ids})).await;
    assert_eq!(found.expect(200).json()["rows"].as_array().unwrap().len(), 25);
    let query = "feed=continuous&include_docs=true&style=all_docs&limit=10000&timeout=1000";
    let feed = client.get(&format!("/obsidian/_changes?{query}")).await.expect(200);
    assert_eq!(feed.text().lines().filter(|line| line.contains("\"doc\"")).count(), 25);
    assert!(feed.text().lines().last().unwrap().contains("last_seq"), "{}", feed.text());
    let large = json!({"data": "y".repeat(9_000_000)});
    client.put("/obsidian/large", large).await.expect(201);
}

#[tokio::test]
async fn health_checks_may_stay_open() {
    let node = Node::start(Options::default());
    let (client, nobody) = (node.client(), node.anonymous());
    let key = "/_node/_local/_config/chttpd/require_valid_user_except_for_up";
    client.put(key, json!("true")).await.expect(200);
    nobody.get("/_up").await.expect(200);
    let refused = nobody.get("/").await;
    refused.error(401, "unauthorized", "Authentication required.");
    assert_eq!(refused.header("www-authenticate"), "Basic realm=\"server\"");
    for (text, status) in [("true", 404), ("nolb", 404), ("false", 200)] {
        let mode = "/_node/_local/_config/couchdb/maintenance_mode";
        client.put(mode, json!(text)).await.expect(200);
        nobody.get("/_up").await.expect(status);
    }
    client.delete(key).await.expect(200);
    nobody.get("/").await.expect(200);
}

#[tokio::test]
async fn pages_of_other_origins_hear_nothing_unless_somebody_says_so() {
    let node = Node::start(Options::default());
    let client = node.client();
    let preflight = || {
        let request = client.request("OPTIONS", "/").header("origin", "http://localhost");
        request.header("access-control-request-method", "GET").send()
    };
    let reply = preflight().await.expect(405);
    assert_eq!((reply.header("access-control-allow-origin"), reply.header("vary")), ("", ""));
    let config = "/_node/_local/_config";
    client.put(&format!("{config}/chttpd/enable_cors"), json!("true")).await.expect(200);
    preflight().await.expect(405);
    client.put(&format!("{config}/cors/origins"), json!("*")).await.expect(200);
    let reply = preflight().await.expect(204);
    assert_eq!(reply.header("access-control-allow-origin"), "http://localhost");
    assert_eq!(reply.header("access-control-allow-credentials"), "");
    let shown = client.request("GET", "/").header("origin", "http://localhost").send().await;
    let exposed = shown.header("access-control-expose-headers").to_owned();
    assert!(exposed.contains("content-type") && exposed.contains("etag"), "{exposed}");
}
