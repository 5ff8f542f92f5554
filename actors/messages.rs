//! Messages of applications between nodes: kept here until the node that they are for says that it keeps
//! them, and taken from other nodes once. They travel over the links.
//!
//! Called by: the node's service (applications). Told by: links (what came), the node monitor (who is
//! up). A restart loses nothing: what is acknowledged, to an application or to another node, is on disk.

mod incoming;
mod kept;
mod outgoing;
mod received;
mod rows;

use std::collections::HashMap;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::{Failure, MessagesPage, MessagesRequest, NewMessage};
use refuge_mesh::{Inbox, Message, MessageId, NodeId, Outbox, Receipt};
use refuge_otp::Names;
use refuge_storage::{NodeWrite, Operation, StorageError};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::engine::StorageDoors;
use crate::peer_link::Place;
use crate::{names, published, unavailable};
use received::Received;

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
}

/// The actor.
#[derive(Default)]
pub struct MessagesActor;

/// What waits, and what came.
pub struct MessagesState {
    names: Names,
    outbox: Outbox,
    /// The numbers of the rows of what waits.
    numbers: HashMap<(NodeId, MessageId), u64>,
    next_number: u64,
    inbox: Inbox,
    received: Received,
    /// A commit failed, and what is on disk is to be read before anything else.
    unsure: bool,
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
        let mut state = MessagesState {
            names,
            outbox: Outbox::default(),
            numbers: HashMap::new(),
            next_number: 0,
            inbox: Inbox::default(),
            received: Received::default(),
            unsure: true,
        };
        state.read_if_unsure().await?;
        myself.send_interval(LOOK, || MessagesMessage::Look);
        Ok(state)
    }

    async fn post_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        for node in state.up() {
            state.came_up(node).await;
        }
        Ok(())
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            MessagesMessage::Send { wish, reply } => drop(reply.send(state.send(wish).await)),
            MessagesMessage::Came { from, message, place: _place } => {
                if let Err(failure) = state.take(from, *message).await {
                    tracing::warn!(peer = %from, %failure, "a message is not taken yet");
                }
            }
            MessagesMessage::Receipt { from, receipt, place: _place } => {
                state.acknowledged(from, receipt).await;
            }
            MessagesMessage::PeerUp(node) => state.came_up(node).await,
            MessagesMessage::Page { request, reply } => state.page(request, reply),
            MessagesMessage::Beyond { application, number, reply } => {
                state.received.wait(application, number, reply);
            }
            MessagesMessage::Look => state.look().await,
        }
        Ok(())
    }
}

impl MessagesState {
    /// Reads all anew where a commit failed, of which nobody knows whether it is on disk.
    async fn read_if_unsure(&mut self) -> Result<(), Failure> {
        if !self.unsure {
            return Ok(());
        }
        let doors = published::<StorageDoors>(&self.names, names::ENGINE).await?;
        let store = doors.store.clone();
        let read = move || {
            let waiting = rows::waiting(&store)?;
            Ok::<_, StorageError>((waiting, rows::received(&store)?))
        };
        let read = crate::blocking(read).await.map_err(|_| unavailable())?;
        let (waiting, came) = read.map_err(|error| Failure::Internal(error.to_string()))?;
        self.wait_again(waiting);
        self.inbox = Inbox::default();
        for (from, id) in self.received.replace(came) {
            self.inbox.remember(from, id);
        }
        self.unsure = false;
        Ok(())
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

    async fn look(&mut self) {
        let looked = async {
            self.read_if_unsure().await?;
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
