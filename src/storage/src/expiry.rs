//! When revisions expire, in the order of time and for all databases together. A row leaves with its
//! revision's body, a while after that was replaced; whoever finds it due looks at the document.

use std::ops::Bound;

use fjall::Readable;

use crate::database::DatabaseId;
use crate::error::StorageError;
use crate::keys::{self, MARK_KEY};
use crate::records;
use crate::store::Store;

/// A revision that expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiryRow {
    /// When, in milliseconds since 1970 (UTC).
    pub at_ms: u64,
    /// Its database, which may be gone.
    pub database: DatabaseId,
    /// The sequence under which its body stands.
    pub sequence: u64,
    /// The document.
    pub id: String,
}

impl Store {
    /// What is due at a moment, the earliest first, at most `limit`.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn due(&self, now_ms: u64, limit: usize) -> Result<Vec<ExpiryRow>, StorageError> {
        let snapshot = self.snapshot()?;
        let keyspace = &snapshot.shared().keyspaces.expiries;
        // Behind the mark of a sealed memtable, in front of all that is later.
        let begin = Bound::Excluded(MARK_KEY.to_vec());
        let end = Bound::Excluded(now_ms.saturating_add(1).to_be_bytes().to_vec());
        let mut due = Vec::new();
        for guard in snapshot.view().range::<Vec<u8>, _>(keyspace, (begin, end)).take(limit) {
            let (key, row) = guard.into_inner()?;
            let (at_ms, database, sequence) =
                keys::expiry_of(&key).ok_or(StorageError::Record {
                    keyspace: "expiries",
                    reason: "its key is cut short",
                })?;
            let id = records::opaque("expiries", &row)?;
            let id = String::from_utf8(id.to_vec()).map_err(|_| StorageError::Record {
                keyspace: "expiries",
                reason: "its id is not UTF-8",
            })?;
            due.push(ExpiryRow { at_ms, database, sequence, id });
        }
        Ok(due)
    }
}
