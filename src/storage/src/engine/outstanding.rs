//! Documents that stand out are noted with each write: those with conflicts by id, tombstones that have a
//! body by sequence. Databases that were made before these notes were kept get theirs between commits.

#[cfg(test)]
mod tests;

use std::collections::{HashSet, VecDeque};
use std::ops::Bound;

use bytes::Bytes;
use fjall::{OwnedWriteBatch, PersistMode, Readable};
use refuge_document::{BodyPlace, LeafSummary, RevisionTree};

use crate::database::DatabaseId;
use crate::engine::Engine;
use crate::engine::group::Group;
use crate::error::{CommitError, OpenError, StorageError};
use crate::keys::{self, RegistryKey};
use crate::keyspaces::Keyspaces;
use crate::operation::{BodyRecord, DocumentWrite, Previous};
use crate::records::{self, DocumentRecord};

impl BodyRecord {
    /// Whether there is nothing in it that a selector could ask for.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.is_empty_object() && self.attachments.is_empty()
    }
}

/// Whether leaves are in conflict: more than one of them lives.
pub(crate) fn is_conflicted<'a>(leaves: impl IntoIterator<Item = &'a LeafSummary>) -> bool {
    leaves.into_iter().filter(|leaf| !leaf.deleted).nth(1).is_some()
}

impl Group<'_> {
    /// Notes a document as it stands after a write at this sequence, its winner's body at that place.
    pub(super) fn note_outstanding(
        &mut self,
        database: DatabaseId,
        document: &DocumentWrite,
        (sequence, body): (u64, u64),
    ) {
        if !self.engine.notes() {
            return;
        }
        let keyspace = &self.engine.shared.keyspaces.outstanding;
        let was_conflicted = document.previous.as_ref().is_some_and(|row| row.conflicted);
        let conflicted = is_conflicted(&document.leaves);
        if conflicted || was_conflicted {
            keys::write_conflict_key(&mut self.key, database, &document.id);
            if conflicted {
                records::encode_change(&mut self.row, body, &document.leaves, "");
                self.batch.insert(keyspace, self.key.as_slice(), self.row.as_slice());
            } else {
                self.batch.remove(keyspace, self.key.as_slice());
            }
        }
        if let Some(previous) = document.previous.as_ref().filter(|row| row.deleted) {
            self.batch.remove(keyspace, keys::tombstone_key(database, previous.sequence));
        }
        if document.leaves.first().is_some_and(|winner| winner.deleted) && may_have_body(document) {
            records::encode_opaque(&mut self.row, document.id.as_bytes());
            let key = keys::tombstone_key(database, sequence);
            self.batch.insert(keyspace, key, self.row.as_slice());
        }
    }

    /// Forgets what was noted of a document that leaves.
    pub(super) fn forget_outstanding(
        &mut self,
        database: DatabaseId,
        id: &str,
        previous: &Previous,
    ) {
        let keyspace = &self.engine.shared.keyspaces.outstanding;
        if previous.conflicted {
            self.batch.remove(keyspace, keys::conflict_key(database, id));
        }
        if previous.deleted {
            self.batch.remove(keyspace, keys::tombstone_key(database, previous.sequence));
        }
    }
}

/// Whether the winner's body is one, as far as that is known without reading: one that stood there before
/// is taken for one.
fn may_have_body(document: &DocumentWrite) -> bool {
    match document.winner_place {
        BodyPlace::Missing => false,
        BodyPlace::At(_) => true,
        BodyPlace::Pending(ordinal) => {
            document.bodies.get(usize::from(ordinal)).is_none_or(|body| !body.is_empty())
        }
    }
}

/// Databases whose documents have not been noted yet, and how far that has come.
#[derive(Default)]
pub(super) struct Unnoted {
    databases: VecDeque<DatabaseId>,
    /// For the first of them: the key of the last document that was looked at.
    last: Option<Vec<u8>>,
}

impl Unnoted {
    /// Finds the databases that were made before documents were noted. What a crash interrupted begins
    /// anew.
    pub(super) fn load(keyspaces: &Keyspaces) -> Result<Self, OpenError> {
        let numbers = |tag: RegistryKey| {
            let rows = keyspaces.databases.prefix([tag as u8]);
            rows.map(|guard| {
                let key = guard.key()?;
                Ok(key.last_chunk::<4>().map(|number| DatabaseId(u32::from_be_bytes(*number))))
            })
            .filter_map(Result::transpose)
            .collect::<Result<HashSet<DatabaseId>, OpenError>>()
        };
        let (all, noted) = (numbers(RegistryKey::Counters)?, numbers(RegistryKey::Outstanding)?);
        let mut databases: Vec<DatabaseId> = all.difference(&noted).copied().collect();
        databases.sort_unstable();
        Ok(Self { databases: databases.into(), last: None })
    }

    fn next_database(&mut self) {
        self.databases.pop_front();
        self.last = None;
    }
}

impl Engine {
    /// Notes which of at most `limit` documents (at least one) stand out, of databases that were made before
    /// that was noted with each write; without a sync. Answers whether there is more to look at. To be
    /// called between commits.
    ///
    /// # Errors
    /// [`CommitError`], as [`Engine::commit`].
    pub fn note_documents(&mut self, limit: usize) -> Result<bool, CommitError> {
        if self.unnoted.databases.is_empty() {
            return Ok(false);
        }
        self.guarded(|engine| {
            engine.note_some(limit.max(1))?;
            Ok(!engine.unnoted.databases.is_empty())
        })
    }

    fn note_some(&mut self, limit: usize) -> Result<(), CommitError> {
        let mut batch = OwnedWriteBatch::with_capacity(self.shared.database.clone(), 16)
            .durability(Some(PersistMode::Buffer));
        let mut left = limit;
        while left > 0
            && let Some(&database) = self.unnoted.databases.front()
        {
            if !self.lives(database)? {
                self.unnoted.next_database();
                continue;
            }
            let looked_at = self.note_from(database, &mut batch, left)?;
            if looked_at < left {
                let mut row = Vec::new();
                records::encode_opaque(&mut row, &[]);
                let key = keys::registry_key(RegistryKey::Outstanding, database);
                batch.insert(&self.shared.keyspaces.databases, key, row);
                self.unnoted.next_database();
            }
            left = left.saturating_sub(looked_at.max(1));
        }
        Ok(self.shared.commit(batch)?)
    }

    /// Looks at the next documents of a database; answers how many there were.
    fn note_from(
        &mut self,
        database: DatabaseId,
        batch: &mut OwnedWriteBatch,
        room: usize,
    ) -> Result<usize, CommitError> {
        let low = match self.unnoted.last.take() {
            Some(last) => Bound::Excluded(last),
            None => Bound::Included(keys::database_prefix(database).to_vec()),
        };
        let next = DatabaseId(database.0.saturating_add(1));
        let high = Bound::Excluded(keys::database_prefix(next).to_vec());
        let view = self.shared.database.snapshot();
        let mut looked_at = 0;
        for guard in view.range(&self.shared.keyspaces.documents, (low, high)).take(room) {
            let (key, row) = guard.into_inner()?;
            self.unnoted.last = Some(key.to_vec());
            looked_at += 1;
            match self.note_row(database, batch, (&key, records::bytes_of(row))) {
                // It fails whoever asks for it, and no other document.
                Err(CommitError::Storage(
                    error @ (StorageError::Record { .. } | StorageError::Tree(_)),
                )) => {
                    let key = key.escape_ascii();
                    tracing::error!(%key, %error, "a document cannot be read, and is not noted");
                }
                noted => noted?,
            }
        }
        Ok(looked_at)
    }

    fn note_row(
        &self,
        database: DatabaseId,
        batch: &mut OwnedWriteBatch,
        (key, row): (&[u8], Bytes),
    ) -> Result<(), CommitError> {
        let id = keys::id_of(key).ok_or(StorageError::Record {
            keyspace: "documents",
            reason: "its key is not UTF-8",
        })?;
        let record = DocumentRecord::decode(row)?;
        self.note_stored(database, batch, (id, &record))
    }

    fn note_stored(
        &self,
        database: DatabaseId,
        batch: &mut OwnedWriteBatch,
        (id, record): (&str, &DocumentRecord),
    ) -> Result<(), CommitError> {
        let keyspaces = &self.shared.keyspaces;
        let leaves = RevisionTree::decode_leaves(record.encoded_tree());
        let leaves = leaves.map_err(StorageError::from)?;
        let Some(winner) = leaves.first() else { return Ok(()) };
        let mut row = Vec::new();
        let place = match winner.place {
            BodyPlace::At(sequence) => sequence,
            _ => 0,
        };
        if winner.deleted {
            let body = match place {
                0 => None,
                sequence => keyspaces.bodies.get(keys::sequence_key(database, sequence))?,
            };
            let body = body.map(|row| records::decode_body(records::bytes_of(row))).transpose()?;
            if body.is_some_and(|body| !body.is_empty()) {
                records::encode_opaque(&mut row, id.as_bytes());
                let key = keys::tombstone_key(database, record.sequence);
                batch.insert(&keyspaces.outstanding, key, row);
            }
            return Ok(());
        }
        let summary = |leaf: &refuge_document::Leaf| LeafSummary {
            revision: leaf.revision.clone(),
            deleted: leaf.deleted,
        };
        let leaves: Vec<LeafSummary> = leaves.iter().map(summary).collect();
        if is_conflicted(&leaves) {
            records::encode_change(&mut row, place, &leaves, "");
            batch.insert(&keyspaces.outstanding, keys::conflict_key(database, id), row);
        }
        Ok(())
    }
}
