//! Messages of applications between nodes: kept here until the node that they are for says that it keeps
//! them, and taken from other nodes once. They travel over the links.
//!
//! Called by: the node's service (applications). Told by: links (what came), the node monitor (who is
//! up). A restart loses nothing: what is acknowledged, to an application or to another node, is on disk.
//! It waits for nothing but its own commits: what cannot be dealt with yet is held.

mod held;
mod incoming;
mod kept;
mod outgoing;
mod received;
mod rows;
mod turns;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::{Failure, MessagesPage, MessagesRequest, NewMessage};
use refuge_mesh::{Inbox, Message, MessageId, NodeId, Outbox, Receipt};
use refuge_otp::Names;
use refuge_storage::{NodeWrite, Operation};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::engine::StorageDoors;
use crate::peer_link::Place;
use crate::{names, unavailable};
use held::{Held, ReadRows};
use received::Received;
use turns::Turns;

/// Between two looks at what was not acknowledged, what is too old, and who is trusted no more.
const LOOK: Duration = Duration::from_secs(5);

/// Messages of this actor.
pub enum MessagesMessage {
    /// An application sends.
    Send {
        /// What, and to whom.
        wish: NewMessage,
        /// Gets `{"ok", "id", "to", "refused"}` once it is on disk.
        reply: oneshot::Sender<Result<Value, Failure>>,
    },
    /// A message came over the link of a trusted node.
    Came {
        /// Of which.
        from: NodeId,
        /// The message.
        message: Box<Message>,
        /// Free again when the message is taken.
        place: Place,
    },
    /// A trusted node says what became of a message.
    Receipt {
        /// Which.
        from: NodeId,
        /// What.
        receipt: Receipt,
        /// Free again when the receipt is noted.
        place: Place,
    },
    /// A node is up, and gets what waits for it.
    PeerUp(NodeId),
    /// A link to a node was made, also in the place of another one.
    LinkMade {
        /// To which.
        node: NodeId,
        /// Its number.
        link: u64,
    },
    /// A page of what came.
    Page {
        /// Which.
        request: MessagesRequest,
        /// Gets the page.
        reply: oneshot::Sender<Result<MessagesPage, Failure>>,
    },
    /// Wait until a message came behind this number.
    Beyond {
        /// For which application; any where there is none.
        application: Option<String>,
        /// The number.
        number: u64,
        /// Gets the number of the newest then.
        reply: oneshot::Sender<u64>,
    },
    /// Time to look at what became old.
    Look,
    /// The rows were read, or not.
    Read(Result<ReadRows, Failure>),
    /// The peers are known, or not in time.
    PeersKnown(Result<(), Failure>),
}

/// The actor.
#[derive(Default)]
pub struct MessagesActor;

/// What waits, and what came.
pub struct MessagesState {
    names: Names,
    myself: ActorRef<MessagesMessage>,
    outbox: Outbox,
    /// The links that messages go over.
    links: HashMap<NodeId, u64>,
    /// The numbers of the rows of what waits.
    numbers: HashMap<(NodeId, MessageId), u64>,
    next_number: u64,
    started: Instant,
    inbox: Inbox,
    turns: Turns,
    received: Received,
    /// What is on disk is to be read before anything else: it was not yet, or a commit failed.
    unsure: bool,
    /// What waits for that, while it goes on.
    reading: Option<Held>,
    /// What is to be sent as soon as the peers are known.
    awaiting_peers: Option<Held>,
}

impl Actor for MessagesActor {
    type Msg = MessagesMessage;
    type State = MessagesState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let mut state = MessagesState::new(names, myself.clone());
        state.read_if_unsure();
        myself.send_interval(LOOK, || MessagesMessage::Look);
        Ok(state)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let freed = match message {
            MessagesMessage::Read(read) => state.rows_read(read),
            MessagesMessage::PeersKnown(known) => state.peers_known(known),
            other => vec![other],
        };
        for message in freed {
            if let Some(message) = state.hold(message) {
                state.deal_with(message).await;
            }
        }
        Ok(())
    }
}

impl MessagesState {
    fn new(names: Names, myself: ActorRef<MessagesMessage>) -> Self {
        Self {
            names,
            myself,
            outbox: Outbox::default(),
            links: HashMap::new(),
            numbers: HashMap::new(),
            next_number: 0,
            started: Instant::now(),
            inbox: Inbox::default(),
            turns: Turns::default(),
            received: Received::default(),
            unsure: true,
            reading: None,
            awaiting_peers: None,
        }
    }

    async fn deal_with(&mut self, message: MessagesMessage) {
        match message {
            MessagesMessage::Send { wish, reply } => drop(reply.send(self.send(wish).await)),
            MessagesMessage::Came { from, message, place } => {
                self.came(from, message, place).await;
            }
            MessagesMessage::Receipt { from, receipt, place: _place } => {
                self.acknowledged(from, receipt).await;
            }
            MessagesMessage::PeerUp(node) => self.send_next(node),
            MessagesMessage::LinkMade { node, link } => self.link_made(node, link),
            MessagesMessage::Page { request, reply } => self.page(request, reply),
            MessagesMessage::Beyond { application, number, reply } => {
                self.received.wait(application, number, reply);
            }
            MessagesMessage::Look => self.look().await,
            MessagesMessage::Read(_) | MessagesMessage::PeersKnown(_) => {}
        }
    }

    /// Returns when all of it is on disk. Whatever the reason is that it is not, what is in memory is ahead of
    /// it then.
    async fn commit(&mut self, writes: Vec<NodeWrite>) -> Result<(), Failure> {
        if writes.is_empty() {
            return Ok(());
        }
        let committed = match self.names.value::<StorageDoors>(names::ENGINE) {
            Some(doors) => {
                let committed = doors.writer.commit(Operation::NodeRecords { writes }).await;
                committed.map(|_| ()).map_err(Failure::from)
            }
            None => Err(unavailable()),
        };
        self.unsure |= committed.is_err();
        committed
    }

    /// A clock that is never set.
    fn steady_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn look(&mut self) {
        let looked = async {
            self.give_up().await?;
            self.follow_trust().await?;
            self.forget_old().await
        };
        if let Err(failure) = looked.await {
            tracing::debug!(%failure, "messages are looked at later");
        }
        self.repeat();
    }
}

#[cfg(test)]
mod tests;
