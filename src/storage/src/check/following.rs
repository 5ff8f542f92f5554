//! What follows documents without being one: records of purges, and when revisions expire.

use super::{Check, Subject};
use crate::error::StorageError;
use crate::keys::{self, MARK_KEY, PurgeKey};
use crate::records;
use crate::snapshot::Snapshot;

impl Check<'_> {
    pub(super) fn purges(&mut self, subject: &Subject<'_>) -> Result<(), StorageError> {
        let prefix = keys::database_prefix(subject.database);
        let keyspace = &subject.snapshot.shared().keyspaces.purges;
        self.each_row(subject.snapshot, keyspace, &prefix, &mut |check, key, row| {
            let of = format_args!("database {}, a purge", subject.name).to_string();
            let decoded = if key.get(4).copied() == Some(PurgeKey::Record as u8) {
                let sequence = keys::sequence_of(&key).unwrap_or_default();
                records::decode_purge(sequence, &row).map(drop)
            } else {
                records::decode_purge_sequence(&row).map(drop)
            };
            check.readable(decoded, format_args!("{of}")).map(drop)
        })?;
        Ok(())
    }

    pub(super) fn expiries(&mut self, snapshot: &Snapshot) -> Result<(), StorageError> {
        let keyspace = &snapshot.shared().keyspaces.expiries;
        self.each_row(snapshot, keyspace, &[], &mut |check, key, _| {
            if *key != MARK_KEY && keys::expiry_of(&key).is_none() {
                check.problem(format_args!("expiries: the key {key:?} cannot be read"));
            }
            Ok(())
        })?;
        Ok(())
    }
}
