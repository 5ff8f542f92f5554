//! The reading side: a weak handle that any thread may hold, and the snapshots it opens.

mod node_records;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use fjall::{Database, OwnedWriteBatch};

use crate::compaction::{Pace, Quiet, Retired, Turn};
use crate::database::{DatabaseId, DatabaseInformation, DatabaseRecord};
use crate::error::StorageError;
use crate::keys;
use crate::keyspaces::Keyspaces;
use crate::lock::DirectoryLock;
use crate::moments::Moments;
use crate::records;
use crate::snapshot::{DatabaseRange, Lifetimes, Snapshot};
use crate::space::{FreeSpace, Space};

pub use node_records::NodeRange;

/// What engine and snapshots hold: the open database. The directory's lock goes last.
pub(crate) struct Shared {
    pub(crate) keyspaces: Keyspaces,
    pub(crate) database: Database,
    /// Which moment a reader sees.
    pub(crate) moments: Moments,
    pub(crate) fits_memory: AtomicBool,
    pub(crate) space: Space,
    /// How fast disk is given back.
    pub(crate) pace: Arc<Pace>,
    /// Held by whoever compacts.
    pub(crate) compacting: Turn,
    /// Tables that merges replaced.
    pub(crate) retired: Retired,
    /// Whether anything is written, upkeep included.
    pub(crate) writes: Quiet,
    /// Bytes of disk that compactions gave back so far.
    pub(crate) given_back: AtomicU64,
    /// Bytes, about, whose removal is noted but may still be in memory.
    pub(crate) unsealed: AtomicU64,
    /// Rows of the queue of garbage, about.
    pub(crate) garbage_rows: AtomicU64,
    /// What all databases weigh together.
    pub(crate) weight: AtomicU64,
    /// Since when snapshots are open.
    pub(crate) lifetimes: Lifetimes,
    pub(crate) lock: Arc<DirectoryLock>,
}

impl Shared {
    /// Commits a batch of the thread that writes, beside which readers see what was before it.
    pub(crate) fn commit(&self, batch: OwnedWriteBatch) -> Result<(), fjall::Error> {
        self.moments.commit(&self.database, || batch.commit())
    }

    /// Bytes of tables and separate values.
    pub(crate) fn table_bytes(&self) -> u64 {
        self.keyspaces.all().iter().map(|keyspace| keyspace.disk_space()).sum()
    }
}

/// What is known of the upkeep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpkeepFigures {
    /// Rows that note what perhaps has to leave, about.
    pub garbage_rows: u64,
    /// Bytes of disk that compactions gave back since the engine was opened.
    pub given_back_bytes: u64,
    /// Bytes of tables and of chunks.
    pub table_bytes: u64,
}

/// A handle for reading, cheap to clone. It does not keep the engine alive: once the engine is
/// dropped every call fails with [`StorageError::Closed`], so that a restarted engine can open
/// the directory again.
#[derive(Clone)]
pub struct Store {
    shared: Weak<Shared>,
}

impl Store {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::downgrade(shared) }
    }

    /// A consistent view of everything committed so far. Keep it short: it holds old rows, and
    /// the directory, alive.
    ///
    /// # Errors
    /// [`StorageError::Closed`].
    pub fn snapshot(&self) -> Result<Snapshot, StorageError> {
        let shared = self.shared.upgrade().ok_or(StorageError::Closed)?;
        Ok(Snapshot::new(shared))
    }

    /// Whether the whole data is small against this machine's memory, so that a read may be done
    /// where it is asked for instead of on a reader's thread. `false` once the engine is gone.
    #[must_use]
    pub fn fits_memory(&self) -> bool {
        self.shared.upgrade().is_some_and(|shared| shared.fits_memory.load(Ordering::Relaxed))
    }

    /// The room left on the disk, seen at most a second ago; `None` once the engine is gone.
    #[must_use]
    pub fn free_space(&self) -> Option<FreeSpace> {
        self.shared.upgrade().map(|shared| shared.space.seen())
    }

    /// The registry entry of a name.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn database(&self, name: &str) -> Result<Option<DatabaseRecord>, StorageError> {
        self.snapshot()?.database(name)
    }

    /// Registry entries of a range of names, in order of their names or against it.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn databases(&self, range: &DatabaseRange) -> Result<Vec<DatabaseRecord>, StorageError> {
        self.snapshot()?.databases(range)
    }

    /// A database's counters; `None` when it does not exist.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn information(
        &self,
        database: DatabaseId,
    ) -> Result<Option<DatabaseInformation>, StorageError> {
        self.snapshot()?.information(database)
    }

    /// A database's security object as JSON text; `None` when it was never set.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn security(&self, database: DatabaseId) -> Result<Option<Vec<u8>>, StorageError> {
        self.snapshot()?.security(database)
    }

    /// What is known of the upkeep.
    ///
    /// # Errors
    /// [`StorageError::Closed`].
    pub fn upkeep(&self) -> Result<UpkeepFigures, StorageError> {
        let shared = self.shared.upgrade().ok_or(StorageError::Closed)?;
        Ok(UpkeepFigures {
            garbage_rows: shared.garbage_rows.load(Ordering::Relaxed),
            given_back_bytes: shared.given_back.load(Ordering::Relaxed),
            table_bytes: shared.table_bytes(),
        })
    }

    /// For how long the oldest snapshot has been open; zero where none is, or the engine is gone. What
    /// it sees stays on disk however old it is, so it is to be seconds at most.
    #[must_use]
    pub fn oldest_snapshot(&self) -> Duration {
        self.shared.upgrade().map_or(Duration::ZERO, |shared| shared.lifetimes.oldest())
    }

    /// About how many bytes of the disk are a database's: its share by what the databases weigh,
    /// of the tables and of what is on its way into them. The journals are nobody's.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn file_bytes(&self, information: &DatabaseInformation) -> Result<u64, StorageError> {
        let shared = self.shared.upgrade().ok_or(StorageError::Closed)?;
        let disk = u128::from(shared.table_bytes() + shared.database.write_buffer_size());
        let weight = information.active_bytes.max(information.external_bytes);
        let all = shared.weight.load(Ordering::Relaxed).max(weight).max(1);
        Ok(u64::try_from(disk * u128::from(weight) / u128::from(all)).unwrap_or(u64::MAX))
    }

    /// Gives back all disk that can be given back now, at the limit of
    /// [`Store::limit_compactions`]; answers whether it came to its end. It blocks for long.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn compact_now(&self) -> Result<bool, StorageError> {
        let shared = self.shared.upgrade().ok_or(StorageError::Closed)?;
        Ok(shared.compact_now()?)
    }

    /// Whether nobody has committed anything for a while: upkeep may take the disk.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.shared.upgrade().is_some_and(|shared| shared.pace.quiet.is_quiet())
    }

    /// How many bytes a second compactions that give disk back may read while
    /// there are commits, and sixteen times as many while there are none; 0 for no limit.
    pub fn limit_compactions(&self, bytes_per_second: u64) {
        if let Some(shared) = self.shared.upgrade() {
            shared.pace.bytes_per_second.store(bytes_per_second, Ordering::Relaxed);
        }
    }

    /// Bytes on disk: tables, chunks and journals of all databases together.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn disk_bytes(&self) -> Result<u64, StorageError> {
        let shared = self.shared.upgrade().ok_or(StorageError::Closed)?;
        Ok(shared.database.disk_space()?)
    }
}

impl Snapshot {
    /// The registry entry of a name.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn database(&self, name: &str) -> Result<Option<DatabaseRecord>, StorageError> {
        let row = self.get(&self.shared().keyspaces.databases, keys::name_key(name))?;
        row.map(|row| records::decode_database(name, &row)).transpose()
    }

    /// A database's security object as JSON text; `None` when it was never set.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn security(&self, database: DatabaseId) -> Result<Option<Vec<u8>>, StorageError> {
        let key = keys::registry_key(keys::RegistryKey::Security, database);
        let row = self.get(&self.shared().keyspaces.databases, key)?;
        row.map(|row| records::opaque("databases", &row).map(<[u8]>::to_vec)).transpose()
    }
}
