//! Knows which trusted nodes are up: starts one link for each, hears from the links when their node
//! comes and goes, and tells everybody else: node events, the replicator, and a published view.
//!
//! Told by: the peer directory's board, the links. A restart loses nothing that the links do not tell
//! it again; nodes that the log of events calls up and no link reaches are told to be down.

mod told;
mod up;
mod watching;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_mesh::{DownReason, NodeEventKind, NodeId, Peers};
use refuge_otp::{ChildSpecification, DynamicSupervisor, Exit, Names};

use crate::documents_on_demand::DocumentsOnDemandMessage;
use crate::introductions::IntroductionsMessage;
use crate::messages::MessagesMessage;
use crate::names;
use crate::node_events::{NewNodeEvent, NodeEventsMessage};
use crate::peer_connections::PeerConnectionsMessage;
use crate::peer_directory::PeerDirectoryMessage;
use crate::peer_link::{PeerLinkArguments, PeerLinkMessage};
use crate::replicator_documents::ReplicatorDocumentsMessage;
use crate::task::OwnedTask;
pub use up::{NodesUp, UpNode};

/// Back-off before a link that crashed is started again; doubles up to the longest.
const FIRST_BACK_OFF: Duration = Duration::from_millis(250);
/// The longest back-off.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);
/// A link that lived so long has its back-off forgotten.
const LIVED_LONG: Duration = Duration::from_secs(60);

/// Messages of the monitor.
pub enum NodeMonitorMessage {
    /// The peers changed, or are known for the first time.
    Peers(Arc<Peers>),
    /// A link works.
    Up {
        /// To which node.
        id: NodeId,
        /// The address it goes over.
        address: Option<String>,
    },
    /// A link no longer works.
    Down {
        /// To which node.
        id: NodeId,
        /// Why.
        reason: DownReason,
    },
    /// A link's actor could not be started, or went down.
    LinkEnded {
        /// To which node.
        id: NodeId,
        /// How.
        exit: Exit,
    },
    /// Start a link again after its back-off.
    Again(NodeId),
    /// Nodes that the log of events calls up.
    ToldUp(Vec<(NodeId, String)>),
}

/// Makes the child specification of a link.
pub type PeerLinkChild = Arc<dyn Fn(PeerLinkArguments) -> ChildSpecification + Send + Sync>;

/// What the monitor is started with.
#[derive(Clone)]
pub struct NodeMonitorArguments {
    /// The names of this node.
    pub names: Names,
    /// The supervisors' part in starting a link.
    pub child: PeerLinkChild,
}

/// The actor.
#[derive(Default)]
pub struct NodeMonitorActor;

/// The peers, their links, and who is up.
pub struct NodeMonitorState {
    arguments: NodeMonitorArguments,
    myself: ActorRef<NodeMonitorMessage>,
    peers: Arc<Peers>,
    links: HashMap<NodeId, Link>,
    up: HashMap<NodeId, UpNode>,
    /// How often this node wants to be heard and to hear.
    heartbeat_ms: u64,
    _watching: OwnedTask,
}

struct Link {
    started: tokio::time::Instant,
    failures: u32,
    addresses: Vec<String>,
}

impl Actor for NodeMonitorActor {
    type Msg = NodeMonitorMessage;
    type State = NodeMonitorState;
    type Arguments = NodeMonitorArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let watching = watching::watch(arguments.names.clone(), myself.clone());
        let state = NodeMonitorState {
            arguments,
            myself,
            peers: Arc::new(Peers::new([])),
            links: HashMap::new(),
            up: HashMap::new(),
            heartbeat_ms: refuge_mesh::heartbeat_ms(0, 0),
            _watching: watching,
        };
        state.publish();
        Ok(state)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            NodeMonitorMessage::Peers(peers) => state.follow(peers),
            NodeMonitorMessage::Up { id, address } => state.came_up(id, address),
            NodeMonitorMessage::Down { id, reason } => state.went_down(id, reason),
            NodeMonitorMessage::LinkEnded { id, exit } => state.link_ended(id, &exit),
            NodeMonitorMessage::Again(id) => state.start_link(id),
            NodeMonitorMessage::ToldUp(told) => state.told_up(told),
        }
        Ok(())
    }
}

impl NodeMonitorState {
    fn names(&self) -> &Names {
        &self.arguments.names
    }

    fn follow(&mut self, peers: Arc<Peers>) {
        self.peers = Arc::clone(&peers);
        for peer in peers.trusted() {
            match self.links.get_mut(&peer.id) {
                None => self.start_link(peer.id),
                Some(link) if link.addresses != peer.all_addresses() => {
                    link.addresses = peer.all_addresses();
                    self.tell_link(peer.id, PeerLinkMessage::Addresses);
                }
                Some(_) => {}
            }
        }
        let gone = self.links.keys().filter(|id| !peers.is_trusted(id)).copied();
        for id in gone.collect::<Vec<_>>() {
            self.tell_link(id, PeerLinkMessage::Distrusted);
            self.links.remove(&id);
            self.went_down(id, DownReason::Revoked);
        }
        // Names and groups of those that are up may have changed.
        for (id, node) in &mut self.up {
            if let Some(peer) = peers.get(id) {
                *node = UpNode::from(peer);
            }
        }
        self.publish();
    }

    /// Many links beat slower. Those of peers that are not there cost nothing, and are told when they come up.
    fn set_pace(&mut self) {
        let every_ms = refuge_mesh::heartbeat_ms(self.up.len(), self.heartbeat_ms);
        if every_ms != self.heartbeat_ms {
            self.heartbeat_ms = every_ms;
            for id in self.up.keys() {
                self.tell_link(*id, PeerLinkMessage::Heartbeat(every_ms));
            }
        }
    }

    fn tell_link(&self, id: NodeId, message: PeerLinkMessage) {
        // One that is not there is being started: it reads the peer's addresses then, and is told when it is up.
        let _ = self.names().cast(&names::peer_link(id), message);
    }

    fn start_link(&mut self, id: NodeId) {
        let Some(peer) = self.peers.get(&id).filter(|_| self.peers.is_trusted(&id)) else {
            return;
        };
        let addresses = peer.all_addresses();
        let started = tokio::time::Instant::now();
        let link = self.links.entry(id).or_insert(Link { started, failures: 0, addresses });
        link.started = started;
        let names = self.names().clone();
        let name = names::peer_link(id);
        if let Some(living) = names.lookup::<PeerLinkMessage>(&name) {
            // From before a restart of this actor: it says whether its node is up.
            self.watch_link(id, &living.get_cell());
            let _ = living.cast(PeerLinkMessage::Report);
            return;
        }
        let child = (self.arguments.child)(PeerLinkArguments {
            names: names.clone(),
            peer: id,
            heartbeat_ms: self.heartbeat_ms,
        });
        let (myself, supervisor) = (self.myself.clone(), names::PEER_LINKS);
        let watcher = myself.clone();
        crate::task::spawn(async move {
            match DynamicSupervisor::new(&names, supervisor).start_child(child).await {
                Ok(cell) => names.monitor_into(&cell, &watcher, move |exit| {
                    NodeMonitorMessage::LinkEnded { id, exit }
                }),
                Err(error) => {
                    let exit = Exit::Failed(error.to_string());
                    let _ = myself.cast(NodeMonitorMessage::LinkEnded { id, exit });
                }
            }
        });
    }

    fn watch_link(&self, id: NodeId, cell: &ractor::ActorCell) {
        self.names().monitor_into(cell, &self.myself, move |exit| NodeMonitorMessage::LinkEnded {
            id,
            exit,
        });
    }

    fn link_ended(&mut self, id: NodeId, exit: &Exit) {
        self.went_down(id, DownReason::Closed);
        let Some(link) = self.links.get_mut(&id) else {
            // No longer trusted; trusted again meanwhile, it is found among the peers.
            return;
        };
        link.failures = if link.started.elapsed() > LIVED_LONG { 0 } else { link.failures + 1 };
        let back_off = (FIRST_BACK_OFF * 2_u32.pow(link.failures.min(10))).min(LONGEST_BACK_OFF);
        tracing::warn!(peer = %id, %exit, ?back_off, "a link is started again");
        self.myself.send_after(back_off, move || NodeMonitorMessage::Again(id));
    }

    fn came_up(&mut self, id: NodeId, address: Option<String>) {
        let Some(peer) = self.peers.get(&id).filter(|_| self.peers.is_trusted(&id)) else {
            return;
        };
        let node = UpNode::from(peer);
        let told = self.up.insert(id, node.clone()).is_some();
        self.publish();
        // It may have been started with another pace, or have outlived a restart of this actor.
        self.tell_link(id, PeerLinkMessage::Heartbeat(self.heartbeat_ms));
        self.set_pace();
        if told {
            return;
        }
        tracing::info!(peer = %id, name = node.name, "a node is up");
        let _ = self.names().cast(names::INTRODUCTIONS, IntroductionsMessage::PeerUp(id));
        let _ = self.names().cast(names::MESSAGES, MessagesMessage::PeerUp(id));
        let wanted = DocumentsOnDemandMessage::PeerUp(id);
        let _ = self.names().cast(names::DOCUMENTS_ON_DEMAND, wanted);
        let mut event = NewNodeEvent::new(NodeEventKind::NodeUp, id, node.name);
        event.address = address;
        self.tell(event);
    }

    fn went_down(&mut self, id: NodeId, reason: DownReason) {
        let Some(node) = self.up.remove(&id) else { return };
        self.set_pace();
        tracing::info!(peer = %id, name = node.name, ?reason, "a node is down");
        self.publish();
        // A connection that vanished without a word must not be tried first when the node is back.
        let _ = self.names().cast(names::PEER_CONNECTIONS, PeerConnectionsMessage::Forget { id });
        self.tell_down(id, node.name, reason);
        let time = refuge_mesh::rfc3339(crate::now_ms());
        let _ =
            self.names().cast(names::PEER_DIRECTORY, PeerDirectoryMessage::LastSeen { id, time });
    }

    /// What the log calls up and no link has reached again, while this actor or the node was down.
    fn told_up(&mut self, told: Vec<(NodeId, String)>) {
        for (id, name) in told {
            let linked = self.names().lookup::<PeerLinkMessage>(&names::peer_link(id)).is_some();
            if linked {
                // Its link reports; an event for what was told already is not told again.
                self.up.insert(id, UpNode { id, name, groups: Vec::new(), earlier: Vec::new() });
            } else {
                self.tell_down(id, name, DownReason::Closed);
            }
        }
        self.set_pace();
    }

    fn tell_down(&self, id: NodeId, name: String, reason: DownReason) {
        let mut event = NewNodeEvent::new(NodeEventKind::NodeDown, id, name);
        event.reason = Some(reason);
        self.tell(event);
    }

    fn tell(&self, event: NewNodeEvent) {
        // Without its log, which is being restarted, this actor is restarted as well.
        let _ = self.names().cast(names::NODE_EVENTS, NodeEventsMessage::Publish(event));
    }

    fn publish(&self) {
        let mut up: Vec<UpNode> = self.up.values().cloned().collect();
        up.sort_by_key(|node| node.id);
        for node in &mut up {
            // Whoever is known by such an id is meant by it.
            node.earlier.retain(|earlier| self.peers.get(earlier).is_none());
        }
        let nodes = Arc::new(NodesUp { up });
        let names = self.names();
        names.publish(&self.myself.get_cell(), names::NODE_MONITOR, Arc::clone(&nodes));
        // It reads what is published when it starts.
        let message = ReplicatorDocumentsMessage::NodesUp(nodes);
        let _ = names.cast(names::REPLICATOR_DOCUMENTS, message);
    }
}
