//! The lines that the writer counts.

use std::time::Duration;

use metrics::{Counter, Histogram, counter, histogram};
use refuge_storage::Outcome;

/// Their handles.
pub(crate) struct WriterMetrics {
    commits: Counter,
    operations: Counter,
    document_writes: Counter,
    document_inserts: Counter,
    group_operations: Histogram,
    seconds: Histogram,
}

impl WriterMetrics {
    /// The lines of the node with this label.
    pub(crate) fn of_node(node: &str) -> Self {
        let labels = [("node", node.to_owned())];
        Self {
            commits: counter!("refuge_commits_total", &labels),
            operations: counter!("refuge_committed_operations_total", &labels),
            document_writes: counter!("refuge_document_writes_total", &labels),
            document_inserts: counter!("refuge_document_inserts_total", &labels),
            group_operations: histogram!("refuge_commit_group_operations", &labels),
            seconds: histogram!("refuge_commit_seconds", &labels),
        }
    }

    pub(super) fn count(&self, outcomes: &[Outcome], time: Duration) {
        self.commits.increment(1);
        self.operations.increment(outcomes.len() as u64);
        self.group_operations.record(outcomes.len() as f64);
        self.seconds.record(time.as_secs_f64());
        for outcome in outcomes {
            let Outcome::Documents(committed) = outcome else { continue };
            let written = committed.documents.len() as u64;
            self.document_writes.increment(written);
            // The others replaced a row.
            let inserted = written.saturating_sub(committed.removed.len() as u64);
            self.document_inserts.increment(inserted);
        }
    }
}
