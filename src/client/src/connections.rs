//! The pool of outgoing connections. One for the whole node; clones share it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use refuge_identity::tls::ClientOptions;

use crate::connector::Connector;

/// An idle connection is closed after so long; servers do so after a minute or more.
const IDLE_CONNECTION: Duration = Duration::from_secs(50);
/// One replication has about four requests under way at once; more idle ones are not kept per host.
const IDLE_CONNECTIONS_PER_HOST: usize = 16;

/// How connections are made.
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// For name look-up, TCP and TLS together.
    pub connect_deadline: Duration,
    /// Whom to trust beyond the system's roots.
    pub tls: ClientOptions,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            // A peer that does not answer the first packet within 10 s is down for us.
            connect_deadline: Duration::from_secs(10),
            tls: ClientOptions::default(),
        }
    }
}

/// Pooled HTTP/1.1 connections with keep-alive. Needs a running tokio.
#[derive(Clone)]
pub struct Connections {
    client: Client<Connector, Full<Bytes>>,
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
    /// An empty pool. The roots of TLS are read when the first `https` URL is met.
    pub fn new(options: ConnectionOptions) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST)
            .build(Connector::new(options));
        Self { client }
    }

    pub(crate) fn client(&self) -> &Client<Connector, Full<Bytes>> {
        &self.client
    }
}
