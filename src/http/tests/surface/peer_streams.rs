//! Streams that other nodes open, in both directions at once.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use refuge_http::PeerStreamKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::watch;

use crate::client::{Client, serve_peer};
use crate::memory::MemoryNode;
use crate::memory::mesh::node_id;

/// Both ends of an open stream.
struct Opened {
    node: Arc<MemoryNode>,
    /// The other node's side.
    sender: Sender<Bytes>,
    answer: Response<Incoming>,
    /// What this node took.
    taken: DuplexStream,
    shutdown: watch::Sender<bool>,
}

async fn open(path: &str, kind: PeerStreamKind) -> Opened {
    let node = Arc::new(MemoryNode::with_admin());
    let one = node_id(1);
    node.mesh.trust(one, "family");
    let (near, shutdown) = serve_peer(node.clone(), Some(one));
    let (mut client, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection);
    let (sender, body) = Channel::<Bytes>::new(4);
    let request = Request::post(format!("http://node{path}")).body(body).unwrap();
    // The answer comes before anything was sent.
    let answer = client.send_request(request).await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let (peer, taken_kind, taken) = node.mesh.stream();
    assert_eq!((peer, taken_kind), (one, kind));
    Opened { node, sender, answer, taken, shutdown }
}

async fn piece(answer: &mut Response<Incoming>) -> Option<Bytes> {
    let piece = answer.body_mut().frame().await?.ok()?.into_data().unwrap();
    // HTTP/2 may end a stream with an empty one.
    Some(piece).filter(|piece| !piece.is_empty())
}

#[tokio::test]
async fn each_piece_is_carried_at_once() {
    let mut stream = open("/_mesh/link", PeerStreamKind::Link).await;
    let mut read = [0; 5];
    for round in [b"one  ", b"two  "] {
        stream.sender.send_data(Bytes::from_static(round)).await.unwrap();
        stream.taken.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, round);
        stream.taken.write_all(round).await.unwrap();
        assert_eq!(piece(&mut stream.answer).await.unwrap(), round.as_slice());
    }
}

#[tokio::test]
async fn each_side_may_end_first() {
    let Opened { sender, mut answer, mut taken, .. } =
        open("/_mesh/reverse", PeerStreamKind::Reverse).await;
    // The other node says all it has to say, and still listens.
    drop(sender);
    assert_eq!(taken.read(&mut [0; 1]).await.unwrap(), 0);
    taken.write_all(b"more").await.unwrap();
    assert_eq!(piece(&mut answer).await.unwrap(), "more");
    drop(taken);
    assert_eq!(piece(&mut answer).await, None);
}

#[tokio::test]
async fn what_was_said_last_arrives() {
    let Opened { mut sender, mut answer, mut taken, .. } =
        open("/_mesh/link", PeerStreamKind::Link).await;
    taken.write_all(b"goodbye").await.unwrap();
    drop(taken);
    // Nobody wants this any more.
    let _ = sender.send_data(Bytes::from_static(b"heartbeat")).await;
    assert_eq!(piece(&mut answer).await.unwrap(), "goodbye");
    assert_eq!(piece(&mut answer).await, None);
}

#[tokio::test]
async fn who_breaks_off_ends_the_stream() {
    let Opened { sender, answer, mut taken, .. } = open("/_mesh/link", PeerStreamKind::Link).await;
    drop(answer);
    drop(sender);
    while taken.write_all(b"x").await.is_ok() {}
}

#[tokio::test]
async fn much_goes_both_ways_at_once() {
    const BYTES: usize = 3 * 1024 * 1024;
    let Opened { mut sender, answer, taken, shutdown, .. } =
        open("/_mesh/reverse", PeerStreamKind::Reverse).await;
    let remote = async {
        let mut answer = answer.into_body();
        let writing = tokio::spawn(async move {
            for _ in 0..BYTES / 1024 {
                sender.send_data(Bytes::from(vec![1; 1024])).await.unwrap();
            }
        });
        let mut received = 0;
        while let Some(frame) = answer.frame().await {
            received += frame.unwrap().into_data().unwrap().len();
        }
        writing.await.unwrap();
        received
    };
    let local = async {
        let (mut reader, mut writer) = tokio::io::split(taken);
        let (mut received, sent) = (Vec::new(), vec![2; BYTES]);
        let (written, read) =
            tokio::join!(writer.write_all(&sent), reader.read_to_end(&mut received));
        written.unwrap();
        read.unwrap()
    };
    assert_eq!(tokio::join!(remote, local), (BYTES, BYTES));
    drop(shutdown);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_can_still_be_heard() {
    let Opened { mut sender, mut taken, answer, .. } =
        open("/_mesh/reverse", PeerStreamKind::Reverse).await;
    // More than fits under way: the answer's window is used up.
    let writing = async { while taken.write_all(&[0; 65536]).await.is_ok() {} };
    assert!(tokio::time::timeout(std::time::Duration::from_secs(1), writing).await.is_err());
    sender.send_data(Bytes::from_static(b"heard")).await.unwrap();
    let mut read = [0; 5];
    taken.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"heard");
    drop(answer);
}

#[tokio::test]
async fn a_revoked_node_is_cut_off() {
    let mut stream = open("/_mesh/link", PeerStreamKind::Link).await;
    stream.node.mesh.distrust(&node_id(1));
    let end = async {
        while piece(&mut stream.answer).await.is_some() {}
        while stream.taken.write_all(b"x").await.is_ok() {}
    };
    tokio::time::timeout(std::time::Duration::from_secs(1), end).await.expect("an end");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stops_ends_its_streams_after_a_farewell() {
    let Opened { mut answer, mut taken, shutdown, .. } =
        open("/_mesh/link", PeerStreamKind::Link).await;
    shutdown.send(true).unwrap();
    taken.write_all(b"goodbye").await.unwrap();
    assert_eq!(piece(&mut answer).await.unwrap(), "goodbye");
    assert_eq!(piece(&mut answer).await, None);
}

#[tokio::test]
async fn over_http_1_it_works_as_well() {
    let node = Arc::new(MemoryNode::with_admin());
    node.mesh.trust(node_id(1), "family");
    let (mut near, _shutdown) = serve_peer(node.clone(), Some(node_id(1)));
    let head = "POST /_mesh/link HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    near.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 15];
    near.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 200 OK");
    near.write_all(b"3\r\nabc\r\n").await.unwrap();
    let (_, _, mut taken) = node.mesh.stream();
    let mut read = [0; 3];
    taken.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"abc");
    taken.write_all(b"answer").await.unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"6\r\nanswer\r\n") {
        text.push(near.read_u8().await.unwrap());
    }
}

#[tokio::test]
async fn only_a_trusted_node_may_open_one() {
    let node = Arc::new(MemoryNode::with_admin());
    for path in ["/_mesh/link", "/_mesh/reverse"] {
        let mut client = Client::anonymous(node.clone()).await;
        client.post(path, "").await.expect(404);
        client.get(path).await.expect(404);
        Client::named(node.clone(), "ada", "secret").await.post(path, "").await.expect(404);
        Client::peer(node.clone(), node_id(1)).await.post(path, "").await.expect(403);
        node.mesh.trust(node_id(2), "family");
        let mut two = Client::peer(node.clone(), node_id(2)).await;
        two.get(path).await.expect(405);
        let mut ada = two.with_credentials("ada", "secret");
        ada.post(path, "").await.expect(403);
    }
    // No stream was handed on.
    let (near, _shutdown) = serve_peer(node.clone(), Some(node_id(2)));
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("http://node/_mesh/link").body(Empty::<Bytes>::new()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status().as_u16(), 200);
    assert_eq!(node.mesh.stream().0, node_id(2));
}
