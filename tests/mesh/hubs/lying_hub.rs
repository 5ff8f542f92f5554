//! A hub with a good certificate that tells of nodes whatever it likes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use data_encoding::BASE64;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use refuge_identity::NodeIdentity;
use refuge_tests::{Node, Options};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The host of its forged addresses; no node is there (RFC 5737).
pub const FORGED_HOST: &str = "203.0.113.9";

/// The hub; it ends with the runtime.
pub struct LyingHub {
    identity: Arc<NodeIdentity>,
    address: SocketAddr,
    tongue: Arc<Tongue>,
}

/// What it tells.
struct Tongue {
    lies: Vec<String>,
    truth: String,
    /// Of this node alone it knows anything.
    issuer: String,
    told: AtomicUsize,
    is_honest: AtomicBool,
    /// What it tells instead of all that.
    replayed: Mutex<Option<String>>,
}

impl LyingHub {
    /// Begins to listen; its lies are made of the true statement of a node.
    pub async fn start(truth: Value) -> Self {
        let mut node = Node::start(Options::mesh());
        node.id().await;
        node.kill_hard();
        let identity = NodeIdentity::load(&node.root().join("var/identity"));
        let identity = Arc::new(identity.expect("its files").expect("an identity"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let tongue = Arc::new(Tongue {
            lies: lies(&truth, &identity.id.to_string()),
            truth: truth.to_string(),
            issuer: truth["issuer"].as_str().expect("an issuer").to_owned(),
            told: AtomicUsize::new(0),
            is_honest: AtomicBool::new(false),
            replayed: Mutex::new(None),
        });
        tokio::spawn(listen(listener, Arc::clone(&identity), Arc::clone(&tongue)));
        Self { identity, address, tongue }
    }

    pub fn id(&self) -> String {
        self.identity.id.to_string()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many lies it told.
    pub fn told(&self) -> usize {
        self.tongue.told.load(Ordering::SeqCst)
    }

    /// How many it has.
    pub fn lies(&self) -> usize {
        self.tongue.lies.len()
    }

    pub fn tell_the_truth(&self) {
        self.tongue.is_honest.store(true, Ordering::SeqCst);
    }

    /// From now on it tells what the node stated once; this counts as a lie.
    pub fn replay(&self, statement: &Value) {
        *self.tongue.replayed.lock().expect("nobody panicked") = Some(statement.to_string());
    }
}

fn lies(truth: &Value, id: &str) -> Vec<String> {
    let payload = BASE64.decode(truth["payload"].as_str().expect("a payload").as_bytes());
    let payload = String::from_utf8(payload.expect("base64")).expect("text");
    let with = |payload: String| {
        let mut lie = truth.clone();
        lie["payload"] = BASE64.encode(payload.as_bytes()).into();
        lie
    };
    let moved = with(payload.replace("127.0.0.1", FORGED_HOST));
    let issuer = truth["issuer"].as_str().expect("an issuer");
    let mut borrowed = with(payload.replace(issuer, id).replace("127.0.0.1", FORGED_HOST));
    borrowed["issuer"] = id.into();
    let mut unsigned = moved.clone();
    unsigned["signature"] = "AAAA".into();
    vec![
        moved.to_string(),
        borrowed.to_string(),
        unsigned.to_string(),
        json!({"addresses": [format!("{FORGED_HOST}:1")]}).to_string(),
        "nonsense".to_owned(),
        format!("\"{}\"", "x".repeat(1 << 20)),
    ]
}

async fn listen(listener: TcpListener, identity: Arc<NodeIdentity>, tongue: Arc<Tongue>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (identity, tongue) = (Arc::clone(&identity), Arc::clone(&tongue));
        tokio::spawn(async move {
            let Ok(stream) = identity.tls().accept(stream).await else { return };
            let answer = service_fn(move |request: Request<Incoming>| {
                let answer = tongue.answer(&request);
                async move { Ok::<_, Infallible>(answer.map(|text| Full::new(Bytes::from(text)))) }
            });
            let server = http2::Builder::new(TokioExecutor::new());
            let _ = server.serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

impl Tongue {
    fn answer(&self, request: &Request<Incoming>) -> Response<String> {
        if request.method() == Method::PUT {
            return Response::new(r#"{"ok":true}"#.to_owned());
        }
        if !request.uri().path().ends_with(&self.issuer) {
            let mut unknown = Response::new("{}".to_owned());
            *unknown.status_mut() = StatusCode::NOT_FOUND;
            return unknown;
        }
        if let Some(replayed) = self.replayed.lock().expect("nobody panicked").clone() {
            self.told.fetch_add(1, Ordering::SeqCst);
            return Response::new(replayed);
        }
        if self.is_honest.load(Ordering::SeqCst) {
            return Response::new(self.truth.clone());
        }
        let told = self.told.fetch_add(1, Ordering::SeqCst);
        Response::new(self.lies[told % self.lies.len()].clone())
    }
}
