//! Too much of everything: bodies that unpack to more than there is memory, JSON that nests without end,
//! parts of multipart bodies that never end, heads and paths that are too long.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use refuge_tests::{Client, Node, Options, Reply, exchange, hang_up_after, peak_resident_mib};
use serde_json::json;

use crate::{is_well, node_with_notes};

/// Bytes that one bomb unpacks to.
const BOMB_BYTES: usize = 512 * 1024 * 1024;

/// Writes `bytes` spaces, as JSON may have them.
fn spaces(mut into: impl Write, bytes: usize) {
    let block = vec![b' '; 1 << 20];
    for _ in 0..bytes / block.len() {
        into.write_all(&block).unwrap();
    }
}

fn refused(told: &Reply) {
    assert!((400..500).contains(&told.status), "{}: {} {}", told.asked, told.status, told.text());
}

#[tokio::test]
async fn bodies_that_unpack_without_end_are_refused() {
    let node = node_with_notes(Options::default()).await;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    spaces(&mut gzip, BOMB_BYTES);
    let gzip = gzip.finish().unwrap();
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::best());
    spaces(&mut deflate, BOMB_BYTES);
    let deflate = deflate.finish().unwrap();
    let before = peak_resident_mib(&node);
    for (coding, body) in [("gzip", gzip), ("deflate", deflate)] {
        for (method, path) in [
            ("PUT", "/notes/bomb"),
            ("POST", "/notes"),
            ("POST", "/notes/_bulk_docs"),
            ("POST", "/notes/_bulk_get"),
            ("POST", "/notes/_find"),
            ("POST", "/notes/_revs_diff"),
            ("POST", "/notes/_all_docs"),
            ("PUT", "/notes/_security"),
            ("POST", "/_session"),
        ] {
            let request = node.client();
            let request = request.request(method, path).header("content-encoding", coding);
            let told = request.json(body.clone()).try_send().await;
            // The node may close before it has read all of it: that is an answer too.
            if let Ok(told) = told {
                refused(&told);
            }
        }
    }
    let grown = peak_resident_mib(&node) - before;
    assert!(grown < 256, "bombs took {grown} MiB");
    is_well(&node).await;
}

/// `{"a":{"a":…}}` or `[[…]]`, so deep.
fn nested(open: &str, close: &str, depth: usize) -> String {
    format!("{}1{}", open.repeat(depth), close.repeat(depth))
}

#[tokio::test]
async fn json_that_nests_without_end_is_refused() {
    let node = node_with_notes(Options::default()).await;
    let client = node.client();
    let depth = 200_000;
    let shapes = [
        nested("[", "]", depth),
        nested("{\"a\":", "}", depth),
        "[".repeat(depth),
        "{\"a\":".repeat(depth),
        nested("{\"$not\":", "}", depth),
    ];
    for shape in &shapes {
        for (method, path, before, after) in [
            ("PUT", "/notes/deep", "", ""),
            ("PUT", "/notes/deep", "{\"a\":", "}"),
            ("POST", "/notes/_bulk_docs", "{\"docs\":[", "]}"),
            ("POST", "/notes/_bulk_get", "{\"docs\":[", "]}"),
            ("POST", "/notes/_find", "{\"selector\":", "}"),
            ("POST", "/notes/_explain", "{\"selector\":", "}"),
            (
                "POST",
                "/notes/_index",
                "{\"index\":{\"fields\":[\"a\"],\"partial_filter_selector\":",
                "}}",
            ),
            ("POST", "/notes/_changes?filter=_selector", "{\"selector\":", "}"),
            ("POST", "/notes/_all_docs", "{\"keys\":[", "]}"),
            ("POST", "/notes/_revs_diff", "{\"a\":", "}"),
            ("POST", "/notes/_purge", "{\"a\":", "}"),
            ("PUT", "/notes/_security", "{\"admins\":", "}"),
            ("PUT", "/notes/_design/deep", "{\"views\":", "}"),
            ("POST", "/_replicate", "{\"source\":", "}"),
            ("POST", "/_session", "{\"name\":", "}"),
            ("POST", "/_dbs_info", "{\"keys\":", "}"),
            ("POST", "/_cluster_setup", "{\"action\":", "}"),
        ] {
            let body = format!("{before}{shape}{after}");
            // The node may close before it has read all of it: that is an answer too.
            if let Ok(told) = client.request(method, path).json(body).try_send().await {
                refused(&told);
            }
        }
        let query = shape.get(..8_000).unwrap_or_default().replace('"', "%22");
        let query = query.replace('{', "%7B").replace('}', "%7D").replace('[', "%5B");
        for name in ["key", "keys", "startkey"] {
            // The same of a line that is too long.
            let path = format!("/notes/_all_docs?{name}={query}");
            if let Ok(told) = client.request("GET", &path).try_send().await {
                refused(&told);
            }
        }
    }
    is_well(&node).await;
}

/// Sends `body` to a document as `multipart/related` with this boundary; the first line of the answer.
async fn related(node: &Node, boundary: &str, body: &str) -> String {
    let request = format!(
        "PUT /notes/multi HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
         Content-Type: multipart/related; boundary=\"{boundary}\"\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let told = exchange(node.address(), request.as_bytes()).await;
    String::from_utf8_lossy(&told).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn multipart_bodies_that_lie_are_refused() {
    let node = node_with_notes(Options::default()).await;
    let document = r#"{"_attachments":{"f":{"follows":true,"content_type":"a/b","length":3}}}"#;
    let part = |boundary: &str, headers: &str, body: &str| {
        format!("--{boundary}\r\n{headers}\r\n\r\n{body}\r\n")
    };
    let json = "Content-Type: application/json";
    let first = part("x", json, document);
    let long = "b".repeat(10_000);
    let endless = format!("--x\r\n{}", "X-A: b\r\n".repeat(100_000));
    let many = part("x", "X: y", "abc").repeat(50_000);
    for (boundary, body) in [
        ("x", String::new()),
        ("x", "--x--\r\n".to_owned()),
        ("x", "no boundary at all".to_owned()),
        ("", format!("--\r\n{json}\r\n\r\n{document}\r\n----\r\n")),
        ("x", first.clone()),
        ("x", format!("{first}--x\r\n\r\nab\r\n--x--\r\n")),
        ("x", format!("{first}--x\r\n\r\nabcdef\r\n--x--\r\n")),
        ("x", format!("{first}--x\r\n\r\nabc")),
        ("x", endless),
        ("x", format!("--x\r\nX: {}\r\n\r\n{document}\r\n--x--\r\n", "y".repeat(1 << 20))),
        (long.as_str(), part(&long, json, "{}")),
        ("x", format!("{}--x--\r\n", part("x", json, &"[".repeat(100_000)))),
        ("x", format!("{first}{many}--x--\r\n")),
    ] {
        let told = related(&node, boundary, &body).await;
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 4"), "{told}: {:.60}", body);
        node.client().get("/notes/multi").await.expect(404);
    }
    is_well(&node).await;
}

#[tokio::test]
async fn heads_that_are_too_long_are_refused() {
    let node = node_with_notes(Options::default()).await;
    let many = "X-A: b\r\n".repeat(5_000);
    let long = "x".repeat(1 << 20);
    for head in [
        format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nX-A: {long}\r\n\r\n"),
        format!("GET /notes/{long} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET /notes/a?rev={long} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("{long} / HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET /notes/{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(40_000)),
    ] {
        let told = hang_up_after(node.address(), head.as_bytes()).await;
        let told = String::from_utf8_lossy(&told);
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 4"), "{told:.200}");
    }
    is_well(&node).await;
}

#[tokio::test]
async fn bodies_that_are_too_long_are_refused() {
    let node = node_with_notes(Options::default()).await;
    let client = node.client();
    let wide =
        format!("{{{}\"z\":1}}", (0..200_000).map(|n| format!("\"m{n}\":1,")).collect::<String>());
    client.put_text("/notes/wide", wide).await.expect(201);
    let text = json!({"text": "x".repeat(9_000_000)}).to_string();
    client.put_text("/notes/long", text.clone()).await.error_named(413, "document_too_large");
    client.post("/notes/_bulk_docs", json!({"docs": vec![json!({}); 10_001]})).await.expect(413);
    for (method, path) in
        [("PUT", "/notes/_security"), ("POST", "/_session"), ("POST", "/_replicate")]
    {
        if let Ok(told) = client.request(method, path).json(text.clone()).try_send().await {
            told.expect(413);
        }
    }
    // A length beyond all bounds is refused before a byte of it is read.
    let head = "PUT /notes/b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: 9000000000000000000\r\n\r\n{";
    let told = hang_up_after(node.address(), head.as_bytes()).await;
    let told = String::from_utf8_lossy(&told);
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 4"), "{told}");
    let form = "name=".to_owned() + &"x".repeat(500_000) + "&password=x";
    let nobody = node.anonymous();
    let request = nobody.request("POST", "/_session").body(form);
    let kind = "application/x-www-form-urlencoded";
    request.header("content-type", kind).send().await.expect(401);
    let cookie = format!("AuthSession={}", "A".repeat(30_000));
    let told = nobody.request("GET", "/").header("cookie", &cookie).send().await;
    assert!(told.status < 500, "{}", told.text());
    let name = "x".repeat(20_000);
    Client::with_credentials(node.address(), &name, "x").get("/").await.expect(401);
    is_well(&node).await;
}
