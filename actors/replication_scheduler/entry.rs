//! One job in the scheduler's table.

use std::collections::VecDeque;
use std::sync::Arc;

use refuge_config::Replicator;
use refuge_http::Failure;
use refuge_mesh::NodeId;
use refuge_otp::Exit;
use refuge_replication::{
    CrashKind, DocumentName, EndPoint, Failure as ReplicationFailure, Job, JobNumber, KeptOff,
    ReplicationId, Retries, RunNumber, Settings, Status,
};
use serde_json::Value;

use super::ReplicateReply;
use super::incarnation::JobActor;
use crate::now_ms;
use crate::replication_job::Wanting;

/// Who decides about a job.
pub(super) enum Owner {
    /// Whoever asked at `_replicate`.
    Request {
        /// Their name.
        user: Option<String>,
    },
    /// A document of `_replicator`, through the actor of the documents.
    Document {
        /// Its name.
        name: DocumentName,
        /// Which of its runs.
        number: RunNumber,
    },
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
    /// What the schedule calls it; `None` while a former actor of the same job has to be gone first.
    pub(super) number: Option<JobNumber>,
    pub(super) actor: Option<JobActor>,
    /// Why it failed, from then until its actor is gone and after; gone with the next start.
    pub(super) failure: Option<String>,
    /// What kind of failure the last one was.
    crash: CrashKind,
    /// How far it was when it was stopped in favour of others.
    pub(super) reached: Option<Arc<Status>>,
    pub(super) added_unix_ms: u64,
    /// Number of the last look at its window that was asked for.
    pub(super) last_look: u64,
    /// Why it does not run although it could, as it was seen last.
    pub(super) kept_off: Option<KeptOff>,
    /// Newest first.
    pub(super) history: VecDeque<Happened>,
}

impl Entry {
    pub(super) fn new(id: ReplicationId, job: Arc<Job>, owner: Owner) -> Self {
        let mut entry = Self {
            asked: id.clone(),
            id,
            job,
            owner,
            waiting: Vec::new(),
            number: None,
            actor: None,
            failure: None,
            crash: CrashKind::Other,
            reached: None,
            added_unix_ms: now_ms(),
            last_look: 0,
            kept_off: None,
            history: VecDeque::new(),
        };
        entry.happened("added", None, 1);
        entry
    }

    /// Who wants it, as far as others are told.
    pub(super) fn wanting(&self) -> Wanting {
        match &self.owner {
            Owner::Request { user } => Wanting { user: user.clone(), document: None },
            Owner::Document { name, .. } => Wanting {
                user: self.job.user.as_ref().and_then(|user| user.name.clone()),
                document: Some(name.clone()),
            },
        }
    }

    pub(super) fn start(&self) -> Option<u64> {
        self.actor.as_ref().map(|actor| actor.start)
    }

    /// Whether a failure is not its end: whoever asked for it does not wait for an answer.
    pub(super) fn is_tried_again(&self) -> bool {
        self.job.continuous || matches!(self.owner, Owner::Document { .. })
    }

    /// Whether a cancellation means this job: by its id, by its base alone, or as it was asked for.
    pub(super) fn is_called(&self, text: &str, wanted: &str) -> bool {
        text == wanted || self.id.local_id() == wanted || self.asked.to_string() == wanted
    }

    /// It failed, and is tried again: whoever waits for its end hears of it, since the next may be hours away.
    pub(super) fn fails(&mut self, failure: &ReplicationFailure, told: Failure) {
        self.failure = Some(failure.told());
        self.crash = match failure.crash() {
            // Nodes know each other by keys: no account is locked, and what is not shared now may be soon.
            CrashKind::Refusal if !self.has_remote_end() => CrashKind::Other,
            crash => crash,
        };
        self.answer(&Err(told));
    }

    /// Whether an end is reached with a name and a password.
    fn has_remote_end(&self) -> bool {
        [&self.job.source, &self.job.target].iter().any(|end| matches!(end, EndPoint::Remote(_)))
    }

    /// Its next actor is being started. What came of the one before is forgotten now, and not when the start is
    /// told: the actor may tell of its own end before that.
    pub(super) fn begins(&mut self, actor: JobActor) {
        self.failure = None;
        self.crash = CrashKind::Other;
        self.reached = None;
        self.actor = Some(actor);
    }

    pub(super) fn has_started(&mut self, most_history: usize) {
        self.happened("started", None, most_history);
    }

    /// It waits, for this reason: told once, however often it is looked at.
    pub(super) fn waits_for(&mut self, reason: KeptOff, most_history: usize) {
        let reason = reason.to_string();
        let is_told =
            |last: &Happened| last.kind == "pending" && last.reason.as_ref() == Some(&reason);
        if !self.history.front().is_some_and(is_told) {
            self.happened("pending", Some(reason), most_history);
        }
    }

    /// The node at one of its ends.
    pub(super) fn peer(&self) -> Option<NodeId> {
        [&self.job.source, &self.job.target].into_iter().find_map(|end| match end {
            EndPoint::Peer(peer) => Some(peer.id),
            EndPoint::Local(_) | EndPoint::Remote(_) | EndPoint::Node(_) => None,
        })
    }

    /// Its actor is gone, as the schedule wanted it.
    pub(super) fn was_stopped(&mut self, most_history: usize) {
        self.failure = None;
        self.reached = self.actor.take().and_then(JobActor::reached);
        self.happened("stopped", None, most_history);
    }

    /// Its actor is gone though nobody wanted it; how, and why.
    pub(super) fn went_down(&mut self, exit: &Exit, most_history: usize) -> (CrashKind, String) {
        self.actor = None;
        let went_down = || format!("the replication went down: {exit}; it goes on where it was");
        let reason = self.failure.take().unwrap_or_else(went_down);
        self.failure = Some(reason.clone());
        self.happened("crashed", Some(reason.clone()), most_history);
        (self.crash, reason)
    }

    pub(super) fn answer(&mut self, answer: &Result<Value, Failure>) {
        for reply in self.waiting.drain(..) {
            let _ = reply.send(answer.clone());
        }
    }

    fn happened(&mut self, kind: &'static str, reason: Option<String>, most_history: usize) {
        self.history.push_front(Happened { unix_ms: now_ms(), kind, reason });
        self.history.truncate(most_history);
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
        settings.target_shards = job.target_shards;
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
        let limit = Some(job.retries.unwrap_or(usual.retries_per_request));
        settings.retries = Retries { limit, ..settings.retries };
        settings.careful = self.crash == CrashKind::Refusal;
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
        Entry::new(id, job.into(), Owner::Request { user: None }).settings(&usual)
    }

    #[test]
    fn settings_count_where_the_job_does_not_say() {
        let settings = run_with(json!({}));
        assert_eq!((settings.batch_documents, settings.batches_under_way), (7, 9));
        assert_eq!((settings.checkpoint_interval_ms, settings.use_checkpoints), (1_234, false));
        assert_eq!(settings.retries.limit, Some(2));
        let continuous = run_with(json!({"continuous": true}));
        assert_eq!(continuous.retries.limit, Some(2));
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
