//! Sockets for the pool: TCP, and TLS over it where the URL says `https`. Deadlines of connecting
//! are here, nothing of HTTP.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use refuge_identity::CryptographyError;
use refuge_identity::tls::{self, ClientOptions, TlsError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OnceCell;
use tower_service::Service;

use crate::connections::ConnectionOptions;

/// TCP asks a silent peer whether it lives after so long: shorter than the patience of most
/// address translators.
const TCP_KEEP_ALIVE: Duration = Duration::from_secs(60);

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
}

/// Makes sockets for the pool.
#[derive(Clone)]
pub(crate) struct Connector {
    tcp: HttpConnector,
    tls: Arc<LazyTls>,
    deadline: Duration,
}

/// TLS is set up at its first use: reading the system's roots takes time and memory that most nodes
/// never need.
struct LazyTls {
    options: ClientOptions,
    connector: OnceCell<tls::Connector>,
}

impl Connector {
    pub(crate) fn new(options: ConnectionOptions) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(TCP_KEEP_ALIVE));
        Self {
            tcp,
            tls: Arc::new(LazyTls { options: options.tls, connector: OnceCell::new() }),
            deadline: options.connect_deadline,
        }
    }

    async fn connect(mut self, uri: Uri) -> Result<TokioIo<Socket>, ConnectError> {
        let encrypted = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default().to_owned();
        let tcp = self.tcp.call(uri).await;
        let tcp = tcp.map_err(|error| ConnectError::Tcp(error.into()))?;
        let tcp = tcp.into_inner();
        if !encrypted {
            return Ok(TokioIo::new(Socket(Box::new(tcp))));
        }
        let connector = self.tls.connector().await?;
        let stream = connector.connect(tcp, &host).await?;
        Ok(TokioIo::new(Socket(Box::new(stream))))
    }
}

impl LazyTls {
    async fn connector(&self) -> Result<&tls::Connector, ConnectError> {
        let options = self.options.clone();
        let make = async move {
            let made = tokio::task::spawn_blocking(move || tls::client_connector(&options)).await;
            match made {
                Ok(made) => made.map_err(|error: CryptographyError| error.to_string()),
                Err(stopped) => Err(stopped.to_string()),
            }
        };
        let made = self.connector.get_or_try_init(|| make).await;
        made.map_err(ConnectError::Roots)
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Socket>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let ready = self.tcp.poll_ready(context);
        ready.map_err(|error| ConnectError::Tcp(error.into()))
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

/// Either kind of stream.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A connected socket, encrypted or not.
pub(crate) struct Socket(Box<dyn Duplex>);

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
