//! A client for the tests: one connection through memory to a served node.

use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use refuge_http::{Node, Peer, Shutdown, serve_connection};
use refuge_mesh::NodeId;
use serde_json::Value;
use tokio::sync::watch;

use crate::memory::MemoryNode;

/// Bytes that a connection holds on their way; small, so that back-pressure is met.
const PIPE_BYTES: usize = 4096;

/// A connection and the node behind it.
pub(crate) struct Client {
    sender: http1::SendRequest<Full<Bytes>>,
    authorization: Option<String>,
    /// Gives the sign to shut down.
    pub(crate) shutdown: watch::Sender<bool>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Checks the status, and shows the body where it is another.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }
}

/// An answer whose body is still to come.
pub(crate) struct Reading {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
}

impl Reading {
    /// The next piece as text; `None` at the end.
    pub(crate) async fn piece(&mut self) -> Option<String> {
        let piece = self.body.frame().await?.unwrap().into_data().unwrap();
        Some(String::from_utf8(piece.to_vec()).unwrap())
    }

    /// All that is still to come.
    pub(crate) async fn rest(mut self) -> String {
        let mut rest = String::new();
        while let Some(piece) = self.piece().await {
            rest.push_str(&piece);
        }
        rest
    }
}

/// Serves a node on one end of a pipe and gives back the other.
pub(crate) fn serve(node: Arc<dyn Node>) -> (tokio::io::DuplexStream, watch::Sender<bool>) {
    serve_peer(node, None)
}

/// [`serve`] for a client that proved to be this node.
pub(crate) fn serve_peer(
    node: Arc<dyn Node>,
    certificate: Option<NodeId>,
) -> (tokio::io::DuplexStream, watch::Sender<bool>) {
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    let (shutdown, receiver) = watch::channel(false);
    let peer = Peer { address: ([127, 0, 0, 1], 1).into(), certificate, tls: None };
    tokio::spawn(async move {
        let _ = serve_connection(Box::new(far), node, peer, Shutdown::new(receiver)).await;
    });
    (near, shutdown)
}

impl Client {
    /// A connection to a node, without credentials.
    pub(crate) async fn anonymous(node: Arc<MemoryNode>) -> Self {
        Self::over(serve(node)).await
    }

    /// A connection of another node, without credentials.
    pub(crate) async fn peer(node: Arc<MemoryNode>, id: NodeId) -> Self {
        Self::over(serve_peer(node, Some(id))).await
    }

    async fn over((near, shutdown): (tokio::io::DuplexStream, watch::Sender<bool>)) -> Self {
        let (sender, connection) = http1::handshake(TokioIo::new(near)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, authorization: None, shutdown }
    }

    /// A connection to a node as somebody.
    pub(crate) async fn named(node: Arc<MemoryNode>, name: &str, password: &str) -> Self {
        Self::anonymous(node).await.with_credentials(name, password)
    }

    /// The same connection, with credentials in all further requests.
    pub(crate) fn with_credentials(mut self, name: &str, password: &str) -> Self {
        let encoded =
            base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
        self.authorization = Some(format!("Basic {encoded}"));
        self
    }

    /// The admin of a new node that has the database `db`.
    pub(crate) async fn with_database() -> Self {
        let node = Arc::new(MemoryNode::with_admin());
        let mut client = Self::named(node, "ada", "secret").await;
        client.send("PUT /db", &[], "").await.expect(201);
        client
    }

    /// Sends `METHOD /path` and waits for the whole answer.
    pub(crate) async fn send(
        &mut self,
        line: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let Reading { status, headers, body } = self.open(line, headers, body).await;
        Answer { status, headers, body: body.collect().await.unwrap().to_bytes() }
    }

    /// Sends `METHOD /path` and waits for the beginning of the answer.
    pub(crate) async fn open(
        &mut self,
        line: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reading {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path).header("host", "node");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.sender.ready().await.unwrap();
        let request = request.body(Full::new(body.into())).unwrap();
        let answer = self.sender.send_request(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        Reading { status: parts.status, headers: parts.headers, body }
    }

    /// `GET` of a path.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), &[("accept", "application/json")], "").await
    }

    /// `PUT` of JSON.
    pub(crate) async fn put(&mut self, path: &str, body: &str) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send(&format!("PUT {path}"), &headers, body.to_owned()).await
    }

    /// `POST` of JSON.
    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Answer {
        let headers = [("content-type", "application/json"), ("accept", "application/json")];
        self.send(&format!("POST {path}"), &headers, body.to_owned()).await
    }

    /// Stores a document that has to be taken; its revision.
    pub(crate) async fn store(&mut self, path: &str, body: &str) -> String {
        let answer = self.put(path, body).await;
        assert!(answer.status.is_success(), "{}", answer.text());
        answer.json()["rev"].as_str().unwrap().to_owned()
    }
}
