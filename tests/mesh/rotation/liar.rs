//! A node with a good certificate that answers whatever it is told to, when it is asked whom it was before.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use refuge_identity::NodeIdentity;
use tokio::net::TcpListener;

/// It ends with the runtime.
pub struct Liar {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Liar {
    /// Begins to listen.
    pub async fn start(identity: Arc<NodeIdentity>, lie: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        tokio::spawn(listen(listener, identity, (Bytes::from(lie), Arc::clone(&asked))));
        Self { address, asked }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn listen(
    listener: TcpListener,
    identity: Arc<NodeIdentity>,
    (lie, asked): (Bytes, Arc<AtomicUsize>),
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (identity, lie, asked) = (Arc::clone(&identity), lie.clone(), Arc::clone(&asked));
        tokio::spawn(async move {
            let Ok(stream) = identity.tls().accept(stream).await else { return };
            let answer = service_fn(move |request: Request<Incoming>| {
                if request.uri().path().starts_with("/_mesh/pair/rotation/") {
                    asked.fetch_add(1, Ordering::SeqCst);
                }
                let answer = Response::new(Full::new(lie.clone()));
                async move { Ok::<_, Infallible>(answer) }
            });
            let server = http2::Builder::new(TokioExecutor::new());
            let _ = server.serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}
