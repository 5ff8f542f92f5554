//! Accepts connections over TLS, with the certificate that the operator named, and hands each to an actor
//! of its own, as the plain listener does. What the files hold is looked at now and then and whenever
//! the configuration is read anew, so that a renewed certificate is shown without a restart; files that
//! are wrong leave what was read before.
//!
//! Called by: the configuration's actor (by cast). A restart drops no connection: they belong to their
//! own supervisor. Where nobody asked for TLS it waits for nothing.

mod certificate;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::{Node, Peer, RequestBytes};
use refuge_identity::tls::server::ServerTls;
use refuge_otp::Names;
use tokio::sync::{Semaphore, watch};

use self::certificate::Loaded;
pub use self::certificate::check;
use crate::accepting::{self, Newcomer};
use crate::configuration::CurrentSettings;
use crate::http_listener::{Accepted, AcceptedStream, ConnectionChild, RestartRequest, serve};
use crate::names;
use crate::node_service::NodeService;
use crate::task::OwnedTask;

/// Messages of the listener.
#[derive(Debug)]
pub enum TlsListenerMessage {
    /// The files, or the settings that name them, may be others.
    Look,
    /// It is time to look again.
    LookAgain,
    /// The accepting task ended, which it never should.
    AcceptingEnded,
}

/// What the listener is started with.
#[derive(Clone)]
pub struct TlsListenerArguments {
    /// The names of this node.
    pub names: Names,
    /// The bound socket; none where nobody asked for TLS.
    pub socket: Option<Arc<TcpListener>>,
    /// The supervisors' part in serving a connection.
    pub child: ConnectionChild,
    /// Bounds the connections that are open.
    pub connections: Arc<Semaphore>,
    /// Bounds the request bodies in memory, of all connections of the node together.
    pub request_bytes: RequestBytes,
    /// Told when the node is to be restarted.
    pub restart: RestartRequest,
}

/// The actor.
#[derive(Default)]
pub struct TlsListenerActor;

/// What is shown to clients, and the task that accepts them; it ends with the actor.
pub struct TlsListenerState {
    names: Names,
    loaded: Option<Loaded>,
    shown: watch::Sender<Option<ServerTls>>,
    accepting: Option<OwnedTask>,
}

impl Actor for TlsListenerActor {
    type Msg = TlsListenerMessage;
    type State = TlsListenerState;
    type Arguments = TlsListenerArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let (shown, tls) = watch::channel(None);
        let names = arguments.names.clone();
        let mut state = TlsListenerState { names, loaded: None, shown, accepting: None };
        let Some(socket) = arguments.socket.clone() else { return Ok(state) };
        state.look().await;
        state.look_again(&myself);
        let listener = accepting::listener(&socket)?;
        let node = NodeService::new(&arguments.names)
            .await?
            .bounded(arguments.request_bytes.clone())
            .restarted_by(arguments.restart.clone());
        state.accepting = Some(OwnedTask::spawn(async move {
            accept(listener, Arc::new(node), arguments, tls).await;
            let _ = myself.cast(TlsListenerMessage::AcceptingEnded);
        }));
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            TlsListenerMessage::AcceptingEnded => return Err("accepting connections ended".into()),
            _ if state.accepting.is_none() => {}
            TlsListenerMessage::Look => state.look().await,
            TlsListenerMessage::LookAgain => {
                state.look().await;
                state.look_again(&myself);
            }
        }
        Ok(())
    }
}

impl TlsListenerState {
    /// Reads the files where they, or the settings, changed.
    async fn look(&mut self) {
        let Some(current) = self.names.value::<CurrentSettings>(names::CONFIGURATION) else {
            return;
        };
        let settings = &current.settings;
        match certificate::load_anew(settings, self.loaded.as_ref()).await {
            None => {}
            Some(Ok((loaded, tls))) => {
                if self.loaded.is_some() {
                    tracing::info!("new clients are shown the certificate that was read anew");
                }
                self.loaded = Some(loaded);
                self.shown.send_replace(Some(tls));
            }
            Some(Err(error)) => {
                let so = match self.loaded.is_some() {
                    true => "an earlier one stays",
                    false => "who connects waits until it can",
                };
                tracing::error!(error, "the certificate for TLS cannot be used; {so}");
            }
        }
    }

    fn look_again(&self, myself: &ActorRef<TlsListenerMessage>) {
        let current = self.names.value::<CurrentSettings>(names::CONFIGURATION);
        let seconds = current.map_or(60, |current| current.settings.ssl.reload_seconds);
        myself.send_after(Duration::from_secs(seconds), || TlsListenerMessage::LookAgain);
    }
}

async fn accept(
    listener: tokio::net::TcpListener,
    node: Arc<NodeService>,
    arguments: TlsListenerArguments,
    mut tls: watch::Receiver<Option<ServerTls>>,
) {
    // Until there is a certificate who connects waits in the socket's queue.
    if tls.wait_for(Option::is_some).await.is_err() {
        return;
    }
    let TlsListenerArguments { names, child, connections, .. } = arguments;
    accepting::accept(listener, connections, |newcomer| {
        let Some(tls) = tls.borrow().clone() else { return std::future::ready(()) };
        let host =
            Host { names: names.clone(), child: Arc::clone(&child), node: Arc::clone(&node) };
        crate::task::spawn(welcome(host, tls, newcomer));
        std::future::ready(())
    })
    .await;
}

/// What a connection is served with.
struct Host {
    names: Names,
    child: ConnectionChild,
    node: Arc<NodeService>,
}

/// Shakes hands, within the time that headers may take, and hands the connection to an actor.
async fn welcome(host: Host, tls: ServerTls, newcomer: Newcomer) {
    let Newcomer { stream, address, permit } = newcomer;
    let patience = host.node.rules().limits.header_timeout;
    let client = match tokio::time::timeout(patience, tls.accept(stream)).await {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => return tracing::debug!(%address, error, "a handshake failed"),
        Err(_) => return tracing::debug!(%address, "a handshake took too long"),
    };
    let peer = Peer::over_tls(address, client.name.map(Arc::from));
    let (stream, node) = (AcceptedStream::Tls(Box::new(client.stream)), host.node);
    let accepted = Accepted { number: rand::random(), stream, peer, node, permit };
    serve(&host.names, &host.child, accepted).await;
}
