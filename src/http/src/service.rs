//! From a connection to answered requests: the limits of a connection, who asks, the router, and
//! what every answer has. Endpoints are elsewhere.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::body::RequestBody;
use crate::failure::Failure;
use crate::limits;
use crate::node::Node;
use crate::query::Query;
use crate::reply::{self, Reply, ReplyBody};
use crate::request::{Request, path_segments};
use crate::router;
use crate::session::ConnectionSession;
use crate::shutdown::Shutdown;

/// Whom a connection leads to.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
}

/// Serves one connection, HTTP/1.1 or HTTP/2 with prior knowledge, until it ends. Once `shutdown` is
/// requested, requests that were accepted are finished, feeds end with their last sequence, and no
/// further request is taken.
///
/// # Errors
/// What went wrong on the wire, for the log.
pub async fn serve_connection<I>(
    io: I,
    node: Arc<dyn Node>,
    peer: Peer,
    shutdown: Shutdown,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let session = Arc::new(ConnectionSession::new(node.facts(), shutdown.clone()));
    let begun = Arc::new(AtomicBool::new(false));
    let first = begun.clone();
    let service = service_fn(move |request| {
        first.store(true, Ordering::Relaxed);
        let (node, session) = (node.clone(), session.clone());
        async move {
            Ok::<_, std::convert::Infallible>(serve_caught(node, peer, session, request).await)
        }
    });
    let builder = connection_builder();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(io), service));
    tokio::select! {
        result = connection.as_mut() => return result,
        () = shutdown.requested() => {}
        () = silence(&begun) => return Ok(()),
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

/// Ends when no request came in the time that its headers may take. hyper watches that time only from
/// the first bytes on.
async fn silence(begun: &AtomicBool) {
    tokio::time::sleep(limits::HEADER_READ_TIMEOUT).await;
    if begun.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

fn connection_builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEADER_READ_TIMEOUT)
        .max_headers(limits::HEADERS)
        .max_buf_size(limits::HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits::H2_PING_INTERVAL)
        .keep_alive_timeout(limits::H2_PING_INTERVAL)
        .max_concurrent_streams(limits::H2_STREAMS)
        .initial_stream_window_size(limits::H2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::H2_CONNECTION_WINDOW_BYTES)
        .max_header_list_size(u32::try_from(limits::HEADER_BYTES).unwrap_or(u32::MAX));
    builder
}

/// A panic in an endpoint is a broken invariant: it is logged, its request answers 500, and the
/// other requests of the connection go on.
async fn serve_caught(
    node: Arc<dyn Node>,
    peer: Peer,
    session: Arc<ConnectionSession>,
    request: hyper::Request<Incoming>,
) -> Reply {
    let served = AssertUnwindSafe(serve(&node, peer, &session, request)).catch_unwind().await;
    served.unwrap_or_else(|_| {
        tracing::error!(address = %peer.address, "an endpoint panicked");
        reply::failure(&Failure::Internal("this request met an error in refuge".to_owned()))
    })
}

/// Answers one request. Every failure becomes an answer.
pub async fn serve(
    node: &Arc<dyn Node>,
    peer: Peer,
    session: &ConnectionSession,
    request: hyper::Request<Incoming>,
) -> hyper::Response<ReplyBody> {
    let (parts, incoming) = request.into_parts();
    answer(node, peer, session, parts, incoming.into()).await
}

/// [`serve`] for a body that may come from elsewhere than the network.
pub(crate) async fn answer(
    node: &Arc<dyn Node>,
    peer: Peer,
    session: &ConnectionSession,
    parts: hyper::http::request::Parts,
    body: RequestBody,
) -> Reply {
    let authorization = Request::authorization(&parts.headers);
    let user = session.user(node.as_ref(), authorization).await;
    let path = path_segments(&parts.uri);
    let (user, path) = match (user, path) {
        (Ok(user), Ok(path)) => (user, path),
        (Err(failure), _) | (_, Err(failure)) => {
            let mut reply = reply::failure(&failure);
            reply::complete(&mut reply, &parts.headers, session.server());
            return reply;
        }
    };
    let mut request = Request {
        method: parts.method,
        path,
        query: Query::parse(parts.uri.query()),
        uri: parts.uri,
        headers: parts.headers,
        user,
        body,
        shutdown: session.shutdown().clone(),
    };
    let mut reply = match router::route(node, &mut request).await {
        Ok(reply) => reply,
        Err(failure) => {
            log_failure(&failure, &request, peer);
            reply::failure(&failure)
        }
    };
    if !request.body.is_finished() {
        // When the rest is long or slow the connection is closed under the client instead.
        let _ = tokio::time::timeout(limits::DRAIN_TIMEOUT, request.body.drain()).await;
    }
    reply::negotiate(&mut reply, &request);
    reply::complete(&mut reply, &request.headers, session.server());
    reply
}

fn log_failure(failure: &Failure, request: &Request, peer: Peer) {
    if failure.status().0.is_server_error() && !matches!(failure, Failure::NotImplemented(_)) {
        tracing::warn!(
            address = %peer.address,
            method = %request.method,
            path = %request.path.join("/"),
            %failure,
            "a request failed"
        );
    }
}
