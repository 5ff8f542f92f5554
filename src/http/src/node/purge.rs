//! Purges: what is asked, what left, and what is remembered of it.

use refuge_document::Revision;

/// A document with leaves that are to leave, or have left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgedDocument {
    /// Document id.
    pub id: String,
    /// The leaves.
    pub revisions: Vec<Revision>,
}

/// What one request may name at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurgeLimits {
    /// Documents.
    pub documents: usize,
    /// Revisions of all documents together.
    pub revisions: usize,
}

impl Default for PurgeLimits {
    /// CouchDB's.
    fn default() -> Self {
        Self { documents: 100, revisions: 1000 }
    }
}

/// A page of remembered purges.
#[derive(Clone, Debug, Default)]
pub struct PurgesPage {
    /// What was asked to leave, in the order of purge sequences.
    pub purges: Vec<PurgedDocument>,
    /// The last purge sequence in the page.
    pub last: u64,
    /// Whether nothing stands behind it.
    pub finished: bool,
}
