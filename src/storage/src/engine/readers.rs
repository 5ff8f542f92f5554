//! The indexes by reader, kept up in the batch of the document whose readers they tell.

use refuge_document::LeafSummary;

use crate::database::DatabaseId;
use crate::engine::group::Group;
use crate::keys;
use crate::operation::{DocumentWrite, ReadersWrite};
use crate::records::{self, ReaderState};

impl Group<'_> {
    /// Notes for whom a document can be read after a write at this sequence, and who cannot any more.
    pub(super) fn note_readers(
        &mut self,
        database: DatabaseId,
        document: &DocumentWrite,
        sequence: u64,
    ) {
        let Some(readers) = &document.readers else { return };
        let deleted = document.leaves.first().is_some_and(|winner| winner.deleted);
        let was_deleted = document.previous.as_ref().is_some_and(|row| row.deleted);
        let state = if deleted { ReaderState::Deleted } else { ReaderState::Live };
        for reader in &readers.before {
            if let Some(previous) = &document.previous {
                self.remove_reader_change(database, reader, previous.sequence);
            }
            if !readers.after.contains(reader) {
                self.put_removed(database, (reader, sequence), document, readers);
            }
        }
        for (reader, told) in &readers.regained {
            self.remove_reader_change(database, reader, *told);
        }
        for reader in &readers.after {
            records::encode_visible(&mut self.row);
            let key = keys::reader_change_key(database, reader, sequence);
            let keyspace = &self.engine.shared.keyspaces.readers;
            self.batch.insert(keyspace, key, self.row.as_slice());
            if deleted != was_deleted || !readers.before.contains(reader) {
                self.put_reader_state(database, (reader, &document.id), state);
            }
        }
    }

    /// Forgets for whom a document could be read that leaves. Nobody is told: it never was.
    pub(super) fn forget_readers(
        &mut self,
        database: DatabaseId,
        (id, sequence): (&str, u64),
        readers: &[String],
    ) {
        for reader in readers {
            self.remove_reader_change(database, reader, sequence);
            let key = keys::reader_document_key(database, reader, id);
            self.batch.remove(&self.engine.shared.keyspaces.readers, key);
        }
    }

    fn remove_reader_change(&mut self, database: DatabaseId, reader: &str, sequence: u64) {
        let key = keys::reader_change_key(database, reader, sequence);
        self.batch.remove(&self.engine.shared.keyspaces.readers, key);
    }

    fn put_removed(
        &mut self,
        database: DatabaseId,
        (reader, sequence): (&str, u64),
        document: &DocumentWrite,
        readers: &ReadersWrite,
    ) {
        let seen = readers.seen.iter();
        let seen: Vec<LeafSummary> = seen
            .map(|revision| LeafSummary { revision: revision.clone(), deleted: true })
            .collect();
        records::encode_removed(&mut self.row, &seen, &document.id);
        let key = keys::reader_change_key(database, reader, sequence);
        self.batch.insert(&self.engine.shared.keyspaces.readers, key, self.row.as_slice());
        self.put_reader_state(database, (reader, &document.id), ReaderState::Removed(sequence));
    }

    fn put_reader_state(
        &mut self,
        database: DatabaseId,
        (reader, id): (&str, &str),
        state: ReaderState,
    ) {
        records::encode_reader_state(&mut self.row, state);
        let key = keys::reader_document_key(database, reader, id);
        self.batch.insert(&self.engine.shared.keyspaces.readers, key, self.row.as_slice());
    }
}
