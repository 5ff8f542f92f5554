//! How strangers become peers: the invitations of this node and the nodes that come with them, the nodes
//! that ask without one and wait for an admin's word, and this node's acceptance of others' invitations.
//!
//! Called by: the node's service (other nodes over the mesh port, admins over HTTP) and the console's
//! sessions. Told by: `introductions`, and the directory (trust). A restart loses the nodes that are
//! pending, which ask again, and the counts of wrong tries, and who was asked for rotations; invitations,
//! and who was rejected, are on disk.

mod addresses;
mod approving;
mod inviting;
mod met_rotation;
mod outgoing;
mod rejecting;
mod rotating;
mod visiting;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::{Failure, PairingVisitor};
use refuge_mesh::{
    Approval, Invitations, NewInvitation, NewPairing, NodeId, PairingTries, PendingList,
    PendingPeer, Rejections, RotationQuestions, TooManyTries,
};
use refuge_otp::Names;
use refuge_storage::{Operation, Store};
use serde_json::Value;
use tokio::sync::{oneshot, watch};

use crate::engine::StorageDoors;
use crate::peer_directory::{self, RotatedPeer};
use crate::{names, published, unavailable};

pub(crate) use addresses::own as own_addresses;
pub(crate) use met_rotation::{follow as follow_rotation, told as told_rotations};
pub(crate) use outgoing::{knock, present_rotations};
use rejecting::SharedRejections;
pub(crate) use rejecting::is_rejected;
pub(crate) use rotating::earlier_identity;

/// Key of the record of open invitations.
const RECORD: &str = "mesh/invitations";

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
        /// Both.
        rotated: RotatedPeer,
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
    /// A node is trusted now.
    Trusted(NodeId),
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
    /// Refuse all of them.
    RejectAll {
        /// Gets `{"rejected": […]}`.
        reply: oneshot::Sender<Result<Value, Failure>>,
    },
}

/// What others look at; published under this actor's name.
struct PairingBoard {
    /// Whether somebody is expected.
    expecting: watch::Receiver<bool>,
    tries: SharedTries,
    rejections: SharedRejections,
    /// Whom this node asked lately whether it is a peer with another key.
    rotation_questions: Mutex<RotationQuestions>,
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
    rejections: SharedRejections,
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
        let (mut invitations, rejections) = crate::blocking(move || load(&store)).await??;
        let rejections = SharedRejections::new(Mutex::new(rejections));
        invitations.forget_expired(crate::now_ms());
        let (expecting, current) = watch::channel(invitations.iter().next().is_some());
        let tries = SharedTries::default();
        let board = PairingBoard {
            expecting: current,
            tries: Arc::clone(&tries),
            rejections: Arc::clone(&rejections),
            rotation_questions: Mutex::default(),
        };
        names.publish(&myself.get_cell(), names::PAIRING, Arc::new(board));
        let pending = PendingList::default();
        Ok(PairingState { names, invitations, pending, rejections, tries, expecting })
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
            PairingMessage::Rotate { rotated, reply } => {
                let _ = reply.send(state.rotate(rotated).await);
            }
            PairingMessage::Pend { introduced, reply } => {
                let _ = reply.send(state.pend(*introduced));
            }
            PairingMessage::Distrusted(id) => state.distrusted(&id).await,
            PairingMessage::Trusted(id) => state.trusted(&id).await,
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
            PairingMessage::RejectAll { reply } => {
                let _ = reply.send(state.reject_all().await);
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

/// What is on disk.
type Kept = (Invitations, Rejections);

fn load(store: &Store) -> Result<Kept, Box<dyn std::error::Error + Send + Sync>> {
    let record = store.node(RECORD)?;
    let invitations = record.map(|record| Invitations::from_record(&record)).transpose()?;
    Ok((invitations.unwrap_or_default(), rejecting::load(store)?))
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

    /// Whoever is pending on another's word is so by what that one may say now, and nobody for ever.
    fn judge_again(&mut self) {
        self.pending.forget_old(crate::now_ms());
        if let Some(peers) = peer_directory::peers(&self.names) {
            self.pending.judge_again(&peers);
        }
    }

    fn expect_somebody(&self) {
        self.expecting.send_if_modified(|expecting| !std::mem::replace(expecting, true));
    }
}
