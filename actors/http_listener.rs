//! Accepts HTTP connections and hands each to an actor of its own. The socket is bound once and kept
//! over restarts of this actor, so that clients who connect meanwhile wait in its queue.
//!
//! A restart drops no connection: they belong to their own supervisor.

use std::net::TcpListener;
use std::sync::Arc;

use futures_util::FutureExt;
use ractor::{Actor, ActorProcessingErr, ActorRef};
pub use refuge_http::RequestBytes;
use refuge_http::{Node, Peer};
use refuge_identity::tls::TlsStream;
use refuge_identity::tls::mesh::MeshStream;
use refuge_otp::{ChildSpecification, DynamicSupervisor, Names};
use tokio::sync::{Semaphore, oneshot};

pub use crate::accepting::Permit;
use crate::accepting::{self, Newcomer};
use crate::names;
use crate::node_service::NodeService;
pub use crate::node_service::RestartRequest;
use crate::task::OwnedTask;

/// Messages of the listener: none; it lives by its task.
#[derive(Debug)]
pub enum HttpListenerMessage {
    /// The accepting task ended, which it never should.
    AcceptingEnded,
}

/// A connection's bytes.
pub enum AcceptedStream {
    /// Of a client.
    Plain(tokio::net::TcpStream),
    /// Of a client, over TLS.
    Tls(Box<TlsStream<tokio::net::TcpStream>>),
    /// Of another node.
    Mesh(Box<MeshStream<tokio::net::TcpStream>>),
}

/// What a connection's child specification is made from.
pub struct Accepted {
    /// A number that names it.
    pub number: u64,
    /// The socket.
    pub stream: AcceptedStream,
    /// Who is at its other end.
    pub peer: Peer,
    /// The node as HTTP sees it.
    pub node: Arc<dyn Node>,
    /// One of the connections that may be open; given back when it ends.
    pub permit: Permit,
}

/// Makes the child specification of a connection.
pub type ConnectionChild = Arc<dyn Fn(Accepted) -> ChildSpecification + Send + Sync>;

/// What the listener is started with.
#[derive(Clone)]
pub struct HttpListenerArguments {
    /// The names of this node.
    pub names: Names,
    /// The bound socket.
    pub socket: Arc<TcpListener>,
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
pub struct HttpListenerActor;

/// The accepting task; it ends with the actor.
pub struct HttpListenerState {
    accepting: Option<OwnedTask>,
    over: Option<oneshot::Sender<()>>,
}

impl Actor for HttpListenerActor {
    type Msg = HttpListenerMessage;
    type State = HttpListenerState;
    type Arguments = HttpListenerArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let listener = accepting::listener(&arguments.socket)?;
        let node = NodeService::new(&arguments.names)
            .await?
            .bounded(arguments.request_bytes.clone())
            .restarted_by(arguments.restart.clone());
        let node = Arc::new(node);
        let (over, told) = oneshot::channel();
        let accepting = OwnedTask::spawn(async move {
            accept(listener, node, arguments, told).await;
            let _ = myself.cast(HttpListenerMessage::AcceptingEnded);
        });
        Ok(HttpListenerState { accepting: Some(accepting), over: Some(over) })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        _state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            HttpListenerMessage::AcceptingEnded => Err("accepting connections ended".into()),
        }
    }

    /// In an ordered stop whoever was accepted gets its actor first, which then finishes what is asked.
    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        drop(state.over.take());
        if let Some(accepting) = state.accepting.take() {
            accepting.finished().await;
        }
        Ok(())
    }
}

async fn accept(
    listener: tokio::net::TcpListener,
    node: Arc<NodeService>,
    arguments: HttpListenerArguments,
    over: oneshot::Receiver<()>,
) {
    let HttpListenerArguments { names, child, connections, .. } = arguments;
    let over = over.map(drop);
    accepting::accept_until(listener, connections, over, |newcomer| {
        let Newcomer { stream, address, permit } = newcomer;
        let node: Arc<dyn Node> = Arc::clone(&node) as Arc<dyn Node>;
        let (stream, peer) = (AcceptedStream::Plain(stream), Peer::plain(address));
        serve(&names, &child, Accepted { number: rand::random(), stream, peer, node, permit })
    })
    .await;
}

/// Gives a client's connection an actor of its own.
pub(crate) async fn serve(names: &Names, child: &ConnectionChild, accepted: Accepted) {
    let address = accepted.peer.address;
    let supervisor = DynamicSupervisor::new(names, names::HTTP_CONNECTIONS);
    if let Err(error) = supervisor.start_child(child(accepted)).await {
        tracing::warn!(%address, %error, "a connection could not be served");
    }
}
