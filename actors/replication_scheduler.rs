//! The owner of replication jobs: starts and cancels them, tells their callers how they ended, and
//! starts continuous ones again, with back-off, when they went down.
//!
//! Called by: the node's service. As in CouchDB, what was asked for at `_replicate` lives no longer
//! than the process: a restart of this actor forgets the jobs, and their checkpoints stay.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::Failure;
use refuge_otp::{ChildSpecification, DynamicSupervisor, Exit, Names};
use refuge_replication::{
    Failure as ReplicationFailure, Job, ReplicationId, ReplicationIdentity, Retries, Settings,
    Summary,
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::names;
use crate::replication_job::ReplicationJobArguments;

/// Jobs that may run at once; CouchDB's `max_jobs`.
const MOST_JOBS: usize = 500;
/// Back-off before a job that went down is started again; doubles up to the longest.
const FIRST_BACK_OFF: Duration = Duration::from_millis(250);
/// The longest back-off.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);

/// Gets the body of the answer to `POST /_replicate`.
pub type ReplicateReply = oneshot::Sender<Result<Value, Failure>>;

/// How a replication ended.
pub type Outcome = Result<Summary, ReplicationFailure>;

/// Messages of the scheduler.
pub enum ReplicationSchedulerMessage {
    /// Start a job, or join it where it runs already.
    Start {
        /// What to do.
        job: Box<Job>,
        /// Name of this installation, part of the replication's id.
        node_uuid: String,
        /// Answered at once for a continuous job, else at its end.
        reply: ReplicateReply,
    },
    /// Stop a job.
    Cancel {
        /// Its id; where it has no options, any job of that base.
        id: ReplicationId,
        /// Answered when it is told to stop.
        reply: ReplicateReply,
    },
    /// A job came to its end.
    Ended {
        /// Its id as text.
        id: String,
        /// How.
        outcome: Box<Outcome>,
    },
    /// A job's actor went down.
    Down {
        /// Its id as text.
        id: String,
        /// How often it had been started then.
        start: u32,
        /// Why.
        exit: Exit,
    },
    /// Start a job again after its back-off.
    Again {
        /// Its id as text.
        id: String,
    },
}

/// Makes the child specification of a job.
pub type ReplicationJobChild =
    Arc<dyn Fn(ReplicationJobArguments) -> ChildSpecification + Send + Sync>;

/// What the scheduler is started with.
#[derive(Clone)]
pub struct ReplicationSchedulerArguments {
    /// The names of this node.
    pub names: Names,
    /// The supervisors' part in starting a job.
    pub child: ReplicationJobChild,
}

/// The actor.
#[derive(Default)]
pub struct ReplicationSchedulerActor;

/// The jobs by the text of their ids.
pub struct ReplicationSchedulerState {
    arguments: ReplicationSchedulerArguments,
    myself: ActorRef<ReplicationSchedulerMessage>,
    jobs: HashMap<String, Entry>,
}

struct Entry {
    id: ReplicationId,
    job: Arc<Job>,
    /// Callers who wait for the end of a job that runs once.
    waiting: Vec<ReplicateReply>,
    starts: u32,
}

impl Actor for ReplicationSchedulerActor {
    type Msg = ReplicationSchedulerMessage;
    type State = ReplicationSchedulerState;
    type Arguments = ReplicationSchedulerArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(ReplicationSchedulerState { arguments, myself, jobs: HashMap::new() })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ReplicationSchedulerMessage::Start { job, node_uuid, reply } => {
                state.accept(*job, &node_uuid, reply);
            }
            ReplicationSchedulerMessage::Cancel { id, reply } => state.cancel(&id, reply),
            ReplicationSchedulerMessage::Ended { id, outcome } => state.ended(&id, *outcome),
            ReplicationSchedulerMessage::Down { id, start, exit } => {
                state.down(&id, start, &exit);
            }
            ReplicationSchedulerMessage::Again { id } => state.start(&id),
        }
        Ok(())
    }
}

impl ReplicationSchedulerState {
    fn accept(&mut self, job: Job, node_uuid: &str, reply: ReplicateReply) {
        let id = ReplicationId::of(ReplicationIdentity {
            node_uuid,
            source: &job.source,
            target: &job.target,
            continuous: job.continuous,
            create_target: job.create_target,
        });
        let text = id.to_string();
        let known = self.jobs.contains_key(&text);
        if !known && self.jobs.len() >= MOST_JOBS {
            let reason = format!("{MOST_JOBS} replications are running; try again later");
            let retry_after = Duration::from_secs(5);
            let _ = reply.send(Err(Failure::Busy { reason, retry_after }));
            return;
        }
        let entry = self.jobs.entry(text.clone()).or_insert_with(|| Entry {
            id,
            job: Arc::new(job),
            waiting: Vec::new(),
            starts: 0,
        });
        if entry.job.continuous {
            let _ = reply.send(Ok(json!({"ok": true, "_local_id": text})));
        } else {
            entry.waiting.push(reply);
        }
        if !known {
            self.start(&text);
        }
    }

    /// Starts the job's actor; the supervisor of jobs was started after this one, so it is asked on
    /// the side.
    fn start(&mut self, text: &str) {
        let Some(entry) = self.jobs.get_mut(text) else {
            return;
        };
        entry.starts += 1;
        let (start, id) = (entry.starts, text.to_owned());
        let child = (self.arguments.child)(ReplicationJobArguments {
            names: self.arguments.names.clone(),
            job: Arc::clone(&entry.job),
            settings: settings(entry),
        });
        let (names, myself) = (self.arguments.names.clone(), self.myself.clone());
        tokio::spawn(async move {
            let jobs = DynamicSupervisor::new(&names, names::REPLICATION_JOBS);
            let exit = match jobs.start_child(child).await {
                Ok(cell) => names.monitor(&cell).await,
                Err(error) => Exit::Failed(error.to_string()),
            };
            let _ = myself.cast(ReplicationSchedulerMessage::Down { id, start, exit });
        });
    }

    fn cancel(&mut self, id: &ReplicationId, reply: ReplicateReply) {
        let wanted = id.to_string();
        let found = self
            .jobs
            .iter()
            .find(|(text, entry)| **text == wanted || entry.id.local_id() == wanted)
            .map(|(text, _)| text.clone());
        let Some(text) = found else {
            let _ = reply.send(Err(Failure::NotFound("missing".to_owned())));
            return;
        };
        if let Some(entry) = self.jobs.remove(&text) {
            for waiting in entry.waiting {
                let reason = "the replication was cancelled".to_owned();
                let _ = waiting.send(Err(Failure::Internal(reason)));
            }
        }
        let names = self.arguments.names.clone();
        tokio::spawn(async move {
            let jobs = DynamicSupervisor::new(&names, names::REPLICATION_JOBS);
            let _ = jobs.stop_child(&names::replication_job(&text)).await;
            let _ = reply.send(Ok(json!({"ok": true, "_local_id": text})));
        });
    }

    fn ended(&mut self, id: &str, outcome: Outcome) {
        if let Err(failure) = &outcome {
            tracing::warn!(replication = id, %failure, "a replication failed");
        }
        let Some(entry) = self.jobs.remove(id) else {
            return;
        };
        let answer = match outcome {
            Ok(summary) => Ok(Value::Object(summary.body)),
            Err(failure) => Err(as_http(&failure)),
        };
        for reply in entry.waiting {
            let _ = reply.send(answer.clone());
        }
    }

    /// A job that is still in the table went down before its end.
    fn down(&mut self, id: &str, start: u32, exit: &Exit) {
        let Some(entry) = self.jobs.get(id).filter(|entry| entry.starts == start) else {
            return;
        };
        if !entry.job.continuous {
            let reason = format!("the replication went down: {exit}; it goes on where it was");
            if let Some(entry) = self.jobs.remove(id) {
                for reply in entry.waiting {
                    let _ = reply.send(Err(Failure::Unavailable(reason.clone())));
                }
            }
            return;
        }
        let doublings = start.saturating_sub(1).min(16);
        let back_off = (FIRST_BACK_OFF * 2_u32.pow(doublings)).min(LONGEST_BACK_OFF);
        tracing::warn!(replication = id, %exit, ?back_off, "a replication is started again");
        let id = id.to_owned();
        self.myself.send_after(back_off, || ReplicationSchedulerMessage::Again { id });
    }
}

fn settings(entry: &Entry) -> Settings {
    let job = &entry.job;
    let session_id = crate::hexadecimal(&rand::random::<[u8; 16]>());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let mut settings = if job.continuous {
        Settings::continuous(entry.id.clone(), session_id, now_ms)
    } else {
        Settings::once(entry.id.clone(), session_id, now_ms)
    };
    settings.source_name = job.source.to_string();
    settings.target_name = job.target.to_string();
    settings.create_target = job.create_target;
    settings.use_checkpoints = job.use_checkpoints;
    if let Some(documents) = job.batch_documents {
        settings.batch_documents = documents.max(1);
    }
    if let Some(interval_ms) = job.checkpoint_interval_ms {
        settings.checkpoint_interval_ms = interval_ms;
    }
    if let Some(limit) = job.retries {
        settings.retries = Retries { limit: Some(limit), ..settings.retries };
    }
    settings
}

fn as_http(failure: &ReplicationFailure) -> Failure {
    let text = failure.to_string();
    match failure.status() {
        401 => Failure::Unauthorized(text),
        403 => Failure::Forbidden(text),
        404 => Failure::ReplicationEndMissing(text),
        _ => Failure::Internal(text),
    }
}
