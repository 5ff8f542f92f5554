//! The registry read in order: pages of databases by name, in both directions.

use std::ops::Bound;

use fjall::Readable;

use super::Snapshot;
use crate::database::DatabaseRecord;
use crate::error::StorageError;
use crate::keys::{self, RegistryKey};
use crate::records;

/// Which databases are read, by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseRange {
    /// The lowest name.
    pub low: Bound<String>,
    /// The highest name.
    pub high: Bound<String>,
    /// From the highest down.
    pub descending: bool,
    /// Most databases.
    pub limit: usize,
}

impl Snapshot {
    /// Registry entries of a range of names, in order of their names or against it.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn databases(&self, range: &DatabaseRange) -> Result<Vec<DatabaseRecord>, StorageError> {
        let low = match &range.low {
            Bound::Unbounded => Bound::Included(keys::name_key("")),
            bound => bound.as_ref().map(|name| keys::name_key(name)),
        };
        let high = match &range.high {
            Bound::Unbounded => Bound::Excluded(vec![RegistryKey::Name as u8 + 1]),
            bound => bound.as_ref().map(|name| keys::name_key(name)),
        };
        if is_empty(&low, &high) {
            return Ok(Vec::new());
        }
        let rows = self.view().range(&self.shared().keyspaces.databases, (low, high));
        let record = |guard: fjall::Guard| {
            let (key, row) = guard.into_inner()?;
            let name = key.get(1..).and_then(|name| std::str::from_utf8(name).ok()).ok_or(
                StorageError::Record { keyspace: "databases", reason: "its key is not UTF-8" },
            )?;
            records::decode_database(name, &row)
        };
        if range.descending {
            rows.rev().take(range.limit).map(record).collect()
        } else {
            rows.take(range.limit).map(record).collect()
        }
    }
}

/// Whether nothing can stand between two keys; fjall takes no range that ends before it begins.
fn is_empty(low: &Bound<Vec<u8>>, high: &Bound<Vec<u8>>) -> bool {
    match (low, high) {
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (Bound::Included(low) | Bound::Excluded(low), Bound::Excluded(high))
        | (Bound::Excluded(low), Bound::Included(high)) => low >= high,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}
