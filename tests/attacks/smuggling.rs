//! Requests of which two readers could make different ones: whatever the node makes of the first, nobody's
//! second is hidden in it.

use refuge_tests::{Node, Options, exchange, hang_up_after};

use crate::{is_well, node_with_notes};

const CREDENTIALS: &str = "Authorization: Basic YWRtaW46c2VjcmV0\r\n";

/// A request whose head ends with `headers` and behind whose head stands `body`.
fn request(headers: &str, body: &str) -> String {
    format!(
        "POST /_dbs_info HTTP/1.1\r\nHost: a\r\n{CREDENTIALS}\
         Content-Type: application/json\r\n{headers}\r\n\r\n{body}"
    )
}

/// Sends such a request and ends the sending side; the answer.
async fn post(node: &Node, headers: &str, body: &str) -> String {
    let told = hang_up_after(node.address(), request(headers, body).as_bytes()).await;
    String::from_utf8_lossy(&told).into_owned()
}

/// A request that makes a database, as it would be hidden in another.
fn hidden(name: &str) -> String {
    format!("PUT /{name} HTTP/1.1\r\nHost: a\r\n{CREDENTIALS}Content-Length: 0\r\n\r\n")
}

#[tokio::test]
async fn lengths_that_differ_and_codings_that_are_none_are_refused() {
    let node = node_with_notes(Options::default()).await;
    for (number, headers) in [
        "Content-Length: 0\r\nContent-Length: 60",
        "Content-Length: 60\r\nContent-Length: 0",
        "Content-Length: +0",
        "Content-Length: -1",
        "Content-Length: 0x0",
        "Content-Length: 0, 60",
        "Content-Length: 99999999999999999999999999",
        "Content-Length : 0",
        "Content-Length:\r\n 0",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: \u{b}chunked",
        "\u{0}Content-Length: 0",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("hidden{number}");
        let told = post(&node, headers, &hidden(&name)).await;
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 4"), "{headers:?}: {told}");
        node.client().get(&format!("/{name}")).await.expect(404);
    }
    is_well(&node).await;
}

#[tokio::test]
async fn where_both_lengths_are_told_the_chunks_count() {
    let node = node_with_notes(Options::default()).await;
    let body = r#"{"keys":["notes"]}"#;
    let inside = hidden("inside");
    for lengths in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: chunked\r\nContent-Length: 100000",
    ] {
        // What stands in a chunk is body, whatever the length says.
        let chunks = format!("{:x}\r\n{inside}\r\n0\r\n\r\n", inside.len());
        let told = post(&node, lengths, &chunks).await;
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 4"), "{lengths:?}: {told}");
        node.client().get("/inside").await.expect(404);
        let good = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        // Whoever hangs up may miss the answer.
        let asked = request(&format!("Connection: close\r\n{lengths}"), &good);
        let told = exchange(node.address(), asked.as_bytes()).await;
        let told = String::from_utf8_lossy(&told);
        assert!(told.starts_with("HTTP/1.1 200"), "{lengths:?}: {told}");
        assert!(told.contains(r#""key":"notes""#), "{lengths:?}: {told}");
        assert!(told.matches("HTTP/1.1 ").count() <= 1, "{lengths:?}: {told}");
    }
    is_well(&node).await;
}

#[tokio::test]
async fn chunks_that_are_none_end_the_connection() {
    let node = node_with_notes(Options::default()).await;
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(1 << 20));
    let trailers = format!("0\r\n{}\r\n", "X-A: b\r\n".repeat(100_000));
    for (number, chunks) in [
        "zz\r\n",
        "-1\r\nx\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n",
        "ffffffffffffffff\r\nx",
        "5\nhello\n0\n\n",
        "5\r\nhello!!\r\n0\r\n\r\n",
        "\r\n0\r\n\r\n",
        "5 \u{0}\r\nhello\r\n0\r\n\r\n",
        long.as_str(),
        trailers.as_str(),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("behind{number}");
        let body = format!("{chunks}{}", hidden(&name));
        let told = post(&node, "Transfer-Encoding: chunked", &body).await;
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 4"), "{number}: {told}");
        node.client().get(&format!("/{name}")).await.expect(404);
    }
    is_well(&node).await;
}

#[tokio::test]
async fn broken_heads_are_refused() {
    let node = node_with_notes(Options::default()).await;
    for head in [
        "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX-A: \u{0}\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
        "GET /\u{0} HTTP/1.1\r\nHost: a\r\n\r\n",
        "G\u{7f}T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\n\r\n\r\n\r\n\u{0}\r\n\r\n",
        "CONNECT evil.example:80 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ] {
        let told = hang_up_after(node.address(), head.as_bytes()).await;
        let told = String::from_utf8_lossy(&told);
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 4"), "{head:?}: {told}");
    }
    // A proxy's form of the path is this node's own.
    let asked = "GET http://evil.example/notes/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let told = exchange(node.address(), asked.as_bytes()).await;
    assert!(String::from_utf8_lossy(&told).starts_with("HTTP/1.1 200"));
    is_well(&node).await;
}
