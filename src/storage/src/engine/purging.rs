//! Purges: documents leave as if they had never been, and a record of each stays until every index
//! has followed.

use std::ops::Bound;

use fjall::Readable;
use refuge_document::BodyPlace;
use refuge_failpoints::{Failpoint, pass};

use crate::database::{Counters, DatabaseId};
use crate::engine::documents::BodySizes;
use crate::engine::group::Group;
use crate::error::CommitError;
use crate::keys::{self, PurgeKey, RegistryKey, Waste};
use crate::operation::{Committed, MAXIMUM_ID_BYTES, Outcome, Previous};
use crate::purge::{
    DocumentPurge, PurgeChange, PurgeCommitted, PurgeRecord, PurgeState, PurgeWrite,
};
use crate::records;

/// Records that leave with one operation beside as many as it adds: a lowered limit is reached
/// after a few purges, and none of them holds up the commits behind it.
const FORGOTTEN_AT_ONCE: usize = 100;

impl Group<'_> {
    pub(super) fn purge(&mut self, write: PurgeWrite) -> Result<Outcome, CommitError> {
        let PurgeWrite { database, time_ms, tombstones_until_ms, documents } = write;
        if documents.iter().any(|one| one.id.len() > MAXIMUM_ID_BYTES) {
            return Ok(Outcome::IdTooLong);
        }
        let Some(mut counters) = self.counters(database)? else {
            return Ok(Outcome::NoSuchDatabase);
        };
        let mut state = self.purge_state(database)?;
        let mut committed =
            Committed { first: counters.update_sequence + 1, ..Committed::default() };
        let added = documents.len();
        for document in documents {
            if self.is_known_purge(database, &document.uuid)? {
                continue;
            }
            let DocumentPurge { id, uuid, revisions, change } = document;
            if let Some(change) = change {
                self.apply_purge(database, &id, change, &mut counters, &mut committed)?;
            }
            state.sequence += 1;
            let sequence = state.sequence;
            self.put_purge(database, &PurgeRecord { sequence, time_ms, uuid, id, revisions });
        }
        if let Some(until_ms) = tombstones_until_ms {
            self.raise_floor(database, &committed.removed, until_ms)?;
        }
        committed.last = counters.update_sequence;
        self.forget_purges(database, &mut state, added + FORGOTTEN_AT_ONCE)?;
        self.set_counters(database, counters);
        self.purge_states.insert(database, state);
        pass(Failpoint::PurgeApplied);
        Ok(Outcome::Purged(PurgeCommitted { committed, purge_sequence: state.sequence }))
    }

    pub(super) fn set_purge_records_limit(
        &mut self,
        database: DatabaseId,
        limit: u32,
    ) -> Result<Outcome, CommitError> {
        if self.counters(database)?.is_none() {
            return Ok(Outcome::NoSuchDatabase);
        }
        let mut state = self.purge_state(database)?;
        state.records_limit = limit;
        self.forget_purges(database, &mut state, FORGOTTEN_AT_ONCE)?;
        self.purge_states.insert(database, state);
        Ok(Outcome::Done)
    }

    /// Notes how far an index has followed the purges, or that it is no more.
    pub(super) fn set_purge_checkpoint(
        &mut self,
        database: DatabaseId,
        index: &str,
        sequence: Option<u64>,
    ) -> Result<Outcome, CommitError> {
        if index.len() > MAXIMUM_ID_BYTES {
            return Ok(Outcome::IdTooLong);
        }
        if self.counters(database)?.is_none() {
            return Ok(Outcome::NoSuchDatabase);
        }
        let key = keys::purge_key(PurgeKey::Checkpoint, database, index.as_bytes());
        let keyspace = &self.engine.shared.keyspaces.purges;
        match sequence {
            Some(sequence) => {
                records::encode_purge_sequence(&mut self.row, sequence);
                self.batch.insert(keyspace, key, self.row.as_slice());
            }
            None => self.batch.remove(keyspace, key),
        }
        Ok(Outcome::Done)
    }

    /// Adds the states that changed; called once, at the end of the group.
    pub(super) fn finish_purges(&mut self) {
        for (database, state) in std::mem::take(&mut self.purge_states) {
            if !matches!(self.engine.counters.get(&database), Some(Some(_))) {
                continue;
            }
            records::encode_purge_state(&mut self.row, &state);
            let key = keys::registry_key(RegistryKey::Purges, database);
            let keyspace = &self.engine.shared.keyspaces.databases;
            self.batch.insert(keyspace, key, self.row.as_slice());
        }
    }

    fn purge_state(&self, database: DatabaseId) -> Result<PurgeState, CommitError> {
        if let Some(state) = self.purge_states.get(&database) {
            return Ok(*state);
        }
        let key = keys::registry_key(RegistryKey::Purges, database);
        let row = self.engine.shared.keyspaces.databases.get(key)?;
        Ok(row.map(|row| records::decode_purge_state(&row)).transpose()?.unwrap_or_default())
    }

    fn is_known_purge(&self, database: DatabaseId, uuid: &[u8; 16]) -> Result<bool, CommitError> {
        let key = keys::purge_key(PurgeKey::Name, database, uuid);
        Ok(self.engine.shared.keyspaces.purges.contains_key(key)?)
    }

    fn put_purge(&mut self, database: DatabaseId, record: &PurgeRecord) {
        let keyspace = &self.engine.shared.keyspaces.purges;
        records::encode_purge(&mut self.row, record);
        let place = record.sequence.to_be_bytes();
        let key = keys::purge_key(PurgeKey::Record, database, &place);
        self.batch.insert(keyspace, key, self.row.as_slice());
        records::encode_purge_sequence(&mut self.row, record.sequence);
        let key = keys::purge_key(PurgeKey::Name, database, &record.uuid);
        self.batch.insert(keyspace, key, self.row.as_slice());
    }

    fn apply_purge(
        &mut self,
        database: DatabaseId,
        id: &str,
        change: PurgeChange,
        counters: &mut Counters,
        committed: &mut Committed,
    ) -> Result<(), CommitError> {
        let PurgeChange { previous, remaining, bodies, readers } = change;
        for body in bodies {
            self.note_garbage(database, &Waste::Body(body), id);
        }
        committed.removed.push(previous.sequence);
        if let Some(remaining) = remaining {
            let winner = self.stored_sizes(database, remaining.winner_place)?;
            let (sequence, _) = self.write_rows(database, remaining, winner, counters)?;
            committed.documents.push(sequence);
        } else {
            self.forget_readers(database, (id, previous.sequence), &readers);
            self.remove_document(database, id, &previous, counters);
        }
        Ok(())
    }

    /// What a stored body counts for.
    fn stored_sizes(
        &self,
        database: DatabaseId,
        place: BodyPlace,
    ) -> Result<BodySizes, CommitError> {
        let BodyPlace::At(sequence) = place else {
            return Ok(BodySizes::default());
        };
        let key = keys::sequence_key(database, sequence);
        let row = self.engine.shared.keyspaces.bodies.get(key)?;
        let body = row.map(|row| records::decode_body(records::bytes_of(row))).transpose()?;
        Ok(body.map(|record| BodySizes::of(&record)).unwrap_or_default())
    }

    fn remove_document(
        &mut self,
        database: DatabaseId,
        id: &str,
        previous: &Previous,
        counters: &mut Counters,
    ) {
        let keyspaces = &self.engine.shared.keyspaces;
        keys::write_id_key(&mut self.key, database, id);
        self.batch.remove(&keyspaces.documents, self.key.as_slice());
        let key = keys::sequence_key(database, previous.sequence);
        self.batch.remove_weak(&keyspaces.sequences, key);
        self.forget_outstanding(database, id, previous);
        // Taken by no row: whoever waits for a change has to hear that there was one.
        counters.update_sequence += 1;
        counters.uncount(previous);
    }

    /// Lets the oldest records leave, at most `most`, as far as they are beyond the limit and every
    /// index has followed them.
    fn forget_purges(
        &mut self,
        database: DatabaseId,
        state: &mut PurgeState,
        most: usize,
    ) -> Result<(), CommitError> {
        let beyond = state.sequence.saturating_sub(u64::from(state.records_limit));
        if beyond <= state.forgotten {
            return Ok(());
        }
        let through = beyond.min(self.followed_by_all(database)?);
        let keyspace = &self.engine.shared.keyspaces.purges;
        let key =
            |sequence: u64| keys::purge_key(PurgeKey::Record, database, &sequence.to_be_bytes());
        for sequence in (state.forgotten + 1..=through).take(most) {
            // Those of this very batch are not to be read yet; the next purge looks again.
            let Some(row) = keyspace.get(key(sequence))? else { break };
            let record = records::decode_purge(sequence, &row)?;
            self.batch.remove(keyspace, key(sequence));
            self.batch.remove(keyspace, keys::purge_key(PurgeKey::Name, database, &record.uuid));
            state.forgotten = sequence;
        }
        Ok(())
    }

    /// The purge sequence up to which every index of the database has followed.
    fn followed_by_all(&self, database: DatabaseId) -> Result<u64, CommitError> {
        let shared = &self.engine.shared;
        let low = keys::purge_key(PurgeKey::Checkpoint, database, &[]);
        let high = keys::purge_key(PurgeKey::Mark, database, &[]);
        let range = (Bound::Included(low), Bound::Excluded(high));
        let view = shared.database.snapshot();
        let mut followed = u64::MAX;
        for guard in view.range(&shared.keyspaces.purges, range) {
            followed = followed.min(records::decode_purge_sequence(&guard.value()?)?);
        }
        Ok(followed)
    }
}
