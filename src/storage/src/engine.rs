//! The one owner of the open database and its one writer: opening, committing, closing. How each
//! operation becomes rows is in the modules below.

mod attachments;
mod documents;
mod dropping;
mod garbage;
mod group;
mod leases;
mod memtables;
mod outstanding;
mod purging;
mod readers;
mod registry;
mod resumable;
mod tombstones;
mod upload_totals;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

use fjall::{CompressionType, Database, OwnedWriteBatch, PersistMode};
use refuge_failpoints::{Failpoint, end, is_due, pass};

use crate::compaction::{CompactionThread, Pace, Paces, Quiet, REST, Retired, Turn};
use crate::database::{Counters, DatabaseId};
use crate::engine::dropping::Dropping;
use crate::engine::group::Group;
use crate::engine::leases::Leases;
use crate::engine::outstanding::Unnoted;
use crate::engine::upload_totals::UploadTotals;
use crate::error::{CommitError, OpenError};
use crate::keys::{self, RegistryKey};
use crate::keyspaces::Keyspaces;
use crate::lock::DirectoryLock;
use crate::moments::Moments;
use crate::operation::{Operation, Outcome};
use crate::options::Options;
use crate::snapshot::Lifetimes;
use crate::space::{FreeSpace, Space};
use crate::store::{Shared, Store};
use crate::{backup, format, journal, memory, records, space, tables, unfinished};

pub use garbage::Collected;
pub(crate) use outstanding::is_conflicted;

/// The fjall database within the data directory. Other databases (of indexes) get directories of
/// their own beside it.
pub(crate) const STORE_DIRECTORY: &str = "store";

/// One worker: with more, fjall's first one spins while another compacts.
const WORKER_THREADS: usize = 1;

/// File handles that fjall keeps open.
const CACHED_FILES: usize = 64;

/// fjall accepts no smaller journal.
const LEAST_JOURNAL_BYTES: u64 = 64 * 1024 * 1024;

/// Databases whose counters are kept in memory, at about 100 bytes each. Above it all are
/// forgotten and read again when they are written to.
const KEPT_COUNTERS: usize = 8192;

/// How long a close waits for a compaction that was told to end.
const LET_GO: Duration = Duration::from_millis(200);

/// Rows that a document makes in a batch: by id, by sequence, body, and the row it replaces.
const ROWS_OF_A_DOCUMENT: usize = 4;

/// The open database and its only writer. Dropping it closes the store: every [`Store`] fails
/// from then on, and as soon as the last [`Snapshot`](crate::Snapshot) is gone the directory can
/// be opened again.
pub struct Engine {
    // First, so that its compaction ends before anything waits for the store.
    _compaction: CompactionThread,
    pub(crate) shared: Arc<Shared>,
    options: Options,
    /// Counters of databases that were written to lately; `None` where a number no longer lives.
    counters: HashMap<DatabaseId, Option<Counters>>,
    next_number: u32,
    dropping: Dropping,
    unnoted: Unnoted,
    /// What the data on disk has, and what is written to it.
    format: u32,
    opened: Instant,
    /// The time that was told last, in milliseconds since 1970.
    now_unix_ms: u64,
    leases: Leases,
    /// What unfinished uploads come to, of databases where somebody uploaded lately.
    upload_totals: UploadTotals,
    poisoned: bool,
}

impl Engine {
    /// Opens a data directory, making it if it is missing: locks it, checks its format and its
    /// journals, and recovers what was committed.
    ///
    /// # Errors
    /// [`OpenError`]; nothing was changed where it says `Locked`, `NewerFormat` or `Corrupt`.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        Self::open_where(options, |directory, budget| tables::check(directory, budget).map(drop))
    }

    /// Opens it though tables are damaged, for whoever reads what can be read.
    pub(crate) fn open_damaged(options: Options) -> Result<Self, OpenError> {
        Self::open_where(options, |_, _| Ok(()))
    }

    fn open_where(
        options: Options,
        check_tables: impl FnOnce(&Path, u64) -> Result<(), OpenError>,
    ) -> Result<Self, OpenError> {
        std::fs::create_dir_all(&options.path)
            .map_err(|source| OpenError::Io { path: options.path.clone(), source })?;
        let lock = DirectoryLock::acquire(&options.path, options.lock_wait)?;
        let format = format::check(&options.path)?;
        backup::forget(&options.path)
            .map_err(|source| OpenError::Io { path: options.path.clone(), source })?;
        let directory = options.path.join(STORE_DIRECTORY);
        unfinished::clear(&directory)
            .map_err(|source| OpenError::Io { path: directory.clone(), source })?;
        journal::check(&directory)?;
        check_tables(&directory, options.verified_bytes)?;
        pass(Failpoint::StartChecked);
        let pace = Arc::new(Pace::default());
        let database = open_database(&directory, &options, &pace)?;
        let keyspaces = Keyspaces::open(&database)?;
        pass(Failpoint::StartRecovered);
        let next_number = registry::next_number(&keyspaces)?;
        let dropping = Dropping::load(&keyspaces)?;
        let notes = format >= format::NOTES_SINCE;
        let unnoted = if notes { Unnoted::load(&keyspaces)? } else { Unnoted::default() };
        let shared = Arc::new(Shared {
            fits_memory: AtomicBool::new(false),
            pace,
            compacting: Turn::default(),
            retired: Retired::default(),
            writes: Quiet::after(REST),
            given_back: AtomicU64::new(0),
            unsealed: AtomicU64::new(0),
            garbage_rows: AtomicU64::new(garbage::count(&keyspaces)?),
            weight: AtomicU64::new(registry::weight(&keyspaces)?),
            lifetimes: Lifetimes::default(),
            keyspaces,
            database,
            moments: Moments::default(),
            space: Space::new(&options.path, space::chosen_reserve(options.journal_bytes)),
            lock: Arc::new(lock),
        });
        memory::judge(&shared, options.memory_bytes);
        let compaction = CompactionThread::start(&shared)
            .map_err(|source| OpenError::Io { path: options.path.clone(), source })?;
        Ok(Self {
            _compaction: compaction,
            shared,
            options,
            counters: HashMap::new(),
            next_number,
            dropping,
            unnoted,
            format,
            opened: Instant::now(),
            now_unix_ms: 0,
            leases: Leases::default(),
            upload_totals: UploadTotals::default(),
            poisoned: false,
        })
    }

    /// Raises the format of data of an earlier version once it has been open for
    /// [`Options::raise_format_after`]: until then the version that wrote it can go on with it. Answers whether it
    /// did. To be called between commits.
    ///
    /// # Errors
    /// [`OpenError`]; the format stays as it is, and it may be tried again.
    pub fn raise_format(&mut self) -> Result<bool, OpenError> {
        if self.format == format::FORMAT || self.opened.elapsed() < self.options.raise_format_after
        {
            return Ok(false);
        }
        format::raise(&self.options.path)?;
        if self.format < format::NOTES_SINCE {
            self.unnoted = Unnoted::load(&self.shared.keyspaces)?;
        }
        self.format = format::FORMAT;
        Ok(true)
    }

    /// Whether documents that stand out are noted in what is written.
    fn notes(&self) -> bool {
        self.format >= format::NOTES_SINCE
    }

    /// A handle for reading.
    #[must_use]
    pub fn store(&self) -> Store {
        Store::new(&self.shared)
    }

    /// The room left on the disk, seen at most a second or 16 MiB of writes ago. While it is short,
    /// operations that [take room](Operation::takes_room) are to be refused.
    #[must_use]
    pub fn free_space(&self) -> FreeSpace {
        self.shared.space.seen()
    }

    /// Keeps so many bytes of the disk free from now on; 0 stands for the larger of 256 MiB and
    /// twice the journal.
    pub fn keep_free(&self, least_bytes: u64) {
        self.shared.space.keep(match least_bytes {
            0 => space::chosen_reserve(self.options.journal_bytes),
            chosen => chosen,
        });
    }

    /// Notes how much a commit wrote, in bytes.
    pub fn wrote(&self, bytes: u64) {
        self.shared.space.wrote(bytes);
    }

    /// Applies a group of operations in order, in one batch and with one sync: when it returns,
    /// everything it answers for is durable and seen by new snapshots.
    ///
    /// # Errors
    /// [`CommitError`]: what became of the group is unknown, and every later commit fails. Drop
    /// the engine and open another.
    pub fn commit(&mut self, group: Vec<Operation>) -> Result<Vec<Outcome>, CommitError> {
        self.shared.pace.quiet.wrote();
        self.guarded(|engine| {
            let mut batch = engine.batch(&group);
            let outcomes = engine.apply(group, &mut batch)?;
            write(&engine.shared, batch)?;
            Ok(outcomes)
        })
    }

    /// A database's counters, `None` when it does not live.
    fn counters(&mut self, database: DatabaseId) -> Result<Option<Counters>, CommitError> {
        if let Some(known) = self.counters.get(&database) {
            return Ok(*known);
        }
        let key = keys::registry_key(RegistryKey::Counters, database);
        let row = self.shared.keyspaces.databases.get(key)?;
        let counters = row.map(|row| records::decode_counters(&row)).transpose()?;
        self.counters.insert(database, counters);
        Ok(counters)
    }

    fn lives(&mut self, database: DatabaseId) -> Result<bool, CommitError> {
        Ok(self.counters(database)?.is_some())
    }

    /// Runs one write. Until it is through the engine counts as poisoned, so that an error or a
    /// panic in the middle leaves it so.
    fn guarded<T>(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<T, CommitError>,
    ) -> Result<T, CommitError> {
        if self.poisoned {
            return Err(CommitError::Poisoned);
        }
        self.poisoned = true;
        self.wait_for_room()?;
        let done = write(self)?;
        self.poisoned = false;
        self.shared.writes.wrote();
        Ok(done)
    }

    fn batch(&self, group: &[Operation]) -> OwnedWriteBatch {
        // Nothing refers to the bytes of an upload yet: the sync of the document that will also syncs
        // what stands before it in the journal.
        let only_uploads = group.iter().all(|operation| match operation {
            Operation::Chunk { .. } | Operation::FinishUpload { .. } => true,
            Operation::Upload(write) => !write.step.is_synced(),
            _ => false,
        });
        let mode = if only_uploads { PersistMode::Buffer } else { PersistMode::SyncData };
        let rows = group.iter().map(|operation| match operation {
            Operation::Documents(write) => write.documents.len() * ROWS_OF_A_DOCUMENT,
            Operation::Purge(write) => write.documents.len() * ROWS_OF_A_DOCUMENT,
            Operation::Locals { writes, .. } => writes.len(),
            Operation::NodeRecords { writes } => writes.len(),
            _ => 2,
        });
        OwnedWriteBatch::with_capacity(self.shared.database.clone(), rows.sum())
            .durability(Some(mode))
    }

    fn apply(
        &mut self,
        operations: Vec<Operation>,
        batch: &mut OwnedWriteBatch,
    ) -> Result<Vec<Outcome>, CommitError> {
        if self.counters.len() > KEPT_COUNTERS {
            self.counters.clear();
        }
        self.upload_totals.bound();
        let mut group = Group::new(self, batch);
        let outcomes = operations
            .into_iter()
            .map(|operation| group.apply(operation))
            .collect::<Result<Vec<_>, _>>()?;
        group.finish();
        Ok(outcomes)
    }

    /// Closes the store in good order: flushes all memtables within `budget`, so that the next
    /// start has no journal to replay. What is not flushed in time is replayed; nothing is lost
    /// either way.
    pub fn close(mut self, budget: Duration) {
        self.shared.pace.stop();
        let flushed = !self.poisoned && self.flush(budget);
        let lock = Arc::clone(&self.shared.lock);
        let directory = self.options.path.join(STORE_DIRECTORY);
        let left = Arc::downgrade(&self.shared);
        drop(self);
        // A compaction under way lets go of the store within a moment.
        let started = Instant::now();
        while left.strong_count() > 0 && started.elapsed() < LET_GO {
            std::thread::sleep(Duration::from_millis(1));
        }
        if flushed && left.strong_count() == 0 {
            pass(Failpoint::CloseFlushed);
            journal::clear(&directory);
        }
        drop(lock);
    }
}

/// Writes a group's batch.
fn write(shared: &Shared, batch: OwnedWriteBatch) -> Result<(), fjall::Error> {
    pass(Failpoint::BatchBegins);
    // Without a mode the end of the batch stays in this process's memory.
    for (place, mode) in
        [(Failpoint::BatchTorn, None), (Failpoint::BatchUnsynced, Some(PersistMode::Buffer))]
    {
        if is_due(place) {
            let _ = batch.durability(mode).commit();
            end();
        }
    }
    shared.commit(batch)?;
    pass(Failpoint::BatchSynced);
    Ok(())
}

fn open_database(
    directory: &Path,
    options: &Options,
    pace: &Arc<Pace>,
) -> Result<Database, fjall::Error> {
    let pace = Arc::clone(pace);
    Database::builder(directory)
        .cache_size(options.cache_bytes)
        .max_journaling_size(options.journal_bytes.max(LEAST_JOURNAL_BYTES))
        .worker_threads(WORKER_THREADS)
        .max_cached_files(Some(CACHED_FILES))
        // On recovery fjall compresses again to check an entry: bytes of another version of the
        // compressor would count as damage.
        .journal_compression(CompressionType::None)
        .with_compaction_filter_factories(Arc::new(move |_keyspace| {
            Some(Arc::new(Paces(Arc::clone(&pace))))
        }))
        .open()
}
