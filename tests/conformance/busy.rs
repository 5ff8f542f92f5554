//! What a node says that has too much to do.

use std::net::SocketAddr;

use refuge_tests::{Node, Options, PATIENCE, eventually};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// The longest body of one request, and how many of them a node holds at a time.
const LONGEST: usize = 64 * 1024 * 1024;
const HELD: usize = 4;

/// A request whose body never ends: all of its bytes but the last one.
async fn unfinished(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "POST /a/_bulk_docs HTTP/1.1\r\nhost: a\r\nauthorization: Basic YWRtaW46c2VjcmV0\r\n\
         content-type: application/json\r\ncontent-length: {LONGEST}\r\n\r\n"
    );
    let sending = async {
        stream.write_all(head.as_bytes()).await?;
        let piece = vec![b' '; 1024 * 1024];
        for _ in 1..LONGEST / piece.len() {
            stream.write_all(&piece).await?;
        }
        stream.write_all(&piece[1..]).await
    };
    tokio::time::timeout(PATIENCE, sending).await.expect("in time").expect("a node that reads");
    stream
}

#[tokio::test]
async fn too_many_bytes_under_way_are_503_until_there_is_room() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let mut held = Vec::new();
    for _ in 0..HELD {
        held.push(unfinished(node.address()).await);
    }
    let body = json!({"text": "x".repeat(1024 * 1024)}).to_string();
    let put = |id: &'static str| client.request("PUT", id).json(body.clone()).try_send();
    let busy = eventually("the node says that it is busy", || async {
        let reply = put("/a/b").await.ok()?;
        (reply.status == 503).then_some(reply)
    })
    .await;
    busy.error_named(503, "service_unavailable");
    assert!(busy.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    // What needs no room is answered all the same.
    client.get("/a").await.expect(200);
    drop(held);
    eventually("there is room again", || async {
        let reply = put("/a/c").await.ok()?;
        (reply.status == 201).then_some(())
    })
    .await;
}
