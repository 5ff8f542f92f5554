//! What a replication is told when it begins. Values only.

use std::sync::Arc;

use crate::identity::ReplicationId;
use crate::selection::Selection;

/// All that a machine needs to know; the shell fills in what is random or of the clock.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Names the checkpoint on both ends.
    pub id: ReplicationId,
    /// Random name of this run (32 hexadecimal digits), written into the checkpoints.
    pub session_id: String,
    /// Wall clock when the machine is made, milliseconds since 1970. All later times are
    /// milliseconds since then by a clock that never goes back.
    pub started_unix_ms: u64,
    /// Name of the source for messages; without credentials.
    pub source_name: String,
    /// Name of the target for messages; without credentials.
    pub target_name: String,
    /// Goes on waiting for changes when it has caught up.
    pub continuous: bool,
    /// Makes the target where it is missing.
    pub create_target: bool,
    /// The target that it makes is partitioned.
    pub partitioned_target: bool,
    /// Shards of the target that it makes, where given.
    pub target_shards: Option<u16>,
    /// Leaves `_expires` out of what is sent.
    pub strip: bool,
    /// What is replicated.
    pub selection: Arc<Selection>,
    /// Where it begins when there is no checkpoint; `None` is the beginning.
    pub since: Option<String>,
    /// Asks each end one thing at first and nothing else until that is answered: one that refused who asks
    /// may count each try.
    pub careful: bool,
    /// Reads and writes checkpoints.
    pub use_checkpoints: bool,
    /// Documents in the first batches; later ones have more or fewer, as fast as the ends answer.
    pub batch_documents: usize,
    /// Most documents that a batch grows to.
    pub most_batch_documents: usize,
    /// About how many bytes of documents are read at a time within the first batches.
    pub batch_bytes: usize,
    /// Most bytes that this grows to.
    pub most_batch_bytes: usize,
    /// Batches that are under way at once.
    pub batches_under_way: usize,
    /// Longest time between progress and its checkpoint, milliseconds.
    pub checkpoint_interval_ms: u64,
    /// Rest after which progress gets its checkpoint sooner, milliseconds.
    pub checkpoint_rest_ms: u64,
    /// A request without answer for so long counts as failed, milliseconds. A safety net: ends
    /// notice broken connections sooner.
    pub answer_deadline_ms: u64,
    /// What happens after transient failures.
    pub retries: Retries,
}

impl Settings {
    /// 500 documents, as CouchDB's `worker_batch_size`.
    pub const BATCH_DOCUMENTS: usize = 500;
    /// 2,000: more of them save hardly a round trip.
    pub const MOST_BATCH_DOCUMENTS: usize = 2_000;
    /// 512 KiB: four seconds of a link of 1 Mbit/s.
    pub const BATCH_BYTES: usize = 512 << 10;
    /// 4 MiB: a few of them under way fit a small machine.
    pub const MOST_BATCH_BYTES: usize = 4 << 20;
    /// One batch is stored while the next is read and the one after is compared.
    pub const BATCHES_UNDER_WAY: usize = 3;
    /// 5 s: a crash costs at most so much repeated comparison.
    pub const CHECKPOINT_INTERVAL_MS: u64 = 5_000;
    /// Half a second without work is rest; a checkpoint then disturbs nobody.
    pub const CHECKPOINT_REST_MS: u64 = 500;
    /// 5 min: longer than a batch over a slow link and than any wait for changes.
    pub const ANSWER_DEADLINE_MS: u64 = 300_000;
    /// 7 days: a large attachment over a slow link; while bytes move it goes on.
    pub const CARRIAGE_DEADLINE_MS: u64 = 7 * 86_400_000;

    /// The usual values for a replication that runs once.
    pub fn once(id: ReplicationId, session_id: String, started_unix_ms: u64) -> Self {
        Self {
            id,
            session_id,
            started_unix_ms,
            source_name: "source".to_owned(),
            target_name: "target".to_owned(),
            continuous: false,
            create_target: false,
            partitioned_target: false,
            target_shards: None,
            strip: false,
            selection: Arc::default(),
            since: None,
            careful: false,
            use_checkpoints: true,
            batch_documents: Self::BATCH_DOCUMENTS,
            most_batch_documents: Self::MOST_BATCH_DOCUMENTS,
            batch_bytes: Self::BATCH_BYTES,
            most_batch_bytes: Self::MOST_BATCH_BYTES,
            batches_under_way: Self::BATCHES_UNDER_WAY,
            checkpoint_interval_ms: Self::CHECKPOINT_INTERVAL_MS,
            checkpoint_rest_ms: Self::CHECKPOINT_REST_MS,
            answer_deadline_ms: Self::ANSWER_DEADLINE_MS,
            retries: Retries::USUAL,
        }
    }

    /// The usual values for a replication that goes on.
    pub fn continuous(id: ReplicationId, session_id: String, started_unix_ms: u64) -> Self {
        Self { continuous: true, ..Self::once(id, session_id, started_unix_ms) }
    }
}

/// How often and after which pauses a failed request is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Repetitions of one request before the replication fails; `None` means for ever.
    pub limit: Option<u32>,
    /// First pause, milliseconds; doubled each time.
    pub first_ms: u64,
    /// Longest pause, milliseconds.
    pub longest_ms: u64,
}

impl Retries {
    /// As CouchDB's `retries_per_request`: 5, so that a caller who waits hears within 10 s, and one that goes
    /// on shows as crashing and rests.
    pub const USUAL: Self = Self { limit: Some(5), first_ms: 250, longest_ms: 60_000 };

    /// Pause before repetition number `attempt` (1 is the first); `None` when enough is enough.
    /// Never shorter than what the end asked for, within the longest pause times 10.
    pub fn pause_ms(&self, attempt: u32, retry_after_ms: Option<u64>) -> Option<u64> {
        if self.limit.is_some_and(|limit| attempt > limit) {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(20);
        let own = self.first_ms.saturating_mul(1 << doublings);
        let asked = retry_after_ms.unwrap_or(0).min(self.longest_ms.saturating_mul(10));
        Some(own.min(self.longest_ms).max(asked))
    }
}
