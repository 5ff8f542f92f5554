//! What a view tells of a database's options and purges.

use std::ops::Bound;

use fjall::Readable;

use super::Snapshot;
use crate::database::{DatabaseId, DatabaseOptions};
use crate::error::StorageError;
use crate::keys::{self, PurgeKey, RegistryKey};
use crate::purge::{PurgeRecord, PurgeState};
use crate::records;

impl Snapshot {
    /// What is set for a database.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn options(&self, database: DatabaseId) -> Result<DatabaseOptions, StorageError> {
        let key = keys::registry_key(RegistryKey::Options, database);
        let row = self.get(&self.shared().keyspaces.databases, key)?;
        Ok(row.map(|row| records::decode_options(&row)).transpose()?.unwrap_or_default())
    }

    /// How a database stands with its purges.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn purge_state(&self, database: DatabaseId) -> Result<PurgeState, StorageError> {
        let key = keys::registry_key(RegistryKey::Purges, database);
        let row = self.get(&self.shared().keyspaces.databases, key)?;
        Ok(row.map(|row| records::decode_purge_state(&row)).transpose()?.unwrap_or_default())
    }

    /// The records of purges behind a purge sequence, in their order, at most `limit`.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn purges(
        &self,
        database: DatabaseId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<PurgeRecord>, StorageError> {
        let key =
            |sequence: u64| keys::purge_key(PurgeKey::Record, database, &sequence.to_be_bytes());
        let range = (Bound::Excluded(key(after)), Bound::Included(key(u64::MAX)));
        let rows = self.view().range(&self.shared().keyspaces.purges, range);
        let mut found = Vec::new();
        for guard in rows.take(limit) {
            let (key, row) = guard.into_inner()?;
            let sequence = keys::sequence_of(&key).ok_or(StorageError::Record {
                keyspace: "purges",
                reason: "its key is cut short",
            })?;
            found.push(records::decode_purge(sequence, &row)?);
        }
        Ok(found)
    }
}
