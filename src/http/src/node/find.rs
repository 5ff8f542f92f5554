//! A Mango question as HTTP hands it on: the index is chosen, and the matches come back in pages, ready to be
//! sent. How indexes are read is not known here.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use refuge_document::Leaf;
use refuge_query::mango::{Bookmark, Find, Index, Plan};

use crate::failure::Failure;

/// A question with the index that answers it.
#[derive(Clone, Debug)]
pub struct FindQuestion {
    /// What is asked.
    pub find: Arc<Find>,
    /// The index that was chosen.
    pub index: Index,
    /// What of it is read.
    pub plan: Plan,
    /// Whether each match is to be told by itself, as it is stored and not as an index has it, for whoever
    /// decides which of them are shown.
    pub each: bool,
}

/// A match that is told by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindMatch {
    /// Its row.
    pub place: Bookmark,
    /// The document's winner.
    pub leaf: Leaf,
    /// Where its text ends among those of the page.
    pub end: usize,
}

/// What part of the matches is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindPart {
    /// Only rows behind this one, in the direction of the walk.
    pub after: Option<Bookmark>,
    /// Matches to pass over first.
    pub skip: u64,
    /// Most matches in the page; the implementation may send fewer, or none.
    pub limit: u64,
}

/// A page of matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindPage {
    /// The matches as they are shown: JSON texts with `,\r\n` between them.
    pub documents: Bytes,
    /// What each of them is, where that was asked for.
    pub matches: Vec<FindMatch>,
    /// How many they are.
    pub returned: u64,
    /// How many were passed over for `skip`.
    pub skipped: u64,
    /// The row of the last match.
    pub last: Option<Bookmark>,
    /// Rows of the index that were read.
    pub keys_examined: u64,
    /// Documents that were read.
    pub documents_examined: u64,
    /// Where to go on, when there may be more.
    pub resume: Option<Bookmark>,
}

/// The documents that a question asks for.
#[async_trait]
pub trait Findings: Send + Sync + 'static {
    /// A page of them, from one moment.
    async fn page(&self, part: FindPart) -> Result<FindPage, Failure>;
}
