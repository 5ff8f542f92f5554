//! Bodies: each is needed by a leaf, or noted to leave.

use super::marked::Marked;
use super::{Check, Subject};
use crate::error::StorageError;
use crate::keys;
use crate::records;

impl Check<'_> {
    pub(super) fn bodies(
        &mut self,
        subject: &Subject<'_>,
        needed: Option<Marked>,
    ) -> Result<(), StorageError> {
        let prefix = keys::database_prefix(subject.database);
        let keyspace = &subject.snapshot.shared().keyspaces.bodies;
        let mut needed = needed;
        self.each_row(subject.snapshot, keyspace, &prefix, &mut |check, key, row| {
            let sequence = keys::sequence_of(&key).unwrap_or_default();
            let of = format_args!("database {}, body {sequence}", subject.name).to_string();
            check.readable(records::decode_body(records::bytes_of(row)), format_args!("{of}"))?;
            check.checked.bodies += 1;
            if sequence > subject.update_sequence {
                check.problem(format_args!("{of}: its sequence was never given"));
            }
            // Which are needed is not known where documents could not be read.
            if let Some(needed) = &mut needed
                && !needed.take(sequence)
                && !subject.noted.bodies.has(sequence)
                && !subject.noted.is_partial
            {
                check.problem(format_args!("{of}: no leaf needs it and it is not noted to leave"));
            }
            Ok(())
        })?;
        Ok(())
    }
}
