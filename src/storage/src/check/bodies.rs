//! Bodies: each is needed by a leaf, or noted to leave.

use fjall::Readable;

use super::marked::Marked;
use super::{Check, Subject};
use crate::error::StorageError;
use crate::keys;
use crate::records;

impl Check<'_> {
    pub(super) fn bodies(
        &mut self,
        subject: &Subject<'_>,
        mut needed: Marked,
    ) -> Result<(), StorageError> {
        let prefix = keys::database_prefix(subject.database);
        let keyspace = &subject.snapshot.shared().keyspaces.bodies;
        for guard in subject.snapshot.view().prefix(keyspace, prefix) {
            let (key, row) = guard.into_inner()?;
            let sequence = keys::sequence_of(&key).unwrap_or_default();
            let of = format_args!("database {}, body {sequence}", subject.name).to_string();
            self.readable(records::decode_body(records::bytes_of(row)), format_args!("{of}"))?;
            self.checked.bodies += 1;
            if sequence > subject.update_sequence {
                self.problem(format_args!("{of}: its sequence was never given"));
            }
            if !needed.take(sequence) && !subject.noted.bodies.has(sequence) {
                self.problem(format_args!("{of}: no leaf needs it and it is not noted to leave"));
            }
        }
        Ok(())
    }
}
