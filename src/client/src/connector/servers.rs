//! Sockets to the servers of the world: TCP, and TLS over it where the URL says `https`.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use refuge_identity::CryptographyError;
use refuge_identity::tls::{self, ClientOptions};
use tokio::sync::OnceCell;
use tower_service::Service;

use super::{ConnectError, Duplex};

/// TCP asks a silent peer whether it lives after so long: shorter than the patience of most
/// address translators.
const TCP_KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Makes sockets to servers.
#[derive(Clone)]
pub(super) struct Servers {
    tcp: HttpConnector,
    tls: Arc<LazyTls>,
}

/// TLS is set up at its first use: reading the system's roots takes time and memory that most nodes
/// never need.
struct LazyTls {
    options: ClientOptions,
    connector: OnceCell<tls::Connector>,
}

impl Servers {
    pub(super) fn new(options: ClientOptions) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(TCP_KEEP_ALIVE));
        Self { tcp, tls: Arc::new(LazyTls { options, connector: OnceCell::new() }) }
    }

    pub(super) fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), ConnectError>> {
        self.tcp.poll_ready(context).map_err(|error| ConnectError::Tcp(error.into()))
    }

    pub(super) async fn connect(mut self, uri: Uri) -> Result<Box<dyn Duplex>, ConnectError> {
        let encrypted = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default().to_owned();
        let tcp = self.tcp.call(uri).await;
        let tcp = tcp.map_err(|error| ConnectError::Tcp(error.into()))?;
        let tcp = tcp.into_inner();
        if !encrypted {
            return Ok(Box::new(tcp));
        }
        let connector = self.tls.connector().await?;
        let stream = connector.connect(tcp, &host).await?;
        Ok(Box::new(stream))
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
