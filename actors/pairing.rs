//! How strangers become peers: the invitations of this node and the nodes that come with them, the nodes
//! that ask without one and wait for an admin's word, and this node's acceptance of others' invitations.
//!
//! Called by: the node's service (other nodes over the mesh port, admins over HTTP) and the console's
//! sessions. Told by: `introductions`. A restart loses the nodes that are pending, which ask again, and
//! the counts of wrong tries; invitations are on disk.

mod addresses;
mod approving;
mod inviting;
mod outgoing;
mod rotating;
mod visiting;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::{Failure, PairingVisitor};
use refuge_mesh::{
    Approval, Invitations, NewInvitation, NewPairing, NodeEventKind, NodeId, PairingTries,
    PeerRecord, PendingList, PendingPeer, TooManyTries,
};
use refuge_otp::Names;
use refuge_storage::{Operation, Store};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

use crate::engine::StorageDoors;
use crate::node_events::{NewNodeEvent, NodeEventsMessage};
use crate::peer_directory;
use crate::{names, published, unavailable};

pub(crate) use addresses::own as own_addresses;
pub(crate) use outgoing::{knock, present_rotations};
pub(crate) use rotating::earlier_identity;

/// Key of the record of open invitations.
const RECORD: &str = "mesh/invitations";
/// Nodes that were refused and do not become pending again before a restart.
const MOST_REJECTED: usize = 1_000;

/// Messages of this actor.
pub enum PairingMessage {
    /// Make an invitation.
    Invite {
        /// What it grants.
        wish: NewInvitation,
        /// Gets `{"invitation", "number", "expires"}`.
        reply: oneshot::Sender<Result<Value, Failure>>,
    },
    /// Tell of the open invitations.
    Invitations {
        /// Gets `{"invitations": […]}`.
        reply: oneshot::Sender<Value>,
    },
    /// Take an invitation back.
    Withdraw {
        /// Its number.
        number: u64,
        /// Gets whether it was there.
        reply: oneshot::Sender<Result<(), Failure>>,
    },
    /// A node that proved who it is comes with a token.
    Redeem {
        /// Who, and from where.
        visitor: PairingVisitor,
        /// The token.
        token: String,
        /// Gets `{"id", "name"}` of this node.
        reply: oneshot::Sender<Result<Value, Failure>>,
    },
    /// A node that proved who it is asks to be trusted.
    Ask {
        /// Who, and from where.
        visitor: PairingVisitor,
        /// Gets what came of it.
        reply: oneshot::Sender<Result<Value, Failure>>,
    },
    /// A node proved who it is, and which peer it was.
    Rotate {
        /// That peer.
        old: NodeId,
        /// Who it is.
        new: NodeId,
        /// Gets `{"ok": true}`.
        reply: oneshot::Sender<Result<Value, Failure>>,
    },
    /// A node was introduced, and an admin decides.
    Pend {
        /// Which, and by whom.
        introduced: Box<PendingPeer>,
        /// Gets `{"pending": true}`.
        reply: oneshot::Sender<Result<Value, Failure>>,
    },
    /// A node is trusted no more, or blocked.
    Distrusted(NodeId),
    /// Accept the invitation of another node.
    Pair {
        /// Which.
        wish: NewPairing,
        /// Gets `{"id", "name", "address"}` of the other node.
        reply: oneshot::Sender<Result<Value, Failure>>,
    },
    /// Tell of the nodes that ask.
    Pending {
        /// Gets `{"pending": […]}`.
        reply: oneshot::Sender<Value>,
    },
    /// Trust one of them.
    Approve {
        /// Which, and how.
        approval: Approval,
        /// Gets `{"id", "name"}`.
        reply: oneshot::Sender<Result<Value, Failure>>,
    },
    /// Refuse one of them.
    Reject {
        /// Its id or the beginning of it.
        node: String,
        /// Gets `{"id", "name"}`.
        reply: oneshot::Sender<Result<Value, Failure>>,
    },
}

/// What others look at; published under this actor's name.
struct PairingBoard {
    /// Whether somebody is expected.
    expecting: watch::Receiver<bool>,
    tries: SharedTries,
}

/// Tries are counted before they wait for the actor.
type SharedTries = Arc<Mutex<PairingTries>>;

/// The actor.
#[derive(Default)]
pub struct PairingActor;

/// The invitations, and who asks.
pub struct PairingState {
    names: Names,
    invitations: Invitations,
    pending: PendingList,
    /// The latest last.
    rejected: VecDeque<NodeId>,
    tries: SharedTries,
    expecting: watch::Sender<bool>,
}

/// Waits until somebody is expected, over restarts of the actor.
pub(crate) async fn wanted(names: &Names) {
    loop {
        let Ok(board) = published::<PairingBoard>(names, names::PAIRING).await else { continue };
        let mut watch = board.expecting.clone();
        drop(board);
        if watch.wait_for(|expecting| *expecting).await.is_ok() {
            return;
        }
    }
}

impl Actor for PairingActor {
    type Msg = PairingMessage;
    type State = PairingState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let doors = published::<StorageDoors>(&names, names::ENGINE).await?;
        let store = doors.store.clone();
        let mut invitations = crate::blocking(move || load(&store)).await??;
        invitations.forget_expired(crate::now_ms());
        let (expecting, current) = watch::channel(invitations.iter().next().is_some());
        let tries = SharedTries::default();
        let board = PairingBoard { expecting: current, tries: Arc::clone(&tries) };
        names.publish(&myself.get_cell(), names::PAIRING, Arc::new(board));
        let (pending, rejected) = (PendingList::default(), VecDeque::new());
        Ok(PairingState { names, invitations, pending, rejected, tries, expecting })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PairingMessage::Invite { wish, reply } => state.invite(wish, reply).await,
            PairingMessage::Invitations { reply } => drop(reply.send(state.told_invitations())),
            PairingMessage::Withdraw { number, reply } => {
                let _ = reply.send(state.withdraw(number).await);
            }
            PairingMessage::Redeem { visitor, token, reply } => {
                let _ = reply.send(state.redeem(visitor, &token).await);
            }
            PairingMessage::Ask { visitor, reply } => drop(reply.send(state.asked(visitor))),
            PairingMessage::Rotate { old, new, reply } => {
                let _ = reply.send(state.rotate(old, new).await);
            }
            PairingMessage::Pend { introduced, reply } => {
                let _ = reply.send(state.pend(*introduced));
            }
            PairingMessage::Distrusted(id) => state.distrusted(&id).await,
            PairingMessage::Pair { wish, reply } => {
                // Somebody may dial back at once.
                state.expect_somebody();
                outgoing::pair(state.names.clone(), wish, reply);
            }
            PairingMessage::Pending { reply } => drop(reply.send(state.told_pending())),
            PairingMessage::Approve { approval, reply } => {
                let _ = reply.send(state.approve(approval).await);
            }
            PairingMessage::Reject { node, reply } => {
                let _ = reply.send(state.reject(&node).await);
            }
        }
        Ok(())
    }
}

/// Counts a question of somebody who wants to be a peer, before anything is looked at for it.
pub(crate) fn admit_question(names: &Names, from: IpAddr) -> Result<(), Failure> {
    let board = names.value::<PairingBoard>(names::PAIRING).ok_or_else(unavailable)?;
    let mut tries = board.tries.lock().unwrap_or_else(PoisonError::into_inner);
    tries.ask(crate::now_ms(), from).map_err(too_many)
}

fn too_many(refusal: TooManyTries) -> Failure {
    Failure::TooMany {
        error: "too_many_tries",
        reason: refusal.to_string(),
        retry_after: Some(Duration::from_secs(refusal.seconds)),
    }
}

fn load(store: &Store) -> Result<Invitations, Box<dyn std::error::Error + Send + Sync>> {
    match store.node(RECORD)? {
        Some(record) => Ok(Invitations::from_record(&record)?),
        None => Ok(Invitations::default()),
    }
}

impl PairingState {
    /// Returns when the invitations as they are now are on disk.
    async fn store(&self) -> Result<(), Failure> {
        self.write(&self.invitations).await
    }

    async fn write(&self, invitations: &Invitations) -> Result<(), Failure> {
        let doors = self.names.value::<StorageDoors>(names::ENGINE).ok_or_else(unavailable)?;
        let value = Some(invitations.to_record());
        doors.writer.commit(Operation::Node { key: RECORD.to_owned(), value }).await?;
        Ok(())
    }

    /// Whoever is pending on another's word is so by what that one may say now.
    fn judge_again(&mut self) {
        if let Some(peers) = peer_directory::peers(&self.names) {
            self.pending.judge_again(&peers);
        }
    }

    fn expect_somebody(&self) {
        self.expecting.send_if_modified(|expecting| !std::mem::replace(expecting, true));
    }

    /// Notes a node that asks, and tells of it once.
    fn pend(&mut self, asking: PendingPeer) -> Result<Value, Failure> {
        if self.rejected.contains(&asking.id) {
            return Err(Failure::Forbidden("this node was refused here".to_owned()));
        }
        self.judge_again();
        let (id, introducer) = (asking.id, asking.introducer);
        let from = asking.from.map(|address| address.to_string());
        let asked = self.pending.ask(asking).map_err(|refusal| Failure::TooMany {
            error: "too_many_pending",
            reason: refusal.to_string(),
            retry_after: None,
        })?;
        if asked == refuge_mesh::Asked::Noted {
            tracing::info!(peer = %id, "a node asks to be trusted: see `refuge peer pending`");
            // Not by the name that it claims: hooks take an event's name for one that was given here.
            let name = PeerRecord::default_name(&id);
            let mut event = NewNodeEvent::new(NodeEventKind::Pending, id, name);
            event.address = from;
            event.source = introducer.map(|introducer| introducer.to_string());
            let _ = self.names.cast(names::NODE_EVENTS, NodeEventsMessage::Publish(event));
        }
        Ok(json!({ "pending": true }))
    }
}
