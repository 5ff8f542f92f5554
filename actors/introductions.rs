//! Introductions: this node vouches for its peers towards each other, and hears those of its peers that
//! may vouch for others. A statement travels over the link, or an admin brings it.
//!
//! Called by: the node's service and the console's sessions. Told by: links (what came), the node monitor
//! (who is up, and is to be told), `pairing` (what an admin decided). A restart loses nothing: what was
//! signed and which serials were seen is on disk before anything follows from it.

mod hearing;
mod issuing;
mod rows;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::Failure;
use refuge_mesh::{NewIntroduction, NodeId, Statement};
use refuge_otp::Names;
use refuge_storage::Operation;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::engine::StorageDoors;
use crate::{names, published, unavailable};
use rows::Heard;

/// Statements that links handed over and that were not heard yet; each has 16 KiB at most.
const MOST_WAITING: usize = 256;

/// Messages of this actor.
pub enum IntroductionsMessage {
    /// Vouch for peers towards each other.
    Introduce {
        /// For whom.
        wish: NewIntroduction,
        /// Gets `{"introductions": […]}`.
        reply: oneshot::Sender<Result<Value, Failure>>,
    },
    /// What this node vouches with is signed.
    Signed {
        /// The statements.
        statements: Vec<Statement>,
        /// Gets `{"introductions": […]}`.
        reply: oneshot::Sender<Result<Value, Failure>>,
    },
    /// A peer is told the next of what waits for it.
    TellNext(NodeId),
    /// Tell of all.
    List {
        /// Gets `{"made": […], "heard": […]}`.
        reply: oneshot::Sender<Value>,
    },
    /// A peer is up, and is told what it has not heard.
    PeerUp(NodeId),
    /// A statement came over the link of a trusted peer.
    Received {
        /// Of which.
        from: NodeId,
        /// The statement.
        statement: Box<Statement>,
        /// Its place among those that wait.
        place: OwnedSemaphorePermit,
    },
    /// An admin brings a statement.
    Brought {
        /// The statement.
        statement: Box<Statement>,
        /// Gets what followed from it.
        reply: oneshot::Sender<Result<Value, Failure>>,
    },
    /// An admin said what becomes of a node that was introduced.
    Decided {
        /// Who vouched.
        issuer: NodeId,
        /// For whom.
        subject: NodeId,
    },
}

/// Room for what links hand over; published under this actor's name.
struct HandOver(Arc<Semaphore>);

/// Hands over what a trusted peer states; false where nobody hears it, or too much waits.
pub(crate) fn hand_over(names: &Names, from: NodeId, statement: &Statement) -> bool {
    let room = names.value::<HandOver>(names::INTRODUCTIONS);
    let place = room.and_then(|room| Arc::clone(&room.0).try_acquire_owned().ok());
    place.is_some_and(|place| {
        let statement = Box::new(statement.clone());
        let message = IntroductionsMessage::Received { from, statement, place };
        names.cast(names::INTRODUCTIONS, message).is_ok()
    })
}

/// The actor.
#[derive(Default)]
pub struct IntroductionsActor;

/// What was made and what was heard.
pub struct IntroductionsState {
    names: Names,
    /// By audience and subject.
    made: BTreeMap<(NodeId, NodeId), Statement>,
    /// By issuer and subject.
    heard: HashMap<(NodeId, NodeId), Heard>,
    /// By audience, of whom it is to be told next.
    telling: HashMap<NodeId, BTreeSet<NodeId>>,
}

impl Actor for IntroductionsActor {
    type Msg = IntroductionsMessage;
    type State = IntroductionsState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let doors = published::<StorageDoors>(&names, names::ENGINE).await?;
        let store = doors.store.clone();
        let read = move || Ok::<_, rows::RowsError>((rows::made(&store)?, rows::heard(&store)?));
        let (made, heard) = crate::blocking(read).await??;
        let room = Arc::new(HandOver(Arc::new(Semaphore::new(MOST_WAITING))));
        names.publish(&myself.get_cell(), names::INTRODUCTIONS, room);
        Ok(IntroductionsState { names, made, heard, telling: HashMap::new() })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            IntroductionsMessage::Introduce { wish, reply } => {
                state.introduce(myself, wish, reply).await;
            }
            IntroductionsMessage::Signed { statements, reply } => {
                let _ = reply.send(state.signed(&myself, statements).await);
            }
            IntroductionsMessage::TellNext(audience) => state.tell_next(&myself, audience),
            IntroductionsMessage::List { reply } => drop(reply.send(state.told())),
            IntroductionsMessage::PeerUp(id) => state.tell_all(&myself, id),
            IntroductionsMessage::Received { from, statement, place } => {
                if let Err(failure) = state.hear(&statement).await {
                    tracing::debug!(peer = %from, %failure, "a statement changed nothing");
                }
                drop(place);
            }
            IntroductionsMessage::Brought { statement, reply } => {
                let _ = reply.send(state.hear(&statement).await);
            }
            IntroductionsMessage::Decided { issuer, subject } => {
                if let Err(failure) = state.decide((issuer, subject)).await {
                    tracing::warn!(%failure, "a decision about an introduction was not noted");
                }
            }
        }
        Ok(())
    }
}

impl IntroductionsState {
    /// Returns when the row is on disk.
    async fn store(&self, key: String, value: Option<Vec<u8>>) -> Result<(), Failure> {
        let doors = self.names.value::<StorageDoors>(names::ENGINE).ok_or_else(unavailable)?;
        doors.writer.commit(Operation::Node { key, value }).await?;
        Ok(())
    }
}
