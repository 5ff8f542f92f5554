//! What a replication has done: counts, and the body of the answer to `POST /_replicate`.

use serde_json::{Map, Value};

/// Counts of one run, named as CouchDB's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Statistics {
    /// Revisions about which the target was asked (`missing_checked`).
    pub missing_checked: u64,
    /// Revisions that it lacked (`missing_found`).
    pub missing_found: u64,
    /// Documents read from the source (`docs_read`).
    pub docs_read: u64,
    /// Documents stored on the target (`docs_written`).
    pub docs_written: u64,
    /// Documents that the target refused (`doc_write_failures`).
    pub doc_write_failures: u64,
}

/// How a replication that succeeded ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Body of the answer to `POST /_replicate`, in CouchDB's shape.
    pub body: Map<String, Value>,
    /// Counts of this run.
    pub statistics: Statistics,
}
