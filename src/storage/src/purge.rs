//! What a purge is to the storage: what is asked of the writer, what is kept of it, and how far the
//! indexes have followed. Which revisions leave is decided by the revision tree, not here.

use refuge_document::Revision;

use crate::database::DatabaseId;
use crate::operation::{Committed, DocumentWrite, Previous};

/// Purge records kept where a database sets no limit of its own (CouchDB's default).
pub(crate) const DEFAULT_RECORDS_LIMIT: u32 = 1000;

/// Documents of one database to be purged, together or not at all.
#[derive(Clone, Debug)]
pub struct PurgeWrite {
    /// The database.
    pub database: DatabaseId,
    /// When, in milliseconds since 1970 (UTC).
    pub time_ms: u64,
    /// Whether these are tombstones that were kept long enough; none of them was written after this
    /// moment, in milliseconds since 1970 (UTC).
    pub tombstones_until_ms: Option<u64>,
    /// The documents, in the order in which they take their purge sequences.
    pub documents: Vec<DocumentPurge>,
}

/// The purge of one document.
#[derive(Clone, Debug)]
pub struct DocumentPurge {
    /// The document's id.
    pub id: String,
    /// Names this purge; one that is known already is passed over.
    pub uuid: [u8; 16],
    /// The revisions as they were named, for the record.
    pub revisions: Vec<Revision>,
    /// What becomes of the document; `None` where nothing of it leaves.
    pub change: Option<PurgeChange>,
}

/// What a purge changes of a document.
#[derive(Clone, Debug)]
pub struct PurgeChange {
    /// The row that leaves.
    pub previous: Previous,
    /// The row that takes its place, without new bodies; `None` where no leaf is left.
    pub remaining: Option<DocumentWrite>,
    /// The sequences under which the bodies of the leaves stand that leave. They become garbage.
    pub bodies: Vec<u64>,
    /// Who could read the row that leaves, where none takes its place.
    pub readers: Vec<String>,
}

/// The sequences that a purge took.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PurgeCommitted {
    /// The update sequences; a document that is gone has none in `documents`.
    pub committed: Committed,
    /// The database's purge sequence after this operation.
    pub purge_sequence: u64,
}

/// How a database stands with its purges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurgeState {
    /// The last purge sequence given, 0 for none.
    pub sequence: u64,
    /// The records up to this purge sequence have left.
    pub forgotten: u64,
    /// Records kept at least until all indexes have followed, and at most from then on.
    pub records_limit: u32,
}

impl Default for PurgeState {
    fn default() -> Self {
        Self { sequence: 0, forgotten: 0, records_limit: DEFAULT_RECORDS_LIMIT }
    }
}

/// What is kept of a purge, so that indexes can follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeRecord {
    /// Its purge sequence.
    pub sequence: u64,
    /// When, in milliseconds since 1970 (UTC).
    pub time_ms: u64,
    /// Its name.
    pub uuid: [u8; 16],
    /// The document.
    pub id: String,
    /// The revisions that were named.
    pub revisions: Vec<Revision>,
}

/// How far a database's tombstones have been purged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TombstoneState {
    /// All tombstones up to this sequence that were due have been purged.
    pub swept: u64,
    /// The highest sequence at which a purged tombstone stood, 0 for none. Who read the changes up
    /// to an earlier one has not heard of all deletions, and will not.
    pub floor: u64,
    /// No purged tombstone was written after this moment, in milliseconds since 1970 (UTC).
    pub floor_time_ms: u64,
}

/// What the update sequence of a database was at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeMark {
    /// When, in milliseconds since 1970 (UTC).
    pub time_ms: u64,
    /// The update sequence.
    pub sequence: u64,
}
