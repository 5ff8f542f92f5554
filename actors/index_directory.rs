//! The directory of indexes: starts the indexer of an index that somebody wants to be fresher, has indexes
//! built in the background after writes, and removes those that nobody asks for any more.
//!
//! Called by: the node's service; told of writes by the change feeds. A restart loses who waits (they ask
//! again) and nothing else: which indexes there are is in the index store.

mod background;
mod cleaning;
mod designs;
mod validations;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::Failure;
use refuge_otp::{ChildSpecification, DynamicSupervisor, Names, StartError};
use refuge_storage::{DatabaseId, IndexNumber, IndexRecord};
use tokio::sync::oneshot;

use crate::database_updates::Told;
use crate::index_design::IndexDesign;
use crate::index_engine::IndexDoors;
use crate::indexer::{FollowReply, IndexerArguments, IndexerMessage};
use crate::node_service::storage_failure;
use crate::task::OwnedTask;
use crate::{names, published, unavailable};
use background::Background;
pub(crate) use designs::{DesignReader, DesignSource, designs_of};

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
}

/// Messages of the directory.
pub enum IndexDirectoryMessage {
    /// Bring the index of a design up to date.
    Follow {
        /// The database.
        database: IndexedDatabase,
        /// The views.
        design: Arc<IndexDesign>,
        /// The update sequence up to which.
        sequence: u64,
        /// Told when it is; nobody for work in the background.
        reply: Option<FollowReply>,
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
        /// The database.
        database: IndexedDatabase,
        /// Lets the change feed tell the next change.
        told: Told,
    },
    /// Time to build in the background what changed.
    Build,
    /// Remove the indexes of a database, or of all, that no design document asks for.
    Clean {
        /// The database.
        database: Option<IndexedDatabase>,
        /// Whether only those leave that nobody asked for at the last look either.
        lenient: bool,
        /// Told when it has begun.
        reply: Option<oneshot::Sender<Result<(), Failure>>>,
    },
    /// A database was deleted: its indexes leave now.
    DatabaseDeleted,
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
    /// Indexes without a use at the last look.
    suspects: HashSet<IndexNumber>,
    /// A look is due since a database was deleted.
    cleaning_due: bool,
    /// Rows of dropped indexes are being removed.
    dropping: Option<OwnedTask>,
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
        let reader = DesignReader::new(arguments.names.clone());
        arguments.names.publish(&myself.get_cell(), names::INDEX_DIRECTORY, Arc::new(reader));
        let clean = || IndexDirectoryMessage::Clean { database: None, lenient: true, reply: None };
        myself.send_after(FIRST_CLEANING, clean);
        myself.send_interval(CLEANING, clean);
        myself.cast(IndexDirectoryMessage::DropRows)?;
        Ok(IndexDirectoryState {
            arguments,
            myself,
            background: Background::default(),
            suspects: HashSet::new(),
            cleaning_due: false,
            dropping: None,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            IndexDirectoryMessage::Follow { database, design, sequence, reply } => {
                if let Err((reply, failure)) = state.follow(database, design, sequence, reply).await
                    && let Some(reply) = reply
                {
                    let _ = reply.send(Err(failure));
                }
            }
            IndexDirectoryMessage::Started { name, failed, wish } => {
                state.hand_on(&name, failed, wish);
            }
            IndexDirectoryMessage::Changed { database, told } => state.changed(database, told),
            IndexDirectoryMessage::Build => state.build(),
            IndexDirectoryMessage::Clean { database, lenient, reply } => {
                state.cleaning_due = false;
                state.clean(database, lenient, reply);
            }
            IndexDirectoryMessage::DatabaseDeleted => state.clean_soon(),
            IndexDirectoryMessage::Unused { records, lenient } => {
                state.unused(records, lenient).await;
            }
            IndexDirectoryMessage::DropRows => state.drop_rows(),
            IndexDirectoryMessage::RowsDropped => state.dropping = None,
        }
        Ok(())
    }
}

/// A wish that was not passed on, with who waits for it.
type Refused = (Option<FollowReply>, Failure);

impl IndexDirectoryState {
    /// Finds the index, or makes it, and hands the wish to its indexer.
    async fn follow(
        &mut self,
        database: IndexedDatabase,
        design: Arc<IndexDesign>,
        sequence: u64,
        reply: Option<FollowReply>,
    ) -> Result<(), Refused> {
        let record = match self.index(&database, &design).await {
            Ok(record) => record,
            Err(failure) => return Err((reply, failure)),
        };
        self.suspects.remove(&record.number);
        let name = names::indexer(record.number.0);
        let mut message = IndexerMessage::Follow { sequence, reply };
        if let Some(indexer) = self.arguments.names.lookup::<IndexerMessage>(&name) {
            match indexer.send_message(message) {
                Ok(()) => return Ok(()),
                // It went to rest just now; another one takes its place.
                Err(ractor::MessagingErr::SendErr(returned)) => message = returned,
                Err(_) => return Err((None, unavailable())),
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
        Ok(())
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

    async fn index(
        &self,
        database: &IndexedDatabase,
        design: &IndexDesign,
    ) -> Result<IndexRecord, Failure> {
        let doors = published::<IndexDoors>(&self.arguments.names, names::INDEX_ENGINE).await?;
        let known = match doors.store() {
            Some(store) => {
                let found = store
                    .snapshot()
                    .and_then(|view| view.find(database.id, &design.views.signature));
                found.map_err(|error| storage_failure(&error))?
            }
            None => None,
        };
        match known {
            Some(record) if record.definition.collation == design.collation() => Ok(record),
            // It is not there, or its keys were made with other tables.
            _ => Ok(doors.writer.create(design.definition(database.id)).await?),
        }
    }
}
