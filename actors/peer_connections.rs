//! The pool of connections to other nodes for bulk data: replication towards a node goes through it.
//! A node that can be dialled is dialled; one that cannot has opened a reverse path to this node,
//! which waits here until it is needed. What replication with each node may take of the link is kept here,
//! too, one limit a node for all that is under way with it.
//!
//! Told by: the connections of other nodes, which hand in reverse paths. Used by: replication jobs,
//! through the pool published under this actor's name. A restart loses idle connections and waiting
//! reverse paths, which their openers open again; jobs that run then keep the limit that they have until
//! their next start.

mod bandwidths;

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_client::{Connections, Duplex, PeerDialer};
use refuge_mesh::{Frame, NodeId};
use refuge_otp::Names;
use tokio::io::DuplexStream;
use tokio::sync::oneshot;

use crate::peer_link::PeerLinkMessage;
use crate::task::OwnedTask;
use crate::{names, peer_dial, peer_directory};
pub(crate) use bandwidths::bandwidth;

/// Reverse paths that wait for one node; its link opens one at a time.
const MOST_WAITING: usize = 2;
/// Addresses are tried alone for so long before a reverse path is taken as well.
const DIRECT_ALONE: Duration = Duration::from_millis(500);
/// How long a request waits for the node to open a reverse path.
const REVERSE_PATIENCE: Duration = Duration::from_secs(5);
/// How often the node is asked for one meanwhile: its link may be made only now.
const REVERSE_ASKED_EVERY: Duration = Duration::from_secs(1);

/// Messages of the pool.
pub enum PeerConnectionsMessage {
    /// A trusted node opened a reverse path.
    Reverse {
        /// Which node.
        id: NodeId,
        /// The path: HTTP/2 is spoken over it, this node being the client.
        path: DuplexStream,
    },
    /// Take a reverse path, or the next one that comes.
    Take {
        /// Of which node.
        id: NodeId,
        /// Gets it.
        reply: oneshot::Sender<DuplexStream>,
    },
    /// A node went down: cut what leads to it.
    Forget {
        /// Which node.
        id: NodeId,
    },
}

/// The actor.
#[derive(Default)]
pub struct PeerConnectionsActor;

/// The reverse paths nobody has taken yet, and those who wait for one.
pub struct PeerConnectionsState {
    pool: Arc<Connections>,
    paths: HashMap<NodeId, VecDeque<DuplexStream>>,
    waiting: HashMap<NodeId, VecDeque<oneshot::Sender<DuplexStream>>>,
    /// Has the limits follow the peers' documents; ends with the actor.
    _following: OwnedTask,
}

impl Actor for PeerConnectionsActor {
    type Msg = PeerConnectionsMessage;
    type State = PeerConnectionsState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let dialer = Dialer { names: names.clone() };
        let pool = Arc::new(Connections::to_peers(Arc::new(dialer)));
        names.publish(&myself.get_cell(), names::PEER_CONNECTIONS, Arc::clone(&pool));
        Ok(PeerConnectionsState {
            pool,
            paths: HashMap::new(),
            waiting: HashMap::new(),
            _following: bandwidths::follow(names, &myself.get_cell()),
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PeerConnectionsMessage::Reverse { id, path } => state.offer(id, path),
            PeerConnectionsMessage::Take { id, reply } => state.take(id, reply),
            PeerConnectionsMessage::Forget { id } => {
                state.paths.remove(&id);
                state.pool.disconnect(&id.to_string());
            }
        }
        Ok(())
    }
}

impl PeerConnectionsState {
    fn offer(&mut self, id: NodeId, mut path: DuplexStream) {
        while let Some(reply) = self.waiting.get_mut(&id).and_then(VecDeque::pop_front) {
            match reply.send(path) {
                Ok(()) => return,
                // Whoever asked gave up; the path is as good for the next.
                Err(unused) => path = unused,
            }
        }
        self.waiting.remove(&id);
        let paths = self.paths.entry(id).or_default();
        // The oldest is the most likely to be dead.
        while paths.len() >= MOST_WAITING {
            paths.pop_front();
        }
        paths.push_back(path);
    }

    fn take(&mut self, id: NodeId, reply: oneshot::Sender<DuplexStream>) {
        // The newest is the most likely to be alive.
        let path = self.paths.get_mut(&id).and_then(VecDeque::pop_back);
        match path {
            Some(path) => drop(reply.send(path)),
            None => {
                let waiting = self.waiting.entry(id).or_default();
                waiting.retain(|reply| !reply.is_closed());
                waiting.push_back(reply);
            }
        }
    }
}

/// Opens what the pool asks for.
struct Dialer {
    names: Names,
}

#[async_trait]
impl PeerDialer for Dialer {
    async fn dial(&self, host: &str) -> Result<Box<dyn Duplex>, String> {
        let id: NodeId = host.parse().map_err(|error| format!("{host} is no node id: {error}"))?;
        let trusted = peer_directory::peers(&self.names).is_some_and(|peers| peers.is_trusted(&id));
        if !trusted {
            return Err(format!("node {id} is not trusted"));
        }
        let mut direct = pin!(peer_dial::dial(&self.names, id));
        let mut failed = None;
        tokio::select! {
            reached = &mut direct => match reached {
                Ok(reached) => return Ok(Box::new(reached.stream)),
                Err(reason) => failed = Some(reason),
            },
            () = tokio::time::sleep(DIRECT_ALONE) => {}
        }
        // An address that swallows packets must not keep a node away that has come to us by itself.
        let mut reverse = pin!(self.reverse(id));
        loop {
            tokio::select! {
                reached = &mut direct, if failed.is_none() => match reached {
                    Ok(reached) => return Ok(Box::new(reached.stream)),
                    Err(reason) => failed = Some(reason),
                },
                path = &mut reverse => return match (path, failed) {
                    (Some(path), _) => Ok(Box::new(path)),
                    (None, Some(reason)) => Err(format!("{reason}; it opened no reverse path")),
                    (None, None) => match direct.await {
                        Ok(reached) => Ok(Box::new(reached.stream)),
                        Err(reason) => Err(format!("{reason}; it opened no reverse path")),
                    },
                },
            }
        }
    }
}

impl Dialer {
    async fn reverse(&self, id: NodeId) -> Option<DuplexStream> {
        let (reply, path) = oneshot::channel();
        let take = PeerConnectionsMessage::Take { id, reply };
        self.names.cast(names::PEER_CONNECTIONS, take).ok()?;
        let asking = async {
            let mut again = tokio::time::interval(REVERSE_ASKED_EVERY);
            loop {
                again.tick().await;
                // Without a link there is nobody to ask.
                let ask = PeerLinkMessage::Tell(Frame::Reverse);
                let _ = self.names.cast(&names::peer_link(id), ask);
            }
        };
        tokio::select! {
            biased;
            path = tokio::time::timeout(REVERSE_PATIENCE, path) => path.ok()?.ok(),
            () = asking => None,
        }
    }
}
