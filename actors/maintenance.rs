//! Upkeep of the storage in the background: removes the rows of deleted databases, and the bodies,
//! contents and uploads that nobody needs any more, a few at a time and only between commits. It keeps
//! nothing that a restart could lose; the storage knows what is left to do.
//!
//! Called by: the database directory, when a database was deleted; the node's service, when somebody
//! asks for a compaction. A restart loses the compactions that somebody asked for.

mod collection;
mod compaction;
mod report;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_config::Storage;
use refuge_otp::Names;
use refuge_storage::{DatabaseId, DueGarbage, GarbagePlace, GarbageRange};
use tokio::sync::oneshot;

use crate::configuration::CurrentSettings;
use crate::engine::StorageDoors;
use crate::names;
use collection::Collection;
pub(crate) use compaction::is_compacting;

/// Rest between two rounds while there is work, so that commits keep most of the disk.
const ROUND_REST: Duration = Duration::from_millis(20);
/// Rounds in a second while there is work.
const ROUNDS_A_SECOND: u64 = 50;
/// So many times the limit leave while nobody commits.
const QUIET_FACTOR: u64 = 4;
/// How often the queue is looked at while it holds nothing that is due: a seek in a small table.
const IDLE_REST: Duration = Duration::from_secs(1);
/// How often the engine is asked for what nobody told of: data of an earlier version gets its new format then.
const LOOK: Duration = Duration::from_secs(10);
/// How long to wait before looking again when the engine did not answer.
const RETRY_REST: Duration = Duration::from_secs(1);

/// Messages of the maintenance actor.
#[derive(Debug)]
pub enum MaintenanceMessage {
    /// A database was deleted: its rows are to be removed.
    DatabaseDeleted,
    /// Give back at once what a database does not need; answered as soon as that is noted.
    Compact {
        /// The database.
        database: DatabaseId,
        /// Its name, for the board of tasks.
        name: String,
        /// Answered when it is on its way.
        reply: oneshot::Sender<()>,
    },
    /// A compaction that was asked for is through, or it failed.
    Compacted(DatabaseId),
    /// Carry on.
    Continue,
}

/// The actor.
#[derive(Default)]
pub struct MaintenanceActor;

/// What it needs to work.
pub struct MaintenanceState {
    names: Names,
    /// Rows of deleted databases may be left.
    dropping: bool,
    /// When the engine was asked for it last.
    looked: Instant,
    /// How far the queue of garbage was seen.
    seen: Option<GarbagePlace>,
    /// Databases whose compaction was asked for and is not through.
    compacting: HashSet<DatabaseId>,
    /// Shows on the board of tasks while something leaves.
    collection: Collection,
}

impl Actor for MaintenanceActor {
    type Msg = MaintenanceMessage;
    type State = MaintenanceState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        // A former life may have left rows behind.
        myself.cast(MaintenanceMessage::Continue)?;
        let collection = Collection::of(names.clone(), myself.get_cell());
        Ok(MaintenanceState {
            names,
            dropping: true,
            looked: Instant::now(),
            seen: None,
            compacting: HashSet::new(),
            collection,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            // The next round sees to it.
            MaintenanceMessage::DatabaseDeleted => state.dropping = true,
            MaintenanceMessage::Compact { database, name, reply } => {
                if state.compacting.insert(database) {
                    compaction::start(&state.names, &myself, database, name);
                }
                // Who no longer waits does not mind.
                let _ = reply.send(());
            }
            MaintenanceMessage::Compacted(database) => {
                state.compacting.remove(&database);
            }
            MaintenanceMessage::Continue => {
                let rest = state.round().await;
                myself.send_after(rest, || MaintenanceMessage::Continue);
            }
        }
        Ok(())
    }
}

impl MaintenanceState {
    /// Does a little of what there is to do; answers how long to rest.
    async fn round(&mut self) -> Duration {
        let Some(doors) = self.names.value::<StorageDoors>(names::ENGINE) else {
            return RETRY_REST;
        };
        report::figures(&self.names, &doors.store);
        doors.store.limit_compactions(self.settings().upkeep_bytes_per_second);
        if self.dropping || self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            match doors.writer.drop_rows().await {
                Ok(more) => self.dropping = more,
                Err(_) => return RETRY_REST,
            }
        }
        let collected = self.collect(&doors).await;
        match collected {
            Some(true) => {}
            _ if self.dropping => self.collection.dropping(&doors.store),
            _ => self.collection.rest(),
        }
        match collected {
            Some(true) => ROUND_REST,
            Some(false) if self.dropping => ROUND_REST,
            Some(false) => IDLE_REST,
            None => RETRY_REST,
        }
    }

    /// Removes what is due, up to the rows of one round; answers whether there may be more, `None`
    /// when the engine did not answer.
    async fn collect(&mut self, doors: &Arc<StorageDoors>) -> Option<bool> {
        let range = self.range(doors.store.is_quiet());
        let store = doors.store.clone();
        let look = move || store.snapshot()?.garbage(&range);
        let mut due: DueGarbage = match crate::blocking(look).await {
            Ok(Ok(due)) => due,
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot look for garbage");
                return None;
            }
            Err(_) => return None,
        };
        let began = self.seen.is_none();
        self.seen = due.next.take();
        if due.is_empty() {
            // What follows from a removal stands before the place where this look began.
            return Some(!began);
        }
        let done = doors.writer.collect(due).await.ok()?;
        report::collected(&self.names, done);
        self.collection.removed(done, &doors.store);
        Some(true)
    }

    fn range(&self, quiet: bool) -> GarbageRange {
        let storage = self.settings();
        let rows = storage.upkeep_rows_per_second / ROUNDS_A_SECOND;
        let rows = if quiet { rows.saturating_mul(QUIET_FACTOR) } else { rows };
        GarbageRange {
            now_unix_ms: crate::now_ms(),
            grace_ms: storage.upkeep_grace_seconds.saturating_mul(1000),
            database: None,
            after: self.seen.clone(),
            rows: usize::try_from(rows).unwrap_or(usize::MAX).max(1),
        }
    }

    fn settings(&self) -> Storage {
        let current = self.names.value::<CurrentSettings>(names::CONFIGURATION);
        current.map_or_else(Storage::default, |current| current.settings.storage.clone())
    }
}
