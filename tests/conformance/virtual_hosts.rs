//! Virtual hosts: which path a request leads to, by the host that it names.

use refuge_tests::{Client, Node, Options, Reply};
use serde_json::{Value, json};

use crate::{NODE, database, put_all};

async fn at(client: &Client, host: &str, path: &str) -> Reply {
    client.request("GET", path).header("x-forwarded-host", host).send().await
}

async fn set(client: &Client, host: &str, path: &str) {
    let key = format!("/_node/_local/_config/vhosts/{}", host.replace('/', "%2F"));
    client.put(&key, json!(path)).await.expect(200);
}

#[tokio::test]
async fn a_couchapp_is_a_page_at_its_own_host() {
    let (client, path) = database("couchapp").await;
    let page = "<!doctype html><title>posts</title>";
    let design = json!({
        "_attachments": {
            "index.html": {"content_type": "text/html", "data": "PCFkb2N0eXBlIGh0bWw+PHRpdGxlPnBvc3RzPC90aXRsZT4="},
            "style/main.css": {"content_type": "text/css", "data": "Ym9keSB7fQ=="},
        },
        "rewrites": [
            {"from": "/", "to": "index.html"},
            {"from": "/static/*", "to": "style/*"},
            {"from": "/posts", "to": "_list/posts/by_date", "query": {"descending": true, "include_docs": true}},
            {"from": "/posts/:year", "to": "_list/posts/by_date",
             "query": {"startkey": [":year"], "endkey": [":year", {}], "include_docs": true}, "formats": {"year": "int"}},
            {"from": "/post/:id", "to": "_show/post/:id"},
            {"from": "/api", "to": "../../"},
            {"from": "/api/*", "to": "../../*"},
        ],
        "views": {"by_date": {"map": "function (doc) { if (doc.date) emit(doc.date, null); }"}},
        "shows": {"post": "function (doc, req) {
            provides('html', function () { return '<h1>' + doc.title + '</h1>' + req.requested_path.join('/'); });
            provides('json', function () { return {json: {title: doc.title}}; });
        }"},
        "lists": {"posts": "function (head, req) {
            provides('html', function () {
                send('<ul>');
                var row;
                while ((row = getRow())) send('<li><a href=\"/post/' + row.id + '\">' + row.doc.title + '</a></li>');
                send('</ul>');
            });
        }"},
    });
    client.put(&format!("{path}/_design/blog"), design).await.expect(201);
    let posts = [
        ("p1", json!({"title": "One", "date": [2024, 5]})),
        ("p2", json!({"title": "Two", "date": [2025, 1]})),
        ("p3", json!({"title": "Three", "date": [2025, 7]})),
    ];
    put_all(&client, &path, &posts).await;
    set(&client, "blog.example", &format!("{path}/_design/blog/_rewrite")).await;
    let get = async |path: &str| at(&client, "blog.example", path).await;
    let index = get("/").await.expect(200);
    assert_eq!((index.text().as_str(), index.header("content-type")), (page, "text/html"));
    assert_eq!(get("/static/main.css").await.expect(200).text(), "body {}");
    let all = get("/posts").await.expect(200);
    assert_eq!(all.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(
        all.text(),
        "<ul><li><a href=\"/post/p3\">Three</a></li><li><a href=\"/post/p2\">Two</a></li>\
         <li><a href=\"/post/p1\">One</a></li></ul>"
    );
    let year = get("/posts/2024").await.expect(200).text();
    assert_eq!(year, "<ul><li><a href=\"/post/p1\">One</a></li></ul>");
    assert_eq!(get("/post/p2").await.expect(200).text(), "<h1>Two</h1>post/p2");
    assert!(get("/api").await.expect(200).json()["db_name"].is_string());
    let posted = client.request("PUT", "/api/p4").header("x-forwarded-host", "blog.example");
    posted.json(r#"{"title": "Four", "date": [2026, 1]}"#).send().await.expect(201);
    assert!(get("/posts").await.text().starts_with("<ul><li><a href=\"/post/p4\">Four"));
    get("/none").await.error(404, "not_found", "missing");
    assert_eq!(get("/_session").await.expect(200).json()["userCtx"]["name"], "admin");
    // The same by the header that browsers send.
    let request = "GET /static/main.css HTTP/1.1\r\nHost: Blog.Example:5984\r\nConnection: close\r\n\
                   Authorization: Basic YWRtaW46c2VjcmV0\r\n\r\n";
    let answer = refuge_tests::exchange(NODE.address(), request.as_bytes()).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("body {}"), "{answer}");
    let nobody = at(&NODE.anonymous(), "blog.example", "/posts").await;
    nobody.error_named(401, "unauthorized");
}

#[tokio::test]
async fn hosts_are_patterns_that_are_set_while_the_node_runs() {
    let node = Node::start(Options::default());
    let client = node.client();
    for name in ["db-one", "db-two"] {
        client.put_nothing(&format!("/{name}")).await.expect(201);
        client.put(&format!("/{name}/doc"), json!({"of": name})).await.expect(201);
    }
    let of = async |host: &str, path: &str| {
        let reply = at(&client, host, path).await;
        reply.json().get("of").cloned().unwrap_or(Value::from(reply.status))
    };
    assert_eq!(of("one.example", "/doc").await, 404, "off without entries");
    set(&client, "one.example", "/db-one").await;
    set(&client, ":name.dbs.example", "/:name").await;
    set(&client, "*.any.example", "/*").await;
    set(&client, "prefixed.example/sub", "/db-two").await;
    assert_eq!(of("one.example", "/doc").await, "db-one");
    assert_eq!(of("db-two.dbs.example", "/doc").await, "db-two");
    assert_eq!(of("db-one.any.example", "/doc").await, "db-one");
    assert_eq!(of("prefixed.example", "/sub/doc").await, "db-two");
    assert_eq!(of("prefixed.example", "/doc").await, 404);
    assert_eq!(of("else.example", "/db-one/doc").await, "db-one");
    assert_ne!(at(&client, "one.example", "/_all_dbs").await.status, 200);
    let handlers = "/_node/_local/_config/httpd/vhost_global_handlers";
    client.put(handlers, json!("_all_dbs, db-two")).await.expect(200);
    at(&client, "one.example", "/_all_dbs").await.expect(200);
    assert_eq!(of("one.example", "/db-two/doc").await, "db-two");
    let shown = client.get("/_node/_local/_config/vhosts").await.expect(200).json();
    assert_eq!(shown["one.example"], "/db-one");
    client.delete("/_node/_local/_config/vhosts/one.example").await.expect(200);
    assert_eq!(of("one.example", "/doc").await, 404);
    // Nobody is anybody else at another host.
    at(&node.anonymous(), "db-two.dbs.example", "/doc").await.error_named(401, "unauthorized");
    assert_ne!(at(&client, "..%2f_node.dbs.example", "/_local/_config").await.status, 200);
}

#[tokio::test]
async fn hosts_in_a_file_and_after_a_restart_lead_as_well() {
    let mut node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/db").await.expect(201);
    set(&client, "kept.example", "/db").await;
    drop(client);
    node.restart();
    let client = node.client();
    assert_eq!(at(&client, "kept.example", "/").await.expect(200).json()["db_name"], "db");
}
