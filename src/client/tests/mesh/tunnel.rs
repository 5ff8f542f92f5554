//! Streams through a request.

use std::time::Duration;

use refuge_client::{StreamRequest, Tunnel, TunnelError, open_stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::node::{BERT, Node};

fn request(path: &str) -> StreamRequest {
    StreamRequest { authority: BERT.id.to_string(), path: path.to_owned() }
}

async fn tunnel(node: &Node, path: &str) -> Tunnel {
    let (link, _) = node.dial().await;
    open_stream(link.io, request(path)).await.unwrap()
}

#[tokio::test]
async fn each_word_passes_at_once() {
    let node = Node::default();
    let mut tunnel = tunnel(&node, "/echo").await;
    for number in 0..100_u8 {
        tunnel.write_all(&[number, b'!']).await.unwrap();
        let mut word = [0; 2];
        tunnel.read_exact(&mut word).await.unwrap();
        assert_eq!(word, [number, b'!']);
    }
    assert_eq!(*node.lines.lock().unwrap(), ["POST /echo"]);
    assert_eq!(format!("{tunnel:?}"), "Tunnel");
}

#[tokio::test]
async fn megabytes_pass_both_ways_and_an_end_is_an_end() {
    let tunnel = tunnel(&Node::default(), "/echo").await;
    let (mut reader, mut writer) = tokio::io::split(tunnel);
    let data: Vec<u8> = (0..9_000_001_u32).map(|number| (number % 251) as u8).collect();
    let mut received = Vec::new();
    let send = async {
        writer.write_all(&data).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let (read, ()) = tokio::join!(reader.read_to_end(&mut received), send);
    read.unwrap();
    assert!(received == data);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_makes_the_writer_wait() {
    let mut tunnel = tunnel(&Node::default(), "/echo").await;
    let piece = vec![0; 64 << 10];
    let mut written = 0_usize;
    let flood = async {
        loop {
            written += tunnel.write(&piece).await.unwrap();
        }
    };
    // The clock stands until nothing moves any more.
    let _ = tokio::time::timeout(Duration::from_secs(2), flood).await;
    assert!(written < 16 << 20, "{written}");
    let mut received = vec![0; written];
    tunnel.read_exact(&mut received).await.unwrap();
}

#[tokio::test]
async fn a_refusal_tells_its_status_and_reason() {
    let (link, _) = Node::default().dial().await;
    let outcome = open_stream(link.io, request("/refuse")).await;
    let Err(TunnelError::Refused { status, reason }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(status, 403);
    assert_eq!(reason, "it answered 403 forbidden: you are not trusted here");
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    let (link, _) = Node::default().dial().await;
    let outcome = open_stream(link.io, request("/ with spaces")).await;
    assert!(matches!(outcome, Err(TunnelError::Address(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_peer_without_http_2_is_a_failed_connection() {
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let outcome = open_stream(Box::new(near), request("/echo")).await;
    assert!(matches!(outcome, Err(TunnelError::Connection(_))), "{outcome:?}");
}

#[tokio::test]
async fn what_was_written_before_the_drop_arrives() {
    let node = Node::default();
    let mut kept = node.kept.subscribe();
    let (link, server) = node.dial().await;
    let mut tunnel = open_stream(link.io, request("/keep")).await.unwrap();
    let words = b"goodbye".repeat(5_000);
    tunnel.write_all(&words).await.unwrap();
    drop(tunnel);
    kept.wait_for(|kept| *kept == words).await.unwrap();
    server.await.unwrap();
    link.watch.closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_deaf_peer_does_not_keep_a_dropped_tunnel_open() {
    let node = Node::default();
    let (link, _server) = node.dial().await;
    let mut tunnel = open_stream(link.io, request("/keep")).await.unwrap();
    node.falls_deaf.notify_one();
    tunnel.write_all(&vec![0; 60_000]).await.unwrap();
    drop(tunnel);
    link.watch.closed().await;
}

#[tokio::test(start_paused = true)]
async fn giving_up_the_wait_ends_the_connection() {
    let (link, _server) = Node::default().dial().await;
    let opening = open_stream(link.io, request("/silent"));
    assert!(tokio::time::timeout(Duration::from_secs(5), opening).await.is_err());
    link.watch.closed().await;
}

#[tokio::test]
async fn a_peer_that_goes_away_is_an_error() {
    let (link, server) = Node::default().dial().await;
    let mut tunnel = open_stream(link.io, request("/keep")).await.unwrap();
    server.abort();
    let read = tunnel.read(&mut [0; 10]).await;
    assert!(read.is_err(), "{read:?}");
    let mut written = Ok(0);
    while written.is_ok() {
        written = tunnel.write(&[0; 1_000]).await;
    }
}
