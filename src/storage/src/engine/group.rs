//! A group of operations on its way into one batch. Later operations see what earlier ones of
//! the group did, through what is noted here.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use fjall::OwnedWriteBatch;

use crate::database::{Counters, DatabaseId, DatabaseRecord};
use crate::engine::Engine;
use crate::error::CommitError;
use crate::keys::{self, RegistryKey};
use crate::operation::{LocalWrite, MAXIMUM_ID_BYTES, NodeWrite, Operation, Outcome};
use crate::purge::{PurgeState, TombstoneState};
use crate::records::{self, UploadState};
use crate::resumable::ResumableUpload;

/// A group under way.
pub(super) struct Group<'a> {
    pub(super) engine: &'a mut Engine,
    pub(super) batch: &'a mut OwnedWriteBatch,
    /// Names that the group created (their entry) or deleted (`None`).
    pub(super) names: HashMap<String, Option<DatabaseRecord>>,
    /// Contents that the group gave an address.
    pub(super) contents: HashSet<(DatabaseId, [u8; 32])>,
    /// States of uploads without address that the group changed; `None` where there is no more.
    pub(super) uploads: HashMap<(DatabaseId, [u8; 16]), Option<UploadState>>,
    /// Uploads that may be resumed and that the group changed.
    pub(super) resumable: HashMap<(DatabaseId, [u8; 16]), ResumableUpload>,
    /// Databases whose counters the group changed.
    changed: Vec<DatabaseId>,
    /// How databases that the group purged stand with it.
    pub(super) purge_states: HashMap<DatabaseId, PurgeState>,
    /// How far tombstones have been purged, where the group purged some.
    pub(super) tombstone_states: HashMap<DatabaseId, TombstoneState>,
    /// Room for building a key.
    pub(super) key: Vec<u8>,
    /// Room for building a row.
    pub(super) row: Vec<u8>,
}

impl<'a> Group<'a> {
    pub(super) fn new(engine: &'a mut Engine, batch: &'a mut OwnedWriteBatch) -> Self {
        Self {
            engine,
            batch,
            names: HashMap::new(),
            contents: HashSet::new(),
            uploads: HashMap::new(),
            resumable: HashMap::new(),
            changed: Vec::new(),
            purge_states: HashMap::new(),
            tombstone_states: HashMap::new(),
            key: Vec::new(),
            row: Vec::new(),
        }
    }

    /// Adds one operation's rows to the batch.
    pub(super) fn apply(&mut self, operation: Operation) -> Result<Outcome, CommitError> {
        match operation {
            Operation::CreateDatabase(new) => self.create_database(new),
            Operation::DeleteDatabase { name } => self.delete_database(&name),
            Operation::SetSecurity { database, json } => {
                records::encode_opaque(&mut self.row, &json);
                self.put_setting(RegistryKey::Security, database)
            }
            Operation::SetRevisionsLimit { database, limit } => {
                records::encode_revisions_limit(&mut self.row, limit);
                self.put_setting(RegistryKey::RevisionsLimit, database)
            }
            Operation::Documents(write) => self.write_documents(write),
            Operation::Purge(write) => self.purge(write),
            Operation::SetPurgeRecordsLimit { database, limit } => {
                self.set_purge_records_limit(database, limit)
            }
            Operation::SetPurgeCheckpoint { database, index, sequence } => {
                self.set_purge_checkpoint(database, &index, sequence)
            }
            Operation::MarkTime { database, time_ms } => self.mark_time(database, time_ms),
            Operation::TombstonesSwept { database, mark } => self.tombstones_swept(database, mark),
            Operation::SetOptions { database, options } => {
                records::encode_options(&mut self.row, &options);
                self.put_setting(RegistryKey::Options, database)
            }
            Operation::ForgetExpiries(rows) => {
                let keyspace = &self.engine.shared.keyspaces.expiries;
                for row in &rows {
                    let key = keys::expiry_key(row.at_ms, row.database, row.sequence);
                    self.batch.remove(keyspace, key);
                }
                Ok(Outcome::Done)
            }
            Operation::Locals { database, writes } => self.write_locals(database, &writes),
            Operation::Chunk { database, upload, number, bytes } => {
                self.write_chunk(database, upload, number, &bytes)
            }
            Operation::FinishUpload { database, upload, content, chunks, stored_length } => self
                .finish_upload(
                    database,
                    &content,
                    &records::ContentRecord { upload, chunks, stored_length },
                ),
            Operation::Upload(write) => self.resume(write),
            Operation::ReleaseContent { database, content } => {
                self.engine.leases.release(database, content);
                Ok(Outcome::Done)
            }
            Operation::Node { key, value } => {
                Ok(self.write_node_records(&[NodeWrite { key, value }]))
            }
            Operation::NodeRecords { writes } => Ok(self.write_node_records(&writes)),
        }
    }

    /// Adds what changed at most once however many operations changed it: counters of databases,
    /// states of uploads.
    pub(super) fn finish(mut self) {
        self.finish_uploads();
        self.finish_resumable();
        self.finish_purges();
        self.finish_tombstones();
        for database in std::mem::take(&mut self.changed) {
            let Some(Some(counters)) = self.engine.counters.get(&database) else {
                continue;
            };
            records::encode_counters(&mut self.row, counters);
            let key = keys::registry_key(RegistryKey::Counters, database);
            let keyspace = &self.engine.shared.keyspaces.databases;
            self.batch.insert(keyspace, key, self.row.as_slice());
        }
    }

    /// A database's counters, `None` when it does not live.
    pub(super) fn counters(
        &mut self,
        database: DatabaseId,
    ) -> Result<Option<Counters>, CommitError> {
        self.engine.counters(database)
    }

    /// Notes that a database's counters are others now, or that it lives no more.
    pub(super) fn weigh(
        &mut self,
        database: DatabaseId,
        counters: Option<Counters>,
    ) -> Result<(), CommitError> {
        self.counters(database)?;
        self.weigh_known(database, counters);
        Ok(())
    }

    fn weigh_known(&mut self, database: DatabaseId, counters: Option<Counters>) {
        let weight = |counters: Option<Counters>| counters.map_or(0, |one| one.weight());
        let before = self.engine.counters.insert(database, counters).flatten();
        let total = &self.engine.shared.weight;
        total.fetch_add(weight(counters), Ordering::Relaxed);
        total.fetch_sub(weight(before), Ordering::Relaxed);
    }

    /// Notes changed counters; [`Group::finish`] writes them.
    pub(super) fn set_counters(&mut self, database: DatabaseId, counters: Counters) {
        self.weigh_known(database, Some(counters));
        if !self.changed.contains(&database) {
            self.changed.push(database);
        }
    }

    fn write_locals(
        &mut self,
        database: DatabaseId,
        writes: &[LocalWrite],
    ) -> Result<Outcome, CommitError> {
        if writes.iter().any(|write| write.id.len() > MAXIMUM_ID_BYTES) {
            return Ok(Outcome::IdTooLong);
        }
        if self.counters(database)?.is_none() {
            return Ok(Outcome::NoSuchDatabase);
        }
        let keyspace = &self.engine.shared.keyspaces.locals;
        for write in writes {
            keys::write_id_key(&mut self.key, database, &write.id);
            match &write.value {
                Some(value) => {
                    records::encode_opaque(&mut self.row, value);
                    self.batch.insert(keyspace, self.key.as_slice(), self.row.as_slice());
                }
                None => self.batch.remove(keyspace, self.key.as_slice()),
            }
        }
        Ok(Outcome::Done)
    }

    fn write_node_records(&mut self, writes: &[NodeWrite]) -> Outcome {
        if writes.iter().any(|NodeWrite { key, .. }| key.is_empty() || key.len() > MAXIMUM_ID_BYTES)
        {
            return Outcome::IdTooLong;
        }
        let keyspace = &self.engine.shared.keyspaces.node;
        for NodeWrite { key, value } in writes {
            match value {
                Some(value) => {
                    records::encode_opaque(&mut self.row, value);
                    self.batch.insert(keyspace, key.as_str(), self.row.as_slice());
                }
                None => self.batch.remove(keyspace, key.as_str()),
            }
        }
        Outcome::Done
    }
}
