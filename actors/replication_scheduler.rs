//! The owner of replication jobs: tells those who asked for them how they ended, and starts and stops
//! their actors as the pure `Schedule` says, which lets them take turns where more are wanted than may run.
//!
//! Called by: the node's service, and the actor of the `_replicator` documents, whose jobs are its own
//! to start again. As in CouchDB, what was asked for at `_replicate` lives no longer than the process:
//! a restart of this actor forgets the jobs, and their checkpoints stay.

mod documents;
mod entry;
mod incarnation;
mod lives;
mod report;
mod requests;
mod resolve;
mod turns;
mod windows;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef};
use refuge_config::Replicator;
use refuge_http::Failure;
use refuge_otp::{ChildSpecification, Exit, Names};
use refuge_replication::{
    Failure as ReplicationFailure, Job, JobNumber, Refusal, ReplicationId, RunNumber, RunOrder,
    Schedule, Summary,
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::configuration::CurrentSettings;
use crate::names;
use crate::replication_job::ReplicationJobArguments;
use crate::task::OwnedTask;
use entry::Entry;
use incarnation::Leaving;
pub(crate) use report::progress;

/// Gets the body of the answer to `POST /_replicate`.
pub type ReplicateReply = oneshot::Sender<Result<Value, Failure>>;

/// How a replication ended.
pub type Outcome = Result<Summary, ReplicationFailure>;

/// A job that was asked for.
#[derive(Debug)]
pub struct Begun {
    /// Its id as text.
    pub id: String,
    /// Whether somebody had asked for it already.
    pub joined: bool,
}

/// Messages of the scheduler.
pub enum ReplicationSchedulerMessage {
    /// Start a job, or join it where it runs already.
    Start {
        /// What to do. An end that names nodes is taken for the one that is up now.
        job: Box<Job>,
        /// Who asks.
        user: Option<String>,
        /// Name of this installation, part of the replication's id.
        node_uuid: String,
        /// Told as soon as it is known which job it is; dropped where it is refused.
        begun: Option<oneshot::Sender<Begun>>,
        /// Answered at once for a continuous job, else at its end.
        reply: ReplicateReply,
    },
    /// Stop a job that was asked for.
    Cancel {
        /// Its id; where it has no options, any job of that base.
        id: ReplicationId,
        /// Answered when it is gone.
        reply: ReplicateReply,
    },
    /// Start a job of a document; its news go to the actor of the documents.
    StartForDocument(Box<RunOrder>),
    /// Stop a job of a document, or forget it where it crashed and is not to be started again.
    StopForDocument {
        /// Which run.
        number: RunNumber,
        /// Its id.
        id: ReplicationId,
    },
    /// Stop all jobs of documents: whoever began them was restarted and begins anew.
    StopAllForDocuments,
    /// A job's actor works.
    Started {
        /// Its id as text.
        id: Arc<str>,
        /// Which start of it.
        start: u64,
        /// The actor.
        cell: ActorCell,
    },
    /// A job came to its end.
    Ended {
        /// Its id as text.
        id: String,
        /// How.
        outcome: Box<Outcome>,
        /// Documents that the target refused, as many as are named.
        refused: Vec<Refusal>,
    },
    /// Nothing of a job's actor is left.
    Down {
        /// Its id as text.
        id: Arc<str>,
        /// Which start of it.
        start: u64,
        /// Why.
        exit: Exit,
    },
    /// The time that the schedule asked to be woken at.
    Elapsed,
    /// Look whether a job's window opened or closed.
    Window {
        /// Its id as text.
        id: String,
        /// Which look.
        look: u64,
    },
    /// What is known of this machine's link changed, or the peers that heed it.
    LinkChanged,
    /// The body of `_scheduler/jobs`.
    Jobs {
        /// Jobs that are passed over.
        skip: usize,
        /// Jobs that are told of at most.
        limit: usize,
        /// Gets it.
        reply: oneshot::Sender<Value>,
    },
    /// The body of `_scheduler/jobs/{id}`.
    Job {
        /// Its id as text.
        id: String,
        /// Gets it; `None` when there is no such job.
        reply: oneshot::Sender<Option<Value>>,
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
    /// On the heap, since a map has a third of its places free.
    jobs: BTreeMap<Arc<str>, Box<Entry>>,
    /// Whom the schedule's numbers mean.
    numbers: HashMap<JobNumber, Arc<str>>,
    /// Actors of jobs that are no longer wanted and not gone yet; the same job, wanted again, is not put
    /// into the schedule before their end.
    leaving: HashMap<Arc<str>, Leaving>,
    schedule: Schedule,
    began: Instant,
    alarm: Option<OwnedTask>,
    last_number: u64,
    last_start: u64,
    /// When the next start may be.
    next_start: Instant,
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
        Ok(ReplicationSchedulerState {
            schedule: Schedule::new(turns::limits(&usual(&arguments.names))),
            arguments,
            myself,
            jobs: BTreeMap::new(),
            numbers: HashMap::new(),
            leaving: HashMap::new(),
            began: Instant::now(),
            alarm: None,
            last_number: 0,
            last_start: 0,
            next_start: Instant::now(),
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ReplicationSchedulerMessage::Start { job, user, node_uuid, begun, reply } => {
                state.accept(*job, user, &node_uuid, (begun, reply));
            }
            ReplicationSchedulerMessage::Cancel { id, reply } => state.cancel(&id, reply),
            ReplicationSchedulerMessage::StartForDocument(order) => state.accept_order(*order),
            ReplicationSchedulerMessage::StopForDocument { number, id } => {
                state.stop_owned(&id.to_string(), number);
            }
            ReplicationSchedulerMessage::StopAllForDocuments => state.stop_all_owned(),
            ReplicationSchedulerMessage::Started { id, start, cell } => {
                state.started(&id, start, cell);
            }
            ReplicationSchedulerMessage::Ended { id, outcome, refused } => {
                state.ended(&id, *outcome, refused);
            }
            ReplicationSchedulerMessage::Down { id, start, exit } => {
                state.down(&id, start, &exit);
            }
            ReplicationSchedulerMessage::Elapsed => state.elapsed(),
            ReplicationSchedulerMessage::Window { id, look } => state.look_at_window(&id, look),
            ReplicationSchedulerMessage::LinkChanged => state.link_changed(),
            ReplicationSchedulerMessage::Jobs { skip, limit, reply } => {
                let _ = reply.send(report::jobs(&state.arguments.names, &state.jobs, skip, limit));
            }
            ReplicationSchedulerMessage::Job { id, reply } => {
                let entry = state.jobs.get(id.as_str());
                let _ = reply.send(entry.map(|entry| report::job(&state.arguments.names, entry)));
            }
        }
        Ok(())
    }
}

/// What the settings in force say of replications.
fn usual(names: &Names) -> Replicator {
    let current = names.value::<CurrentSettings>(names::CONFIGURATION);
    current.map_or_else(Replicator::default, |now| now.settings.replicator.clone())
}

fn cancelled(id: &str) -> Value {
    json!({"ok": true, "_local_id": id})
}
