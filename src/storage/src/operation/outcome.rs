//! What the writer answers.

use crate::database::{DatabaseId, DatabaseRecord};
use crate::purge::PurgeCommitted;
use crate::resumable::{ResumableUpload, UploadBound};

/// What became of one operation of a committed group.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The database was created.
    Created(DatabaseRecord),
    /// The database was deleted.
    Deleted(DatabaseId),
    /// The documents were written.
    Documents(Committed),
    /// The documents were purged.
    Purged(PurgeCommitted),
    /// Done.
    Done,
    /// A database of this name exists: nothing was done.
    AlreadyExists,
    /// The database does not exist (any more): nothing was done.
    NoSuchDatabase,
    /// An id is longer than [`MAXIMUM_ID_BYTES`](super::MAXIMUM_ID_BYTES): nothing of the operation was done.
    IdTooLong,
    /// The upload was given up before: nothing was done.
    NoSuchUpload,
    /// What is known of an upload that may be resumed.
    Upload(Box<ResumableUpload>),
    /// Another one holds the upload: nothing was done.
    UploadHeld,
    /// The upload would go beyond a bound: nothing was done.
    UploadBeyond(UploadBound),
}

/// The sequences that a write of documents took.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Committed {
    /// The first sequence taken.
    pub first: u64,
    /// The last: the database's update sequence after this operation.
    pub last: u64,
    /// For each document that was written, in order, the sequence of its by-sequence row. Its
    /// n-th of m new bodies stands at this number − (m − 1) + n.
    pub documents: Vec<u64>,
    /// Which documents, by their places in the write, were not written because a content that
    /// they refer to is not there (any more).
    pub refused: Vec<usize>,
    /// The sequences whose rows left because these replaced them, in the documents' order.
    pub removed: Vec<u64>,
}
