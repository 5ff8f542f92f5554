//! A view as HTTP sees it: which one, how fresh, and pages of its rows and of its reductions. Keys and values
//! are JSON text throughout. How an index is built is not known here.

use std::cmp::Ordering;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::failure::Failure;

/// Which view is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewRequest {
    /// Id of the design document, `_design/` included.
    pub design: String,
    /// Name of the view.
    pub view: String,
    /// How fresh it has to be.
    pub freshness: Freshness,
    /// The partition that is asked, of a view whose rows stand by partition.
    pub partition: Option<String>,
}

/// How fresh the rows of a view have to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freshness {
    /// They tell of every document that was written before the question.
    #[default]
    UpToDate,
    /// As they happen to be.
    AsItIs,
    /// The same; and the index is brought up to date afterwards.
    AsItIsThenUpdate,
}

/// One end of a range of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewBound {
    /// The key.
    pub key: String,
    /// Among rows of this key: the document's id.
    pub document: Option<String>,
}

/// A range of rows, in the direction in which it is walked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewRange {
    /// Where to begin.
    pub start: Option<ViewBound>,
    /// Where to end.
    pub end: Option<ViewBound>,
    /// Whether rows of the end's key do not belong to it.
    pub without_end: bool,
    /// From the highest key to the lowest.
    pub descending: bool,
}

/// A place to go on behind: the number of a range, and what the view says of the place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowPlace {
    /// Number of the range in the request, from 0.
    pub range: usize,
    /// Opaque outside of the view; empty for the range's beginning.
    pub after: Vec<u8>,
}

/// What part of a view is asked for: rows, or groups of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewPart {
    /// Ranges one after another; each key of a list of keys is a range of its own. Pages share them.
    pub ranges: Arc<[ViewRange]>,
    /// How many to pass over.
    pub skip: u64,
    /// Most in the page; the implementation may send fewer.
    pub limit: usize,
    /// Where to go on.
    pub after: Option<RowPlace>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewRow {
    /// Id of the document that made it.
    pub id: String,
    /// Its key.
    pub key: Bytes,
    /// Its value.
    pub value: Bytes,
}

/// A page of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewRowsPage {
    /// The rows.
    pub rows: Vec<ViewRow>,
    /// Rows of the whole view; `None` where that is not told, and `offset` is not either.
    pub total: Option<u64>,
    /// Rows before the first one of the page, in the direction of the walk; `None` where the page ended
    /// before all was passed over that is to be.
    pub offset: Option<u64>,
    /// How many were passed over.
    pub skipped: u64,
    /// Where to go on, when there may be more.
    pub resume: Option<RowPlace>,
}

/// How rows are grouped before they are reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupLevel {
    /// All rows of a range together.
    Whole,
    /// Rows whose keys, where they are arrays, begin with the same elements, so many of them.
    Elements(u32),
    /// Rows of equal keys.
    Exact,
}

/// A reduction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewGroup {
    /// The key of its rows, or what they have in common; `None` where all rows are reduced together.
    pub key: Option<Bytes>,
    /// The reduction.
    pub value: Bytes,
}

/// A page of reductions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewGroupsPage {
    /// The reductions.
    pub groups: Vec<ViewGroup>,
    /// How many were passed over.
    pub skipped: u64,
    /// Where to go on, when there may be more.
    pub resume: Option<RowPlace>,
}

/// One view, as fresh as was asked for when it was opened, or fresher.
#[async_trait]
pub trait View: Send + Sync + 'static {
    /// Whether it has a reduce function.
    fn has_reduce(&self) -> bool;

    /// Names the functions that made its rows.
    fn signature(&self) -> &str;

    /// The update sequence up to which it has followed its database.
    fn update_sequence(&self) -> u64;

    /// Compares two keys as the rows are ordered.
    ///
    /// # Errors
    /// [`Failure::BadRequest`] for a key that cannot be one.
    fn compare(&self, one: &str, other: &str) -> Result<Ordering, Failure>;

    /// A page of rows.
    async fn rows(&self, part: ViewPart) -> Result<ViewRowsPage, Failure>;

    /// A page of reductions.
    async fn groups(&self, part: ViewPart, level: GroupLevel) -> Result<ViewGroupsPage, Failure>;
}

/// What is told of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexInformation {
    /// Names its functions: 32 hexadecimal digits.
    pub signature: String,
    /// Language of its functions.
    pub language: String,
    /// The update sequence up to which it has followed its database.
    pub update_sequence: u64,
    /// The purge sequence up to which it has.
    pub purge_sequence: u64,
    /// Changes that it has not followed yet.
    pub pending: u64,
    /// Whether it is being brought up to date.
    pub updating: bool,
    /// Who waits for that.
    pub waiting: u64,
    /// Bytes of its rows (an estimate).
    pub active_bytes: u64,
    /// Bytes on disk (an estimate).
    pub file_bytes: u64,
    /// The version of the tables by which its keys are compared.
    pub collation: String,
}
