//! The rows of a JSON index that a question reads.

use bytes::Bytes;
use refuge_query::collation::SortKeys;
use refuge_query::mango::Bookmark;
use refuge_query::view::{KeyRange, write_row_key};
use refuge_storage::{IndexNumber, IndexStore, StorageError};

use crate::view_tree::{TreeError, ViewStore};

/// A range of rows of one view of an index.
pub(super) struct IndexRows {
    pub(super) store: IndexStore,
    pub(super) index: IndexNumber,
    /// The number of the view's map function.
    pub(super) view: u16,
    pub(super) keys: SortKeys,
    /// What stands before the sort keys of the partition that is asked.
    pub(super) prefix: Vec<u8>,
    pub(super) range: KeyRange,
    pub(super) descending: bool,
}

impl IndexRows {
    /// Walks over the rows behind a place: row keys with their records, from one moment.
    pub(super) fn scan(
        &self,
        after: Option<&Bookmark>,
    ) -> Result<impl Iterator<Item = Result<(Bytes, Bytes), StorageError>> + use<>, TreeError> {
        let snapshot = self.store.snapshot()?;
        let store = ViewStore { snapshot, index: self.index, view: self.view };
        let range = match after {
            None => self.range.clone(),
            Some(after) => self.behind(after),
        };
        let rows = (!range.is_empty()).then(|| store.scan(&range, self.descending));
        Ok(rows.into_iter().flatten())
    }

    /// What of the range stands behind a row; all of it where the place cannot be a row's.
    fn behind(&self, after: &Bookmark) -> KeyRange {
        let mut range = self.range.clone();
        let mut sort_key = self.prefix.clone();
        if self.keys.append(&mut sort_key, &after.key).is_err() {
            return range;
        }
        let mut row_key = Vec::with_capacity(sort_key.len() + after.id.len() + 3);
        // A document has one row in such an index, so its number is always 0.
        write_row_key(&mut row_key, &sort_key, &after.id, 0);
        if self.descending {
            range.to = Some(match range.to {
                Some(to) => to.min(row_key),
                None => row_key,
            });
        } else {
            // No key lies between one and the same with a zero byte behind it.
            row_key.push(0);
            range.from = range.from.max(row_key);
        }
        range
    }
}
