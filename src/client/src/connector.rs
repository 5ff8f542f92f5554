//! Sockets for the pools, to [`servers`] or to [`peers`]. Deadlines of connecting are here, nothing of
//! HTTP.

mod cuttable;
mod peers;
mod servers;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use refuge_identity::tls::TlsError;
use refuge_replication::SocketOptions;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

pub(crate) use cuttable::{Cord, Cuttable};
pub use peers::PeerDialer;
pub(crate) use peers::{OpenSockets, Peers};

use crate::connections::ConnectionOptions;
use crate::proxy::ThroughProxy;
use servers::Servers;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("no connection within {} s", .0.as_secs())]
    Deadline(Duration),
    #[error(transparent)]
    Tcp(Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("TLS cannot be set up: {0}")]
    Roots(String),
    #[error("no connection by the proxy: {0}")]
    Proxy(String),
    #[error("no connection to the node: {0}")]
    Peer(String),
}

/// Makes sockets for a pool.
#[derive(Clone)]
pub(crate) struct Connector {
    whither: Whither,
    deadline: Duration,
}

#[derive(Clone)]
enum Whither {
    Servers(Box<Servers>),
    Peers(Arc<Peers>),
}

impl Connector {
    pub(crate) fn to_servers(options: ConnectionOptions) -> Self {
        let ConnectionOptions { connect_deadline, tls, sockets } = options;
        let whither = Whither::Servers(Box::new(Servers::new(tls, sockets)));
        Self { whither, deadline: connect_deadline }
    }

    /// The same with other sockets; `None` where they are as wanted, or lead to nodes.
    pub(crate) fn with_sockets(&self, sockets: SocketOptions) -> Option<Self> {
        match &self.whither {
            Whither::Servers(servers) => {
                let whither = Whither::Servers(Box::new(servers.with_sockets(sockets)?));
                Some(Self { whither, deadline: self.deadline })
            }
            Whither::Peers(_) => None,
        }
    }

    /// The same by a proxy; `None` where it leads to nodes, which are reached without.
    pub(crate) fn through(&self, proxy: ThroughProxy) -> Option<Self> {
        match &self.whither {
            Whither::Servers(servers) => {
                let whither = Whither::Servers(Box::new(servers.through(proxy)));
                Some(Self { whither, deadline: self.deadline })
            }
            Whither::Peers(_) => None,
        }
    }

    pub(crate) fn to_peers(peers: Peers, deadline: Duration) -> Self {
        Self { whither: Whither::Peers(Arc::new(peers)), deadline }
    }

    async fn connect(self, uri: Uri) -> Result<TokioIo<Socket>, ConnectError> {
        let (stream, proxied) = match self.whither {
            Whither::Servers(servers) => servers.connect(uri).await?,
            Whither::Peers(peers) => (peers.connect(uri.host().unwrap_or_default()).await?, false),
        };
        Ok(TokioIo::new(Socket { stream, proxied }))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Socket>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match &mut self.whither {
            Whither::Servers(servers) => servers.poll_ready(context),
            Whither::Peers(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        // The clone is what `poll_ready` found ready; TCP's connector is always ready.
        let connector = self.clone();
        let deadline = self.deadline;
        Box::pin(async move {
            match tokio::time::timeout(deadline, connector.connect(uri)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(ConnectError::Deadline(deadline)),
            }
        })
    }
}

/// A stream of bytes in both directions, whatever it is made of.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A connected socket, encrypted or not.
pub(crate) struct Socket {
    stream: Box<dyn Duplex>,
    /// Whether whole URLs are said to what is at the other end.
    proxied: bool,
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.proxied)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
