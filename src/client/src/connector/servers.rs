//! Sockets to the servers of the world: TCP, directly or by a proxy, and TLS over it where the URL says
//! `https`.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::rt::TokioIo;
use refuge_identity::CryptographyError;
use refuge_identity::tls::{self, ClientOptions};
use refuge_replication::SocketOptions;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tower_service::Service;

use super::{ConnectError, Duplex};
use crate::proxy::{Through, ThroughProxy};

/// TCP asks a silent peer whether it lives after so long: shorter than the patience of most
/// address translators.
const TCP_KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Makes sockets to servers.
#[derive(Clone)]
pub(super) struct Servers {
    tcp: HttpConnector,
    sockets: SocketOptions,
    tls: Arc<LazyTls>,
    proxy: Option<ThroughProxy>,
}

/// TLS is set up at its first use: reading the system's roots takes time and memory that most nodes
/// never need.
struct LazyTls {
    options: ClientOptions,
    connector: OnceCell<tls::Connector>,
}

impl Servers {
    pub(super) fn new(options: ClientOptions, sockets: SocketOptions) -> Self {
        let tls = Arc::new(LazyTls { options, connector: OnceCell::new() });
        Self { tcp: connector(sockets), sockets, tls, proxy: None }
    }

    /// The same with other sockets; `None` where they are as wanted.
    pub(super) fn with_sockets(&self, sockets: SocketOptions) -> Option<Self> {
        let others = || Self { tcp: connector(sockets), sockets, ..self.clone() };
        (sockets != self.sockets).then(others)
    }

    /// The same by a proxy; what was read for TLS is shared.
    pub(super) fn through(&self, proxy: ThroughProxy) -> Self {
        Self { proxy: Some(proxy), ..self.clone() }
    }

    pub(super) fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), ConnectError>> {
        self.tcp.poll_ready(context).map_err(|error| ConnectError::Tcp(error.into()))
    }

    /// A socket, and whether a proxy at its end has to be told whole URLs.
    pub(super) async fn connect(self, uri: Uri) -> Result<(Box<dyn Duplex>, bool), ConnectError> {
        let encrypted = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default().to_owned();
        let tcp = self.reach(uri, encrypted).await?;
        if !encrypted {
            let by_http = matches!(&self.proxy, Some(ThroughProxy { through: Through::Http, .. }));
            return Ok((Box::new(tcp), by_http));
        }
        let connector = self.tls.connector().await?;
        let stream = connector.connect(tcp, &host).await?;
        Ok((Box::new(stream), false))
    }

    /// A connection over which the server is spoken with, or a proxy that speaks with it.
    async fn reach(&self, uri: Uri, encrypted: bool) -> Result<TcpStream, ConnectError> {
        let mut tcp = self.tcp.clone();
        let reached = match &self.proxy {
            None => tcp.call(uri).await.map_err(|error| ConnectError::Tcp(error.into())),
            Some(proxy) => {
                let at = proxy.uri.clone();
                match proxy.through {
                    Through::Http if !encrypted => {
                        tcp.call(at).await.map_err(|error| ConnectError::Proxy(error.to_string()))
                    }
                    Through::Http => tunnel(tcp, at, proxy.authorization.clone(), uri).await,
                    Through::Socks5 => {
                        let mut socks = SocksV5::new(at, tcp);
                        if let Some((name, password)) = proxy.credentials.clone() {
                            socks = socks.with_auth(name, password);
                        }
                        let reached = socks.call(uri).await;
                        reached.map_err(|error| ConnectError::Proxy(format!("{error:?}")))
                    }
                }
            }
        };
        reached.map(TokioIo::into_inner)
    }
}

fn connector(sockets: SocketOptions) -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(sockets.no_delay);
    tcp.set_keepalive(sockets.keep_alive.then_some(TCP_KEEP_ALIVE));
    tcp.set_send_buffer_size(sockets.send_buffer_bytes);
    tcp.set_recv_buffer_size(sockets.receive_buffer_bytes);
    tcp
}

/// Asks a proxy for a tunnel, as TLS needs it.
async fn tunnel(
    tcp: HttpConnector,
    proxy: Uri,
    authorization: Option<HeaderValue>,
    uri: Uri,
) -> Result<TokioIo<TcpStream>, ConnectError> {
    let mut tunnel = Tunnel::new(proxy, tcp);
    if let Some(authorization) = authorization {
        tunnel = tunnel.with_auth(authorization);
    }
    // A port that is left out has to be told to the proxy.
    let whole = uri.port().is_none().then(|| format!("https://{}:443", uri.host().unwrap_or("")));
    let uri = whole.and_then(|whole| whole.parse().ok()).unwrap_or(uri);
    tunnel.call(uri).await.map_err(|error| ConnectError::Proxy(error.to_string()))
}

impl LazyTls {
    async fn connector(&self) -> Result<&tls::Connector, ConnectError> {
        let make = || async {
            let options = self.options.clone();
            let made = tokio::task::spawn_blocking(move || tls::client_connector(&options)).await;
            match made {
                Ok(made) => made.map_err(|error: CryptographyError| error.to_string()),
                Err(stopped) => Err(stopped.to_string()),
            }
        };
        self.connector.get_or_try_init(make).await.map_err(ConnectError::Roots)
    }
}
