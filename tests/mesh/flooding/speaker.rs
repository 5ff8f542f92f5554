//! A trusted node that a test speaks for: it says on its links whatever the test likes, as fast as it can.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use refuge_identity::tls::mesh::{ConnectOptions, Protocol};
use refuge_identity::{CreateOptions, NodeIdentity};
use refuge_tests::{Node, PATIENCE, eventually};
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::sync::mpsc;

/// How often one address may shake hands is bounded, and nodes do.
const FROM: [u8; 4] = [127, 0, 0, 3];
/// Pieces that wait until HTTP/2 takes them.
const PIECES: usize = 4;

/// Whom a test speaks for.
pub struct Speaker {
    identity: NodeIdentity,
    /// The node that trusts it.
    node: String,
    address: SocketAddr,
}

/// A link of it.
pub struct SpokenLink {
    out: mpsc::Sender<Bytes>,
    answer: Option<Incoming>,
    /// What came of the next frame.
    begun: Vec<u8>,
    _connection: SendRequest<Pieces>,
}

/// What is said, as the body of a request.
struct Pieces(mpsc::Receiver<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.get_mut().0.poll_recv(context);
        piece.map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// The bytes of a frame.
pub fn frame(value: &Value) -> Vec<u8> {
    let text = value.to_string();
    let length = u32::try_from(text.len()).expect("a short frame");
    [&length.to_be_bytes()[..], text.as_bytes()].concat()
}

impl Speaker {
    /// One that a node trusts and calls `name`.
    pub async fn trusted_by(node: &Node, name: &str) -> Self {
        let options = CreateOptions { bits: 2048, name: String::new() };
        let identity = NodeIdentity::generate(&options).expect("an identity");
        node.peer(&["add", &identity.id.to_string(), "--name", name]).await;
        Self { identity, node: node.id().await, address: node.mesh_address() }
    }

    pub fn id(&self) -> String {
        self.identity.id.to_string()
    }

    /// A link that the node has welcomed; another takes its place.
    pub async fn link(&self) -> SpokenLink {
        let mut link = eventually("the node takes a stream", || self.stream()).await;
        let hello = json!({
            "t": "hello", "v": 1, "node": self.id(), "version_max": 1, "name": "speaker",
            "session": rand::random::<u32>(), "dial": 1, "heartbeat_ms": 1000,
        });
        assert!(link.say(frame(&hello)).await, "a hello is taken");
        let welcome = link.next().await.expect("a welcome");
        assert_eq!(welcome["t"], "welcome", "{welcome}");
        let heartbeat = json!({"t": "heartbeat", "v": 1, "n": 0, "every_ms": 1000});
        assert!(link.say(frame(&heartbeat)).await, "a heartbeat is taken");
        link
    }

    async fn stream(&self) -> Option<SpokenLink> {
        let socket = TcpSocket::new_v4().ok()?;
        socket.bind(SocketAddr::from((FROM, 0))).ok()?;
        let stream = socket.connect(self.address).await.ok()?;
        let expected = self.node.parse().expect("an id");
        let options = ConnectOptions { expected, protocol: Protocol::H2 };
        let stream = self.identity.tls().connect(stream, options).await.ok()?;
        let speaking = Builder::new(TokioExecutor::new());
        let (mut sender, connection) = speaking.handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let (out, pieces) = mpsc::channel(PIECES);
        let request = Request::post(format!("https://{}/_mesh/link", self.node));
        let request = request.body(Pieces(pieces)).expect("a request");
        let answer = sender.send_request(request).await.ok()?;
        let taken = answer.status() == 200;
        let answer = Some(answer.into_body());
        taken.then(|| SpokenLink { out, answer, begun: Vec::new(), _connection: sender })
    }
}

impl SpokenLink {
    /// Says it as soon as the node takes it; false when it takes nothing any more.
    pub async fn say(&self, bytes: Vec<u8>) -> bool {
        let said = tokio::time::timeout(PATIENCE, self.out.send(Bytes::from(bytes))).await;
        said.expect("a link that goes on or ends").is_ok()
    }

    /// What the node says next; `None` when it has ended the link.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(frame) = self.whole() {
                return Some(frame);
            }
            let answer = self.answer.as_mut().expect("a link that is read");
            let piece = tokio::time::timeout(PATIENCE, answer.frame()).await;
            let piece = piece.expect("a frame or the end")?.ok()?.into_data().ok()?;
            self.begun.extend_from_slice(&piece);
        }
    }

    /// Takes what the node says, until it ends the link, and forgets it.
    pub fn forget_answers(&mut self) {
        let mut answer = self.answer.take().expect("a link that is read");
        tokio::spawn(async move { while let Some(Ok(_)) = answer.frame().await {} });
    }

    fn whole(&mut self) -> Option<Value> {
        let (length, rest) = self.begun.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let frame = serde_json::from_slice(rest.get(..length)?).expect("JSON");
        self.begun.drain(..4 + length);
        Some(frame)
    }
}
