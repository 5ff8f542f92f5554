//! What is kept so that old tombstones can be found and purged: marks in time, and how far it has come.
//! Which of them are old enough is not decided here.

use std::ops::Bound;

use fjall::Readable;

use crate::database::DatabaseId;
use crate::engine::group::Group;
use crate::error::CommitError;
use crate::keys::{self, PurgeKey, RegistryKey};
use crate::operation::Outcome;
use crate::purge::{TimeMark, TombstoneState};
use crate::records;

impl Group<'_> {
    pub(super) fn mark_time(
        &mut self,
        database: DatabaseId,
        time_ms: u64,
    ) -> Result<Outcome, CommitError> {
        let Some(counters) = self.counters(database)? else {
            return Ok(Outcome::NoSuchDatabase);
        };
        records::encode_purge_sequence(&mut self.row, counters.update_sequence);
        let key = keys::purge_key(PurgeKey::Mark, database, &time_ms.to_be_bytes());
        self.batch.insert(&self.engine.shared.keyspaces.purges, key, self.row.as_slice());
        Ok(Outcome::Done)
    }

    pub(super) fn tombstones_swept(
        &mut self,
        database: DatabaseId,
        mark: TimeMark,
    ) -> Result<Outcome, CommitError> {
        if self.counters(database)?.is_none() {
            return Ok(Outcome::NoSuchDatabase);
        }
        let mut state = self.tombstone_state(database)?;
        state.swept = state.swept.max(mark.sequence);
        self.tombstone_states.insert(database, state);
        let shared = &self.engine.shared;
        let low = keys::purge_key(PurgeKey::Mark, database, &[]);
        let high = keys::purge_key(PurgeKey::Mark, database, &mark.time_ms.to_be_bytes());
        let range = (Bound::Included(low), Bound::Included(high));
        let view = shared.database.snapshot();
        for guard in view.range(&shared.keyspaces.purges, range) {
            self.batch.remove(&shared.keyspaces.purges, guard.key()?);
        }
        Ok(Outcome::Done)
    }

    /// Notes that tombstones which stood at these sequences are no more.
    pub(super) fn raise_floor(
        &mut self,
        database: DatabaseId,
        removed: &[u64],
        until_ms: u64,
    ) -> Result<(), CommitError> {
        let Some(&highest) = removed.iter().max() else {
            return Ok(());
        };
        let mut state = self.tombstone_state(database)?;
        state.floor = state.floor.max(highest);
        state.floor_time_ms = state.floor_time_ms.max(until_ms);
        self.tombstone_states.insert(database, state);
        Ok(())
    }

    /// Adds the states that changed; called once, at the end of the group.
    pub(super) fn finish_tombstones(&mut self) {
        for (database, state) in std::mem::take(&mut self.tombstone_states) {
            if !matches!(self.engine.counters.get(&database), Some(Some(_))) {
                continue;
            }
            records::encode_tombstone_state(&mut self.row, &state);
            let key = keys::registry_key(RegistryKey::Tombstones, database);
            let keyspace = &self.engine.shared.keyspaces.databases;
            self.batch.insert(keyspace, key, self.row.as_slice());
        }
    }

    fn tombstone_state(&self, database: DatabaseId) -> Result<TombstoneState, CommitError> {
        if let Some(state) = self.tombstone_states.get(&database) {
            return Ok(*state);
        }
        let key = keys::registry_key(RegistryKey::Tombstones, database);
        let row = self.engine.shared.keyspaces.databases.get(key)?;
        Ok(row.map(|row| records::decode_tombstone_state(&row)).transpose()?.unwrap_or_default())
    }
}
