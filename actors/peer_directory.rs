//! Knows the peers: the documents of `_peers`, and whom of them this node trusts now. Every write of
//! `_peers` comes through here, one after another, so that names stay unique and trust changes for
//! everybody at once; the documents themselves are an ordinary database.
//!
//! Called by: the node's service (writes over HTTP), the console's sessions, links and connections (a
//! certificate that was seen). A restart loses nothing: it reads the documents again, and those who
//! watch ask for its next incarnation.

mod admission;
mod board;
mod commands;
mod documents;
mod rotation;

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_console::{ControlError, PeerCommand};
use refuge_document::Body;
use refuge_http::{Failure, Update, UpdateResult};
use refuge_mesh::{NodeEventKind, NodeId, Peers, Trust};
use refuge_otp::Names;
use serde_json::{Map, Value};
use tokio::sync::{oneshot, watch};

use crate::node_events::{NewNodeEvent, NodeEventsMessage};
use crate::pairing::PairingMessage;
use crate::task::OwnedTask;
use crate::{names, unavailable};
pub use admission::{Admission, AdmittedName, Changed, PeerChange, Word};
pub use board::PeerBoard;
pub(crate) use board::{blocked, distrusted, is_blocked, note_certificate, peers, until};
use documents::{Known, KnownPeers};
pub use rotation::RotatedPeer;

/// Messages that wait while the documents are being read.
const MOST_WAITING: usize = 1_000;

/// The database of peers.
pub const DATABASE: &str = "_peers";

/// Messages of the directory.
pub enum PeerDirectoryMessage {
    /// Documents of `_peers` as a client wants them.
    Update {
        /// The edits.
        updates: Vec<Update>,
        /// Gets one result an edit.
        reply: oneshot::Sender<Result<Vec<UpdateResult>, Failure>>,
    },
    /// The documents have been read.
    Loaded(LoadedPeers),
    /// A command of the console.
    Command {
        /// What is to be done.
        command: PeerCommand,
        /// Gets what is shown.
        reply: oneshot::Sender<Result<Value, ControlError>>,
    },
    /// Trust a node that was invited, approved or introduced.
    Admit {
        /// Which, and how.
        admission: Admission,
        /// Gets what it is called now.
        reply: oneshot::Sender<Result<Changed, Failure>>,
    },
    /// Whether a node would be trusted, if it were admitted now.
    CheckAdmission {
        /// Which, and how.
        admission: Admission,
        /// Gets why not.
        reply: oneshot::Sender<Result<(), Failure>>,
    },
    /// Change a peer that is known.
    Change {
        /// Its id or its local name.
        node: String,
        /// What of it.
        change: PeerChange,
        /// Gets what it is called now.
        reply: oneshot::Sender<Result<Changed, Failure>>,
    },
    /// A peer has another identity from now on, as it proved.
    Rotate {
        /// Which.
        rotated: RotatedPeer,
        /// Gets what it is called.
        reply: oneshot::Sender<Result<Changed, Failure>>,
    },
    /// A trusted peer proved who it is.
    Seen {
        /// Its id.
        id: NodeId,
        /// Its certificate, PEM.
        certificate: String,
    },
    /// The time of somebody's word is over, perhaps.
    WordsOver,
    /// A peer that was up went down.
    LastSeen {
        /// Its id.
        id: NodeId,
        /// When, RFC 3339.
        time: String,
    },
}

/// The documents as they were read at the start.
pub struct LoadedPeers(KnownPeers);

/// The actor.
#[derive(Default)]
pub struct PeerDirectoryActor;

/// How far the directory is. It does not wait for databases in its start, since its supervisor's
/// supervisor may have to start those anew first.
pub enum PeerDirectoryState {
    /// The documents are being read; whoever asks waits.
    Loading(Loading),
    /// At work.
    Ready(Directory),
}

/// The reading of the documents; ends with the actor.
pub struct Loading {
    names: Names,
    /// What came meanwhile, in its order.
    waiting: Vec<PeerDirectoryMessage>,
    _task: OwnedTask,
}

/// The documents, and the board that shows them.
pub struct Directory {
    names: Names,
    known: KnownPeers,
    board: watch::Sender<Arc<Peers>>,
    myself: ActorRef<PeerDirectoryMessage>,
    /// Wakes it when somebody's word is over.
    alarm: Option<OwnedTask>,
}

impl Actor for PeerDirectoryActor {
    type Msg = PeerDirectoryMessage;
    type State = PeerDirectoryState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let task = OwnedTask::spawn(load(names.clone(), myself));
        Ok(PeerDirectoryState::Loading(Loading { names, waiting: Vec::new(), _task: task }))
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match (&mut *state, message) {
            (PeerDirectoryState::Ready(directory), message) => directory.take(message).await,
            (PeerDirectoryState::Loading(loading), PeerDirectoryMessage::Loaded(loaded)) => {
                let mut directory = Directory::new(loading.names.clone(), loaded.0, &myself);
                directory.finish_rotations().await;
                directory.take_lost_words_back().await;
                for message in std::mem::take(&mut loading.waiting) {
                    directory.take(message).await;
                }
                *state = PeerDirectoryState::Ready(directory);
            }
            (PeerDirectoryState::Loading(loading), message) => {
                if loading.waiting.len() < MOST_WAITING {
                    loading.waiting.push(message);
                } else {
                    refuse(message);
                }
            }
        }
        Ok(())
    }
}

/// Reads the documents; databases that are being restarted are waited for.
async fn load(names: Names, myself: ActorRef<PeerDirectoryMessage>) {
    loop {
        match KnownPeers::load(&names).await {
            Ok(known) => {
                let _ = myself.cast(PeerDirectoryMessage::Loaded(LoadedPeers(known)));
                return;
            }
            Err(failure) => tracing::debug!(%failure, "the peers cannot be read yet"),
        }
        tokio::time::sleep(crate::RESTART_POLL).await;
    }
}

/// Whoever asks while too many wait comes again.
fn refuse(message: PeerDirectoryMessage) {
    match message {
        PeerDirectoryMessage::Update { reply, .. } => drop(reply.send(Err(unavailable()))),
        PeerDirectoryMessage::Admit { reply, .. }
        | PeerDirectoryMessage::Change { reply, .. }
        | PeerDirectoryMessage::Rotate { reply, .. } => {
            drop(reply.send(Err(unavailable())));
        }
        PeerDirectoryMessage::CheckAdmission { reply, .. } => {
            drop(reply.send(Err(unavailable())));
        }
        PeerDirectoryMessage::Command { reply, .. } => {
            let reason = unavailable().to_string();
            drop(reply.send(Err(ControlError::Unavailable(reason))));
        }
        PeerDirectoryMessage::Seen { .. }
        | PeerDirectoryMessage::LastSeen { .. }
        | PeerDirectoryMessage::WordsOver
        | PeerDirectoryMessage::Loaded(_) => {}
    }
}

impl Directory {
    fn new(names: Names, known: KnownPeers, myself: &ActorRef<PeerDirectoryMessage>) -> Self {
        let (board, current) = watch::channel(Arc::new(known.view()));
        names.publish(&myself.get_cell(), names::PEER_DIRECTORY, Arc::new(PeerBoard { current }));
        Self { names, known, board, myself: myself.clone(), alarm: None }
    }

    /// The peer that a text names, as everybody sees them.
    fn find(&self, text: &str) -> Option<NodeId> {
        self.board.borrow().find(text).map(|record| record.id)
    }

    async fn take(&mut self, message: PeerDirectoryMessage) {
        match message {
            PeerDirectoryMessage::Update { updates, reply } => {
                let _ = reply.send(self.update(updates).await);
            }
            PeerDirectoryMessage::Command { command, reply } => {
                let _ = reply.send(commands::run(self, command).await);
            }
            PeerDirectoryMessage::Admit { admission, reply } => {
                let _ = reply.send(self.admit(admission).await);
            }
            PeerDirectoryMessage::CheckAdmission { admission, reply } => {
                let _ = reply.send(self.check_admission(admission));
            }
            PeerDirectoryMessage::Change { node, change, reply } => {
                let _ = reply.send(self.change(&node, change).await);
            }
            PeerDirectoryMessage::Rotate { rotated, reply } => {
                let _ = reply.send(self.rotate(rotated).await);
            }
            PeerDirectoryMessage::Seen { id, certificate } => {
                self.note(id, "certificate", certificate, true).await;
            }
            PeerDirectoryMessage::LastSeen { id, time } => {
                self.note(id, "last_seen", time, false).await;
            }
            PeerDirectoryMessage::WordsOver => self.take_lost_words_back().await,
            PeerDirectoryMessage::Loaded(_) => {}
        }
    }

    /// Carries out edits one after another, and shows what came of them.
    async fn update(&mut self, updates: Vec<Update>) -> Result<Vec<UpdateResult>, Failure> {
        let mut results = Vec::with_capacity(updates.len());
        for update in updates {
            let update = self.decided(update);
            let id = NodeId::from_canonical(&update.id).ok();
            let before = id.map(|id| (id, self.known.trust(&id)));
            let result = self.known.update(&self.names, update).await;
            if let (Ok(_), Some((id, before))) = (&result, before) {
                self.show(id, before);
            }
            results.push(result);
        }
        self.take_lost_words_back().await;
        Ok(results)
    }

    /// A client that may write here is an admin: whom it begins to trust, it trusts by its own word.
    fn decided(&self, update: Update) -> Update {
        let known = NodeId::from_canonical(&update.id).map(|id| self.known.trust(&id));
        let parsed = serde_json::from_slice::<Map<String, Value>>(update.body.as_bytes());
        let (Ok(known), Ok(mut body)) = (known, parsed) else { return update };
        if known == Trust::Trusted || body.get("trust") != Some(&"trusted".into()) {
            return update;
        }
        admission::confirm(&mut body);
        match Body::parse(Value::Object(body).to_string().as_bytes()) {
            Ok(body) => Update { body, ..update },
            Err(_) => update,
        }
    }

    /// Shows the peers as they are now, and tells of a change of trust.
    fn show(&self, id: NodeId, before: Trust) {
        self.board.send_replace(Arc::new(self.known.view()));
        if self.known.trust(&id) != Trust::Trusted {
            // While it is being restarted: what was granted by an invitation is granted once anyway.
            let _ = self.names.cast(names::PAIRING, PairingMessage::Distrusted(id));
        }
        let kind = match (before == Trust::Trusted, self.known.trust(&id) == Trust::Trusted) {
            (false, true) => {
                if self.is_an_admins_word(&id) {
                    // While it is being restarted: at worst an admin is asked about it again some day.
                    let _ = self.names.cast(names::PAIRING, PairingMessage::Trusted(id));
                }
                NodeEventKind::Trusted
            }
            (true, false) => NodeEventKind::Revoked,
            _ => return,
        };
        let name = self.known.get(&id).map_or_else(
            || refuge_mesh::PeerRecord::default_name(&id),
            |known| known.record.name.clone(),
        );
        let event = NewNodeEvent::new(kind, id, name);
        // Without its log the event is lost; the trust itself is in the document.
        let _ = self.names.cast(names::NODE_EVENTS, NodeEventsMessage::Publish(event));
    }

    /// Whether a node that is trusted is so by an admin, and not by a friend's word or by what it was.
    fn is_an_admins_word(&self, id: &NodeId) -> bool {
        let record = self.known.get(id).map(|known| &known.record);
        record.is_some_and(|record| !record.rotating && !record.is_on_a_word())
    }

    /// Writes one member of a peer's document; with `once` only where it is absent.
    async fn note(&mut self, id: NodeId, member: &str, value: String, once: bool) {
        let Some(Known { body, .. }) = self.known.get(&id) else { return };
        if once && body.contains_key(member) {
            return;
        }
        let mut body = body.clone();
        body.insert(member.to_owned(), Value::String(value));
        if let Err(failure) = self.known.write(&self.names, id, Some(body)).await {
            tracing::warn!(peer = %id, member, %failure, "a peer's document could not be written");
            return;
        }
        self.board.send_replace(Arc::new(self.known.view()));
    }
}
