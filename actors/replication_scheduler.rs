//! The owner of replication jobs: starts and ends them, tells those who asked for them how they ended,
//! and starts continuous ones of `_replicate` again, with back-off, when they went down.
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
mod windows;

use std::collections::HashMap;
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_config::Replicator;
use refuge_http::Failure;
use refuge_otp::{ChildSpecification, Exit, Names};
use refuge_replication::{
    Failure as ReplicationFailure, Job, ReplicationId, RunNumber, RunOrder, Summary,
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::configuration::CurrentSettings;
use crate::names;
use crate::replication_job::ReplicationJobArguments;
use entry::Entry;
use incarnation::Leaving;
pub(crate) use report::progress;

/// Gets the body of the answer to `POST /_replicate`.
pub type ReplicateReply = oneshot::Sender<Result<Value, Failure>>;

/// How a replication ended.
pub type Outcome = Result<Summary, ReplicationFailure>;

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
    /// Stop a job of a document.
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
        id: String,
        /// Which start of it.
        start: u64,
    },
    /// A job came to its end.
    Ended {
        /// Its id as text.
        id: String,
        /// How.
        outcome: Box<Outcome>,
    },
    /// Nothing of a job's actor is left.
    Down {
        /// Its id as text.
        id: String,
        /// Which start of it.
        start: u64,
        /// Why.
        exit: Exit,
    },
    /// Start a job again after its back-off.
    Again {
        /// Its id as text.
        id: String,
    },
    /// Look whether a job's window opened or closed.
    Window {
        /// Its id as text.
        id: String,
        /// Which look.
        look: u64,
    },
    /// The body of `_scheduler/jobs`.
    Jobs {
        /// Gets it.
        reply: oneshot::Sender<Value>,
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
    /// Actors of jobs that are no longer wanted and not gone yet; the next start of the same job
    /// waits for their end.
    leaving: HashMap<String, Leaving>,
    last_start: u64,
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
            arguments,
            myself,
            jobs: HashMap::new(),
            leaving: HashMap::new(),
            last_start: 0,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ReplicationSchedulerMessage::Start { job, user, node_uuid, reply } => {
                state.accept(*job, user, &node_uuid, reply);
            }
            ReplicationSchedulerMessage::Cancel { id, reply } => state.cancel(&id, reply),
            ReplicationSchedulerMessage::StartForDocument(order) => state.accept_order(*order),
            ReplicationSchedulerMessage::StopForDocument { number, id } => {
                state.stop_owned(&id.to_string(), number);
            }
            ReplicationSchedulerMessage::StopAllForDocuments => state.stop_all_owned(),
            ReplicationSchedulerMessage::Started { id, start } => state.started(&id, start),
            ReplicationSchedulerMessage::Ended { id, outcome } => state.ended(&id, *outcome),
            ReplicationSchedulerMessage::Down { id, start, exit } => state.down(&id, start, &exit),
            ReplicationSchedulerMessage::Again { id } => state.start(&id),
            ReplicationSchedulerMessage::Window { id, look } => state.look_at_window(&id, look),
            ReplicationSchedulerMessage::Jobs { reply } => {
                let _ = reply.send(report::jobs(&state.arguments.names, &state.jobs));
            }
        }
        Ok(())
    }
}

impl ReplicationSchedulerState {
    /// What the settings in force say of replications.
    fn usual(&self) -> Replicator {
        let current = self.arguments.names.value::<CurrentSettings>(names::CONFIGURATION);
        current.map_or_else(Replicator::default, |now| now.settings.replicator.clone())
    }
}

fn cancelled(id: &str) -> Value {
    json!({"ok": true, "_local_id": id})
}
