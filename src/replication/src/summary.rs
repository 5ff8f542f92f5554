//! What a replication has done: counts, and the body of the answer to `POST /_replicate`.

use serde_json::{Map, Value, json};

/// Counts of one run, named as CouchDB's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Statistics {
    /// Revisions about which the target was asked (`missing_checked`).
    pub missing_checked: u64,
    /// Revisions that it lacked (`missing_found`).
    pub missing_found: u64,
    /// Revisions that the source was asked for in bulk (`bulk_get_attempts`).
    pub bulk_get_attempts: u64,
    /// Documents that came in answer (`bulk_get_docs`).
    pub bulk_get_docs: u64,
    /// Documents read from the source (`docs_read`).
    pub docs_read: u64,
    /// Documents stored on the target (`docs_written`).
    pub docs_written: u64,
    /// Documents that the target refused (`doc_write_failures`).
    pub doc_write_failures: u64,
    /// Bytes of documents that were handed to the target in bulk; CouchDB does not tell them.
    pub bytes_written: u64,
}

/// How a replication that succeeded ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Body of the answer to `POST /_replicate`, in CouchDB's shape.
    pub body: Map<String, Value>,
    /// Counts of this run.
    pub statistics: Statistics,
}

/// How far a replication is, for [`Statistics::told`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reached<'a> {
    /// Up to here all is in the checkpoints.
    pub(crate) checkpointed: &'a str,
    /// Up to here all is stored on the target.
    pub(crate) through: &'a str,
    /// The newest known sequence of the source.
    pub(crate) source: &'a str,
    /// Rows that were not read yet, where the source tells.
    pub(crate) pending: Option<u64>,
}

impl Statistics {
    /// As `_scheduler` and `_replication_stats` show them.
    pub(crate) fn told(&self, reached: Reached<'_>) -> Value {
        json!({
            "revisions_checked": self.missing_checked,
            "missing_revisions_found": self.missing_found,
            "bulk_get_attempts": self.bulk_get_attempts,
            "bulk_get_docs": self.bulk_get_docs,
            "docs_read": self.docs_read,
            "docs_written": self.docs_written,
            "changes_pending": reached.pending,
            "doc_write_failures": self.doc_write_failures,
            "checkpointed_source_seq": reached.checkpointed,
            "source_seq": reached.source,
            "through_seq": reached.through,
        })
    }
}

impl Summary {
    /// The counts as `_scheduler/docs` and a document's `_replication_stats` show them.
    pub fn told(&self) -> Value {
        let last = self.body.get("source_last_seq").and_then(Value::as_str).unwrap_or_default();
        let reached = Reached { checkpointed: last, through: last, source: last, pending: Some(0) };
        self.statistics.told(reached)
    }
}
