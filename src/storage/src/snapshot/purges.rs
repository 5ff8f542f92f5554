//! What a view tells of a database's options and purges.

use std::ops::Bound;

use fjall::Readable;

use super::Snapshot;
use crate::database::{DatabaseId, DatabaseOptions};
use crate::error::StorageError;
use crate::keys::{self, PurgeKey, RegistryKey};
use crate::purge::{PurgeRecord, PurgeState, TimeMark, TombstoneState};
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

    /// The names of the indexes that follow the purges of a database.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn purge_followers(&self, database: DatabaseId) -> Result<Vec<String>, StorageError> {
        let prefix = keys::purge_key(PurgeKey::Checkpoint, database, &[]);
        let rows = self.view().prefix(&self.shared().keyspaces.purges, &prefix);
        let mut names = Vec::new();
        for guard in rows {
            let key = guard.key()?;
            let name = key.get(prefix.len()..).unwrap_or_default();
            names.push(String::from_utf8_lossy(name).into_owned());
        }
        Ok(names)
    }

    /// How far a database's tombstones have been purged.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn tombstone_state(&self, database: DatabaseId) -> Result<TombstoneState, StorageError> {
        let key = keys::registry_key(RegistryKey::Tombstones, database);
        let row = self.get(&self.shared().keyspaces.databases, key)?;
        Ok(row.map(|row| records::decode_tombstone_state(&row)).transpose()?.unwrap_or_default())
    }

    /// The newest mark in time that is not after a moment (milliseconds since 1970).
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn time_mark(
        &self,
        database: DatabaseId,
        until_ms: u64,
    ) -> Result<Option<TimeMark>, StorageError> {
        let key = |time: u64| keys::purge_key(PurgeKey::Mark, database, &time.to_be_bytes());
        let range = (Bound::Included(key(0)), Bound::Included(key(until_ms)));
        let mut rows = self.view().range(&self.shared().keyspaces.purges, range);
        let Some(guard) = rows.next_back() else {
            return Ok(None);
        };
        let (key, row) = guard.into_inner()?;
        let time_ms = keys::sequence_of(&key)
            .ok_or(StorageError::Record { keyspace: "purges", reason: "its key is cut short" })?;
        Ok(Some(TimeMark { time_ms, sequence: records::decode_purge_sequence(&row)? }))
    }
}
