//! The indexes by reader, against the documents and what they say of their readers, both ways.

use fjall::Readable;
use refuge_document::{Access, BodyPlace};

use super::{Check, Subject};
use crate::error::StorageError;
use crate::keys::{self, ReaderKey};
use crate::records::{self, DocumentRecord, ReaderState};
use crate::snapshot::{DocumentRange, EVERYBODY};

/// A document as its readers see it.
struct Shown {
    sequence: u64,
    deleted: bool,
    readers: Vec<String>,
}

impl Check<'_> {
    /// Each row must be true, and none may be missing; a database without permissions has none.
    pub(super) fn readers(&mut self, subject: &Subject<'_>) -> Result<(), StorageError> {
        let prefix = keys::database_prefix(subject.database);
        let keyspace = &subject.snapshot.shared().keyspaces.readers;
        for guard in subject.snapshot.view().prefix(keyspace, prefix) {
            let (key, row) = guard.into_inner()?;
            let name = subject.name;
            match keys::reader_of(&key) {
                Some(_) if !subject.access => self.problem(format_args!(
                    "database {name}: it has no permissions on documents, and readers are noted"
                )),
                Some(ReaderKey::Change { principal, sequence }) => {
                    self.reader_change(subject, (&principal, sequence), &row)?;
                }
                Some(ReaderKey::Document { principal, id }) => {
                    self.reader_document(subject, (&principal, &id), &row)?;
                }
                None => self.problem(format_args!(
                    "database {name}: the reader's row under the key {key:?} cannot be read"
                )),
            }
        }
        if !subject.access {
            return Ok(());
        }
        let documents = subject.snapshot.documents(subject.database, &DocumentRange::default());
        // What cannot be read was told before.
        for (id, record) in documents.flatten() {
            self.readers_of(subject, &id, &record)?;
        }
        Ok(())
    }

    /// What is stored of a document; `None` where it is none, or cannot be read, which was told before.
    fn stored(subject: &Subject<'_>, id: &str) -> Option<Shown> {
        let record = subject.snapshot.document(subject.database, id).ok()??;
        Self::readable_of(subject, id, &record)
    }

    fn readable_of(subject: &Subject<'_>, id: &str, record: &DocumentRecord) -> Option<Shown> {
        let winner = record.winner().ok()?;
        let readers = match winner.place {
            _ if id.starts_with("_design/") => vec![EVERYBODY.to_owned()],
            BodyPlace::At(place) => {
                let body = subject.snapshot.body(subject.database, place).ok()?;
                let access = body.map_or_else(Access::default, |body| body.body.access());
                access.principals().to_vec()
            }
            BodyPlace::Missing | BodyPlace::Pending(_) => Vec::new(),
        };
        Some(Shown { sequence: record.sequence, deleted: winner.deleted, readers })
    }

    fn reader_change(
        &mut self,
        subject: &Subject<'_>,
        (principal, sequence): (&str, u64),
        row: &[u8],
    ) -> Result<(), StorageError> {
        let of = format!("database {}, reader {principal:?}, sequence {sequence}", subject.name);
        let change = records::decode_reader_change(sequence, row);
        let Some(removed) = self.readable(change, format_args!("{of}"))? else { return Ok(()) };
        if let Some(removed) = removed {
            let state = subject.snapshot.reader_state(subject.database, principal, &removed.id);
            let state = self.readable(state, format_args!("{of}"))?.flatten();
            if state != Some(ReaderState::Removed(sequence)) {
                let id = &removed.id;
                self.problem(format_args!("{of}: document {id} is not told as removed there"));
            }
            return Ok(());
        }
        let change = subject.snapshot.change(subject.database, sequence);
        let change = self.readable(change, format_args!("{of}"))?.flatten();
        let stored = change.and_then(|change| Self::stored(subject, &change.id));
        let is_true = stored.is_some_and(|document| {
            document.sequence == sequence && document.readers.iter().any(|one| one == principal)
        });
        if !is_true {
            self.problem(format_args!(
                "{of}: no document of this reader has its last change there"
            ));
        }
        Ok(())
    }

    fn reader_document(
        &mut self,
        subject: &Subject<'_>,
        (principal, id): (&str, &str),
        row: &[u8],
    ) -> Result<(), StorageError> {
        let of = format!("database {}, reader {principal:?}, document {id}", subject.name);
        let state = records::decode_reader_state(row);
        let Some(state) = self.readable(state, format_args!("{of}"))? else { return Ok(()) };
        let document = Self::stored(subject, id);
        let reads = |document: &Shown| document.readers.iter().any(|one| one == principal);
        let is_true = match (state, document) {
            (ReaderState::Removed(sequence), document) => {
                let key = keys::reader_change_key(subject.database, principal, sequence);
                let keyspace = &subject.snapshot.shared().keyspaces.readers;
                let is_told = subject.snapshot.get(keyspace, key)?.is_some();
                is_told && !document.as_ref().is_some_and(reads)
            }
            (state, Some(document)) => {
                document.deleted == (state == ReaderState::Deleted) && reads(&document)
            }
            (_, None) => false,
        };
        if !is_true {
            self.problem(format_args!("{of}: it does not stand so with this reader"));
        }
        Ok(())
    }

    /// All who may read a document must find it.
    fn readers_of(
        &mut self,
        subject: &Subject<'_>,
        id: &str,
        record: &DocumentRecord,
    ) -> Result<(), StorageError> {
        let Some(document) = Self::readable_of(subject, id, record) else { return Ok(()) };
        let keyspace = &subject.snapshot.shared().keyspaces.readers;
        for reader in &document.readers {
            let change = keys::reader_change_key(subject.database, reader, document.sequence);
            let row = keys::reader_document_key(subject.database, reader, id);
            for key in [change, row] {
                if subject.snapshot.get(keyspace, key)?.is_none() {
                    let name = subject.name;
                    self.problem(format_args!(
                        "database {name}: reader {reader:?} does not find document {id}"
                    ));
                }
            }
        }
        Ok(())
    }
}
