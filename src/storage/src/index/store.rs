//! The reading side of the indexes: a weak handle that any thread may hold, and the snapshots it opens.

use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use fjall::{Database, Keyspace, OwnedWriteBatch, Readable};

use super::keys::{self, RegistryTag};
use super::records::{self, IndexRecord, IndexState};
use super::{IndexNumber, IndexTable};
use crate::database::DatabaseId;
use crate::error::StorageError;
use crate::lock::DirectoryLock;
use crate::memory;
use crate::moments::Moments;
use crate::records::bytes_of;

/// The keyspaces of indexes.
pub(super) struct IndexKeyspaces {
    /// The registry.
    pub(super) indexes: Keyspace,
    pub(super) rows: Keyspace,
    pub(super) documents: Keyspace,
    pub(super) pages: Keyspace,
    pub(super) values: Keyspace,
}

impl IndexKeyspaces {
    pub(super) fn of(&self, table: IndexTable) -> &Keyspace {
        match table {
            IndexTable::Rows => &self.rows,
            IndexTable::Documents => &self.documents,
            IndexTable::Pages => &self.pages,
            IndexTable::Values => &self.values,
        }
    }

    pub(super) fn all(&self) -> [&Keyspace; 5] {
        [&self.indexes, &self.rows, &self.documents, &self.pages, &self.values]
    }

    /// Those that hold rows of indexes.
    pub(super) fn of_indexes(&self) -> [&Keyspace; 4] {
        [&self.rows, &self.documents, &self.pages, &self.values]
    }
}

/// The open database of the indexes. The directory's lock goes last.
pub(super) struct IndexShared {
    pub(super) keyspaces: IndexKeyspaces,
    pub(super) database: Database,
    /// Which moment a reader sees.
    pub(super) moments: Moments,
    pub(super) fits_memory: AtomicBool,
    pub(super) _lock: DirectoryLock,
}

impl IndexShared {
    /// Commits a batch of the thread that writes, beside which readers see what was before it.
    pub(super) fn commit(&self, batch: OwnedWriteBatch) -> Result<(), fjall::Error> {
        self.moments.commit(&self.database, || batch.commit())
    }

    /// Compares the tables with the memory and notes the answer for readers.
    pub(super) fn judge(&self) {
        let bytes = self.keyspaces.all().iter().map(|keyspace| keyspace.disk_space()).sum();
        self.fits_memory.store(memory::fits(bytes, None), Ordering::Relaxed);
    }
}

/// A handle for reading, cheap to clone. It does not keep the engine alive: once that is dropped every
/// call fails with [`StorageError::Closed`].
#[derive(Clone)]
pub struct IndexStore {
    shared: Weak<IndexShared>,
}

impl IndexStore {
    pub(super) fn new(shared: &Arc<IndexShared>) -> Self {
        Self { shared: Arc::downgrade(shared) }
    }

    /// A consistent view of everything written so far. Keep it short: at most 10 s.
    ///
    /// # Errors
    /// [`StorageError::Closed`].
    pub fn snapshot(&self) -> Result<IndexSnapshot, StorageError> {
        let shared = self.shared.upgrade().ok_or(StorageError::Closed)?;
        Ok(IndexSnapshot { view: shared.moments.open(&shared.database), shared })
    }

    /// Whether all indexes are small against this machine's memory, so that a read may be done where it is
    /// asked for. `false` once the engine is gone.
    #[must_use]
    pub fn fits_memory(&self) -> bool {
        self.shared.upgrade().is_some_and(|shared| shared.fits_memory.load(Ordering::Relaxed))
    }

    /// Bytes on disk of all indexes together, journals included.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn disk_bytes(&self) -> Result<u64, StorageError> {
        let shared = self.shared.upgrade().ok_or(StorageError::Closed)?;
        Ok(shared.database.disk_space()?)
    }
}

/// One consistent view of the indexes.
#[derive(Clone)]
pub struct IndexSnapshot {
    view: fjall::Snapshot,
    shared: Arc<IndexShared>,
}

/// Which rows of an index to walk over. Keys are those within the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexRange {
    /// The lower end.
    pub low: Bound<Vec<u8>>,
    /// The upper end.
    pub high: Bound<Vec<u8>>,
    /// From the highest key to the lowest.
    pub descending: bool,
}

impl IndexSnapshot {
    /// The index of a database with a signature.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn find(
        &self,
        database: DatabaseId,
        signature: &[u8; 16],
    ) -> Result<Option<IndexRecord>, StorageError> {
        let key = keys::definition_key(database, signature);
        let row = self.view.get(&self.shared.keyspaces.indexes, &key)?;
        row.map(|row| records::decode_definition(&key, &row)).transpose()
    }

    /// All indexes, or those of one database.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn indexes(&self, database: Option<DatabaseId>) -> Result<Vec<IndexRecord>, StorageError> {
        let prefix = keys::definitions_prefix(database);
        let rows = self.view.prefix(&self.shared.keyspaces.indexes, prefix);
        rows.map(|guard| {
            let (key, row) = guard.into_inner()?;
            records::decode_definition(&key, &row)
        })
        .collect()
    }

    /// How far an index has come; `None` when there is none with this number.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn state(&self, index: IndexNumber) -> Result<Option<IndexState>, StorageError> {
        let key = keys::number_key(RegistryTag::State, index);
        let row = self.view.get(&self.shared.keyspaces.indexes, key)?;
        row.map(|row| records::decode_state(&row)).transpose()
    }

    /// One row.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn get(
        &self,
        table: IndexTable,
        index: IndexNumber,
        key: &[u8],
    ) -> Result<Option<Bytes>, StorageError> {
        let row = self.view.get(self.shared.keyspaces.of(table), keys::row_key(index, key))?;
        Ok(row.map(bytes_of))
    }

    /// Walks over rows in order of their keys.
    #[must_use]
    pub fn rows(&self, table: IndexTable, index: IndexNumber, range: &IndexRange) -> IndexRows {
        let full = |bound: &Bound<Vec<u8>>| match bound {
            Bound::Included(key) => Some(Bound::Included(keys::row_key(index, key))),
            Bound::Excluded(key) => Some(Bound::Excluded(keys::row_key(index, key))),
            Bound::Unbounded => None,
        };
        let low =
            full(&range.low).unwrap_or_else(|| Bound::Included(index.0.to_be_bytes().to_vec()));
        let high = full(&range.high)
            .unwrap_or_else(|| keys::behind(index).map_or(Bound::Unbounded, Bound::Excluded));
        let keyspace = self.shared.keyspaces.of(table);
        let rows =
            (!is_empty(&low, &high)).then(|| self.view.range::<Vec<u8>, _>(keyspace, (low, high)));
        IndexRows { rows, descending: range.descending, _snapshot: self.clone() }
    }

    /// Walks over all rows of an index in a table.
    #[must_use]
    pub fn whole(&self, table: IndexTable, index: IndexNumber) -> IndexRows {
        let (low, high) = (Bound::Unbounded, Bound::Unbounded);
        self.rows(table, index, &IndexRange { low, high, descending: false })
    }
}

/// Whether no key can lie between these ends; the engine must not be asked for such a range.
fn is_empty(low: &Bound<Vec<u8>>, high: &Bound<Vec<u8>>) -> bool {
    match (low, high) {
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (Bound::Included(low) | Bound::Excluded(low), Bound::Excluded(high))
        | (Bound::Excluded(low), Bound::Included(high)) => low >= high,
        _ => false,
    }
}

/// A walk over rows: keys within the index, and rows.
pub struct IndexRows {
    rows: Option<fjall::Iter>,
    descending: bool,
    // Last, so that the database outlives the rows.
    _snapshot: IndexSnapshot,
}

impl Iterator for IndexRows {
    type Item = Result<(Bytes, Bytes), StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        /// Bytes of the number in front of a key.
        const NUMBER_BYTES: usize = 4;
        let rows = self.rows.as_mut()?;
        let guard = if self.descending { rows.next_back() } else { rows.next() }?;
        Some(guard.into_inner().map_err(StorageError::from).map(|(key, row)| {
            let key = bytes_of(key);
            (key.slice(NUMBER_BYTES.min(key.len())..), bytes_of(row))
        }))
    }
}
