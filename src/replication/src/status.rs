//! What a replication tells of itself: for `_active_tasks`, the console and the tests.

use serde_json::Value;

use crate::summary::{Reached, Statistics};

/// Where a replication stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not started.
    New,
    /// Opens both ends.
    Opening,
    /// Reads the checkpoints of both ends.
    Comparing,
    /// Moves documents, or waits for changes.
    Running,
    /// Over.
    Finished,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    /// Replication id with its extension, as `_active_tasks` shows it.
    pub replication_id: String,
    /// Name of this run.
    pub session_id: String,
    /// Name of the source, without credentials.
    pub source: String,
    /// Name of the target, without credentials.
    pub target: String,
    /// Whether it goes on when it has caught up.
    pub continuous: bool,
    /// Where it stands.
    pub phase: Phase,
    /// The source's newest known sequence (`source_seq`).
    pub source_sequence: String,
    /// Everything up to here is stored on the target (`through_seq`).
    pub through_sequence: String,
    /// Everything up to here is in the checkpoints (`checkpointed_source_seq`).
    pub checkpointed_sequence: String,
    /// Rows of the feed that are not through, where the source tells (`changes_pending`).
    pub pending: Option<u64>,
    /// Rows of the feed that are through, since it was last begun from a checkpoint.
    pub changes_done: u64,
    /// Whether all that is known of the source is stored and it waits for changes.
    pub caught_up: bool,
    /// Counts of this run.
    pub statistics: Statistics,
    /// Requests that wait for their repetition.
    pub waiting_to_retry: usize,
    /// The last failure of an end; gone when the end answers and nothing is being asked of it again.
    pub last_failure: Option<String>,
}

impl Status {
    /// The counts as `_scheduler/jobs` and `_scheduler/docs` show them.
    /// `error` is the last failure of an end that is being asked again.
    pub fn told(&self) -> Value {
        let mut told = self.statistics.told(Reached {
            checkpointed: &self.checkpointed_sequence,
            through: &self.through_sequence,
            source: &self.source_sequence,
            pending: self.pending,
        });
        if let (Some(failure), Value::Object(told)) = (&self.last_failure, &mut told) {
            told.insert("error".to_owned(), failure.as_str().into());
        }
        told
    }
}
