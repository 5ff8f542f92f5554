//! The registry of databases, the node's own records, and rows that belong to no database.

use std::collections::BTreeSet;
use std::ops::Bound;

use fjall::{Guard, Keyspace, Readable};

use super::Check;
use crate::database::{DatabaseId, DatabaseRecord};
use crate::error::StorageError;
use crate::keys::{self, MARK_KEY, RegistryKey};
use crate::records;
use crate::snapshot::{DatabaseRange, Snapshot};

impl Check<'_> {
    /// Checks the registry and the node's records; answers the databases.
    pub(super) fn registry(
        &mut self,
        snapshot: &Snapshot,
    ) -> Result<Vec<DatabaseRecord>, StorageError> {
        let all = DatabaseRange {
            low: Bound::Unbounded,
            high: Bound::Unbounded,
            descending: false,
            limit: usize::MAX,
        };
        let databases = snapshot.databases(&all)?;
        let mut known = BTreeSet::new();
        for record in &databases {
            if !known.insert(record.id) {
                let DatabaseRecord { id, name, .. } = record;
                self.problem(format_args!("database {name}: another has its number {id} too"));
            }
        }
        let live = known.clone();
        let (keyspaces, named) = (&snapshot.shared().keyspaces, &mut known);
        self.each_row(snapshot, &keyspaces.databases, &[], &mut |check, key, row| {
            if *key == MARK_KEY { Ok(()) } else { check.registry_row(&key, &row, &live, named) }
        })?;
        self.each_row(snapshot, &keyspaces.node, &[], &mut |check, key, row| {
            if *key != MARK_KEY {
                let name = String::from_utf8_lossy(&key);
                check.readable(records::opaque("node", &row), format_args!("record {name}"))?;
            }
            Ok(())
        })?;
        for keyspace in snapshot.shared().keyspaces.of_databases() {
            self.strangers(snapshot, keyspace, &known)?;
        }
        Ok(databases)
    }

    fn registry_row(
        &mut self,
        key: &[u8],
        row: &[u8],
        live: &BTreeSet<DatabaseId>,
        known: &mut BTreeSet<DatabaseId>,
    ) -> Result<(), StorageError> {
        let number = key.get(1..).and_then(|rest| <[u8; 4]>::try_from(rest).ok());
        let database = number.map(|bytes| DatabaseId(u32::from_be_bytes(bytes)));
        let tag = key.first().copied();
        let is = |wanted: RegistryKey| tag == Some(wanted as u8);
        let decoded = match database {
            _ if is(RegistryKey::Name) => Ok(()),
            _ if is(RegistryKey::NextNumber) => records::decode_next_number(row).map(drop),
            Some(database) if is(RegistryKey::Dropping) => {
                known.insert(database);
                records::opaque("databases", row).map(drop)
            }
            Some(database) if !live.contains(&database) => {
                self.problem(format_args!("databases: a setting of {database}, which is gone"));
                Ok(())
            }
            _ if is(RegistryKey::Counters) => records::decode_counters(row).map(drop),
            _ if is(RegistryKey::Outstanding) => records::opaque("databases", row).map(drop),
            _ if is(RegistryKey::Security) => records::opaque("databases", row).map(drop),
            _ if is(RegistryKey::RevisionsLimit) => records::decode_revisions_limit(row).map(drop),
            _ if is(RegistryKey::Options) => records::decode_options(row).map(drop),
            _ if is(RegistryKey::Tombstones) => records::decode_tombstone_state(row).map(drop),
            _ if is(RegistryKey::Purges) => records::decode_purge_state(row).map(drop),
            _ => {
                self.problem(format_args!("databases: the key {key:?} cannot be read"));
                Ok(())
            }
        };
        self.readable(decoded, format_args!("databases, key {key:?}"))?;
        Ok(())
    }

    /// Finds rows of databases that neither live nor are being dropped. Goes from one database's
    /// rows to the next one's.
    fn strangers(
        &mut self,
        snapshot: &Snapshot,
        keyspace: &Keyspace,
        known: &BTreeSet<DatabaseId>,
    ) -> Result<(), StorageError> {
        // Number 0 is never given: marks stand there.
        let mut next = DatabaseId(1);
        loop {
            let from = keys::database_prefix(next).to_vec();
            let range = (Bound::Included(from), Bound::<Vec<u8>>::Unbounded);
            let first = snapshot.view().range(keyspace, range).next().map(Guard::key).transpose();
            let of = format_args!("{}, the next database", keyspace.name()).to_string();
            let first = self.readable(first.map_err(StorageError::from), format_args!("{of}"))?;
            let Some(key) = first.flatten() else { return Ok(()) };
            let Some(number) = key.first_chunk::<4>() else { return Ok(()) };
            let found = DatabaseId(u32::from_be_bytes(*number));
            if !known.contains(&found) {
                let name = keyspace.name();
                self.problem(format_args!("{name}: rows of database {found}, which is gone"));
            }
            let Some(number) = found.0.checked_add(1) else { return Ok(()) };
            next = DatabaseId(number);
        }
    }
}
