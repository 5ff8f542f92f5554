//! How much a call may take.

use std::time::Duration;

/// How much the JavaScript of one design document may take. The defaults suit a small machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// The heap of one runtime in bytes: functions, modules, and what a call makes.
    pub memory_bytes: usize,
    /// The stack that JavaScript may use in bytes. The thread needs 256 KiB more than this.
    pub stack_bytes: usize,
    /// The processor time of one call: one document for a map, filter or validation, one group for a reduce,
    /// the time between two rows for a list.
    pub call: Duration,
    /// So many times as long may a call take by the clock: where somebody waits for it, once.
    pub times_by_the_clock: u32,
    /// What one call may answer, in bytes: the rows of one document and function, a reduction, a
    /// response, or what a list sends between two rows. Also where a batch of maps pauses.
    pub output_bytes: usize,
    /// What the functions may `log` between two times that it is taken, in bytes. What is beyond
    /// that is counted and dropped.
    pub log_bytes: usize,
    /// What becomes of a reduction that grows with its input. The bound is its owner's, so the default
    /// has none.
    pub reduce: ReduceLimit,
}

impl Limits {
    /// The time of one call: of the processor, and by the clock.
    pub(crate) fn time(&self) -> (Duration, Duration) {
        (self.call, self.call.saturating_mul(self.times_by_the_clock))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory_bytes: 64 << 20,
            // JSON nested 1,000 deep needs a fifth of it; two MiB is what threads have.
            stack_bytes: 512 << 10,
            call: Duration::from_secs(5),
            times_by_the_clock: 1,
            output_bytes: 8 << 20,
            log_bytes: 64 << 10,
            reduce: ReduceLimit::Allow,
        }
    }
}

/// CouchDB's `reduce_limit`: what becomes of a reduction that collects rather than reduces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReduceLimit {
    /// It is the error `reduce_overflow_error`.
    Refuse(ReduceBound),
    /// It is logged and kept.
    Log(ReduceBound),
    /// It is kept.
    Allow,
}

/// From where on a reduction collects rather than reduces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReduceBound {
    /// Reductions up to this length never do, in bytes (CouchDB's `reduce_limit_threshold`).
    pub threshold_bytes: usize,
    /// A longer one has to be this many times shorter than its input (CouchDB's
    /// `reduce_limit_ratio`).
    pub ratio: f64,
}

impl ReduceBound {
    /// Whether a reduction is beyond it; lengths are those of JSON texts in bytes.
    pub(crate) fn is_passed(self, input: usize, output: usize) -> bool {
        output > self.threshold_bytes && output as f64 * self.ratio > input as f64
    }
}
