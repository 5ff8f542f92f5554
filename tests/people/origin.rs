//! What a page of another site has a browser send with the session of this one.

use serde_json::json;

use crate::{cookie, make_user, node_with_users, options, sign_in};

#[tokio::test]
async fn a_form_of_another_site_is_refused_where_a_cookie_says_who_asks() {
    let node = node_with_users(options()).await;
    make_user(&node, "anna", "apple", &[]).await;
    node.client().put_nothing("/notes").await.expect(201);
    let security = json!({"members": {"names": ["anna"]}});
    node.client().put("/notes/_security", security).await.expect(200);
    let session = cookie(&sign_in(&node, "anna", "apple").await.expect(200));
    let own = format!("http://{}", node.address());
    let nobody = node.anonymous();
    let post = |path: &'static str, kind: &'static str, origin: &str| {
        let request = nobody.request("POST", path).header("cookie", &session).body("{}");
        let request = request.header("origin", origin);
        if kind.is_empty() { request } else { request.header("content-type", kind) }
    };
    for kind in ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let told = post("/notes", kind, "https://evil.example").send().await;
        told.error_named(403, "forbidden");
        // Of this site it is no better JSON.
        post("/notes", kind, &own).send().await.error_named(415, "bad_content_type");
    }
    post("/notes", "application/json", &own).send().await.expect(201);
    // A browser asks before it sends this from elsewhere, and is told no.
    post("/notes", "application/json", "https://evil.example").send().await.expect(201);
    // With a password in the request itself nobody is fooled.
    node.client().request("POST", "/notes").body("{}").send().await.expect(201);
    let told = nobody.request("POST", "/notes").header("cookie", &session).body("{}");
    told.send().await.error_named(415, "bad_content_type");
}

#[tokio::test]
async fn a_page_of_another_site_signs_nobody_in() {
    let node = node_with_users(options()).await;
    make_user(&node, "anna", "apple", &[]).await;
    let form = |origin: &str, kind: &str, body: &'static str| {
        let nobody = Box::leak(Box::new(node.anonymous()));
        let request = nobody.request("POST", "/_session").body(body);
        request.header("origin", origin).header("content-type", kind)
    };
    let own = format!("http://{}", node.address());
    let (kind, body) = ("application/x-www-form-urlencoded", "name=anna&password=apple");
    let told = form("https://evil.example", kind, body).send().await;
    told.error_named(403, "forbidden");
    assert_eq!(told.header("set-cookie"), "");
    form(&own, kind, body).send().await.expect(200);
    let json = r#"{"name":"anna","password":"apple"}"#;
    form("https://evil.example", "text/plain", json).send().await.expect(403);
    // A browser asks before it sends this.
    form("https://evil.example", "application/json", json).send().await.expect(200);
}

#[tokio::test]
async fn pages_are_told_to_be_what_they_are() {
    let node = node_with_users(options()).await;
    let client = node.client();
    client.put_nothing("/app").await.expect(201);
    let page = client.request("PUT", "/app/doc/page.html").header("content-type", "text/html");
    page.body("<p>").send().await.expect(201);
    let read = client.get("/app/doc/page.html").await.expect(200);
    assert_eq!(read.header("x-content-type-options"), "nosniff");
    assert_eq!(read.header("content-security-policy"), "sandbox");
    let show =
        "function(doc, req) { return {body: '<p>', headers: {'Content-Type': 'text/html'}}; }";
    client.put("/app/_design/a", json!({"shows": {"page": show}})).await.expect(201);
    let shown = client.get("/app/_design/a/_show/page").await.expect(200);
    assert_eq!(shown.header("content-security-policy"), "sandbox");
    assert_eq!(shown.header("x-content-type-options"), "nosniff");
    for page in [&read, &shown] {
        assert_eq!(page.header("x-frame-options"), "SAMEORIGIN");
        assert_eq!(page.header("referrer-policy"), "same-origin");
    }
    crate::set(&node, "csp/attachments_enable", "false").await;
    crate::set(&node, "csp/showlist_header_value", "default-src 'self'").await;
    let read = client.get("/app/doc/page.html").await.expect(200);
    assert_eq!(read.header("content-security-policy"), "");
    let shown = client.get("/app/_design/a/_show/page").await.expect(200);
    assert_eq!(shown.header("content-security-policy"), "default-src 'self'");
    assert_eq!(client.get("/app").await.header("x-content-type-options"), "");
}
