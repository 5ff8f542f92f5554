//! What an answer tells of its making: statistics and warnings.

use serde_json::{Value, json};

use super::{Index, Plan};

/// CouchDB's `[mango] index_scan_warning_threshold`: documents read for each that was shown.
pub const INDEX_SCAN_WARNING_THRESHOLD: u64 = 10;

/// `execution_stats`.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct ExecutionStatistics {
    /// Rows of the index that were read; a scan of all documents counts too.
    pub keys_examined: u64,
    /// Documents that were read.
    pub documents_examined: u64,
    /// Documents that were read with a quorum.
    pub quorum_documents_examined: u64,
    /// Documents in the answer.
    pub results_returned: u64,
    /// From the first row to the last, in milliseconds.
    pub execution_time_ms: f64,
}

impl ExecutionStatistics {
    /// The member's JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "total_keys_examined": self.keys_examined,
            "total_docs_examined": self.documents_examined,
            "total_quorum_docs_examined": self.quorum_documents_examined,
            "results_returned": self.results_returned,
            "execution_time_ms": self.execution_time_ms,
        })
    }

    /// Whether more documents were read than `threshold` for each that was shown; a threshold of 0 never
    /// says so.
    pub fn are_many_examined(&self, threshold: u64) -> bool {
        let read = self.documents_examined + self.quorum_documents_examined;
        threshold > 0 && read > threshold.saturating_mul(self.results_returned.max(1))
    }
}

/// `warning` of an answer: a line for each. A threshold of 0 never warns of scans.
pub fn warning(
    plan: &Plan,
    index: &Index,
    statistics: &ExecutionStatistics,
    threshold: u64,
) -> Option<String> {
    let scan = index
        .is_all_documents()
        .then_some("No matching index found, create an index to optimize query time.");
    let ratio = statistics.are_many_examined(threshold).then_some(
        "The number of documents examined is high in proportion to the number of results returned. \
         Consider adding a more specific index to improve this.",
    );
    let lines: Vec<&str> =
        plan.passed_over.as_deref().into_iter().chain(scan).chain(ratio).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
