//! Listens in the place of the HTTP branch while the storage is parked, and answers 503 to
//! everything, so that clients learn why and when to come back. It reads nothing of a request.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::accepting::{self, Newcomer};
use crate::task::OwnedTask;

/// Connections answered at once; each lives for one answer.
const CONNECTIONS: usize = 64;
/// How long one connection may take.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// What clients read.
const BODY: &str = concat!(
    r#"{"error":"service_unavailable","reason":"the storage cannot be opened; "#,
    r#"it is tried again every 30 s, see the log for the cause"}"#,
    "\n"
);

/// Messages of the stand-in: none.
#[derive(Debug)]
pub enum StandInListenerMessage {}

/// The actor.
#[derive(Default)]
pub struct StandInListenerActor;

/// The accepting task; it ends with the actor.
pub struct StandInListenerState {
    _accepting: OwnedTask,
}

impl Actor for StandInListenerActor {
    type Msg = StandInListenerMessage;
    type State = StandInListenerState;
    type Arguments = Arc<TcpListener>;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        socket: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let listener = accepting::listener(&socket)?;
        Ok(StandInListenerState { _accepting: OwnedTask::spawn(accept(listener)) })
    }
}

async fn accept(listener: tokio::net::TcpListener) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    accepting::accept(listener, connections, |newcomer: Newcomer| {
        crate::task::spawn(async move {
            // A client that takes its time learns nothing, which is all the same here.
            let _ = tokio::time::timeout(ANSWER_TIME, answer(newcomer.stream)).await;
            drop(newcomer.permit);
        });
        std::future::ready(())
    })
    .await;
}

async fn answer(stream: TcpStream) -> hyper::Result<()> {
    let service = service_fn(async |_request| {
        let mut response = Response::new(Full::new(Bytes::from_static(BODY.as_bytes())));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        for (name, value) in
            [(CONTENT_TYPE, "application/json"), (RETRY_AFTER, "30"), (CONNECTION, "close")]
        {
            response.headers_mut().insert(name, hyper::header::HeaderValue::from_static(value));
        }
        Ok::<_, Infallible>(response)
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await
}
