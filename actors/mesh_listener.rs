//! Accepts the connections of other nodes: TLS with both certificates, then an actor for each. Nothing
//! listens until it is wanted: the settings say so, or a peer is known, and the node's key is there.
//! The socket is bound once and kept over restarts of this actor.
//!
//! A restart drops no connection: they belong to their own supervisor. It forgets who shook hands how
//! often, and from where friends came of late.

mod knocks;

use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_config::Settings;
use refuge_http::{Node, Peer, RequestBytes};
use refuge_identity::tls::mesh::{MeshStream, MeshTls};
use refuge_mesh::{HandshakeLimits, NodeId};
use refuge_otp::{DynamicSupervisor, Names};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use self::knocks::{Knocks, Shaking};
use crate::accepting::{self, Newcomer, Permit};
use crate::configuration;
use crate::http_listener::{Accepted, AcceptedStream, ConnectionChild};
use crate::node_service::{NodeService, Visitor};
use crate::task::OwnedTask;
use crate::{names, pairing, peer_dial, peer_directory};

/// How often is looked whether a listener that is wanted is there; its port may be taken for long.
const LOOK: Duration = Duration::from_millis(100);

/// A handshake that takes longer is given up.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// Rest before the socket is tried again.
const BIND_REST: Duration = Duration::from_secs(10);

/// Messages of the listener: none; it lives by its task.
#[derive(Debug)]
pub enum MeshListenerMessage {
    /// The accepting task ended, which it never should.
    AcceptingEnded,
}

/// Binds the socket at its first call, and gives the same one later.
pub type BindMesh =
    Arc<dyn Fn() -> Result<Arc<TcpListener>, Box<dyn Error + Send + Sync>> + Send + Sync>;

/// What the listener is started with.
#[derive(Clone)]
pub struct MeshListenerArguments {
    /// The names of this node.
    pub names: Names,
    /// The socket, once it is wanted.
    pub bind: BindMesh,
    /// The supervisors' part in serving a connection.
    pub child: ConnectionChild,
    /// Connections that may be open.
    pub most_connections: usize,
    /// Bounds them.
    pub connections: Arc<Semaphore>,
    /// Bounds those of them that were not of trusted nodes when they began.
    pub strangers: Arc<Semaphore>,
    /// Bounds the request bodies in memory, of all connections of the node together.
    pub request_bytes: RequestBytes,
}

/// The actor.
#[derive(Default)]
pub struct MeshListenerActor;

/// The accepting task; it ends with the actor.
pub struct MeshListenerState {
    _accepting: OwnedTask,
}

impl Actor for MeshListenerActor {
    type Msg = MeshListenerMessage;
    type State = MeshListenerState;
    type Arguments = MeshListenerArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let accepting = OwnedTask::spawn(async move {
            if let Err(error) = accept(arguments, &myself).await {
                tracing::warn!(%error, "other nodes are not listened to");
            }
            let _ = myself.cast(MeshListenerMessage::AcceptingEnded);
        });
        Ok(MeshListenerState { _accepting: accepting })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        _state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            MeshListenerMessage::AcceptingEnded => Err("accepting connections ended".into()),
        }
    }
}

/// What others of this node are to know of the listener; published under its name.
pub(crate) struct MeshDoor {
    /// As it was bound, whatever the settings say since.
    address: SocketAddr,
    /// Bounds the request bodies in memory.
    pub(crate) request_bytes: RequestBytes,
}

/// Published in the door's stead while the port cannot be listened on.
struct Deaf {
    /// Why, as the system says it.
    reason: String,
}

/// Why the node does not listen for others though it should.
pub(crate) fn deafness(names: &Names) -> Option<String> {
    names.value::<Deaf>(names::MESH_LISTENER).map(|deaf| deaf.reason.clone())
}

/// The port on which the node listens for others, once it does.
pub(crate) fn port(names: &Names) -> Option<u16> {
    address(names).map(|address| address.port())
}

/// The address on which it does.
pub(crate) fn address(names: &Names) -> Option<SocketAddr> {
    names.value::<MeshDoor>(names::MESH_LISTENER).map(|door| door.address)
}

/// The address on which it does, once it does. Most nodes never do: until there is a reason to, nothing is looked at
/// again.
pub(crate) async fn listening_on(names: &Names) -> SocketAddr {
    wanted(names).await;
    loop {
        match address(names) {
            Some(address) => return address,
            None => tokio::time::sleep(LOOK).await,
        }
    }
}

/// The port of it.
pub(crate) async fn listening(names: &Names) -> u16 {
    listening_on(names).await.port()
}

/// Waits until there is a reason to listen: a setting, a hub, a peer, an invitation or a pairing.
async fn wanted(names: &Names) {
    let is_set = |Settings { mesh, hub, .. }: &Settings| {
        mesh.enabled || hub.enabled || !hub.hubs.trim().is_empty()
    };
    tokio::select! {
        () = configuration::until(names, is_set) => {}
        () = peer_directory::until(names, |peers| peers.iter().next().is_some()) => {}
        () = pairing::wanted(names) => {}
    }
}

async fn accept(
    arguments: MeshListenerArguments,
    myself: &ActorRef<MeshListenerMessage>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let names = arguments.names.clone();
    wanted(&names).await;
    let identity = peer_dial::identity(&names).await;
    let tls = identity.tls().clone();
    let socket = bound(&arguments.bind, myself, &names).await;
    let listener = accepting::listener(&socket)?;
    let address = socket.local_addr()?;
    let door = MeshDoor { address, request_bytes: arguments.request_bytes.clone() };
    names.publish(&myself.get_cell(), names::MESH_LISTENER, Arc::new(door));
    let limits = HandshakeLimits::for_connections(arguments.most_connections);
    let knocks = Arc::new(Knocks::new(names, limits));
    accepting::accept(listener, Arc::clone(&arguments.connections), |newcomer: Newcomer| {
        let Some(shaking) = knocks.begin(newcomer.address.ip()) else {
            tracing::debug!(address = %newcomer.address, "refused: too many handshakes");
            return std::future::ready(());
        };
        crate::task::spawn(welcome(arguments.clone(), tls.clone(), newcomer, shaking));
        std::future::ready(())
    })
    .await;
    Ok(())
}

/// The socket; an address in use is tried again, since nothing else of the node depends on it.
async fn bound(
    bind: &BindMesh,
    myself: &ActorRef<MeshListenerMessage>,
    names: &Names,
) -> Arc<TcpListener> {
    loop {
        match bind() {
            Ok(socket) => return socket,
            Err(error) => {
                tracing::error!(%error, "the mesh's port cannot be listened on");
                let deaf = Deaf { reason: error.to_string() };
                names.publish(&myself.get_cell(), names::MESH_LISTENER, Arc::new(deaf));
            }
        }
        tokio::time::sleep(BIND_REST).await;
    }
}

/// Shakes hands and hands the connection to an actor of its own.
async fn welcome(
    arguments: MeshListenerArguments,
    tls: MeshTls,
    newcomer: Newcomer,
    shaking: Shaking,
) {
    let Newcomer { stream, address, permit } = newcomer;
    let shaken = tokio::time::timeout(HANDSHAKE_DEADLINE, tls.accept(stream)).await;
    let knocks = shaking.ended();
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%address, %error, "a handshake failed"),
        Err(_) => return tracing::debug!(%address, "a handshake took too long"),
    };
    let permit = match standing(&arguments.names, &stream.peer_id()) {
        Ok(Standing::Friend) => {
            knocks.friend_came(address.ip());
            permit
        }
        Ok(Standing::Stranger) => match permit.of_stranger(&arguments.strangers) {
            Some(permit) => permit,
            None => {
                return tracing::debug!(%address, "a stranger was turned away: too many are here");
            }
        },
        Err(reason) => return tracing::debug!(%address, reason, "a node was turned away"),
    };
    let started = serve(&arguments, stream, address, permit).await;
    if let Err(error) = started {
        tracing::warn!(%address, %error, "a connection of a node could not be served");
    }
}

/// What a node is to this one when its connection begins.
enum Standing {
    Friend,
    Stranger,
}

/// What a node is, or why it may not come in.
fn standing(names: &Names, id: &NodeId) -> Result<Standing, &'static str> {
    match peer_directory::peers(names) {
        // It comes again; until then it may be one that is blocked.
        None => Err("the peers are being read"),
        Some(peers) if peer_directory::is_blocked(&peers, id) => Err("it is blocked"),
        Some(peers) if peers.is_trusted(id) => Ok(Standing::Friend),
        Some(_) => Ok(Standing::Stranger),
    }
}

async fn serve(
    arguments: &MeshListenerArguments,
    stream: MeshStream<TcpStream>,
    address: SocketAddr,
    permit: Permit,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let names = &arguments.names;
    let certificate = stream.peer_certificate().clone();
    peer_directory::note_certificate(names, &certificate);
    let peer = Peer::node(address, stream.peer_id());
    let bytes = arguments.request_bytes.clone();
    let node = NodeService::new(names).await?.bounded(bytes).from(Visitor { address, certificate });
    let node: Arc<dyn Node> = Arc::new(node);

    let stream = AcceptedStream::Mesh(Box::new(stream));
    let accepted = Accepted { number: rand::random(), stream, peer, node, permit };
    let supervisor = DynamicSupervisor::new(names, names::MESH_CONNECTIONS);
    supervisor.start_child((arguments.child)(accepted)).await?;
    Ok(())
}
