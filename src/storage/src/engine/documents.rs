//! Documents: sequences are given here, in the order in which the writes stand in the group, and
//! the places of new bodies are filled into the encoded trees.

use refuge_document::{BodyPlace, PendingPlace};

use crate::database::{Counters, DatabaseId};
use crate::engine::group::Group;
use crate::error::{CommitError, StorageError};
use crate::keys::{self, Waste};
use crate::operation::{
    BodyRecord, Committed, DocumentWrite, DocumentsWrite, MAXIMUM_ID_BYTES, Outcome, Previous,
};
use crate::records::{self, Sizes};

/// What a document's two rows take beside id, tree and leaves: keys' numbers and sequences,
/// versions, the place of the body.
const ROW_OVERHEAD_BYTES: u64 = 40;

/// A reference's row: its version, and nothing yet.
const REFERENCE_ROW: [u8; 1] = [1];

impl Group<'_> {
    pub(super) fn write_documents(
        &mut self,
        write: DocumentsWrite,
    ) -> Result<Outcome, CommitError> {
        let DocumentsWrite { database, documents } = write;
        if documents.iter().any(|one| one.id.len() > MAXIMUM_ID_BYTES) {
            return Ok(Outcome::IdTooLong);
        }
        let Some(mut counters) = self.counters(database)? else {
            return Ok(Outcome::NoSuchDatabase);
        };
        let mut committed = Committed {
            first: counters.update_sequence + 1,
            last: 0,
            documents: Vec::with_capacity(documents.len()),
            removed: Vec::new(),
            refused: Vec::new(),
        };
        for (place, document) in documents.into_iter().enumerate() {
            if !self.has_contents(database, &document.bodies)? {
                committed.refused.push(place);
                continue;
            }
            let sequence = self.write_document(database, document, &mut counters)?;
            committed.documents.push(sequence.0);
            committed.removed.extend(sequence.1);
        }
        committed.last = counters.update_sequence;
        self.set_counters(database, counters);
        Ok(Outcome::Documents(committed))
    }

    /// Writes one document; answers its sequence and the one it replaces.
    fn write_document(
        &mut self,
        database: DatabaseId,
        document: DocumentWrite,
        counters: &mut Counters,
    ) -> Result<(u64, Option<u64>), CommitError> {
        let winner = winner_sizes(&document);
        self.write_rows(database, document, winner, counters)
    }

    /// As [`Group::write_document`], with what its winner counts for.
    pub(super) fn write_rows(
        &mut self,
        database: DatabaseId,
        mut document: DocumentWrite,
        winner: BodySizes,
        counters: &mut Counters,
    ) -> Result<(u64, Option<u64>), CommitError> {
        let base = counters.update_sequence + 1;
        let taken = (document.bodies.len() as u64).max(1);
        let sequence = base + taken - 1;
        for (body, at) in document.bodies.iter().zip(base..) {
            self.write_body(database, &document.id, body, at);
        }
        fill_places(&mut document.tree, &document.pending, base)?;
        let body = match document.winner_place {
            BodyPlace::Missing => 0,
            BodyPlace::At(at) => at,
            BodyPlace::Pending(ordinal) => base + u64::from(ordinal),
        };

        let keyspaces = &self.engine.shared.keyspaces;
        records::encode_change(&mut self.row, body, &document.leaves, &document.id);
        let sizes = sizes(&document, winner, self.row.len() as u64);
        let key = keys::sequence_key(database, sequence);
        self.batch.insert(&keyspaces.sequences, key, self.row.as_slice());
        records::encode_document(&mut self.row, sequence, sizes, &document.tree);
        keys::write_id_key(&mut self.key, database, &document.id);
        self.batch.insert(&keyspaces.documents, self.key.as_slice(), self.row.as_slice());
        if let Some(previous) = &document.previous {
            let key = keys::sequence_key(database, previous.sequence);
            self.batch.remove_weak(&keyspaces.sequences, key);
        }
        self.note_outstanding(database, &document, (sequence, body));
        self.note_readers(database, &document, sequence);
        for place in &document.obsolete {
            let sequence = match *place {
                BodyPlace::Missing => continue,
                BodyPlace::At(at) => at,
                BodyPlace::Pending(ordinal) => base + u64::from(ordinal),
            };
            self.note_garbage(database, &Waste::Body(sequence), &document.id);
        }

        counters.update_sequence = sequence;
        count(counters, &document, sizes);
        Ok((sequence, document.previous.map(|row| row.sequence)))
    }

    fn write_body(&mut self, database: DatabaseId, id: &str, body: &BodyRecord, at: u64) {
        let keyspaces = &self.engine.shared.keyspaces;
        records::encode_body(&mut self.row, body);
        let key = keys::sequence_key(database, at);
        self.batch.insert(&keyspaces.bodies, key, self.row.as_slice());
        if let Some(expiry) = body.body.expiry() {
            records::encode_opaque(&mut self.row, id.as_bytes());
            let key = keys::expiry_key(expiry.unix_ms(), database, at);
            self.batch.insert(&keyspaces.expiries, key, self.row.as_slice());
        }
        for attachment in &body.attachments {
            keys::write_reference_key(&mut self.key, database, &attachment.content, (id, at));
            self.batch.insert(&keyspaces.attachments, self.key.as_slice(), REFERENCE_ROW);
            self.engine.leases.release(database, attachment.content);
        }
    }
}

/// Writes the sequences of the new bodies into an encoded tree.
fn fill_places(tree: &mut [u8], pending: &[PendingPlace], base: u64) -> Result<(), CommitError> {
    for place in pending {
        let bytes = tree
            .get_mut(place.offset..)
            .and_then(|rest| rest.first_chunk_mut::<8>())
            .ok_or(StorageError::Record {
                keyspace: "documents",
                reason: "a place to fill in lies outside its tree",
            })?;
        *bytes = (base + u64::from(place.ordinal)).to_be_bytes();
    }
    Ok(())
}

/// What a winner counts for.
#[derive(Clone, Copy, Default)]
pub(super) struct BodySizes {
    /// Bytes of its body's text.
    text_bytes: u64,
    /// The same with its attachments, as the client sent them.
    external_bytes: u64,
}

impl BodySizes {
    pub(super) fn of(record: &BodyRecord) -> Self {
        let text_bytes = record.body.as_bytes().len() as u64;
        let attached: u64 = record.attachments.iter().map(|one| one.length).sum();
        Self { text_bytes, external_bytes: text_bytes + attached }
    }
}

/// What a document's winner counts for. Where it is an older revision, what the row before it
/// counted for is the nearest that is known.
fn winner_sizes(document: &DocumentWrite) -> BodySizes {
    let new_winner = match document.winner_place {
        BodyPlace::Pending(ordinal) => document.bodies.get(usize::from(ordinal)),
        BodyPlace::Missing | BodyPlace::At(_) => None,
    };
    match (new_winner, &document.previous) {
        (Some(record), _) => BodySizes::of(record),
        (None, Some(previous)) => {
            let external_bytes = previous.external_bytes;
            BodySizes { text_bytes: external_bytes, external_bytes }
        }
        (None, None) => BodySizes::default(),
    }
}

/// What a document counts for.
fn sizes(document: &DocumentWrite, winner: BodySizes, change_bytes: u64) -> Sizes {
    let rows =
        document.id.len() as u64 + document.tree.len() as u64 + change_bytes + ROW_OVERHEAD_BYTES;
    Sizes { active_bytes: rows + winner.text_bytes, external_bytes: winner.external_bytes }
}

impl Counters {
    /// Takes out what a row that leaves counted for.
    pub(super) fn uncount(&mut self, previous: &Previous) {
        let kind = if previous.deleted { &mut self.deleted_documents } else { &mut self.documents };
        *kind = kind.saturating_sub(1);
        self.active_bytes = self.active_bytes.saturating_sub(previous.active_bytes);
        self.external_bytes = self.external_bytes.saturating_sub(previous.external_bytes);
    }
}

/// Moves a database's counters from a document's earlier row to its new one.
fn count(counters: &mut Counters, document: &DocumentWrite, sizes: Sizes) {
    if let Some(previous) = &document.previous {
        counters.uncount(previous);
    }
    let deleted = document.leaves.first().is_some_and(|leaf| leaf.deleted);
    if deleted {
        counters.deleted_documents += 1;
    } else {
        counters.documents += 1;
    }
    counters.active_bytes += sizes.active_bytes;
    counters.external_bytes += sizes.external_bytes;
}
