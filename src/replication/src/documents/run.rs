//! One run of a document: of its own, or towards one node. Its phases, and how long it rests after a
//! crash.

use std::sync::Arc;

use refuge_mesh::NodeId;
use serde_json::Value;

use super::{DocumentName, RunNumber};
use crate::crashes::{CrashKind, Crashes, LONGEST_REST_MS, Rests};
use crate::identity::ReplicationId;
use crate::job::Job;
use crate::kept_off::KeptOff;

/// Five seconds after the first crash.
const RESTS: Rests = Rests { first_ms: 5_000, longest_ms: LONGEST_REST_MS };
/// A node that is up is asked at least every 10 minutes: mostly it is to share a database that it
/// does not share yet, and its connection is there.
const RESTS_TOWARDS_NODE: Rests = Rests { longest_ms: 600_000, ..RESTS };

/// Names a run while it exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RunKey {
    pub(super) document: DocumentName,
    pub(super) node: Option<NodeId>,
}

#[derive(Debug)]
pub(super) struct Run {
    pub(super) id: ReplicationId,
    pub(super) job: Arc<Job>,
    pub(super) phase: Phase,
    pub(super) crashes: Crashes,
    pub(super) last_error: Option<String>,
    /// Why it waits, while it does, where it is neither for others nor for its window.
    pub(super) waits_for: Option<KeptOff>,
    /// Of the last good end.
    pub(super) statistics: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Starts as soon as nobody else has its id.
    Ready,
    /// Told to start.
    Starting(RunNumber),
    /// Its turn has not come, or is over for now.
    Pending(RunNumber),
    /// Works since a time.
    Running { number: RunNumber, since_ms: u64 },
    /// Crashed; starts again at a time.
    Resting { number: RunNumber, until_ms: u64 },
    /// Towards a node: done until the node comes again.
    Done,
}

impl Run {
    pub(super) fn new(job: &Arc<Job>, node: Option<NodeId>, node_uuid: &str) -> Self {
        let job = node.map_or_else(|| Arc::clone(job), |node| Arc::new(job.towards(node)));
        Self {
            id: job.id(node_uuid),
            job,
            phase: Phase::Ready,
            crashes: Crashes::default(),
            last_error: None,
            waits_for: None,
            statistics: None,
        }
    }

    pub(super) fn number(&self) -> Option<RunNumber> {
        match self.phase {
            Phase::Starting(number) | Phase::Pending(number) | Phase::Running { number, .. } => {
                Some(number)
            }
            Phase::Ready | Phase::Resting { .. } | Phase::Done => None,
        }
    }

    /// It crashed: until when it rests.
    pub(super) fn crash(
        &mut self,
        now_ms: u64,
        number: RunNumber,
        (kind, reason): (CrashKind, String),
        towards_node: bool,
    ) -> u64 {
        self.forget_crashes_where_well(now_ms);
        self.last_error = Some(reason);
        let rests = if towards_node { RESTS_TOWARDS_NODE } else { RESTS };
        let until_ms = self.crashes.crashed(now_ms, kind, rests);
        self.phase = Phase::Resting { number, until_ms };
        until_ms
    }

    /// It has to wait for its turn, or for another reason.
    pub(super) fn wait(&mut self, now_ms: u64, number: RunNumber, reason: Option<KeptOff>) {
        self.forget_crashes_where_well(now_ms);
        self.waits_for = reason;
        self.phase = Phase::Pending(number);
    }

    fn forget_crashes_where_well(&mut self, now_ms: u64) {
        if let Phase::Running { since_ms, .. } = self.phase {
            self.crashes.ran(now_ms, since_ms);
        }
    }
}
