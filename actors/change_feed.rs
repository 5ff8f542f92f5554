//! The change feed of one database: knows the highest committed sequence, wakes those who wait for
//! more, and counts the rows behind a position.
//!
//! Told by: the shards' commits, in commit order. Tells: the log of the node's databases, and of users
//! the authenticator's board. Called by: the node's service. A restart loses
//! nothing: it begins with what the storage holds, and those who waited ask again.

mod positions;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::Failure;
use refuge_otp::Names;
use refuge_storage::{ChangeRange, Committed, DatabaseId, Store};
use tokio::sync::{oneshot, watch};

use crate::authenticator;
use crate::database_updates::{DatabaseUpdatesMessage, Told};
use crate::engine::StorageDoors;
use crate::index_directory::IndexDirectoryMessage;
use crate::node_service::{self, OpenDatabase};
use crate::{names, unavailable};
use positions::Positions;
use refuge_document::USERS;

/// How long a waiter keeps asking for a feed that is being restarted.
const RESTART_PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks for a feed that is being restarted.
const RESTART_POLL: Duration = Duration::from_millis(10);

/// Messages of a change feed.
pub enum ChangeFeedMessage {
    /// Documents were committed.
    Committed(Committed),
    /// Look at the storage again: commits may have gone untold.
    Refresh,
    /// A receiver of the highest committed sequence.
    Watch(oneshot::Sender<watch::Receiver<u64>>),
    /// How many rows stand behind a sequence.
    Pending {
        /// The sequence.
        after: u64,
        /// Gets the count.
        reply: oneshot::Sender<u64>,
    },
    /// One of the rows, picked by a random number.
    Pick {
        /// The random number.
        random: u64,
        /// Gets the row's sequence; `None` where there are no rows.
        reply: oneshot::Sender<Option<u64>>,
    },
    /// The positions have been read from the storage.
    Counted(Result<Counted, String>),
}

/// Positions as of a sequence.
pub struct Counted {
    positions: Positions,
    as_of: u64,
}

/// What a feed is started with.
#[derive(Clone)]
pub struct ChangeFeedArguments {
    /// The names of this node.
    pub names: Names,
    /// Its database.
    pub database: DatabaseId,
    /// That database's name.
    pub name: String,
}

/// The actor.
#[derive(Default)]
pub struct ChangeFeedActor;

/// The highest sequence, and the positions once somebody asked for a count.
pub struct ChangeFeedState {
    arguments: ChangeFeedArguments,
    highest: watch::Sender<u64>,
    counts: Counts,
    /// Whether the log of the node's databases is about to write that this one changed.
    told: Arc<AtomicBool>,
    /// Whether the directory of indexes is about to look at it.
    told_indexes: Arc<AtomicBool>,
}

/// Positions are built at the first question.
enum Counts {
    Unknown,
    /// Being read; commits and questions that came meanwhile.
    Reading {
        commits: Vec<Committed>,
        questions: Vec<Question>,
    },
    Known(Positions),
}

/// What is asked of the positions.
enum Question {
    /// How many rows stand behind a sequence.
    After(u64, oneshot::Sender<u64>),
    /// A row, by a random number.
    Pick(u64, oneshot::Sender<Option<u64>>),
}

impl Question {
    fn answer(self, positions: &Positions) {
        match self {
            Self::After(after, reply) => {
                let _ = reply.send(positions.after(after));
            }
            Self::Pick(random, reply) => {
                let rows = positions.rows();
                let picked = random.checked_rem(rows).and_then(|number| positions.row(number));
                let _ = reply.send(picked);
            }
        }
    }
}

impl Actor for ChangeFeedActor {
    type Msg = ChangeFeedMessage;
    type State = ChangeFeedState;
    type Arguments = ChangeFeedArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        // Commits are told to whoever is registered; what came before that is read here, after it.
        myself.cast(ChangeFeedMessage::Refresh)?;
        let (highest, _) = watch::channel(0);
        Ok(ChangeFeedState {
            arguments,
            highest,
            counts: Counts::Unknown,
            told: Arc::default(),
            told_indexes: Arc::default(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ChangeFeedMessage::Committed(committed) => state.committed(committed),
            ChangeFeedMessage::Refresh => state.refresh().await,
            ChangeFeedMessage::Watch(reply) => {
                let _ = reply.send(state.highest.subscribe());
            }
            ChangeFeedMessage::Pending { after, reply } => {
                state.ask(&myself, Question::After(after, reply));
            }
            ChangeFeedMessage::Pick { random, reply } => {
                state.ask(&myself, Question::Pick(random, reply));
            }
            ChangeFeedMessage::Counted(counted) => state.counted(counted),
        }
        Ok(())
    }
}

impl ChangeFeedState {
    fn raise(&self, sequence: u64) {
        self.highest.send_if_modified(|highest| {
            let higher = sequence > *highest;
            *highest = sequence.max(*highest);
            higher
        });
    }

    fn committed(&mut self, committed: Committed) {
        if self.arguments.name == USERS {
            authenticator::users_changed(&self.arguments.names);
        }
        self.raise(committed.last);
        self.tell_the_node();
        match &mut self.counts {
            Counts::Unknown => {}
            Counts::Reading { commits, .. } => commits.push(committed),
            Counts::Known(positions) => apply(positions, &committed),
        }
    }

    /// One change on its way stands for all that come before it is written.
    fn tell_the_node(&self) {
        if let Some(told) = Told::begin(&self.told) {
            let name = self.arguments.name.clone();
            let updated = DatabaseUpdatesMessage::Updated { name, told };
            let _ = self.arguments.names.cast(names::DATABASE_UPDATES, updated);
        }
        if let Some(told) = Told::begin(&self.told_indexes) {
            let name = self.arguments.name.clone();
            let changed = IndexDirectoryMessage::Changed { name, told };
            let _ = self.arguments.names.cast(names::INDEX_DIRECTORY, changed);
        }
    }

    async fn refresh(&mut self) {
        let database = self.arguments.database;
        let Some(doors) = self.arguments.names.value::<StorageDoors>(names::ENGINE) else {
            return;
        };
        let read = crate::blocking(move || doors.store.information(database));
        if let Ok(Ok(Some(information))) = read.await {
            self.raise(information.update_sequence);
        }
        // Commits may have gone untold, so the positions are no longer trusted.
        if matches!(self.counts, Counts::Known(_)) {
            self.counts = Counts::Unknown;
        }
    }

    fn ask(&mut self, myself: &ActorRef<ChangeFeedMessage>, question: Question) {
        match &mut self.counts {
            Counts::Known(positions) => question.answer(positions),
            Counts::Reading { questions, .. } => questions.push(question),
            Counts::Unknown => {
                let Some(doors) = self.arguments.names.value::<StorageDoors>(names::ENGINE) else {
                    return;
                };
                self.counts = Counts::Reading { commits: Vec::new(), questions: vec![question] };
                let (myself, database) = (myself.clone(), self.arguments.database);
                crate::blocking::aside(move || {
                    let _ = myself.cast(ChangeFeedMessage::Counted(read(&doors.store, database)));
                });
            }
        }
    }

    fn counted(&mut self, counted: Result<Counted, String>) {
        let reading = std::mem::replace(&mut self.counts, Counts::Unknown);
        let Counts::Reading { commits, questions } = reading else {
            return;
        };
        match counted {
            // Whoever asked hears that the answer is not to be had: their channel closes.
            Err(reason) => tracing::warn!(reason, "the rows of a change feed were not counted"),
            Ok(Counted { mut positions, as_of }) => {
                for committed in commits.iter().filter(|committed| committed.last > as_of) {
                    apply(&mut positions, committed);
                }
                for question in questions {
                    question.answer(&positions);
                }
                self.counts = Counts::Known(positions);
            }
        }
    }
}

fn apply(positions: &mut Positions, committed: &Committed) {
    for &sequence in &committed.documents {
        positions.add(sequence);
    }
    for &sequence in &committed.removed {
        positions.remove(sequence);
    }
}

fn read(store: &Store, database: DatabaseId) -> Result<Counted, String> {
    let text = |error: refuge_storage::StorageError| error.to_string();
    let snapshot = store.snapshot().map_err(text)?;
    let as_of = snapshot.update_sequence(database).map_err(text)?;
    let mut positions = Positions::default();
    let all = ChangeRange { after: 0, until: as_of, descending: false };
    for row in snapshot.changes(database, all) {
        positions.add(row.map_err(text)?.sequence);
    }
    Ok(Counted { positions, as_of })
}

/// Waits until a database is beyond `sequence`, over restarts of its feed. Ends with
/// [`Failure::NoDatabase`] when the database was deleted.
pub(crate) async fn beyond(database: &OpenDatabase, sequence: u64) -> Result<u64, Failure> {
    loop {
        let mut highest = watch_feed(database).await?;
        if let Ok(highest) = highest.wait_for(|&highest| highest > sequence).await {
            return Ok(*highest);
        }
        // The feed went down: ask for its next incarnation.
    }
}

async fn watch_feed(database: &OpenDatabase) -> Result<watch::Receiver<u64>, Failure> {
    let names = &database.names;
    let deadline = tokio::time::Instant::now() + RESTART_PATIENCE;
    loop {
        if let Some(actor) = names.lookup::<ChangeFeedMessage>(&database.change_feed) {
            let (reply, receiver) = oneshot::channel();
            if actor.cast(ChangeFeedMessage::Watch(reply)).is_ok()
                && let Ok(watch) = receiver.await
            {
                return Ok(watch);
            }
        }
        // Deleted, perhaps made anew under its name; or closed, which this opens again.
        match node_service::open(names, &database.record.name).await {
            Ok(open) if open.record.id != database.record.id => return Err(Failure::NoDatabase),
            Err(Failure::NoDatabase) => return Err(Failure::NoDatabase),
            Ok(_) | Err(_) => {}
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(unavailable());
        }
        tokio::time::sleep(RESTART_POLL).await;
    }
}
