//! Documents that somebody asks for and that are not here: other nodes are asked, and what one of them has
//! is stored, in databases where that is wanted; what none has a function may make. What nobody had is asked
//! for again of a node that comes up.
//!
//! Called by: the node's service. Told by: the node monitor. It publishes what is set for each database.
//! A restart loses what was wanted, and whoever waits hears that it is not here.

mod asking;
mod making;
mod places;
mod rows;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::{Failure, OnDemand, User};
use refuge_mesh::{Asker, NodeId, WantedDocument, WantedDocuments};
use refuge_otp::Names;
use refuge_storage::Operation;
use tokio::sync::oneshot;

use crate::engine::StorageDoors;
use crate::{names, published, unavailable};
use places::Places;

/// Messages of this actor.
pub enum DocumentsOnDemandMessage {
    /// Another setting of a database.
    Set {
        /// The database's instance.
        instance: String,
        /// Its name, and what is set.
        setting: OnDemandSetting,
        /// Gets whether it is on disk.
        reply: oneshot::Sender<Result<(), Failure>>,
    },
    /// A document is asked for that is not here.
    Want {
        /// Which.
        document: WantedDocument,
        /// By whom.
        asker: Asker,
        /// The request, where a function may make the document.
        request: Option<String>,
        /// Gets whether it is here now, or that too much is asked for.
        reply: oneshot::Sender<Result<bool, Failure>>,
    },
    /// Nodes were asked for it.
    Asked {
        /// For which.
        document: WantedDocument,
        /// What came of it.
        outcome: AskOutcome,
    },
    /// A function was asked to make it.
    Made {
        /// What.
        document: WantedDocument,
        /// What came of it.
        outcome: AskOutcome,
    },
    /// A node is up, and is asked for what others did not have.
    PeerUp(NodeId),
    /// Time to ask for the next that waits.
    Next,
}

/// What is set for a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnDemandSetting {
    /// Its name, which stays as long as it lives.
    pub name: String,
    /// What is set.
    pub wish: OnDemand,
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskOutcome {
    /// It is here.
    Here,
    /// All who may have it and are up said that they do not, and no function made it.
    Missed,
    /// Not all did, or it was found or made and could not be stored: whoever asks next asks again.
    Unanswered,
    /// It is not to be asked for: it was deleted here, or its database was.
    Unwanted,
}

/// The settings by the instances of databases; published under the actor's name.
struct OnDemandBoard(HashMap<String, OnDemandSetting>);

/// The actor.
#[derive(Default)]
pub struct DocumentsOnDemandActor;

/// The settings, and what is wanted.
pub struct DocumentsOnDemandState {
    names: Names,
    myself: ActorRef<DocumentsOnDemandMessage>,
    board: Arc<OnDemandBoard>,
    wanted: WantedDocuments,
    started: Instant,
    /// What nodes, or a function, are being asked for.
    asking: Places,
    /// What nodes that came up are to be asked for.
    queue: VecDeque<(WantedDocument, NodeId)>,
    queued: HashSet<(WantedDocument, NodeId)>,
}

/// What goes on for a document that is asked for.
#[derive(Default)]
struct Asking {
    /// Who waits for it.
    waiting: Vec<oneshot::Sender<Result<bool, Failure>>>,
    /// For whom a function may make it, until it is asked to.
    making: Option<Making>,
    /// What was set when nodes were asked.
    asked_with: Option<OnDemandSetting>,
}

/// What a function makes a document of, and in whose name.
struct Making {
    asker: Asker,
    /// The request as it sees it.
    request: String,
}

/// What is set for a database.
pub(crate) fn setting(names: &Names, instance: &str) -> Option<OnDemand> {
    let board = names.value::<OnDemandBoard>(names::DOCUMENTS_ON_DEMAND)?;
    board.0.get(instance).map(|setting| setting.wish.clone())
}

/// Sets it; returns when it is on disk and in force.
pub(crate) async fn set(
    names: &Names,
    (name, instance): (&str, &str),
    wish: OnDemand,
) -> Result<(), Failure> {
    let (instance, name) = (instance.to_owned(), name.to_owned());
    let setting = OnDemandSetting { name, wish };
    let message = |reply| DocumentsOnDemandMessage::Set { instance, setting, reply };
    crate::call(names, names::DOCUMENTS_ON_DEMAND, message).await?
}

/// Asks for a document, where that is wanted, and waits as long as is set; whether it is here now.
pub(crate) async fn bring(
    names: &Names,
    instance: &str,
    (id, request): (&str, Option<String>),
    user: &User,
) -> Result<bool, Failure> {
    let Some(wish) = setting(names, instance).filter(|wish| wish.enabled) else {
        return Ok(false);
    };
    let document = WantedDocument { database: instance.to_owned(), id: id.to_owned() };
    let (reply, answer) = oneshot::channel();
    let asker = Asker { name: user.name.clone(), roles: user.roles.clone() };
    let message = DocumentsOnDemandMessage::Want { document, asker, request, reply };
    names.cast(names::DOCUMENTS_ON_DEMAND, message).map_err(|error| crate::call_failure(&error))?;
    let waited = tokio::time::timeout(Duration::from_millis(wish.timeout_ms), answer).await;
    // Whoever waited long enough, or asked an actor that was restarted, hears that it is not here.
    waited.ok().and_then(Result::ok).unwrap_or(Ok(false))
}

impl Actor for DocumentsOnDemandActor {
    type Msg = DocumentsOnDemandMessage;
    type State = DocumentsOnDemandState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let doors = published::<StorageDoors>(&names, names::ENGINE).await?;
        let store = doors.store.clone();
        let read = crate::blocking(move || rows::settings(&store)).await??;
        let (settings, gone) = read;
        if !gone.is_empty()
            && let Err(failure) = doors.writer.commit(Operation::NodeRecords { writes: gone }).await
        {
            // The next start removes them.
            tracing::debug!(%failure, "what was set for databases that are gone is still there");
        }
        let board = Arc::new(OnDemandBoard(settings));
        names.publish(&myself.get_cell(), names::DOCUMENTS_ON_DEMAND, Arc::clone(&board));
        Ok(DocumentsOnDemandState {
            names,
            myself,
            board,
            wanted: WantedDocuments::default(),
            started: Instant::now(),
            asking: Places::default(),
            queue: VecDeque::new(),
            queued: HashSet::new(),
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            DocumentsOnDemandMessage::Set { instance, setting, reply } => {
                let _ = reply.send(state.set(instance, setting).await);
            }
            DocumentsOnDemandMessage::Want { document, asker, request, reply } => {
                state.want(document, (asker, request), reply);
            }
            DocumentsOnDemandMessage::Asked { document, outcome } => {
                state.asked(document, outcome);
            }
            DocumentsOnDemandMessage::Made { document, outcome } => {
                state.answer(&document, outcome);
            }
            DocumentsOnDemandMessage::PeerUp(node) => state.came_up(node),
            DocumentsOnDemandMessage::Next => state.ask_next(),
        }
        Ok(())
    }
}

impl DocumentsOnDemandState {
    async fn set(&mut self, instance: String, setting: OnDemandSetting) -> Result<(), Failure> {
        let doors = self.names.value::<StorageDoors>(names::ENGINE).ok_or_else(unavailable)?;
        let (key, value) = (rows::key(&instance), Some(rows::row(&setting)));
        doors.writer.commit(Operation::Node { key, value }).await?;
        self.wanted.forget_misses(&instance);
        let mut settings = self.board.0.clone();
        settings.insert(instance, setting);
        self.board = Arc::new(OnDemandBoard(settings));
        let (cell, board) = (self.myself.get_cell(), Arc::clone(&self.board));
        self.names.publish(&cell, names::DOCUMENTS_ON_DEMAND, board);
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// What is set for the database of a document, where nodes are to be asked.
    fn setting(&self, document: &WantedDocument) -> Option<&OnDemandSetting> {
        self.board.0.get(&document.database).filter(|setting| setting.wish.enabled)
    }
}
