//! Documents by id and by sequence, their trees and what is counted of them; local documents.

use refuge_document::BodyPlace;

use super::marked::Marked;
use super::{Check, Subject};
use crate::database::DatabaseInformation;
use crate::error::StorageError;
use crate::keys;
use crate::records::{self, DocumentRecord};

/// What the rows of a database come to.
#[derive(Debug, Default)]
struct Sums {
    documents: u64,
    deleted: u64,
    active_bytes: u64,
    external_bytes: u64,
}

impl Check<'_> {
    /// Checks the documents; answers the sequences under which bodies must stand, where all of them could be
    /// read.
    pub(super) fn documents(
        &mut self,
        subject: &Subject<'_>,
        counted: &DatabaseInformation,
    ) -> Result<Option<Marked>, StorageError> {
        let mut needed = Marked::default();
        let mut sums = Sums::default();
        let prefix = keys::database_prefix(subject.database);
        let keyspace = &subject.snapshot.shared().keyspaces.documents;
        let (marks, summed) = (&mut needed, &mut sums);
        let is_whole =
            self.each_row(subject.snapshot, keyspace, &prefix, &mut |check, key, row| {
                let id = String::from_utf8_lossy(key.get(4..).unwrap_or_default()).into_owned();
                let record = DocumentRecord::decode(records::bytes_of(row));
                let of = format_args!("database {}, document {id}", subject.name).to_string();
                let Some(record) = check.readable(record, format_args!("{of}"))? else {
                    return Ok(());
                };
                check.checked.documents += 1;
                check.document(subject, &of, (&id, &record), (&mut *marks, &mut *summed))
            })?;
        if !is_whole {
            return Ok(None);
        }
        let pairs = [
            ("documents", sums.documents, counted.documents),
            ("deleted documents", sums.deleted, counted.deleted_documents),
            ("active bytes", sums.active_bytes, counted.active_bytes),
            ("external bytes", sums.external_bytes, counted.external_bytes),
        ];
        for (what, found, told) in pairs {
            if found != told {
                let name = subject.name;
                self.problem(format_args!("database {name}: {told} {what} counted, {found} found"));
            }
        }
        Ok(Some(needed))
    }

    fn document(
        &mut self,
        subject: &Subject<'_>,
        of: &str,
        (id, record): (&str, &DocumentRecord),
        (needed, sums): (&mut Marked, &mut Sums),
    ) -> Result<(), StorageError> {
        let Some(tree) = self.readable(record.tree(), format_args!("{of}"))? else {
            return Ok(());
        };
        let Some(winner) = tree.winner() else {
            self.problem(format_args!("{of}: its tree is empty"));
            return Ok(());
        };
        let counts = if winner.deleted { &mut sums.deleted } else { &mut sums.documents };
        *counts += 1;
        let own = record.previous(winner.deleted, false);
        sums.active_bytes += own.active_bytes;
        sums.external_bytes += own.external_bytes;
        for leaf in tree.leaves() {
            let BodyPlace::At(place) = leaf.place else { continue };
            needed.mark(place);
            let body = subject.snapshot.body(subject.database, place);
            let Some(body) = self.readable(body, format_args!("{of}, {}", leaf.revision))? else {
                continue;
            };
            match body {
                None => {
                    self.problem(format_args!("{of}: the body of {} is missing", leaf.revision))
                }
                Some(body) => {
                    for attachment in &body.attachments {
                        self.reference(subject, of, (id, place), attachment)?;
                    }
                }
            }
        }
        self.sequence_row(subject, of, record)?;
        Ok(())
    }

    /// The row by sequence must tell the same as the document's own.
    fn sequence_row(
        &mut self,
        subject: &Subject<'_>,
        of: &str,
        record: &DocumentRecord,
    ) -> Result<(), StorageError> {
        let sequence = record.sequence;
        if sequence > subject.update_sequence {
            self.problem(format_args!("{of}: its sequence {sequence} was never given"));
        }
        let key = keys::sequence_key(subject.database, sequence);
        let keyspace = &subject.snapshot.shared().keyspaces.sequences;
        let row = subject.snapshot.get(keyspace, key);
        let Some(row) = self.readable(row, format_args!("{of}, sequence {sequence}"))? else {
            return Ok(());
        };
        let Some(row) = row else {
            self.problem(format_args!("{of}: its row at sequence {sequence} is missing"));
            return Ok(());
        };
        let change = records::decode_change(sequence, &row);
        let Some(change) = self.readable(change, format_args!("{of}, sequence {sequence}"))? else {
            return Ok(());
        };
        let tree = record.tree()?;
        let place = match tree.winner().map(|winner| winner.place) {
            Some(BodyPlace::At(place)) => place,
            _ => 0,
        };
        if change.leaves != tree.leaf_summaries() || change.body != place {
            self.problem(format_args!("{of}: its row at sequence {sequence} tells other leaves"));
        }
        Ok(())
    }

    /// Each row by sequence must be the last change of its document.
    pub(super) fn sequences(&mut self, subject: &Subject<'_>) -> Result<(), StorageError> {
        let prefix = keys::database_prefix(subject.database);
        let keyspace = &subject.snapshot.shared().keyspaces.sequences;
        self.each_row(subject.snapshot, keyspace, &prefix, &mut |check, key, row| {
            let sequence = keys::sequence_of(&key).unwrap_or_default();
            let of = format_args!("database {}, sequence {sequence}", subject.name).to_string();
            let change = records::decode_change(sequence, &row);
            let Some(change) = check.readable(change, format_args!("{of}"))? else {
                return Ok(());
            };
            if sequence > subject.update_sequence {
                check.problem(format_args!("{of}: it was never given"));
            }
            let record = subject.snapshot.document(subject.database, &change.id);
            let Some(record) = check.readable(record, format_args!("{of}"))? else {
                return Ok(());
            };
            if record.is_none_or(|record| record.sequence != sequence) {
                let id = &change.id;
                check.problem(format_args!("{of}: it is not the last change of document {id}"));
            }
            Ok(())
        })?;
        Ok(())
    }

    pub(super) fn locals(&mut self, subject: &Subject<'_>) -> Result<(), StorageError> {
        let prefix = keys::database_prefix(subject.database);
        let keyspace = &subject.snapshot.shared().keyspaces.locals;
        self.each_row(subject.snapshot, keyspace, &prefix, &mut |check, _, row| {
            let of = format_args!("database {}, a local document", subject.name).to_string();
            check.readable(records::opaque("locals", &row).map(drop), format_args!("{of}"))?;
            check.checked.locals += 1;
            Ok(())
        })?;
        Ok(())
    }
}
