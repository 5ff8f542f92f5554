//! What pages of a feed or of documents are asked for, and what is in them.

use std::sync::Arc;

use refuge_document::{ChangeRow, Revision};
use refuge_query::selector::Selector;

use super::{LocalDocument, StoredBody, StoredDocument};

/// What page of the feed is wanted.
#[derive(Clone, Copy, Debug)]
pub struct ChangesRequest {
    /// Rows after this sequence (descending: rows before it).
    pub after: u64,
    /// No rows beyond this sequence.
    pub until: u64,
    /// Most rows in the page; the implementation may send fewer.
    pub limit: usize,
    /// Newest first.
    pub descending: bool,
    /// Whether winners' bodies are wanted.
    pub bodies: bool,
}

/// A page of the feed.
#[derive(Clone, Debug)]
pub struct ChangesPage {
    /// Rows with their winner's content where it was asked for and is stored.
    pub rows: Vec<(ChangeRow, Option<StoredBody>)>,
    /// Whether nothing of the asked range stands behind the last row.
    pub finished: bool,
    /// Where to go on, where that is not behind the last row: up to here all was looked at.
    pub position: Option<u64>,
}

/// Which documents are asked for that may match a selector.
#[derive(Clone, Debug)]
pub struct CandidatesQuestion {
    /// The selector.
    pub selector: Arc<Selector>,
    /// Those that changed last after this sequence.
    pub after: u64,
    /// Up to this one.
    pub until: u64,
    /// So many matches are wanted at a time; a walk would end there.
    pub limit: usize,
}

/// What page of documents is wanted.
#[derive(Clone, Debug)]
pub struct DocumentsRequest {
    /// First id, with whether it is itself wanted; where the scan begins (descending: highest).
    pub start: Option<(String, bool)>,
    /// Last id, with whether it is itself wanted; where the scan ends.
    pub end: Option<(String, bool)>,
    /// Most rows in the page; the implementation may send fewer.
    pub limit: usize,
    /// Rows to pass over first.
    pub skip: usize,
    /// Highest id first.
    pub descending: bool,
    /// Whether bodies are wanted.
    pub bodies: bool,
    /// Whether the rows before the range are to be counted.
    pub offset: bool,
}

/// A page of documents.
#[derive(Clone, Debug)]
pub struct DocumentsPage {
    /// Live documents: id and winner (content where it was asked for).
    pub rows: Vec<(String, StoredDocument)>,
    /// How many rows were passed over for `skip`.
    pub skipped: usize,
    /// Where to go on: the last id that was looked at, when there may be more.
    pub resume_after: Option<String>,
    /// Rows in the whole database; `None` where that is not told.
    pub total: Option<u64>,
    /// Rows before the range; `None` where they were not to be counted or that would cost too much.
    pub offset: Option<u64>,
}

/// What page is wanted of documents with conflicts, or of local ones, whose ids stand without `_local/`.
#[derive(Clone, Debug)]
pub struct IdsRequest {
    /// First id, with whether it is itself wanted; where the scan begins (descending: highest).
    pub start: Option<(String, bool)>,
    /// Last id, with whether it is itself wanted; where the scan ends.
    pub end: Option<(String, bool)>,
    /// Most rows in the page; the implementation may send fewer.
    pub limit: usize,
    /// Rows to pass over first.
    pub skip: usize,
    /// Highest id first.
    pub descending: bool,
    /// Local documents whose ids begin with this are passed over, as if they were not there.
    pub without: Option<&'static str>,
}

/// A page of documents with more than one live leaf.
#[derive(Clone, Debug, Default)]
pub struct ConflictsPage {
    /// Ids with the live leaves, winner first.
    pub rows: Vec<(String, Vec<Revision>)>,
    /// How many rows were passed over for `skip`.
    pub skipped: usize,
    /// Where to go on: the last id that was looked at, when there may be more.
    pub resume_after: Option<String>,
    /// Such documents in the whole database; `None` where they are too many to be counted at once.
    pub total: Option<u64>,
}

/// A page of local documents.
#[derive(Clone, Debug, Default)]
pub struct LocalsPage {
    /// Ids without `_local/`, and documents.
    pub rows: Vec<(String, LocalDocument)>,
    /// How many rows were passed over for `skip`.
    pub skipped: usize,
    /// Where to go on: the last id that was looked at, when there may be more.
    pub resume_after: Option<String>,
}
