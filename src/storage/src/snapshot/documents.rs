//! Walks over documents and local documents in order of their ids (bytewise, as CouchDB's
//! `_all_docs`).

use std::ops::Bound;

use bytes::Bytes;
use fjall::Readable;

use super::Snapshot;
use crate::database::DatabaseId;
use crate::error::StorageError;
use crate::keys;
use crate::records::{self, DocumentRecord};

/// Which ids to walk over, and in which direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRange {
    /// Where the walk begins; `None` for the first id in its direction.
    pub start: Option<String>,
    /// Whether `start` itself belongs to it.
    pub start_inclusive: bool,
    /// Where the walk ends; `None` for the last id in its direction.
    pub end: Option<String>,
    /// Whether `end` itself belongs to it.
    pub end_inclusive: bool,
    /// Whether the walk goes from high ids to low ones; `start` is then the higher one.
    pub descending: bool,
}

impl Default for DocumentRange {
    fn default() -> Self {
        Self {
            start: None,
            start_inclusive: true,
            end: None,
            end_inclusive: true,
            descending: false,
        }
    }
}

pub(super) type KeyRange = (Bound<Vec<u8>>, Bound<Vec<u8>>);

impl DocumentRange {
    /// The range of keys, or `None` where no key can lie in it.
    fn keys(&self, database: DatabaseId) -> Option<KeyRange> {
        // Numbers are given upwards from 1 and never reach the last one.
        let next = DatabaseId(database.0.saturating_add(1));
        let ends = (keys::database_prefix(database).to_vec(), keys::database_prefix(next).to_vec());
        self.keys_of(|id| keys::id_key(database, id), ends)
    }

    /// The same for other keys by id: where the first of all stands, and what stands behind the last.
    pub(super) fn keys_of(
        &self,
        id_key: impl Fn(&str) -> Vec<u8>,
        (first, behind): (Vec<u8>, Vec<u8>),
    ) -> Option<KeyRange> {
        let start = (self.start.as_deref(), self.start_inclusive);
        let end = (self.end.as_deref(), self.end_inclusive);
        let (low, high) = if self.descending { (end, start) } else { (start, end) };
        if let (Some(low_id), Some(high_id)) = (low.0, high.0)
            && (low_id > high_id || (low_id == high_id && !(low.1 && high.1)))
        {
            return None;
        }
        let bound = |(id, inclusive): (Option<&str>, bool)| {
            id.map(|id| {
                let key = id_key(id);
                if inclusive { Bound::Included(key) } else { Bound::Excluded(key) }
            })
        };
        let low = bound(low).unwrap_or(Bound::Included(first));
        let high = bound(high).unwrap_or(Bound::Excluded(behind));
        Some((low, high))
    }
}

/// A walk over one database's rows of one keyspace.
struct Walk {
    rows: Option<fjall::Iter>,
    descending: bool,
    // Last, so that the database outlives the rows.
    _snapshot: Snapshot,
}

impl Walk {
    fn new(
        snapshot: &Snapshot,
        keyspace: &fjall::Keyspace,
        database: DatabaseId,
        range: &DocumentRange,
    ) -> Self {
        Self {
            rows: range.keys(database).map(|keys| snapshot.view().range(keyspace, keys)),
            descending: range.descending,
            _snapshot: snapshot.clone(),
        }
    }

    fn next(&mut self) -> Option<Result<(String, Bytes), StorageError>> {
        let rows = self.rows.as_mut()?;
        let guard = if self.descending { rows.next_back() } else { rows.next() }?;
        Some(read_row(guard))
    }
}

fn read_row(guard: fjall::Guard) -> Result<(String, Bytes), StorageError> {
    let (key, row) = guard.into_inner()?;
    let id = keys::id_of(&key)
        .ok_or(StorageError::Record { keyspace: "documents", reason: "its key is not UTF-8" })?;
    Ok((id.to_owned(), records::bytes_of(row)))
}

/// Documents with their ids, in order.
pub struct Documents(Walk);

impl Iterator for Documents {
    type Item = Result<(String, DocumentRecord), StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.and_then(|(id, row)| Ok((id, DocumentRecord::decode(row)?))))
    }
}

/// Local documents with their ids (without `_local/`), in order.
pub struct Locals(Walk);

impl Iterator for Locals {
    type Item = Result<(String, Bytes), StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.and_then(|(id, row)| Ok((id, records::opaque_bytes("locals", row)?))))
    }
}

impl Snapshot {
    /// Walks over documents, deleted ones included.
    #[must_use]
    pub fn documents(&self, database: DatabaseId, range: &DocumentRange) -> Documents {
        let keyspace = &self.shared().keyspaces.documents;
        Documents(Walk::new(self, keyspace, database, range))
    }

    /// Walks over local documents.
    #[must_use]
    pub fn locals(&self, database: DatabaseId, range: &DocumentRange) -> Locals {
        let keyspace = &self.shared().keyspaces.locals;
        Locals(Walk::new(self, keyspace, database, range))
    }
}
