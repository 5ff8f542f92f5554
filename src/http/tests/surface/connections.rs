//! Connections: HTTP/2, limits, compressed bodies, and the end of a node.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, timeout};

use crate::client::{Client, serve, serve_peer};
use crate::memory::MemoryNode;
use crate::memory::mesh::node_id;

#[tokio::test]
async fn http_2_is_spoken_with_prior_knowledge() {
    let (near, _shutdown) = serve(Arc::new(MemoryNode::with_admin()));
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection);
    let authorization = "Basic YWRhOnNlY3JldA==";
    let request = hyper::Request::put("http://node/db").header("authorization", authorization);
    let request = request.body(Full::new(Bytes::new())).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status().as_u16(), 201);
    assert_eq!(answer.headers().get("location").unwrap(), "http://node/db");
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "{\"ok\":true}\n");
}

#[tokio::test]
async fn a_gzipped_request_is_unpacked() {
    let mut client = Client::with_database().await;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(b"{\"n\":1}").unwrap();
    let headers = [("content-encoding", "gzip"), ("content-type", "application/json")];
    client.send("PUT /db/a", &headers, encoder.finish().unwrap()).await.expect(201);
    assert_eq!(client.get("/db/a").await.json()["n"], 1);
}

#[tokio::test]
async fn a_refused_upload_leaves_the_connection_usable() {
    let mut client = Client::with_database().await;
    client.put("/db/a", "{}").await.expect(201);
    let headers = [("content-type", "application/octet-stream")];
    client.send("PUT /db/a/x", &headers, vec![0; 100_000]).await.expect(409);
    client.get("/db/a").await.expect(200);
}

#[tokio::test]
async fn too_many_headers_are_refused() {
    let (mut near, _shutdown) = serve(Arc::new(MemoryNode::with_admin()));
    let headers: String = (0..200).map(|number| format!("x-{number}: y\r\n")).collect();
    near.write_all(format!("GET / HTTP/1.1\r\nhost: x\r\n{headers}\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    near.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn a_node_that_stops_ends_its_idle_connections() {
    let (mut near, shutdown) = serve(Arc::new(MemoryNode::with_admin()));
    near.write_all(b"GET /_up HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = vec![0; 15];
    near.read_exact(&mut first).await.unwrap();
    assert_eq!(first, b"HTTP/1.1 200 OK");
    shutdown.send(true).unwrap();
    let mut rest = Vec::new();
    near.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test]
async fn a_node_that_stops_ends_its_feeds_with_their_last_sequence() {
    let mut client = Client::with_database().await;
    client.store("/db/a", "{}").await;
    let shutdown = client.shutdown.clone();
    let feed = tokio::spawn(async move { client.get("/db/_changes?feed=continuous").await });
    tokio::task::yield_now().await;
    shutdown.send(true).unwrap();
    let answer = feed.await.unwrap().expect(200);
    let last = answer.text().lines().last().unwrap().to_owned();
    assert!(last.contains("\"last_seq\":\"1-memory\""), "{last}");
}

/// A connection over which a node has asked one thing and asks no more; ends when the connection does.
async fn asked_once(node: &Arc<MemoryNode>) -> JoinHandle<hyper::Result<()>> {
    let (near, shutdown) = serve_peer(node.clone(), Some(node_id(1)));
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(near)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = hyper::Request::get("http://node/_up").body(Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    answer.into_body().collect().await.unwrap();
    tokio::spawn(async move {
        // Both would end it with their own end.
        let _kept = (sender, shutdown);
        connection.await.unwrap()
    })
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_not_trusted_is_told_to_go_when_it_asks_nothing() {
    let connection = asked_once(&Arc::new(MemoryNode::with_admin())).await;
    let begun = Instant::now();
    connection.await.unwrap().unwrap();
    let passed = begun.elapsed();
    assert!(passed >= Duration::from_secs(29) && passed < Duration::from_secs(60), "{passed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_trusted_meanwhile_keeps_its_connection() {
    let node = Arc::new(MemoryNode::with_admin());
    let mut connection = asked_once(&node).await;
    node.mesh.trust(node_id(1), "family");
    assert!(timeout(Duration::from_secs(3_600), &mut connection).await.is_err());
    node.mesh.distrust(&node_id(1));
    connection.await.unwrap().unwrap();
}
