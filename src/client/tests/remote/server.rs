//! A tiny HTTP server inside the test: it hands every request to a function and remembers it.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use refuge_client::{Connections, RemoteDatabase};
use refuge_packing::Coding;
use refuge_replication::RemoteAddress;
use tokio::net::TcpListener;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `GET /db/_changes?…`.
    pub(crate) line: String,
    pub(crate) authorization: Option<String>,
    /// Unpacked.
    pub(crate) body: String,
    /// What it was packed with.
    pub(crate) coding: Option<String>,
    /// What its answer may be packed with.
    pub(crate) accepted: Option<String>,
    /// Number of the connection it came by.
    pub(crate) connection: usize,
}

/// Status and body.
pub(crate) type Reply = (u16, String);

/// The same with headers.
pub(crate) type FullReply = (u16, Vec<(&'static str, String)>, String);

pub(crate) struct Server {
    pub(crate) address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_telling(None, answer).await
    }

    /// One that tells which codings it takes.
    pub(crate) async fn start_telling(
        codings: Option<&'static str>,
        answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_with_headers(move |seen| {
            let (status, body) = answer(seen);
            let codings = codings.map(|codings| ("accept-encoding", codings.to_owned()));
            (status, codings.into_iter().collect(), body)
        })
        .await
    }

    /// One that says what the headers of its answers are.
    pub(crate) async fn start_with_headers(
        answer: impl Fn(&Seen) -> FullReply + Send + Sync + 'static,
    ) -> Self {
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
                    let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                    serve(request, connection, answer, log)
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
    answer: Arc<impl Fn(&Seen) -> FullReply>,
    log: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let line = format!("{} {}", request.method(), request.uri());
    let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (authorization, coding) = (header("authorization"), header("content-encoding"));
    let accepted = header("accept-encoding");
    let packed = request.into_body().collect().await.unwrap().to_bytes();
    let body = match coding.as_deref().map(|name| Coding::named(name).unwrap()) {
        Some(coding) => io::read_to_string(refuge_packing::reader(coding, packed).unwrap()),
        None => Ok(String::from_utf8(packed.to_vec()).unwrap()),
    };
    let body = body.unwrap();
    let seen = Seen { line, authorization, body, coding, accepted, connection };
    let (status, headers, body) = answer(&seen);
    log.lock().unwrap().push(seen);
    let mut response = Response::builder().status(status).header("retry-after", "3");
    for (name, value) in headers {
        response = response.header(name, value);
    }
    let response = response.body(Full::new(Bytes::from(body))).unwrap();
    Ok(response)
}
