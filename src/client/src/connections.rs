//! Pools of outgoing connections: one to the servers of the world, one to other nodes. Clones share
//! them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use refuge_identity::tls::ClientOptions;
use refuge_replication::{Proxy, SocketOptions};

use crate::carriage::StreamBody;
use crate::connector::{Connector, OpenSockets, PeerDialer, Peers};
use crate::database::AddressError;
use crate::proxy::{Through, ThroughProxy};

/// An idle connection is closed after so long; servers do so after a minute or more.
const IDLE_CONNECTION: Duration = Duration::from_secs(50);
/// One replication has about four requests under way at once; more idle ones are not kept per host.
const IDLE_CONNECTIONS_PER_HOST: usize = 16;

/// An idle connection to a node is kept longer: a new one costs both ends a signature.
const IDLE_PEER_CONNECTION: Duration = Duration::from_secs(5 * 60);
/// HTTP/2 asks whether a node still lives when nothing was heard of it for so long.
const PEER_PING_INTERVAL: Duration = Duration::from_secs(10);
/// Without an answer after so long, the connection is given up with all that is under way on it.
const PEER_PING_TIMEOUT: Duration = Duration::from_secs(10);
/// What a node may send of one answer before it is read: a link of 300 Mbit/s and 100 ms is filled.
pub(crate) const STREAM_WINDOW_BYTES: u32 = 4 << 20;
/// What it may send of all answers together: the most memory that one node takes here.
pub(crate) const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;

/// How connections are made.
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// For name look-up, TCP and TLS together.
    pub connect_deadline: Duration,
    /// Whom to trust beyond the system's roots.
    pub tls: ClientOptions,
    /// What is asked of sockets.
    pub sockets: SocketOptions,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            // A peer that does not answer the first packet within 10 s is down for us.
            connect_deadline: Duration::from_secs(10),
            tls: ClientOptions::default(),
            sockets: SocketOptions::default(),
        }
    }
}

/// Pooled connections with keep-alive. Needs a running tokio.
#[derive(Clone)]
pub struct Connections {
    client: Client<Connector, StreamBody>,
    connector: Connector,
    /// Those to nodes; empty in a pool to servers.
    open: Arc<OpenSockets>,
    /// What an HTTP proxy is told with each request that it sees.
    proxy_authorization: Option<HeaderValue>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connections")
    }
}

impl Default for Connections {
    fn default() -> Self {
        Self::new(ConnectionOptions::default())
    }
}

impl Connections {
    /// An empty pool of HTTP/1.1 connections to servers. The roots of TLS are read when the first
    /// `https` URL is met.
    pub fn new(options: ConnectionOptions) -> Self {
        Self::by(Connector::to_servers(options))
    }

    fn by(connector: Connector) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST)
            .build(connector.clone());
        Self { client, connector, open: Arc::default(), proxy_authorization: None }
    }

    /// A pool of connections of which this is asked: this one, or one of its own. One to nodes stays as it is.
    #[must_use]
    pub fn with_sockets(&self, sockets: SocketOptions) -> Self {
        match self.connector.with_sockets(sockets) {
            Some(connector) => Self::by(connector),
            None => self.clone(),
        }
    }

    /// A pool of its own of connections that go by a proxy, made as these are. One to nodes stays as it is.
    ///
    /// # Errors
    /// [`AddressError`] where no URL leads to the proxy, or its credentials cannot be sent.
    pub fn through(&self, proxy: &Proxy) -> Result<Self, AddressError> {
        let proxy = ThroughProxy::new(proxy)?;
        let authorization = proxy.authorization.clone();
        let is_http = proxy.through == Through::Http;
        let Some(connector) = self.connector.through(proxy) else {
            return Ok(self.clone());
        };
        let mut connections = Self::by(connector);
        connections.proxy_authorization = authorization.filter(|_| is_http);
        Ok(connections)
    }

    pub(crate) fn proxy_authorization(&self) -> Option<&HeaderValue> {
        self.proxy_authorization.as_ref()
    }

    /// An empty pool of HTTP/2 connections to nodes, one for each, for URLs whose host is a node id:
    /// `https://<ID>/db`.
    pub fn to_peers(dialer: Arc<dyn PeerDialer>) -> Self {
        let open = Arc::new(OpenSockets::default());
        let peers = Peers::new(dialer, Arc::clone(&open));
        let deadline = ConnectionOptions::default().connect_deadline;
        let connector = Connector::to_peers(peers, deadline);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_PEER_CONNECTION)
            .timer(TokioTimer::new())
            .http2_only(true)
            .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
            .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_keep_alive_interval(PEER_PING_INTERVAL)
            .http2_keep_alive_timeout(PEER_PING_TIMEOUT)
            .http2_keep_alive_while_idle(true)
            .build(connector.clone());
        Self { client, connector, open, proxy_authorization: None }
    }

    /// Cuts the connections to this node, with all that is under way on them; the next request dials
    /// anew. For a node that is known to be gone or is trusted no more. `host` is its id in upper or
    /// lower case; in a pool to servers nothing happens.
    pub fn disconnect(&self, host: &str) {
        self.open.cut(host);
    }

    pub(crate) fn client(&self) -> &Client<Connector, StreamBody> {
        &self.client
    }
}
