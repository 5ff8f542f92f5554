//! The directory of indexes: starts the indexer of an index that somebody wants to be fresher, has indexes
//! built in the background after writes, and removes those that nobody asks for any more.
//!
//! Called by: the node's service; told of writes by the change feeds. A restart loses who waits (they ask
//! again) and nothing else: which indexes there are is in the index store.

mod background;
mod cleaning;
mod creating;
mod readers;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::Failure;
use refuge_otp::{ChildSpecification, DynamicSupervisor, Names, StartError};
use refuge_storage::{DatabaseId, DatabaseRecord, IndexNumber, IndexRecord};

use crate::database_updates::Told;
use crate::index_design::IndexDesign;
use crate::indexer::{FollowReply, IndexerArguments, IndexerMessage};
use crate::names;
use crate::task::OwnedTask;
use background::Background;
use cleaning::CleanReply;
use creating::{Creating, IndexKey};
pub(crate) use readers::{BuildPlace, ReaderIndexes};

/// How often unused indexes are looked for.
const CLEANING: Duration = Duration::from_secs(300);
/// The first look after a start, when what it needs is open.
const FIRST_CLEANING: Duration = Duration::from_secs(20);

/// A database, as the directory needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedDatabase {
    /// Its number.
    pub id: DatabaseId,
    /// Its name.
    pub name: String,
    /// Which making of it this is.
    pub instance: [u8; 16],
}

impl IndexedDatabase {
    /// The database of a record.
    #[must_use]
    pub fn of(record: &DatabaseRecord) -> Self {
        Self { id: record.id, name: record.name.clone(), instance: record.instance }
    }
}

/// An index that is to be brought up to date.
pub struct Wish {
    /// The database.
    pub database: IndexedDatabase,
    /// The views.
    pub design: Arc<IndexDesign>,
    /// The update sequence up to which.
    pub sequence: u64,
    /// Told when it is; nobody for work that is not waited for.
    pub reply: Option<FollowReply>,
}

impl Wish {
    fn refuse(self, failure: Failure) {
        if let Some(reply) = self.reply {
            let _ = reply.send(Err(failure));
        }
    }
}

/// Messages of the directory.
pub enum IndexDirectoryMessage {
    /// Bring the index of a design up to date.
    Follow(Wish),
    /// An index was made for those who wait for it, or not.
    Created {
        /// What it is asked for by: its database and its signature.
        key: (DatabaseId, [u8; 16]),
        /// The index.
        result: Result<IndexRecord, Failure>,
    },
    /// An indexer was started, or not.
    Started {
        /// Its name.
        name: String,
        /// Why not.
        failed: Option<String>,
        /// What it is to do first.
        wish: IndexerMessage,
    },
    /// Documents of a database changed.
    Changed {
        /// Its name.
        name: String,
        /// Lets the change feed tell the next change.
        told: Told,
    },
    /// Time to build in the background what changed.
    Build,
    /// What changed is built.
    Built,
    /// Remove the indexes of a database, or of all, that no design document asks for.
    Clean {
        /// The database.
        database: Option<DatabaseId>,
        /// Whether only those leave that nobody asked for at the last look either.
        lenient: bool,
        /// Told when it has begun.
        reply: Option<CleanReply>,
    },
    /// Remove a reader's index that gave way to another's.
    GaveWay(IndexKey),
    /// Indexes that were found without a use.
    Unused {
        /// Which, and whether their database is gone.
        records: Vec<(IndexRecord, bool)>,
        /// As it was asked for.
        lenient: bool,
    },
    /// Rows of dropped indexes may be left.
    DropRows,
    /// None are left, or the engine went down.
    RowsDropped,
}

/// Makes the child specification of an indexer.
pub type IndexerChild = Arc<dyn Fn(IndexerArguments) -> ChildSpecification + Send + Sync>;

/// What the directory is started with.
#[derive(Clone)]
pub struct IndexDirectoryArguments {
    /// The names of this node.
    pub names: Names,
    /// The supervisors' part in starting an indexer.
    pub child: IndexerChild,
}

/// The actor.
#[derive(Default)]
pub struct IndexDirectoryActor;

/// What waits to be built or removed.
pub struct IndexDirectoryState {
    arguments: IndexDirectoryArguments,
    myself: ActorRef<IndexDirectoryMessage>,
    background: Background,
    creating: Creating,
    /// Indexes without a use at the last look.
    suspects: HashSet<IndexNumber>,
    /// Rows of dropped indexes are being removed.
    dropping: Option<OwnedTask>,
    /// Rows were dropped meanwhile.
    rows_left: bool,
}

impl Actor for IndexDirectoryActor {
    type Msg = IndexDirectoryMessage;
    type State = IndexDirectoryState;
    type Arguments = IndexDirectoryArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let readers = Arc::new(ReaderIndexes::default());
        arguments.names.publish(&myself.get_cell(), names::READER_INDEXES, readers);
        let clean = || IndexDirectoryMessage::Clean { database: None, lenient: true, reply: None };
        myself.send_after(FIRST_CLEANING, clean);
        myself.send_interval(CLEANING, clean);
        myself.cast(IndexDirectoryMessage::DropRows)?;
        Ok(IndexDirectoryState {
            arguments,
            myself,
            background: Background::default(),
            creating: Creating::default(),
            suspects: HashSet::new(),
            dropping: None,
            rows_left: false,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            IndexDirectoryMessage::Follow(wish) => state.follow(wish),
            IndexDirectoryMessage::Created { key, result } => state.created(key, result),
            IndexDirectoryMessage::Started { name, failed, wish } => {
                state.hand_on(&name, failed, wish);
            }
            IndexDirectoryMessage::Changed { name, told } => state.changed(name, told),
            IndexDirectoryMessage::Build => state.build(),
            IndexDirectoryMessage::Built => state.built(),
            IndexDirectoryMessage::Clean { database, lenient, reply } => {
                state.clean(database, lenient, reply);
            }
            IndexDirectoryMessage::GaveWay(key) => state.gave_way(key),
            IndexDirectoryMessage::Unused { records, lenient } => state.unused(records, lenient),
            IndexDirectoryMessage::DropRows => state.drop_rows(),
            IndexDirectoryMessage::RowsDropped => state.rows_dropped(),
        }
        Ok(())
    }
}

impl IndexDirectoryState {
    /// Hands a wish to the indexer of its index.
    fn bring_up_to_date(&mut self, record: IndexRecord, wish: Wish) {
        self.suspects.remove(&record.number);
        let name = names::indexer(record.number.0);
        let Wish { database, design, sequence, reply } = wish;
        let mut message = IndexerMessage::Follow { sequence, reply };
        if let Some(indexer) = self.arguments.names.lookup::<IndexerMessage>(&name) {
            match indexer.send_message(message) {
                Ok(()) => return,
                // It went to rest just now; another one takes its place.
                Err(ractor::MessagingErr::SendErr(returned)) => message = returned,
                // Whoever waits hears of it: the wish is dropped.
                Err(_) => return,
            }
        }
        let arguments = IndexerArguments {
            names: self.arguments.names.clone(),
            database: database.id,
            database_name: database.name,
            record,
            design,
        };
        self.start(arguments, message);
    }

    /// Has an indexer started; its wish is handed on when it has been.
    fn start(&self, arguments: IndexerArguments, wish: IndexerMessage) {
        let name = names::indexer(arguments.record.number.0);
        let child = (self.arguments.child)(arguments);
        let indexers = DynamicSupervisor::new(&self.arguments.names, names::INDEXERS);
        let asked = indexers.start_child_then(child, &self.myself, move |started| {
            let failed = match started {
                Ok(_) | Err(StartError::AlreadyStarted { .. }) => None,
                Err(error) => Some(error.to_string()),
            };
            IndexDirectoryMessage::Started { name, failed, wish }
        });
        if let Err(error) = asked {
            tracing::warn!(%error, "an indexer does not start");
        }
    }

    /// Hands a wish to the indexer that has been started for it.
    fn hand_on(&self, name: &str, failed: Option<String>, wish: IndexerMessage) {
        if let Some(error) = failed {
            tracing::warn!(error, "an indexer does not start");
            // Whoever waits hears of it: the wish is dropped.
            return;
        }
        let _ = self.arguments.names.cast(name, wish);
    }
}
