//! Documents that stand out, as they are noted with each write: those with conflicts, and tombstones that
//! have a body.

use std::ops::Bound;

use fjall::Readable;
use refuge_document::ChangeRow;

use super::{DocumentRange, Snapshot};
use crate::database::DatabaseId;
use crate::error::StorageError;
use crate::keys::{self, OutstandingKey, RegistryKey};
use crate::records;

/// Documents with more than one live leaf, in byte order of their ids.
pub struct Conflicts {
    rows: Option<fjall::Iter>,
    descending: bool,
    // Last, so that the database outlives the rows.
    _snapshot: Snapshot,
}

impl Iterator for Conflicts {
    /// Its id and leaves, winner first, and where the winner's body stands; the sequence is 0.
    type Item = Result<ChangeRow, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = self.rows.as_mut()?;
        let guard = if self.descending { rows.next_back() } else { rows.next() }?;
        Some(read(guard))
    }
}

fn read(guard: fjall::Guard) -> Result<ChangeRow, StorageError> {
    let (key, row) = guard.into_inner()?;
    let Some(OutstandingKey::Conflict(id)) = keys::outstanding_of(&key) else {
        return Err(StorageError::Record {
            keyspace: "outstanding",
            reason: "its key cannot be read",
        });
    };
    Ok(ChangeRow { id, ..records::decode_change(0, &row)? })
}

impl Snapshot {
    /// Whether all documents of a database that stand out are noted. Databases of an earlier version get
    /// their notes in the background, after a start.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn is_noted(&self, database: DatabaseId) -> Result<bool, StorageError> {
        let key = keys::registry_key(RegistryKey::Outstanding, database);
        Ok(self.get(&self.shared().keyspaces.databases, key)?.is_some())
    }

    /// Walks over the documents with conflicts.
    #[must_use]
    pub fn conflicts(&self, database: DatabaseId, range: &DocumentRange) -> Conflicts {
        let id_key = |id: &str| keys::conflict_key(database, id);
        let (first, behind) = (keys::conflicts_prefix(database), keys::tombstone_key(database, 0));
        let keys = range.keys_of(id_key, (first.to_vec(), behind.to_vec()));
        let keyspace = &self.shared().keyspaces.outstanding;
        Conflicts {
            rows: keys.map(|keys| self.view().range(keyspace, keys)),
            descending: range.descending,
            _snapshot: self.clone(),
        }
    }

    /// How many documents have conflicts; `None` where there are more than `most`.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn count_conflicts(
        &self,
        database: DatabaseId,
        most: usize,
    ) -> Result<Option<u64>, StorageError> {
        let keyspace = &self.shared().keyspaces.outstanding;
        let rows = self.view().prefix(keyspace, keys::conflicts_prefix(database));
        let mut count = 0;
        for guard in rows.take(most.saturating_add(1)) {
            guard.key()?;
            count += 1;
        }
        Ok((count <= most).then_some(count as u64))
    }

    /// The ids of documents whose winner is deleted and has, or may have, a body or attachments, and that
    /// changed last behind `after` up to `until`; `None` where there are more than `most`.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn told_tombstones(
        &self,
        database: DatabaseId,
        (after, until): (u64, u64),
        most: usize,
    ) -> Result<Option<Vec<String>>, StorageError> {
        let mut ids = Vec::new();
        if after >= until {
            return Ok(Some(ids));
        }
        let range = (
            Bound::Excluded(keys::tombstone_key(database, after)),
            Bound::Included(keys::tombstone_key(database, until)),
        );
        for guard in self.view().range(&self.shared().keyspaces.outstanding, range) {
            if ids.len() >= most {
                return Ok(None);
            }
            let (_, row) = guard.into_inner()?;
            let id = std::str::from_utf8(records::opaque("outstanding", &row)?).map_err(|_| {
                StorageError::Record { keyspace: "outstanding", reason: "its id is not UTF-8" }
            })?;
            ids.push(id.to_owned());
        }
        Ok(Some(ids))
    }
}
