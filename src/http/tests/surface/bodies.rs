//! The bytes of all requests that a node holds in memory together.

use std::io::Write;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::client::{Client, serve};
use crate::memory::MemoryNode;

/// Bytes that the nodes of these tests hold.
const HELD: usize = 10_000;

async fn node() -> (Arc<MemoryNode>, Client) {
    let node = Arc::new(MemoryNode::with_admin().holding(HELD));
    let mut client = Client::named(node.clone(), "ada", "secret").await;
    client.put("/db", "").await.expect(201);
    (node, client)
}

/// A document of so many bytes.
fn document(bytes: usize) -> String {
    format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8))
}

/// Sends the head of a request and the beginning of its body.
async fn begin(node: &Arc<MemoryNode>, path: &str, sent: &str, length: usize) -> DuplexStream {
    let (mut near, shutdown) = serve(node.clone());
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: x\r\nauthorization: Basic YWRhOnNlY3JldA==\r\n\
         content-length: {length}\r\n\r\n{sent}"
    );
    // Without its sender the node would seem to stop.
    tokio::spawn(async move { shutdown.closed().await });
    near.write_all(head.as_bytes()).await.unwrap();
    near
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_fit_beside_the_others_waits_and_is_refused() {
    let (node, mut client) = node().await;
    let slow = document(8000);
    let (first, rest) = slow.split_at(7000);
    let mut near = begin(&node, "/db/slow", first, slow.len()).await;
    // The other connection's part has been read when a body that needs it gone is refused.
    let beginning = tokio::time::Instant::now();
    let refused = client.put("/db/a", &document(4000)).await.expect(503);
    assert_eq!(beginning.elapsed().as_secs(), 5);
    assert_eq!(refused.json()["reason"], "too many bytes under way");
    assert_eq!(refused.header("retry-after"), Some("2"));
    client.put("/db/small", &document(1000)).await.expect(201);

    near.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = [0; 20];
    near.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 201 Created");
    client.put("/db/a", &document(9000)).await.expect(201);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_gives_its_bytes_back() {
    let (node, mut client) = node().await;
    let near = begin(&node, "/db/slow", &document(7000), 8000).await;
    client.put("/db/a", &document(4000)).await.expect(503);
    drop(near);
    client.put("/db/a", &document(9000)).await.expect(201);
}

#[tokio::test(start_paused = true)]
async fn unpacked_bytes_count_as_well() {
    let node = Arc::new(MemoryNode::with_admin().holding(400_000));
    let mut client = Client::named(node, "ada", "secret").await;
    client.put("/db", "").await.expect(201);
    let packed = |bytes| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(document(bytes).as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let headers = [("content-encoding", "gzip"), ("content-type", "application/json")];
    client.send("PUT /db/large", &headers, packed(1_000_000)).await.expect(503);
    client.send("PUT /db/a", &headers, packed(200_000)).await.expect(201);
    client.send("PUT /db/b", &headers, packed(200_000)).await.expect(201);
}
