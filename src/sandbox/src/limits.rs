//! How much a call may take.

use std::time::Duration;

/// How much the JavaScript of one design document may take. The defaults suit a small machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The heap of one runtime in bytes: functions, modules, and what a call makes.
    pub memory_bytes: usize,
    /// The stack that JavaScript may use in bytes. The thread needs 256 KiB more than this.
    pub stack_bytes: usize,
    /// The time of one call: one document for a map, filter or validation, one group for a reduce,
    /// the time between two rows for a list.
    pub call: Duration,
    /// What one call may answer, in bytes: the rows of one document and function, a reduction, a
    /// response, or what a list sends between two rows. Also where a batch of maps pauses.
    pub output_bytes: usize,
    /// What the functions may `log` between two times that it is taken, in bytes. What is beyond
    /// that is counted and dropped.
    pub log_bytes: usize,
    /// What becomes of a reduction that grows with its input.
    pub reduce: ReduceLimit,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_bytes: 64 << 20,
            // JSON nested 1,000 deep needs a fifth of it; two MiB is what threads have.
            stack_bytes: 512 << 10,
            call: Duration::from_secs(5),
            output_bytes: 8 << 20,
            log_bytes: 64 << 10,
            reduce: ReduceLimit::Refuse,
        }
    }
}

/// CouchDB's `reduce_limit`: a reduction of more than [`REDUCE_THRESHOLD_BYTES`] that is longer than
/// half of its input is one that collects rather than reduces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReduceLimit {
    /// It is the error `reduce_overflow_error`.
    Refuse,
    /// It is logged and kept.
    Log,
    /// It is kept.
    Allow,
}

/// Reductions up to this length are never an overflow, in bytes (CouchDB's `reduce_limit_threshold`).
pub const REDUCE_THRESHOLD_BYTES: usize = 4906;
