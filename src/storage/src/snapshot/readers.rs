//! What somebody with some principals may read: walks over the indexes of all of them side by side, so
//! that they cost what is seen.

use std::ops::Bound;

use fjall::Readable;
use refuge_document::ChangeRow;

use super::{ChangeRange, DocumentRange, Snapshot};
use crate::database::DatabaseId;
use crate::error::StorageError;
use crate::keys::{self, ReaderKey};
use crate::records::{self, ReaderState};

/// Whom everybody is who may come to a database: what is noted under this name, all of them may read.
pub const EVERYBODY: &str = "";

/// One index that is walked over, with the row that it has arrived at.
struct Walk<K, V> {
    rows: fjall::Iter,
    head: Option<(K, V)>,
}

/// Walks over the indexes of several principals in the order of their keys.
struct Merged<K, V> {
    walks: Vec<Walk<K, V>>,
    descending: bool,
    read: fn(fjall::Guard) -> Result<(K, V), StorageError>,
    begun: bool,
}

impl<K: Ord + Clone, V> Merged<K, V> {
    fn new(
        walks: impl Iterator<Item = fjall::Iter>,
        descending: bool,
        read: fn(fjall::Guard) -> Result<(K, V), StorageError>,
    ) -> Self {
        let walks = walks.map(|rows| Walk { rows, head: None }).collect();
        Self { walks, descending, read, begun: false }
    }

    fn advance(&mut self, walk: usize) -> Result<(), StorageError> {
        let (descending, read) = (self.descending, self.read);
        if let Some(walk) = self.walks.get_mut(walk) {
            let next = if descending { walk.rows.next_back() } else { walk.rows.next() };
            walk.head = next.map(read).transpose()?;
        }
        Ok(())
    }

    /// The next key with what each index that has it says of it.
    fn next(&mut self) -> Result<Option<(K, Vec<V>)>, StorageError> {
        if !std::mem::replace(&mut self.begun, true) {
            for walk in 0..self.walks.len() {
                self.advance(walk)?;
            }
        }
        let heads = self.walks.iter().filter_map(|walk| walk.head.as_ref().map(|(key, _)| key));
        let next = if self.descending { heads.max() } else { heads.min() };
        let Some(key) = next.cloned() else { return Ok(None) };
        let mut values = Vec::with_capacity(1);
        for number in 0..self.walks.len() {
            let walk = self.walks.get_mut(number);
            let Some(head) = walk.and_then(|walk| walk.head.take_if(|(at, _)| *at == key)) else {
                continue;
            };
            values.push(head.1);
            self.advance(number)?;
        }
        Ok(Some((key, values)))
    }
}

fn unreadable() -> StorageError {
    StorageError::Record { keyspace: "readers", reason: "its key cannot be read" }
}

fn read_change(guard: fjall::Guard) -> Result<(u64, Option<ChangeRow>), StorageError> {
    let (key, row) = guard.into_inner()?;
    let sequence = keys::sequence_of(&key).ok_or_else(unreadable)?;
    Ok((sequence, records::decode_reader_change(sequence, &row)?))
}

fn read_document(guard: fjall::Guard) -> Result<(String, ReaderState), StorageError> {
    let (key, row) = guard.into_inner()?;
    match keys::reader_of(&key) {
        Some(ReaderKey::Document { id, .. }) => Ok((id, records::decode_reader_state(&row)?)),
        _ => Err(unreadable()),
    }
}

/// How a document stands with somebody for whom it stands so under each principal.
fn together(states: impl IntoIterator<Item = ReaderState>) -> Option<ReaderState> {
    states.into_iter().reduce(|one, other| match (one, other) {
        (ReaderState::Removed(one), ReaderState::Removed(other)) => {
            ReaderState::Removed(one.max(other))
        }
        (ReaderState::Removed(_), seen) | (seen, _) => seen,
    })
}

/// A change in somebody's feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReaderChange {
    /// The change of this sequence, which the reader may see.
    Visible(u64),
    /// A document that the reader cannot see any more; `removed` is set.
    Removed(ChangeRow),
}

impl ReaderChange {
    /// Its sequence.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        match self {
            Self::Visible(sequence) => *sequence,
            Self::Removed(row) => row.sequence,
        }
    }
}

/// Somebody's feed.
pub struct ReaderChanges {
    merged: Merged<u64, Option<ChangeRow>>,
    principals: Vec<String>,
    database: DatabaseId,
    // Last, so that the database outlives the rows.
    snapshot: Snapshot,
}

impl ReaderChanges {
    fn look(&mut self) -> Result<Option<ReaderChange>, StorageError> {
        while let Some((sequence, rows)) = self.merged.next()? {
            if rows.iter().any(Option::is_none) {
                return Ok(Some(ReaderChange::Visible(sequence)));
            }
            let Some(row) = rows.into_iter().flatten().next() else { continue };
            // It may be seen under another principal, or have been lost later under one.
            let state = self.snapshot.seen(self.database, &self.principals, &row.id)?;
            if state == Some(ReaderState::Removed(sequence)) {
                return Ok(Some(ReaderChange::Removed(row)));
            }
        }
        Ok(None)
    }
}

impl Iterator for ReaderChanges {
    type Item = Result<ReaderChange, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.look().transpose()
    }
}

/// The documents that somebody may read.
pub struct ReaderDocuments {
    merged: Merged<String, ReaderState>,
    // Last, so that the database outlives the rows.
    _snapshot: Snapshot,
}

impl ReaderDocuments {
    fn look(&mut self) -> Result<Option<(String, bool)>, StorageError> {
        while let Some((id, states)) = self.merged.next()? {
            match together(states) {
                Some(ReaderState::Live) => return Ok(Some((id, false))),
                Some(ReaderState::Deleted) => return Ok(Some((id, true))),
                Some(ReaderState::Removed(_)) | None => {}
            }
        }
        Ok(None)
    }
}

impl Iterator for ReaderDocuments {
    /// Its id, and whether it is deleted.
    type Item = Result<(String, bool), StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.look().transpose()
    }
}

impl Snapshot {
    /// How a document stands under one principal; `None` where it never could be read.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn reader_state(
        &self,
        database: DatabaseId,
        principal: &str,
        id: &str,
    ) -> Result<Option<ReaderState>, StorageError> {
        let key = keys::reader_document_key(database, principal, id);
        let row = self.get(&self.shared().keyspaces.readers, key)?;
        row.map(|row| records::decode_reader_state(&row)).transpose()
    }

    /// How a document stands with somebody who has these principals.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn seen(
        &self,
        database: DatabaseId,
        principals: &[String],
        id: &str,
    ) -> Result<Option<ReaderState>, StorageError> {
        let mut states = Vec::new();
        for principal in principals {
            match self.reader_state(database, principal, id)? {
                seen @ Some(ReaderState::Live | ReaderState::Deleted) => return Ok(seen),
                state => states.extend(state),
            }
        }
        Ok(together(states))
    }

    /// Walks over the feed of somebody who has these principals.
    #[must_use]
    pub fn reader_changes(
        &self,
        database: DatabaseId,
        principals: &[String],
        range: ChangeRange,
    ) -> ReaderChanges {
        let keyspace = &self.shared().keyspaces.readers;
        let asked = if range.after < range.until { principals } else { &[] };
        let walks = asked.iter().map(|one| {
            let keys = (
                Bound::Excluded(keys::reader_change_key(database, one, range.after)),
                Bound::Included(keys::reader_change_key(database, one, range.until)),
            );
            self.view().range(keyspace, keys)
        });
        ReaderChanges {
            merged: Merged::new(walks, range.descending, read_change),
            principals: principals.to_vec(),
            database,
            snapshot: self.clone(),
        }
    }

    /// The sequence of the last row in somebody's feed, 0 where there is none.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn last_reader_change(
        &self,
        database: DatabaseId,
        principals: &[String],
    ) -> Result<u64, StorageError> {
        let range = ChangeRange { descending: true, ..ChangeRange::default() };
        let last = self.reader_changes(database, principals, range).next().transpose()?;
        Ok(last.map_or(0, |change| change.sequence()))
    }

    /// Walks over the documents that somebody may read, deleted ones included, in order of their ids.
    #[must_use]
    pub fn reader_documents(
        &self,
        database: DatabaseId,
        principals: &[String],
        range: &DocumentRange,
    ) -> ReaderDocuments {
        let keyspace = &self.shared().keyspaces.readers;
        let walks = principals.iter().filter_map(|one| {
            let first = keys::reader_documents_prefix(database, one);
            // No byte of an id, which is UTF-8, is so high.
            let mut behind = first.clone();
            behind.push(u8::MAX);
            let keys = range
                .keys_of(|id| keys::reader_document_key(database, one, id), (first, behind))?;
            Some(self.view().range(keyspace, keys))
        });
        ReaderDocuments {
            merged: Merged::new(walks, range.descending, read_document),
            _snapshot: self.clone(),
        }
    }
}
