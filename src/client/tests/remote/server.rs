//! A tiny HTTP server inside the test: it hands every request to a function and remembers it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use refuge_client::{Connections, RemoteDatabase};
use refuge_replication::RemoteAddress;
use tokio::net::TcpListener;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `GET /db/_changes?…`.
    pub(crate) line: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: String,
    /// Number of the connection it came by.
    pub(crate) connection: usize,
}

/// Status and body.
pub(crate) type Reply = (u16, String);

pub(crate) struct Server {
    pub(crate) address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), Arc::clone(&seen));
        tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                connection += 1;
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                let service = service_fn(move |request| {
                    serve(request, connection, Arc::clone(&answer), Arc::clone(&log))
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, seen }
    }

    pub(crate) fn database(&self) -> RemoteDatabase {
        let url = format!("http://bob:secret@{}/db", self.address);
        let address = RemoteAddress::parse(&url).unwrap();
        RemoteDatabase::new(Connections::default(), &address).unwrap()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    request: Request<Incoming>,
    connection: usize,
    answer: Arc<impl Fn(&Seen) -> Reply>,
    log: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let line = format!("{} {}", request.method(), request.uri());
    let authorization =
        request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let seen =
        Seen { line, authorization, body: String::from_utf8(body.to_vec()).unwrap(), connection };
    let (status, body) = answer(&seen);
    log.lock().unwrap().push(seen);
    let response = Response::builder()
        .status(status)
        .header("retry-after", "3")
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    Ok(response)
}
