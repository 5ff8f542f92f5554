//! One connection, HTTP/1.1 or HTTP/2: its limits and its end. What its requests are answered is
//! decided elsewhere.

mod idle;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use refuge_mesh::NodeId;
use tokio::io::{AsyncRead, AsyncWrite};

use self::idle::{CountedBody, Requests};
use crate::first_line::FirstLine;
use crate::limits::{self, Limits};
use crate::node::Node;
use crate::service::serve_caught;
use crate::session::ConnectionSession;
use crate::shutdown::Shutdown;
use crate::timer::ConnectionTimer;

/// So long a connection stays open when the node is about to stop. Answers given meanwhile say that they are the
/// last on theirs, so that a client that asks all the time does not ask into a connection that is being closed.
const LINGER: Duration = Duration::from_millis(200);

/// So long the other end has to close a connection once it was told that no more is asked over it.
const PARTING: Duration = Duration::from_secs(5);

/// Whom a connection leads to.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The node whose certificate the other end proved to hold; none on a connection of a client.
    /// Whether that node is trusted is asked with each request.
    pub certificate: Option<NodeId>,
    /// A client's connection over TLS; none where its bytes are plain, and of nodes.
    pub tls: Option<TlsClient>,
}

/// A client that came over TLS.
#[derive(Clone, Debug)]
pub struct TlsClient {
    /// The name in the certificate that it proved to hold, where names are taken from there.
    pub name: Option<Arc<str>>,
}

impl Peer {
    /// A client whose bytes are plain.
    #[must_use]
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, certificate: None, tls: None }
    }

    /// A node.
    #[must_use]
    pub fn node(address: SocketAddr, id: NodeId) -> Self {
        Self { address, certificate: Some(id), tls: None }
    }

    /// A client over TLS, with the name in its certificate.
    #[must_use]
    pub fn over_tls(address: SocketAddr, name: Option<Arc<str>>) -> Self {
        Self { address, certificate: None, tls: Some(TlsClient { name }) }
    }

    /// Whether nobody between can read what is said.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.certificate.is_some() || self.tls.is_some()
    }
}

/// Why a connection ends before the client closes it.
enum Ending {
    /// The node is about to stop, and gave who has a connection the time to hear of it with an answer: what was
    /// accepted is finished.
    Stopping,
    /// Nothing ever came, or nothing more, long after the other end was told that it is over.
    Silent,
    /// A node that is not trusted has asked nothing for long. It is told so first, since it may be about to ask.
    Idle,
    /// The node at the other end is trusted no more, or blocked: what is under way is cut off.
    Distrusted,
}

/// What the bytes of a connection pass over.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Wire for T {}

/// Serves one connection, HTTP/1.1 or HTTP/2 (agreed on in TLS, or known before), until it ends. Once `shutdown` is
/// requested, requests that were accepted are finished, feeds end with their last sequence, and no
/// further request is taken. A connection on which a node was answered as a trusted one ends as soon
/// as it is trusted no more, and every connection of a node as soon as that is blocked. One over which a node that
/// is not trusted asks nothing for as long as a client's may be idle ends as well.
///
/// The wire and the future are boxed: all that answers requests is compiled once, here, and not again for
/// each kind of wire and in each crate that serves one.
///
/// # Errors
/// What went wrong on the wire, for the log.
pub fn serve_connection(
    io: Box<dyn Wire>,
    node: Arc<dyn Node>,
    peer: Peer,
    shutdown: Shutdown,
) -> BoxFuture<'static, Result<(), Box<dyn std::error::Error + Send + Sync>>> {
    serve(io, node, peer, shutdown).boxed()
}

async fn serve(
    io: Box<dyn Wire>,
    node: Arc<dyn Node>,
    peer: Peer,
    shutdown: Shutdown,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let session = Arc::new(ConnectionSession::new(node.as_ref(), peer, shutdown));
    let rules = node.rules();
    let patience = rules.limits.header_timeout;
    // Of nodes alone: counting costs a little with each request, and most are clients'.
    let requests = session.peer().certificate.map(|_| Requests::default());
    let mut endings = endings(&node, (&session, requests.as_ref()), patience);
    let counting = requests.clone();
    let service = service_fn(move |request| {
        session.begin();
        let under_way = counting.as_ref().map(Requests::begin);
        let counted = |body| CountedBody::new(body, under_way);
        let served = serve_caught(node.clone(), session.clone(), request);
        served.map(|served| served.map(|reply| reply.map(counted)))
    });
    let builder = connection_builder(&rules.limits);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(FirstLine::new(io)), service));
    loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => return result,
            Some(ending) = endings.next() => match ending {
                Ending::Stopping => connection.as_mut().graceful_shutdown(),
                Ending::Idle => {
                    connection.as_mut().graceful_shutdown();
                    endings.extend(requests.clone().map(parting));
                }
                Ending::Silent | Ending::Distrusted => return Ok(()),
            },
        }
    }
}

/// What may end a connection. These futures are polled when they are woken, not with each turn of the
/// connection.
fn endings(
    node: &Arc<dyn Node>,
    (session, requests): (&Arc<ConnectionSession>, Option<&Requests>),
    patience: Duration,
) -> FuturesUnordered<BoxFuture<'static, Ending>> {
    let mut endings = FuturesUnordered::new();
    let stopping = session.shutdown().clone();
    let stopping = async move {
        stopping.requested().await;
        tokio::time::sleep(LINGER).await;
        Ending::Stopping
    };
    endings.push(stopping.boxed());
    let silent = session.clone();
    endings.push(async move { silence(&silent, patience).map(|()| Ending::Silent).await }.boxed());
    if let Some(id) = session.peer().certificate {
        let (here, session) = (node.clone(), session.clone());
        let distrusted = async move {
            session.distrusted(here.as_ref()).await;
            Ending::Distrusted
        };
        endings.push(distrusted.boxed());
        let here = node.clone();
        let blocked = async move { here.blocked(&id).map(|()| Ending::Distrusted).await };
        endings.push(blocked.boxed());
        let here = node.clone();
        endings.extend(requests.cloned().map(|requests| idleness(here, (id, requests), patience)));
    }
    endings
}

/// Ends when a node that is not trusted then has asked nothing for so long.
fn idleness(
    node: Arc<dyn Node>,
    (id, requests): (NodeId, Requests),
    patience: Duration,
) -> BoxFuture<'static, Ending> {
    let idle = async move {
        loop {
            requests.idle(patience).await;
            if node.peer_user(&id).is_none() {
                return Ending::Idle;
            }
        }
    };
    idle.boxed()
}

/// Ends when the other end, told that it is over, asks nothing and does not go.
fn parting(requests: Requests) -> BoxFuture<'static, Ending> {
    async move { requests.idle(PARTING).map(|()| Ending::Silent).await }.boxed()
}

/// Ends when no request came in the time that its headers may take. hyper watches that time only from
/// the first bytes on.
async fn silence(session: &ConnectionSession, patience: Duration) {
    tokio::time::sleep(patience).await;
    if session.has_begun() {
        std::future::pending::<()>().await;
    }
}

fn connection_builder(asked: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(ConnectionTimer::default())
        .header_read_timeout(asked.header_timeout)
        .max_headers(asked.max_headers)
        .max_buf_size(asked.max_header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits::H2_PING_INTERVAL)
        .keep_alive_timeout(limits::H2_PING_INTERVAL)
        .max_concurrent_streams(limits::H2_STREAMS)
        .initial_stream_window_size(limits::H2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::H2_CONNECTION_WINDOW_BYTES)
        .max_header_list_size(u32::try_from(asked.max_header_bytes).unwrap_or(u32::MAX));
    builder
}
