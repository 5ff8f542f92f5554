//! A node in miniature: an HTTP/2 server whose paths behave in the ways that the tests need.

use std::convert::Infallible;
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use refuge_client::Duplex;
use refuge_identity::tls::mesh::{ConnectOptions, Protocol};
use refuge_identity::{CreateOptions, NodeIdentity};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::watched::{Watch, Watched};

/// Two nodes, for all tests of a run: keys take their time.
pub(crate) static ANNA: LazyLock<NodeIdentity> = LazyLock::new(identity);
pub(crate) static BERT: LazyLock<NodeIdentity> = LazyLock::new(identity);

fn identity() -> NodeIdentity {
    NodeIdentity::generate(&CreateOptions { bits: 2048, name: "test".to_owned() }).unwrap()
}

/// The client's end of a connection.
pub(crate) struct Link {
    pub(crate) io: Box<dyn Duplex>,
    /// Of the socket below TLS.
    pub(crate) watch: Watch,
}

/// What a node serves, and what it saw.
#[derive(Clone, Default)]
pub(crate) struct Node {
    /// Bodies of the requests to `/keep`, as far as they came.
    pub(crate) kept: watch::Sender<Vec<u8>>,
    /// Method and path of each request.
    pub(crate) lines: Arc<Mutex<Vec<String>>>,
    /// From then on it does nothing more and closes nothing.
    pub(crate) falls_deaf: Arc<Notify>,
}

impl Node {
    /// Serves this connection, from which TLS is off already.
    pub(crate) fn serve(&self, io: impl Duplex + 'static) -> JoinHandle<()> {
        let node = self.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let node = node.clone();
                async move { Ok::<_, Infallible>(node.answer(request).await) }
            });
            let server = http2::Builder::new(TokioExecutor::new());
            let mut connection = std::pin::pin!(server.serve_connection(TokioIo::new(io), service));
            tokio::select! {
                _ = &mut connection => {}
                () = node.falls_deaf.notified() => std::future::pending().await,
            }
        })
    }

    /// A connection from `ANNA` to this node, which is `BERT`.
    pub(crate) async fn dial(&self) -> (Link, JoinHandle<()>) {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (near, watch) = Watched::new(near);
        let (anna, bert) = (ANNA.tls().clone(), BERT.tls().clone());
        let options = ConnectOptions { expected: BERT.id, protocol: Protocol::H2 };
        let (client, server) = tokio::join!(anna.connect(near, options), bert.accept(far));
        let server = self.serve(server.unwrap());
        (Link { io: Box::new(client.unwrap()), watch }, server)
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<BoxBody<Bytes, hyper::Error>> {
        let line = format!("{} {}", request.method(), request.uri().path());
        self.lines.lock().unwrap().push(line);
        match request.uri().path() {
            "/echo" => Response::new(request.into_body().boxed()),
            "/keep" => {
                tokio::spawn(keep(request.into_body(), self.kept.clone()));
                Response::new(open_end())
            }
            "/silent" => std::future::pending().await,
            "/refuse" => {
                let text = r#"{"error":"forbidden","reason":"you are not trusted here"}"#;
                Response::builder().status(403).body(full(text)).unwrap()
            }
            _ => Response::new(full(r#"{"update_seq":"7-x","instance_start_time":"0"}"#)),
        }
    }
}

async fn keep(mut body: Incoming, kept: watch::Sender<Vec<u8>>) {
    while let Some(Ok(frame)) = body.frame().await {
        let data = frame.into_data().unwrap_or_default();
        kept.send_modify(|all| all.extend_from_slice(&data));
    }
}

fn full(text: &'static str) -> BoxBody<Bytes, hyper::Error> {
    Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed()
}

/// A body that brings nothing and does not end.
fn open_end() -> BoxBody<Bytes, hyper::Error> {
    let nothing = futures_util::stream::pending::<Result<Frame<Bytes>, hyper::Error>>();
    BodyExt::boxed(StreamBody::new(nothing))
}
