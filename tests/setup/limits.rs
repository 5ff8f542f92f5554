//! What one request may ask for, set while the node runs; each refusal names what it refuses.

use refuge_tests::{Client, Node, Options, eventually, exchange};
use serde_json::json;

async fn set(client: &Client, key: &str, value: &str) {
    client.put(&format!("/_node/_local/_config/{key}"), json!(value)).await.expect(200);
}

async fn node_with_database() -> (Node, Client) {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    (node, client)
}

#[tokio::test]
async fn a_document_may_be_so_large() {
    let (_node, client) = node_with_database().await;
    let sized = |bytes: usize| json!({"t": "x".repeat(bytes)});
    set(&client, "couchdb/max_document_size", "1000").await;
    client.put("/a/small", sized(900)).await.expect(201);
    client.put("/a/large", sized(1000)).await.error(413, "document_too_large", "large");
    let mut posted = sized(1000);
    posted["_id"] = json!("posted");
    client.post("/a", posted.clone()).await.error(413, "document_too_large", "posted");
    let bulk = client.post("/a/_bulk_docs", json!({"docs": [{"_id": "b"}, posted]})).await;
    bulk.error(413, "document_too_large", "posted");
    client.get("/a/b").await.expect(404);
    let local = client.put("/a/_local/l", sized(1000)).await;
    local.error(413, "document_too_large", "_local/l");
    client.delete("/_node/_local/_config/couchdb/max_document_size").await.expect(200);
    client.put("/a/large", sized(1000)).await.expect(201);
}

#[tokio::test]
async fn a_body_may_be_so_large() {
    let (node, client) = node_with_database().await;
    set(&client, "chttpd/max_http_request_size", "2000").await;
    let body = json!({"t": "x".repeat(3000)});
    client.put("/a/d", body.clone()).await.error_named(413, "too_large");
    let chunked = b"PUT /a/d/att HTTP/1.1\r\nhost: a\r\nauthorization: Basic YWRtaW46c2VjcmV0\r\n\
        connection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut bytes = chunked.to_vec();
    for _ in 0..3 {
        bytes.extend_from_slice(b"3e8\r\n");
        bytes.extend_from_slice(&[b'x'; 1000]);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    let answer = String::from_utf8_lossy(&exchange(node.address(), &bytes).await).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    set(&client, "chttpd/max_http_request_size", "4294967296").await;
    client.put("/a/d", body.clone()).await.expect(201);
    set(&client, "limits/max_json_size", "2000").await;
    client.put("/a/e", body).await.error_named(413, "too_large");
}

#[tokio::test]
async fn an_address_may_make_so_many_requests() {
    let (node, client) = node_with_database().await;
    set(&client, "http/requests_per_second", "1").await;
    // Two within a second are one too many.
    let refused = async |client: Client| {
        eventually("a request is refused", || async {
            let reply = client.get("/a").await;
            (reply.status == 429).then_some(reply)
        })
        .await
    };
    let told = refused(client.clone()).await;
    told.error_named(429, "too_many_requests");
    assert_eq!(told.header("retry-after"), "1");
    // Wrong passwords are not even looked at.
    refused(Client::with_credentials(node.address(), "admin", "guess")).await;
    let off = json!("0");
    eventually("the limit is taken away", || async {
        let path = "/_node/_local/_config/http/requests_per_second";
        (client.put(path, off.clone()).await.status == 200).then_some(())
    })
    .await;
    for _ in 0..20 {
        client.get("/a").await.expect(200);
    }
}

#[tokio::test]
async fn an_attachment_may_be_so_large() {
    let (_node, client) = node_with_database().await;
    set(&client, "couchdb/max_attachment_size", "1000").await;
    let put =
        |path: &'static str, bytes: usize| client.request("PUT", path).body("x".repeat(bytes));
    put("/a/d/small", 1000).send().await.expect(201);
    put("/a/e/large", 1001).send().await.error(413, "attachment_too_large", "large");
    let inline = |bytes: usize| {
        use base64::Engine;
        let data = base64::engine::general_purpose::STANDARD.encode("x".repeat(bytes));
        json!({"_attachments": {"f.bin": {"content_type": "image/png", "data": data}}})
    };
    client.put("/a/inline", inline(1001)).await.error(413, "attachment_too_large", "f.bin");
    client.put("/a/inline", inline(1000)).await.expect(201);
    let part = format!(
        "--b\r\ncontent-type: application/json\r\n\r\n{}\r\n--b\r\n\r\n{}\r\n--b--",
        json!({"_attachments": {"g.bin": {"follows": true, "content_type": "image/png", "length": 1001}}}),
        "x".repeat(1001)
    );
    let related = client.request("PUT", "/a/related");
    let related = related.header("content-type", "multipart/related; boundary=b").body(part);
    related.send().await.error(413, "attachment_too_large", "g.bin");
    set(&client, "couchdb/max_attachment_size", "infinity").await;
    put("/a/e/large", 5000).send().await.expect(201);
}

#[tokio::test]
async fn a_request_may_name_so_many() {
    let (_node, client) = node_with_database().await;
    set(&client, "couchdb/max_bulk_docs_count", "2").await;
    set(&client, "couchdb/max_bulk_get_count", "2").await;
    set(&client, "chttpd/max_db_number_for_dbs_info_req", "1").await;
    let refused = client.post("/_dbs_info", json!({"keys": ["a", "b"]})).await;
    refused.error(400, "bad_request", "too_many_keys");
    let three = json!({"docs": [{"_id": "a"}, {"_id": "b"}, {"_id": "c"}]});
    let two = json!({"docs": [{"_id": "a"}, {"_id": "b"}]});
    let refused = client.post("/a/_bulk_docs", three).await;
    refused.error(413, "max_bulk_docs_count_exceeded", "2");
    client.post("/a/_bulk_docs", two).await.expect(201);
    let three = json!({"docs": [{"id": "a"}, {"id": "b"}, {"id": "c"}]});
    let refused = client.post("/a/_bulk_get", three).await;
    refused.error(413, "max_bulk_get_count_exceeded", "2");
}

#[tokio::test]
async fn names_may_be_so_long() {
    let (_node, client) = node_with_database().await;
    set(&client, "couchdb/max_document_id_length", "5").await;
    client.put("/a/12345", json!({})).await.expect(201);
    client.put("/a/123456", json!({})).await.error(400, "illegal_docid", "Document id is too long");
    set(&client, "couchdb/max_document_id_length", "infinity").await;
    client.put("/a/123456", json!({})).await.expect(201);
    set(&client, "couchdb/max_database_name_length", "3").await;
    client.put_nothing("/abc").await.expect(201);
    client.put_nothing("/abcd").await.error_named(400, "database_name_too_long");
    set(&client, "httpd/max_uri_length", "1024").await;
    client.get(&format!("/a/{}", "x".repeat(1100))).await.error_named(400, "bad_request");
}

#[tokio::test]
async fn a_client_may_take_so_long() {
    let (node, client) = node_with_database().await;
    set(&client, "http/body_seconds", "1").await;
    set(&client, "http/header_seconds", "1").await;
    let half = b"PUT /a/d HTTP/1.1\r\nhost: a\r\nauthorization: Basic YWRtaW46c2VjcmV0\r\n\
        connection: close\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let answer = String::from_utf8_lossy(&exchange(node.address(), half).await).into_owned();
    assert!(answer.contains("for 1 s"), "{answer}");
    assert_eq!(exchange(node.address(), b"").await, b"", "a silent one is closed");
}

#[tokio::test]
async fn feeds_wait_so_long() {
    let (_node, client) = node_with_database().await;
    set(&client, "chttpd/changes_timeout", "50").await;
    let begin = std::time::Instant::now();
    let reply = client.get("/a/_changes?feed=longpoll").await.expect(200);
    assert_eq!(reply.json()["results"], json!([]));
    assert!(begin.elapsed() < std::time::Duration::from_secs(30));
}

#[tokio::test]
async fn new_databases_are_as_open_as_is_said() {
    let (node, client) = node_with_database().await;
    node.anonymous().get("/a").await.expect(401);
    set(&client, "couchdb/default_security", "everyone").await;
    client.put_nothing("/b").await.expect(201);
    node.anonymous().put("/b/d", json!({})).await.expect(201);
    set(&client, "couchdb/default_security", "admin_only").await;
    client.put_nothing("/c").await.expect(201);
    node.anonymous().get("/c").await.expect(401);
}

#[tokio::test]
async fn identifiers_are_made_as_is_said() {
    let (_node, client) = node_with_database().await;
    let made = |reply: refuge_tests::Reply| -> Vec<String> {
        serde_json::from_value(reply.expect(200).json()["uuids"].clone()).unwrap()
    };
    let two = made(client.get("/_uuids?count=2").await);
    assert_eq!(two[0][..26], two[1][..26], "sequential");
    assert!(two[0] < two[1]);
    set(&client, "uuids/algorithm", "utc_id").await;
    set(&client, "uuids/utc_id_suffix", "-home").await;
    let one = made(client.get("/_uuids").await);
    assert!(one[0].ends_with("-home") && one[0].len() == 19, "{one:?}");
    let posted = client.post("/a", json!({})).await.expect(201).member("id");
    assert!(posted.ends_with("-home"), "{posted}");
}

#[tokio::test]
async fn another_default_opens_and_shuts_no_database_that_is_there() {
    let (mut node, client) = node_with_database().await;
    set(&client, "couchdb/default_security", "everyone").await;
    client.put_nothing("/b").await.expect(201);
    node.restart();
    node.anonymous().get("/a").await.expect(401);
    set(&node.client(), "couchdb/default_security", "admin_only").await;
    node.restart();
    node.anonymous().get("/b").await.expect(200);
    let admins = json!({"roles": ["_admin"]});
    let stored = node.client().get("/a/_security").await.expect(200).json();
    assert_eq!(stored, json!({"members": admins, "admins": admins}));
}

#[tokio::test]
async fn databases_are_listed_for_everybody_where_that_is_said() {
    let (node, client) = node_with_database().await;
    for path in ["/_all_dbs", "/_dbs_info"] {
        node.anonymous().get(path).await.expect(401);
    }
    set(&client, "chttpd/admin_only_all_dbs", "false").await;
    let listed = node.anonymous().get("/_all_dbs").await.expect(200).json();
    assert!(listed.as_array().is_some_and(|names| names.contains(&json!("a"))), "{listed}");
    node.anonymous().get("/_dbs_info").await.expect(200);
    node.anonymous().get("/a").await.expect(401);
    client.delete("/_node/_local/_config/chttpd/admin_only_all_dbs").await.expect(200);
    node.anonymous().get("/_all_dbs").await.expect(401);
}

#[tokio::test]
async fn ways_to_say_who_one_is_have_to_be_known() {
    let (_node, client) = node_with_database().await;
    let path = "/_node/_local/_config/chttpd/authentication_handlers";
    for wrong in ["9", "nobody", ""] {
        client.put(path, json!(wrong)).await.expect(400);
    }
    let couchdbs = "{chttpd_auth, cookie_authentication_handler}, \
         {chttpd_auth, default_authentication_handler}";
    client.put(path, json!(couchdbs)).await.expect(200);
    client.get("/a").await.expect(200);
}

#[tokio::test]
async fn reductions_that_grow_are_kept_where_that_is_said() {
    let (_node, client) = node_with_database().await;
    let collect = json!({"map": "function (doc) { emit(doc._id, doc.text) }",
        "reduce": "function (keys, values) { return values.join('') }"});
    let text = "x".repeat(600);
    let documents: Vec<_> = (0..20).map(|_| json!({"text": text})).collect();
    client.post("/a/_bulk_docs", json!({"docs": documents})).await.expect(201);
    client.put("/a/_design/d", json!({"views": {"v": collect}})).await.expect(201);
    let refused = client.get("/a/_design/d/_view/v").await;
    assert!(refused.text().contains("reduce_overflow_error"), "{}", refused.text());
    set(&client, "query_server_config/reduce_limit", "false").await;
    // Of another function, so that nothing of it was reduced before.
    let collect = json!({"map": "function (doc) { emit(doc._id, doc.text); }",
        "reduce": "function (keys, values) { return values.join('') }"});
    client.put("/a/_design/e", json!({"views": {"v": collect}})).await.expect(201);
    let kept = client.get("/a/_design/e/_view/v").await.expect(200).json();
    assert_eq!(kept["rows"][0]["value"].as_str().map(str::len), Some(12_000));
}
