//! The one owner of the indexes' database and its one writer.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use fjall::{
    AbstractTree, CompressionType, Database, Keyspace, KvSeparationOptions, OwnedWriteBatch,
    PersistMode,
};

use super::dropping::Dropping;
use super::early_sync::EarlySync;
use super::keys::{self, NEXT_NUMBER_KEY, RegistryTag};
use super::records;
use super::store::{IndexKeyspaces, IndexShared, IndexStore};
use super::{IndexDefinition, IndexNumber, IndexRecord, IndexState, IndexWrite, damage, journaled};
use crate::error::{CommitError, OpenError};
use crate::journal;
use crate::keys::MARK_KEY;
use crate::keyspaces::laid_out;
use crate::lock::DirectoryLock;
use crate::moments::Moments;
use crate::records::encode_opaque;
use crate::unfinished;

/// The fjall database within the indexes' directory.
const STORE_DIRECTORY: &str = "store";
/// What is on its way out.
const REMOVED_DIRECTORY: &str = "store.old";
/// fjall accepts no smaller journal.
const JOURNAL_BYTES: u64 = 64 * 1024 * 1024;
/// File handles that fjall keeps open.
const CACHED_FILES: usize = 64;
/// A limit that no memtable reaches: this writer seals them itself (see `keyspaces`).
const UNREACHED_MEMTABLE_BYTES: u64 = 1 << 40;
/// All values that stand apart are larger.
const SEPARATED_VALUE_BYTES: u32 = 4 * 1024;
/// Sealed memtables of one keyspace at which the writer waits; at 4 fjall sleeps 100 ms at a time.
const MOST_SEALED: usize = 3;
/// Smaller memtables stay where they are while nothing is written.
const LEAST_RESTING_BYTES: u64 = 256 * 1024;
/// Changes of a write after which others may have the processor: who runs is not interrupted for those who
/// were woken meanwhile, for some milliseconds.
const TURN_CHANGES: usize = 64;
/// How often a waiting writer looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// How long the writer waits for the flusher before it gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the indexes are opened.
#[derive(Clone, Debug)]
pub struct IndexOptions {
    /// Their directory (`var/indexes`); made if it is missing.
    pub path: PathBuf,
    /// Block cache, in bytes.
    pub cache_bytes: u64,
    /// Size at which a keyspace's memtable is sealed, in bytes.
    pub memtable_bytes: u64,
    /// How long to wait while an earlier engine of this process still holds the directory.
    pub lock_wait: Duration,
}

/// The open indexes and their only writer. Dropping it closes them: every [`IndexStore`] fails then.
pub struct IndexEngine {
    pub(super) shared: Arc<IndexShared>,
    options: IndexOptions,
    next_number: u32,
    dropping: Dropping,
    key: Vec<u8>,
    early_sync: EarlySync,
}

impl IndexEngine {
    /// Whether there are indexes under this path.
    #[must_use]
    pub fn exists(path: &Path) -> bool {
        path.join(STORE_DIRECTORY).exists()
    }

    /// Opens the indexes. What the machine's crash may have torn, and what cannot be read, is removed
    /// first: it is built again.
    ///
    /// # Errors
    /// [`OpenError`], for what passes: no room, too many open files. Nothing is removed then.
    pub fn open(options: IndexOptions) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { path: options.path.clone(), source };
        fs::create_dir_all(&options.path).map_err(io)?;
        let lock = DirectoryLock::acquire(&options.path, options.lock_wait)?;
        let directory = options.path.join(STORE_DIRECTORY);
        remove(&options.path.join(REMOVED_DIRECTORY)).map_err(io)?;
        if !journaled::is_whole(&options.path) {
            tracing::warn!("indexes were left open or damaged; they are built anew");
            set_aside(&options.path).map_err(io)?;
            journaled::acquit(&options.path).map_err(io)?;
        }
        journaled::begin(&options.path).map_err(io)?;
        let opened = match open_store(&directory, &options) {
            Err(error) if damage::is_in_open(&error) => {
                tracing::warn!(%error, "the indexes cannot be read; they are built anew");
                set_aside(&options.path).map_err(io)?;
                open_store(&directory, &options)?
            }
            opened => opened?,
        };
        let Opened { database, keyspaces, next_number } = opened;
        let fits_memory = AtomicBool::new(false);
        let shared = Arc::new(IndexShared {
            keyspaces,
            database,
            moments: Moments::default(),
            fits_memory,
            _lock: lock,
        });
        shared.judge();
        let (key, dropping) = (Vec::new(), Dropping::default());
        let trees = shared.keyspaces.all().map(|keyspace| keyspace.path().to_owned());
        let early_sync = EarlySync::start(&trees);
        Ok(Self { shared, options, next_number, dropping, key, early_sync })
    }

    /// A handle for reading.
    #[must_use]
    pub fn store(&self) -> IndexStore {
        IndexStore::new(&self.shared)
    }

    /// Makes an index without rows, in place of one with the same signature.
    ///
    /// # Errors
    /// [`CommitError`].
    pub fn create(&mut self, definition: &IndexDefinition) -> Result<IndexRecord, CommitError> {
        self.wait_for_room()?;
        let number = IndexNumber(self.next_number);
        self.next_number += 1;
        let mut batch = self.batch(4);
        let registry = &self.shared.keyspaces.indexes;
        let key = keys::definition_key(definition.database, &definition.signature);
        if let Some(row) = registry.get(&key)? {
            let former = records::decode_definition(&key, &row)?;
            mark_dropped(&mut batch, registry, former.number);
        }
        let mut next = Vec::new();
        encode_opaque(&mut next, &self.next_number.to_be_bytes());
        batch.insert(registry, NEXT_NUMBER_KEY, next);
        batch.insert(registry, key, records::encode_definition(number, definition));
        let state = records::encode_state(&IndexState::default());
        batch.insert(registry, keys::number_key(RegistryTag::State, number), state);
        self.shared.commit(batch)?;
        Ok(IndexRecord { number, definition: definition.clone() })
    }

    /// Takes an index out of the registry; its rows leave by [`IndexEngine::drop_rows`].
    ///
    /// # Errors
    /// [`CommitError`].
    pub fn drop_index(&mut self, record: &IndexRecord) -> Result<(), CommitError> {
        let registry = &self.shared.keyspaces.indexes;
        let definition = &record.definition;
        let key = keys::definition_key(definition.database, &definition.signature);
        let mut batch = self.batch(3);
        if let Some(row) = registry.get(&key)?
            && records::decode_definition(&key, &row)?.number == record.number
        {
            batch.remove(registry, key);
        }
        mark_dropped(&mut batch, registry, record.number);
        self.shared.commit(batch)?;
        Ok(())
    }

    /// Removes up to `limit` rows of dropped indexes; answers whether more may be left.
    ///
    /// # Errors
    /// [`CommitError`].
    pub fn drop_rows(&mut self, limit: usize) -> Result<bool, CommitError> {
        self.wait_for_room()?;
        let mut batch = self.batch(limit);
        let left = self.dropping.step(&self.shared.keyspaces, &mut batch, limit)?;
        self.shared.commit(batch)?;
        self.maintain()?;
        Ok(left)
    }

    /// Writes changes of an index, with its state, in one batch; answers whether they fit: an index that was
    /// dropped meanwhile must not get rows that nobody would remove, and one that stands elsewhere now none
    /// that were prepared for what it was.
    ///
    /// # Errors
    /// [`CommitError`]: what became of the write is unknown; drop the engine and open another.
    pub fn commit(&mut self, write: IndexWrite) -> Result<bool, CommitError> {
        self.wait_for_room()?;
        let IndexWrite { index, base, changes, state } = write;
        let state_key = keys::number_key(RegistryTag::State, index);
        let stored = self.shared.keyspaces.indexes.get(state_key)?;
        if stored.map(|row| records::decode_state(&row)).transpose()? != Some(base) {
            return Ok(false);
        }
        let mut batch = self.batch(changes.len() + 1);
        let keyspaces = &self.shared.keyspaces;
        for (number, change) in changes.into_iter().enumerate() {
            if number.is_multiple_of(TURN_CHANGES) {
                std::thread::yield_now();
            }
            let keyspace = keyspaces.of(change.table);
            keys::write_row_key(&mut self.key, index, &change.key);
            match change.row {
                Some(row) => batch.insert(keyspace, self.key.as_slice(), row),
                None => batch.remove(keyspace, self.key.as_slice()),
            }
        }
        batch.insert(&keyspaces.indexes, state_key, records::encode_state(&state));
        self.shared.commit(batch)?;
        self.maintain()?;
        Ok(true)
    }

    /// Notes that something of the indexes cannot be read, where `error` says so: they are built anew when
    /// they are opened next.
    pub fn condemn(&self, error: &CommitError) {
        if damage::is_in_commit(error)
            && let Err(error) = journaled::condemn(&self.options.path)
        {
            tracing::warn!(%error, "damaged indexes are not marked as such");
        }
    }

    /// Closes the indexes in good order, so that the next start trusts them even after one of the machine.
    /// What cannot be brought to the disk within `budget` is left to the journal.
    pub fn close(self, budget: Duration) {
        let begun = Instant::now();
        let sealed = self.seal(|keyspace| keyspace.tree.active_memtable().size() > 0);
        while sealed.is_ok() && self.most_sealed() > 0 && begun.elapsed() < budget {
            std::thread::sleep(LOOK_AGAIN);
        }
        let path = self.options.path.clone();
        match self.shared.database.persist(PersistMode::SyncAll) {
            Ok(()) => {
                if let Err(error) = journaled::end(&path) {
                    tracing::warn!(%error, "the indexes were not closed in order");
                }
            }
            Err(error) => tracing::warn!(%error, "the indexes were not closed in order"),
        }
    }

    /// Brings memtables to the disk that are not about to fill: their rows take several times their size
    /// there. For a time in which nothing is written.
    ///
    /// # Errors
    /// [`CommitError`].
    pub fn rest(&self) -> Result<(), CommitError> {
        self.seal(|keyspace| keyspace.tree.active_memtable().size() >= LEAST_RESTING_BYTES)
    }

    fn batch(&self, rows: usize) -> OwnedWriteBatch {
        // Handed to the system, not to the disk: a crash of this process loses nothing.
        OwnedWriteBatch::with_capacity(self.shared.database.clone(), rows)
            .durability(Some(PersistMode::Buffer))
    }

    fn maintain(&self) -> Result<(), CommitError> {
        let limit = self.options.memtable_bytes;
        // The journal is given back when all that it holds is flushed, so nothing may rest for long.
        let journals = self.shared.database.journal_count() > 2;
        self.seal(|keyspace| {
            let bytes = keyspace.tree.active_memtable().size();
            bytes >= limit || (journals && bytes > 0)
        })
    }

    /// Seals memtables, each with a mark in it (see `compaction`).
    fn seal(&self, wanted: impl Fn(&Keyspace) -> bool) -> Result<(), CommitError> {
        let all = self.shared.keyspaces.all();
        let chosen: Vec<&Keyspace> = all.into_iter().filter(|one| wanted(one)).collect();
        if chosen.is_empty() {
            return Ok(());
        }
        let mut marks = self.batch(chosen.len());
        for keyspace in &chosen {
            marks.insert(keyspace, MARK_KEY, [1]);
        }
        marks.commit()?;
        self.early_sync.wake();
        for keyspace in chosen {
            keyspace.rotate_memtable()?;
        }
        self.shared.judge();
        Ok(())
    }

    fn most_sealed(&self) -> usize {
        let counts = self.shared.keyspaces.all().map(|one| one.sealed_memtable_count());
        counts.into_iter().max().unwrap_or(0)
    }

    fn wait_for_room(&self) -> Result<(), CommitError> {
        let begun = Instant::now();
        while self.most_sealed() >= MOST_SEALED {
            if begun.elapsed() > PATIENCE {
                return Err(CommitError::Stalled { seconds: PATIENCE.as_secs() });
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }
}

fn mark_dropped(batch: &mut OwnedWriteBatch, registry: &Keyspace, number: IndexNumber) {
    /// A mark's row: its version.
    const DROPPED_ROW: [u8; 1] = [1];
    batch.remove(registry, keys::number_key(RegistryTag::State, number));
    batch.insert(registry, keys::number_key(RegistryTag::Dropping, number), DROPPED_ROW);
}

fn remove(directory: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Values stand in files of their own, so that compactions do not move them.
fn apart() -> KvSeparationOptions {
    KvSeparationOptions::default().separation_threshold(SEPARATED_VALUE_BYTES)
}

/// Takes all that is there out of the way in one step, and then removes it: what is left after a crash in
/// the middle is not taken for a whole store.
fn set_aside(path: &Path) -> std::io::Result<()> {
    let removed = path.join(REMOVED_DIRECTORY);
    match fs::rename(path.join(STORE_DIRECTORY), &removed) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    remove(&removed)
}

/// What opening brings.
struct Opened {
    database: Database,
    keyspaces: IndexKeyspaces,
    next_number: u32,
}

fn open_store(directory: &Path, options: &IndexOptions) -> Result<Opened, OpenError> {
    unfinished::clear(directory)
        .map_err(|source| OpenError::Io { path: directory.to_owned(), source })?;
    // The engine takes the first bad entry for the journal's end, and tables may know of later ones.
    journal::check(directory)?;
    let database = Database::builder(directory)
        .cache_size(options.cache_bytes)
        .max_journaling_size(JOURNAL_BYTES)
        .worker_threads(1)
        .max_cached_files(Some(CACHED_FILES))
        .journal_compression(CompressionType::None)
        .open()?;
    let base = || laid_out().max_memtable_size(UNREACHED_MEMTABLE_BYTES);
    let keyspaces = IndexKeyspaces {
        indexes: database.keyspace("indexes", base)?,
        rows: database.keyspace("rows", base)?,
        documents: database.keyspace("documents", base)?,
        pages: database.keyspace("pages", base)?,
        values: database.keyspace("values", || base().with_kv_separation(Some(apart())))?,
    };
    let next = keyspaces.indexes.get(NEXT_NUMBER_KEY)?;
    let next = next.map(|row| records::decode_number(&row)).transpose()?;
    Ok(Opened { database, keyspaces, next_number: next.map_or(1, |number| number.0) })
}
