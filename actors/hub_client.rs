//! Tells the hubs of the settings where this node is, as a statement that it signed, and asks them where its
//! peers are that are not up; what they answer goes into the book of addresses. A hub is believed nothing.
//!
//! Nobody waits for it. Told by: the configuration. A restart loses the serials that were seen of others: an
//! older statement is then a hint once more, as any address is. Those of its own statements only grow.

mod hints;
mod record;
mod serial;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_client::{AskError, Conversation};
use refuge_config::Hub;
use refuge_mesh::{HubAddress, NodeId, Peers, Statement};
use refuge_otp::Names;
use tokio::sync::watch;

use crate::configuration::CurrentSettings;
use crate::node_monitor::NodesUp;
use crate::peer_directory::PeerBoard;
use crate::task::{self, OwnedTask};
use crate::{mesh_listener, names, peer_dial, peer_directory, port_mapping, published};
use record::OwnRecord;

/// Between two visits at first, and while peers are looked for; doubles up to the longest.
const FIRST_REST: Duration = Duration::from_secs(2);
/// The longest: a peer that moved is found again within it.
const LONGEST_REST: Duration = Duration::from_secs(2 * 60);
/// The shortest, however often the peers change.
const LEAST_REST: Duration = Duration::from_millis(500);
/// After an outer address of this node became known: a hub takes one record of a node within a second.
const RECORD_REST: Duration = Duration::from_millis(1_100);
/// How long the first visit waits for this node's own listener.
const LISTENING_PATIENCE: Duration = Duration::from_secs(5);
/// All of one visit.
const VISIT_DEADLINE: Duration = Duration::from_secs(30);
/// Peers that a hub is asked for in one visit; the others have their turn in the next.
const MOST_ASKED: usize = 100;
/// Hubs that are visited.
pub(crate) const MOST_HUBS: usize = 8;
/// What a hub answers that knows nothing of a node.
pub(crate) const UNKNOWN: u16 = 404;

/// Messages of this actor.
#[derive(Debug)]
pub enum HubClientMessage {
    /// The settings were read, and may be others.
    Settings,
}

/// The actor.
#[derive(Default)]
pub struct HubClientActor;

/// The task that visits the hubs; it ends with the actor.
pub struct HubClientState {
    names: Names,
    wanted: watch::Sender<Wanted>,
    _visiting: OwnedTask,
}

/// What is visited, and what of the settings is told there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wanted {
    hubs: Vec<HubAddress>,
    /// What the node calls itself.
    name: String,
    /// Whether the hubs show it.
    listed: bool,
}

impl Actor for HubClientActor {
    type Msg = HubClientMessage;
    type State = HubClientState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let (wanted, receiver) = watch::channel(wanted(&names));
        let visiting = OwnedTask::spawn(Visits::new(names.clone()).run(receiver));
        Ok(HubClientState { names, wanted, _visiting: visiting })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            HubClientMessage::Settings => task::want(&state.wanted, wanted(&state.names)),
        }
        Ok(())
    }
}

fn wanted(names: &Names) -> Wanted {
    let Some(current) = names.value::<CurrentSettings>(names::CONFIGURATION) else {
        return Wanted::default();
    };
    let Hub { hubs: text, listed, .. } = &current.settings.hub;
    Wanted { hubs: hubs(text), name: crate::own_name(names), listed: *listed }
}

/// Those of the settings; what names none is told and passed over.
fn hubs(text: &str) -> Vec<HubAddress> {
    let read = |text: &str| match text.parse() {
        Ok(hub) => Some(hub),
        Err(error) => {
            tracing::error!(%error, "a hub in the settings is passed over");
            None
        }
    };
    HubAddress::texts(text).iter().filter_map(|text| read(text)).take(MOST_HUBS).collect()
}

/// What goes on with all hubs.
struct Visits {
    names: Names,
    own: OwnRecord,
    /// The highest serial of each node's statements, whichever hub told them.
    serials: HashMap<NodeId, u64>,
    /// Where the next visit begins to ask.
    turn: usize,
}

impl Visits {
    fn new(names: Names) -> Self {
        Self { names, own: OwnRecord::default(), serials: HashMap::new(), turn: 0 }
    }

    /// As it is wanted now; other settings break a visit off. Ends when nobody can want anything any more.
    async fn run(mut self, mut wanted: watch::Receiver<Wanted>) {
        loop {
            let now = wanted.borrow_and_update().clone();
            let changed = tokio::select! {
                changed = wanted.changed() => changed,
                () = self.visit_again_and_again(&now.hubs) => return,
            };
            if changed.is_err() {
                return;
            }
        }
    }

    /// Without an end; a change of the peers begins it anew, and another outer address of this node.
    async fn visit_again_and_again(&mut self, hubs: &[HubAddress]) {
        if hubs.is_empty() {
            return std::future::pending().await;
        }
        peer_dial::identity(&self.names).await;
        // So that the first visit tells where this node is.
        let listening = mesh_listener::listening(&self.names);
        let _ = tokio::time::timeout(LISTENING_PATIENCE, listening).await;
        let mut rest = FIRST_REST;
        loop {
            let mut peers = watch_peers(&self.names).await;
            let outer = port_mapping::outer_address(&self.names);
            let wanted = self.wanted();
            for hub in hubs {
                let visit = tokio::time::timeout(VISIT_DEADLINE, self.visit(hub, &wanted)).await;
                let visit = visit.unwrap_or_else(|_| Err("no answer in time".to_owned()));
                if let Err(reason) = visit {
                    tracing::info!(?hub, reason, "a hub was visited in vain");
                }
            }
            self.turn = self.turn.wrapping_add(MOST_ASKED);
            tokio::select! {
                () = tokio::time::sleep(rest) => rest = (rest * 2).min(LONGEST_REST),
                () = changed(&mut peers) => rest = FIRST_REST,
                () = moved(&self.names, outer) => rest = FIRST_REST,
            }
        }
    }

    /// Trusted nodes that are not up: some of them, in turn.
    fn wanted(&self) -> Vec<NodeId> {
        let up = self.names.value::<NodesUp>(names::NODE_MONITOR);
        let is_up =
            |id: NodeId| up.as_ref().is_some_and(|nodes| nodes.up.iter().any(|node| node.id == id));
        let Some(peers) = peer_directory::peers(&self.names) else { return Vec::new() };
        let mut wanted: Vec<NodeId> = peers.trusted().map(|peer| peer.id).collect();
        wanted.retain(|id| !is_up(*id));
        if !wanted.is_empty() {
            let begin = self.turn % wanted.len();
            wanted.rotate_left(begin);
        }
        wanted.truncate(MOST_ASKED);
        wanted
    }

    async fn visit(&mut self, hub: &HubAddress, wanted: &[NodeId]) -> Result<(), String> {
        let (id, reached) = reach(&self.names, hub).await?;
        let conversation = Conversation::open(Box::new(reached.stream), id.to_string()).await;
        let mut conversation = conversation.map_err(|error| error.to_string())?;
        let own = self.own.current(&self.names).await;
        let own = own.inspect_err(|reason| {
            // Where peers are is asked all the same.
            tracing::info!(hub = %id, reason, "a hub is not told where this node is");
        });
        if let Ok(Some(record)) = own {
            let path = format!("/_mesh/hub/nodes/{}", record.claims().issuer);
            let told = conversation.put(&path, &record.to_json()).await;
            // A hub that is full may know others all the same.
            if let Err(error) = told {
                tracing::info!(hub = %id, %error, "a hub does not take where this node is");
            }
        }
        for node in wanted {
            match conversation.get(&format!("/_mesh/hub/nodes/{node}")).await {
                Ok(answer) => match Statement::from_json(&answer.body) {
                    Ok(record) => self.hear(id, *node, &record),
                    Err(error) => tracing::info!(hub = %id, %error, "a hub told no statement"),
                },
                Err(AskError::Refused { status: UNKNOWN, .. }) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }
}

/// A connection to the hub, whose certificate proved that it is the one that was meant.
pub(crate) async fn reach(
    names: &Names,
    hub: &HubAddress,
) -> Result<(NodeId, peer_dial::Reached), String> {
    match hub {
        HubAddress::Peer(name) => {
            let peers = peer_directory::peers(names).ok_or("the peers are not known")?;
            let peer = crate::mesh_commands::find(&peers, name);
            let id = peer.map_err(|failure| failure.to_string())?.id;
            Ok((id, peer_dial::dial(names, id).await?))
        }
        HubAddress::Node { id, addresses } => {
            // A peer whose key was rotated is still the hub that the settings name by the old one.
            let heir = peer_directory::peers(names).and_then(|peers| Some(peers.heir(id)?.id));
            let id = heir.unwrap_or(*id);
            Ok((id, peer_dial::reach(names, id, addresses.clone()).await?))
        }
    }
}

/// A view of the peers that tells when they are others than now.
async fn watch_peers(names: &Names) -> watch::Receiver<Arc<Peers>> {
    loop {
        // However long its restart takes: without peers there is nothing to ask for.
        if let Ok(board) = published::<PeerBoard>(names, names::PEER_DIRECTORY).await {
            let mut watch = board.watch();
            watch.mark_unchanged();
            return watch;
        }
    }
}

/// Returns when they are, a little later; not while their directory is restarted.
async fn changed(watch: &mut watch::Receiver<Arc<Peers>>) {
    if watch.changed().await.is_err() {
        return std::future::pending().await;
    }
    tokio::time::sleep(LEAST_REST).await;
}

/// Returns when this node is reached from outside under another address than the hubs were told, a little later.
async fn moved(names: &Names, told: Option<SocketAddr>) {
    let address = port_mapping::another_outer_address(names, told).await;
    tracing::debug!(%address, "the hubs are told of another outer address");
    tokio::time::sleep(RECORD_REST).await;
}
