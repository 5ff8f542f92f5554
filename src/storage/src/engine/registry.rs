//! Creating and deleting databases, and their settings.

use crate::database::{Counters, DatabaseId, DatabaseOptions, DatabaseRecord};
use crate::engine::group::Group;
use crate::error::{CommitError, OpenError};
use crate::keys::{self, RegistryKey};
use crate::keyspaces::Keyspaces;
use crate::operation::{MAXIMUM_ID_BYTES, NewDatabase, Outcome};
use crate::records;

/// The key under which the next number stands: it belongs to no database.
fn next_number_key() -> [u8; 5] {
    keys::registry_key(RegistryKey::NextNumber, DatabaseId(0))
}

/// The next number to give; the first is 1.
pub(super) fn next_number(keyspaces: &Keyspaces) -> Result<u32, OpenError> {
    match keyspaces.databases.get(next_number_key())? {
        Some(row) => Ok(records::decode_next_number(&row)?),
        None => Ok(1),
    }
}

/// What all databases weigh together.
pub(super) fn weight(keyspaces: &Keyspaces) -> Result<u64, OpenError> {
    let mut weight: u64 = 0;
    for guard in keyspaces.databases.prefix([RegistryKey::Counters as u8]) {
        weight += records::decode_counters(&guard.value()?)?.weight();
    }
    Ok(weight)
}

impl Group<'_> {
    fn registered(&self, name: &str) -> Result<Option<DatabaseRecord>, CommitError> {
        if let Some(known) = self.names.get(name) {
            return Ok(known.clone());
        }
        let keyspace = &self.engine.shared.keyspaces.databases;
        let row = keyspace.get(keys::name_key(name))?;
        Ok(row.map(|row| records::decode_database(name, &row)).transpose()?)
    }

    pub(super) fn create_database(&mut self, new: NewDatabase) -> Result<Outcome, CommitError> {
        let NewDatabase { name, shards, created_unix_ms, instance, partitioned, access, .. } = new;
        let id = DatabaseId(self.engine.next_number);
        let record =
            DatabaseRecord { id, name, shards, instance, created_unix_ms, partitioned, access };
        if record.name.len() > MAXIMUM_ID_BYTES {
            return Ok(Outcome::IdTooLong);
        }
        if self.registered(&record.name)?.is_some() {
            return Ok(Outcome::AlreadyExists);
        }
        self.engine.next_number += 1;
        let next_number = self.engine.next_number;
        let keyspace = &self.engine.shared.keyspaces.databases;
        records::encode_next_number(&mut self.row, next_number);
        self.batch.insert(keyspace, next_number_key(), self.row.as_slice());
        records::encode_database(&mut self.row, &record);
        let key = keys::name_key(&record.name);
        self.batch.insert(keyspace, key, self.row.as_slice());
        if new.options != DatabaseOptions::default() {
            records::encode_options(&mut self.row, &new.options);
            let key = keys::registry_key(RegistryKey::Options, record.id);
            self.batch.insert(keyspace, key, self.row.as_slice());
        }
        if let Some(security) = new.security {
            records::encode_opaque(&mut self.row, &security);
            let key = keys::registry_key(RegistryKey::Security, record.id);
            self.batch.insert(keyspace, key, self.row.as_slice());
        }
        if self.engine.notes() {
            records::encode_opaque(&mut self.row, &[]);
            let key = keys::registry_key(RegistryKey::Outstanding, record.id);
            self.batch.insert(keyspace, key, self.row.as_slice());
        }
        self.set_counters(record.id, Counters::default());
        self.names.insert(record.name.clone(), Some(record.clone()));
        Ok(Outcome::Created(record))
    }

    pub(super) fn delete_database(&mut self, name: &str) -> Result<Outcome, CommitError> {
        let Some(record) = self.registered(name)? else {
            return Ok(Outcome::NoSuchDatabase);
        };
        let keyspace = &self.engine.shared.keyspaces.databases;
        self.batch.remove(keyspace, keys::name_key(name));
        for tag in [
            RegistryKey::Counters,
            RegistryKey::Security,
            RegistryKey::RevisionsLimit,
            RegistryKey::Purges,
            RegistryKey::Options,
            RegistryKey::Tombstones,
            RegistryKey::Outstanding,
        ] {
            self.batch.remove(keyspace, keys::registry_key(tag, record.id));
        }
        records::encode_opaque(&mut self.row, name.as_bytes());
        let key = keys::registry_key(RegistryKey::Dropping, record.id);
        self.batch.insert(keyspace, key, self.row.as_slice());
        self.weigh(record.id, None)?;
        self.engine.dropping.add(record.id);
        self.engine.upload_totals.forget_database(record.id);
        self.names.insert(name.to_owned(), None);
        Ok(Outcome::Deleted(record.id))
    }

    /// Writes the row that was built as one of a database's settings.
    pub(super) fn put_setting(
        &mut self,
        tag: RegistryKey,
        database: DatabaseId,
    ) -> Result<Outcome, CommitError> {
        if self.counters(database)?.is_none() {
            return Ok(Outcome::NoSuchDatabase);
        }
        let keyspace = &self.engine.shared.keyspaces.databases;
        let key = keys::registry_key(tag, database);
        self.batch.insert(keyspace, key, self.row.as_slice());
        Ok(Outcome::Done)
    }
}
