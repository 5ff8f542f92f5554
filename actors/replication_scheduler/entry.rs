//! One job in the scheduler's table.

use std::collections::VecDeque;
use std::sync::Arc;

use refuge_config::Replicator;
use refuge_http::Failure;
use refuge_otp::Exit;
use refuge_replication::{Job, ReplicationId, Retries, RunNumber, Settings};
use serde_json::Value;
use tokio::sync::oneshot;

use super::ReplicateReply;
use crate::now_ms;
use crate::replication_job::Wanting;

/// What happened to a job is told for so many steps; CouchDB's `max_history`.
const MOST_HISTORY: usize = 20;

/// Who decides about a job.
pub(super) enum Owner {
    /// Whoever asked at `_replicate`.
    Request {
        /// Their name.
        user: Option<String>,
    },
    /// A document of `_replicator`, through the actor of the documents.
    Document {
        /// Its id.
        id: String,
        /// Which of its runs.
        number: RunNumber,
    },
}

/// Where a job's actor stands.
pub(super) enum Phase {
    /// There is none: a former one has to be gone first, or a back-off is under way.
    Resting,
    /// Being started.
    Starting { start: u64, stop: oneshot::Sender<()> },
    /// At work.
    Running { start: u64, stop: oneshot::Sender<()> },
}

/// A step of a job's life.
pub(super) struct Happened {
    pub(super) unix_ms: u64,
    /// CouchDB's word.
    pub(super) kind: &'static str,
    pub(super) reason: Option<String>,
}

pub(super) struct Entry {
    pub(super) id: ReplicationId,
    /// The id of what was asked for, where an end named nodes.
    pub(super) asked: ReplicationId,
    pub(super) job: Arc<Job>,
    pub(super) owner: Owner,
    /// Callers who wait for the end of a job that runs once.
    pub(super) waiting: Vec<ReplicateReply>,
    pub(super) starts: u32,
    pub(super) phase: Phase,
    pub(super) added_unix_ms: u64,
    /// Number of the last look at its window that was asked for.
    pub(super) last_look: u64,
    /// Newest first.
    pub(super) history: VecDeque<Happened>,
}

impl Entry {
    pub(super) fn new(id: ReplicationId, job: Job, owner: Owner) -> Self {
        let mut entry = Self {
            asked: id.clone(),
            id,
            job: Arc::new(job),
            owner,
            waiting: Vec::new(),
            starts: 0,
            phase: Phase::Resting,
            added_unix_ms: now_ms(),
            last_look: 0,
            history: VecDeque::new(),
        };
        entry.happened("added", None);
        entry
    }

    /// Who wants it, as far as others are told.
    pub(super) fn wanting(&self) -> Wanting {
        match &self.owner {
            Owner::Request { user } => Wanting { user: user.clone(), document: None },
            Owner::Document { id, .. } => Wanting { user: None, document: Some(id.clone()) },
        }
    }

    pub(super) fn start(&self) -> Option<u64> {
        match self.phase {
            Phase::Resting => None,
            Phase::Starting { start, .. } | Phase::Running { start, .. } => Some(start),
        }
    }

    /// Whether a cancellation means this job: by its id, by its base alone, or as it was asked for.
    pub(super) fn is_called(&self, text: &str, wanted: &str) -> bool {
        text == wanted || self.id.local_id() == wanted || self.asked.to_string() == wanted
    }

    pub(super) fn has_started(&mut self) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Resting) {
            Phase::Starting { start, stop } => Phase::Running { start, stop },
            other => other,
        };
        self.happened("started", None);
    }

    /// Its window is closed: told once, however often it is looked at.
    pub(super) fn waits_for_window(&mut self) {
        if self.history.front().is_none_or(|last| last.kind != "pending") {
            self.happened("pending", Some("its window is closed".to_owned()));
        }
    }

    pub(super) fn went_down(&mut self, exit: &Exit) {
        self.phase = Phase::Resting;
        self.happened("crashed", Some(exit.to_string()));
    }

    pub(super) fn answer(&mut self, answer: &Result<Value, Failure>) {
        for reply in self.waiting.drain(..) {
            let _ = reply.send(answer.clone());
        }
    }

    fn happened(&mut self, kind: &'static str, reason: Option<String>) {
        self.history.push_front(Happened { unix_ms: now_ms(), kind, reason });
        self.history.truncate(MOST_HISTORY);
    }

    /// What the machine of the next start is told; `usual` where the job does not say.
    pub(super) fn settings(&self, usual: &Replicator) -> Settings {
        let job = &self.job;
        let session_id = crate::hexadecimal(&rand::random::<[u8; 16]>());
        let mut settings = if job.continuous {
            Settings::continuous(self.id.clone(), session_id, now_ms())
        } else {
            Settings::once(self.id.clone(), session_id, now_ms())
        };
        settings.source_name = job.source.to_string();
        settings.target_name = job.target.to_string();
        settings.create_target = job.create_target;
        settings.partitioned_target = job.partitioned_target;
        settings.strip = job.strip;
        settings.selection = Arc::clone(&job.selection);
        settings.since.clone_from(&job.since);
        settings.use_checkpoints = job.use_checkpoints.unwrap_or(usual.use_checkpoints);
        settings.batch_documents = job.batch_documents.unwrap_or(usual.worker_batch_size).max(1);
        // Who says how many in the job gets no more.
        settings.most_batch_documents = match job.batch_documents {
            Some(documents) => documents,
            None => Settings::MOST_BATCH_DOCUMENTS.max(settings.batch_documents),
        };
        settings.batches_under_way = job.link.batches_under_way.unwrap_or(usual.worker_processes);
        settings.checkpoint_interval_ms =
            job.checkpoint_interval_ms.unwrap_or(usual.checkpoint_interval_ms);
        let retries = job.retries.or((!job.continuous).then_some(usual.retries_per_request));
        if let Some(limit) = retries {
            settings.retries = Retries { limit: Some(limit), ..settings.retries };
        }
        settings
    }
}

#[cfg(test)]
mod tests {
    use refuge_replication::{ReplicateRequest, parse_replicate_request};
    use serde_json::json;

    use super::*;

    /// What a job is run with while the settings in force are none of the usual ones.
    fn run_with(more: Value) -> Settings {
        let mut fields = json!({"source": "a", "target": "b"});
        let more = more.as_object().unwrap().clone();
        fields.as_object_mut().unwrap().extend(more);
        let ReplicateRequest::Start(job) = parse_replicate_request(&fields).unwrap() else {
            panic!("a cancellation")
        };
        let id = job.id("node");
        let usual = Replicator {
            worker_batch_size: 7,
            worker_processes: 9,
            checkpoint_interval_ms: 1_234,
            use_checkpoints: false,
            retries_per_request: 2,
            ..Replicator::default()
        };
        Entry::new(id, *job, Owner::Request { user: None }).settings(&usual)
    }

    #[test]
    fn settings_count_where_the_job_does_not_say() {
        let settings = run_with(json!({}));
        assert_eq!((settings.batch_documents, settings.batches_under_way), (7, 9));
        assert_eq!((settings.checkpoint_interval_ms, settings.use_checkpoints), (1_234, false));
        assert_eq!(settings.retries.limit, Some(2));
        let continuous = run_with(json!({"continuous": true}));
        assert_eq!(continuous.retries.limit, None, "it goes on trying");
    }

    #[test]
    fn what_the_job_says_counts() {
        let settings = run_with(json!({
            "worker_batch_size": 25, "checkpoint_interval": 5_678, "use_checkpoints": true,
            "retries_per_request": 4, "worker_processes": 2,
        }));
        assert_eq!((settings.batch_documents, settings.batches_under_way), (25, 2));
        assert_eq!(settings.most_batch_documents, 25);
        assert_eq!((settings.checkpoint_interval_ms, settings.use_checkpoints), (5_678, true));
        assert_eq!(settings.retries.limit, Some(4));
    }
}
