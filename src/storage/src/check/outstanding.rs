//! What is noted of documents that stand out, against the documents.

use refuge_document::BodyPlace;

use super::{Check, Subject};
use crate::engine::is_conflicted;
use crate::error::StorageError;
use crate::keys::{self, OutstandingKey};
use crate::records::{self, DocumentRecord};
use crate::snapshot::DocumentRange;

impl Check<'_> {
    /// Each note must be true, and, once a database has all of them, none may be missing.
    pub(super) fn outstanding(&mut self, subject: &Subject<'_>) -> Result<(), StorageError> {
        let prefix = keys::database_prefix(subject.database);
        let keyspace = &subject.snapshot.shared().keyspaces.outstanding;
        self.each_row(subject.snapshot, keyspace, &prefix, &mut |check, key, row| {
            let name = subject.name;
            match keys::outstanding_of(&key) {
                Some(OutstandingKey::Conflict(id)) => check.noted_conflict(subject, &id, &row)?,
                Some(OutstandingKey::Tombstone(sequence)) => {
                    check.noted_tombstone(subject, sequence, &row)?;
                }
                None => check.problem(format_args!(
                    "database {name}: the note under the key {key:?} cannot be read"
                )),
            }
            Ok(())
        })?;
        if !subject.snapshot.is_noted(subject.database)? {
            return Ok(());
        }
        let documents = subject.snapshot.documents(subject.database, &DocumentRange::default());
        // What cannot be read was told before.
        let documents = documents.take_while(|one| !matches!(one, Err(StorageError::Engine(_))));
        for (id, record) in documents.flatten() {
            self.note_of(subject, &id, &record)?;
        }
        Ok(())
    }

    fn noted_conflict(
        &mut self,
        subject: &Subject<'_>,
        id: &str,
        row: &[u8],
    ) -> Result<(), StorageError> {
        let of = format!("database {}, the conflicts of document {id}", subject.name);
        let noted = self.readable(records::decode_change(0, row), format_args!("{of}"))?;
        let record = subject.snapshot.document(subject.database, id);
        let record = self.readable(record, format_args!("{of}"))?.flatten();
        let tree = match record {
            Some(record) => self.readable(record.tree(), format_args!("{of}"))?,
            None => None,
        };
        let (Some(noted), Some(tree)) = (noted, tree) else {
            self.problem(format_args!("{of}: the note has no document"));
            return Ok(());
        };
        let place = match tree.winner().map(|winner| winner.place) {
            Some(BodyPlace::At(place)) => place,
            _ => 0,
        };
        if noted.leaves != tree.leaf_summaries() || noted.body != place {
            self.problem(format_args!("{of}: the note tells other leaves"));
        }
        Ok(())
    }

    fn noted_tombstone(
        &mut self,
        subject: &Subject<'_>,
        sequence: u64,
        row: &[u8],
    ) -> Result<(), StorageError> {
        let of = format!("database {}, the tombstone at sequence {sequence}", subject.name);
        let noted = self.readable(records::opaque("outstanding", row), format_args!("{of}"))?;
        let id = String::from_utf8_lossy(noted.unwrap_or_default()).into_owned();
        let record = subject.snapshot.document(subject.database, &id);
        let record = self.readable(record, format_args!("{of}"))?.flatten();
        let is_true = record.is_some_and(|record| {
            record.sequence == sequence && record.winner().is_ok_and(|winner| winner.deleted)
        });
        if !is_true {
            self.problem(format_args!("{of}: document {id} has none there"));
        }
        Ok(())
    }

    /// A document that stands out must be noted.
    fn note_of(
        &mut self,
        subject: &Subject<'_>,
        id: &str,
        record: &DocumentRecord,
    ) -> Result<(), StorageError> {
        let Ok(tree) = record.tree() else { return Ok(()) };
        let keyspace = &subject.snapshot.shared().keyspaces.outstanding;
        let name = subject.name;
        let is_noted = subject.snapshot.get(keyspace, keys::conflict_key(subject.database, id))?;
        if is_conflicted(&tree.leaf_summaries()) != is_noted.is_some() {
            let told = if is_noted.is_some() { "has none" } else { "has some" };
            self.problem(format_args!(
                "database {name}: document {id} {told}, unlike what is noted of its conflicts"
            ));
        }
        let Some(winner) = tree.winner().filter(|winner| winner.deleted) else { return Ok(()) };
        let BodyPlace::At(place) = winner.place else { return Ok(()) };
        let key = keys::tombstone_key(subject.database, record.sequence);
        if subject.snapshot.get(keyspace, key)?.is_none()
            && let Ok(Some(body)) = subject.snapshot.body(subject.database, place)
            && !body.is_empty()
        {
            self.problem(format_args!(
                "database {name}: the tombstone of document {id} has a body, which is not noted"
            ));
        }
        Ok(())
    }
}
