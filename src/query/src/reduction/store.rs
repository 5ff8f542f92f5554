//! What a tree reads, and who reduces.

use std::borrow::Cow;

use super::page::Reduction;
use crate::FormatError;
use crate::view::{KeyRange, RowKey};

/// What is stored of one view, as it is at one moment.
pub trait Store {
    /// Why something could not be read.
    type Error: From<FormatError>;

    /// The page, or root, with this key. It is asked for by key alone, never by a range: an iterator
    /// would walk over all older versions of pages that are written often.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn page(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Self::Error>;

    /// Adds all rows of a range, in order. Ranges are short: one node of level 1, about 16 rows.
    ///
    /// # Errors
    /// Where they cannot be read.
    fn rows(&self, range: &KeyRange, wanted: Wanted, rows: &mut Rows) -> Result<(), Self::Error>;
}

/// What is needed of rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Wanted {
    /// The rows' keys; what was emitted may be left empty.
    RowKeys,
    /// Also the keys that were emitted; the values may be left empty.
    Keys,
    /// Everything.
    Values,
}

/// One row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReduceRow<'a> {
    /// The row's key.
    pub row_key: &'a [u8],
    /// The key that was emitted, JSON.
    pub key: &'a [u8],
    /// The value that was emitted, JSON.
    pub value: &'a [u8],
}

impl<'a> ReduceRow<'a> {
    /// The id of the document that emitted it.
    ///
    /// # Errors
    /// [`FormatError::Damaged`].
    pub fn document(&self) -> Result<Cow<'a, str>, FormatError> {
        RowKey::parse(self.row_key).map(|key| key.document)
    }
}

/// Rows in order, in one piece of memory.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

/// Where a row's three parts end; the first begins at `start`.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    row_key: usize,
    key: usize,
    value: usize,
}

impl Rows {
    /// Adds a row behind the others.
    pub fn push(&mut self, row: ReduceRow<'_>) {
        let start = self.bytes.len();
        let mut add = |part: &[u8]| {
            self.bytes.extend_from_slice(part);
            self.bytes.len()
        };
        let (row_key, key, value) = (add(row.row_key), add(row.key), add(row.value));
        self.spans.push(Span { start, row_key, key, value });
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<ReduceRow<'_>> {
        self.spans.get(index).map(|span| self.row(span))
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = ReduceRow<'_>> {
        self.spans.iter().map(|span| self.row(span))
    }

    /// How many bytes they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Keeps only the first `count`.
    pub(super) fn truncate(&mut self, count: usize) {
        if let Some(first) = self.spans.get(count) {
            self.bytes.truncate(first.start);
            self.spans.truncate(count);
        }
    }

    fn row(&self, span: &Span) -> ReduceRow<'_> {
        let part = |start, end| self.bytes.get(start..end).unwrap_or_default();
        ReduceRow {
            row_key: part(span.start, span.row_key),
            key: part(span.row_key, span.key),
            value: part(span.key, span.value),
        }
    }
}

/// A reduce function. Its reductions are bytes in a form of its own.
///
/// `E` is why it could not be asked at all (its sandbox is gone, say), which ends the operation. What
/// the function itself cannot reduce is [`Reduction::Failed`].
pub trait Reducer<E> {
    /// What it needs of rows.
    fn wanted(&self) -> Wanted;

    /// Reduces each group of rows, of which none is empty; one reduction for each.
    ///
    /// # Errors
    /// Where it cannot be asked.
    fn reduce(&mut self, groups: &[&[ReduceRow<'_>]]) -> Result<Vec<Reduction>, E>;

    /// Reduces each group of reductions, of which none has fewer than two; one for each.
    ///
    /// # Errors
    /// Where it cannot be asked.
    fn rereduce(&mut self, groups: &[Vec<&[u8]>]) -> Result<Vec<Reduction>, E>;

    /// The JSON text that a reduction stands for.
    fn finish(&self, reduction: &[u8]) -> Vec<u8> {
        reduction.to_vec()
    }
}
