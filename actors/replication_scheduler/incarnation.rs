//! One start of a job's actor, known until nothing of it is left, so that the scheduler never has two actors
//! of one job and never stops the wrong one. Between its start and its end nothing waits for it: thousands of
//! jobs may work at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{ActorCell, ActorRef};
use refuge_otp::{ChildSpecification, DynamicSupervisor, Exit, Names, StartError};
use refuge_replication::{JobNumber, Status};
use tokio::sync::oneshot;

use super::{ReplicateReply, ReplicationSchedulerMessage};
use crate::names;

/// An actor that does not stop within this time is killed. It waits for nobody while it works, but thousands
/// may be told at once.
const STOP_BUDGET: Duration = Duration::from_secs(5);

/// A start.
pub(super) struct Incarnation {
    pub(super) names: Names,
    pub(super) scheduler: ActorRef<ReplicationSchedulerMessage>,
    /// The job's id as text.
    pub(super) id: Arc<str>,
    pub(super) start: u64,
    /// Starts wait for those before them.
    pub(super) not_before: Instant,
}

/// The actor that a job has now.
pub(super) struct JobActor {
    /// Which start of the job it is.
    pub(super) start: u64,
    stage: Stage,
    /// How far it was when it was told to stop.
    reached: Option<Arc<Status>>,
}

enum Stage {
    /// To be told keeps it from starting, where it has not begun to.
    Starting(oneshot::Sender<()>),
    /// Is told to stop when it has started.
    Unwanted,
    Works(ActorCell),
    Stopping,
}

/// An actor that was told to stop, and who wants to hear of its end.
pub(super) struct Leaving {
    pub(super) actor: JobActor,
    pub(super) number: JobNumber,
    pub(super) replies: Vec<ReplicateReply>,
}

impl Incarnation {
    /// Starts the actor and has the scheduler told how it fares. The supervisor of jobs was started after the
    /// scheduler, so it is asked on the side.
    pub(super) fn begin(self, child: ChildSpecification) -> JobActor {
        let (hold, held) = oneshot::channel();
        let start = self.start;
        crate::task::spawn(async move {
            let started = self.start(child, held).await;
            let Self { names, scheduler, id, .. } = self;
            let down = move |exit| ReplicationSchedulerMessage::Down { id, start, exit };
            match started {
                Ok(cell) => names.monitor_into(&cell, &scheduler, down),
                Err(exit) => drop(scheduler.cast(down(exit))),
            }
        });
        JobActor { start, stage: Stage::Starting(hold), reached: None }
    }

    /// The actor once the scheduler was told of it, or how it ended before it could work.
    async fn start(
        &self,
        child: ChildSpecification,
        held: oneshot::Receiver<()>,
    ) -> Result<ActorCell, Exit> {
        tokio::select! {
            () = tokio::time::sleep_until(self.not_before.into()) => {}
            // Told, or of a scheduler that is gone: another one starts what is wanted.
            _ = held => return Err(Exit::Stopped),
        }
        let jobs = DynamicSupervisor::new(&self.names, names::REPLICATION_JOBS);
        let cell = match jobs.start_child(child).await {
            Ok(cell) => cell,
            Err(error) => {
                // It may start later all the same; this stands in the queue behind that.
                if matches!(error, StartError::Deadline { .. }) {
                    let _ = jobs.stop_child(&names::replication_job(&self.id)).await;
                }
                return Err(Exit::Failed(error.to_string()));
            }
        };
        let (id, start) = (Arc::clone(&self.id), self.start);
        let started = ReplicationSchedulerMessage::Started { id, start, cell: cell.clone() };
        if self.scheduler.cast(started).is_err() {
            // Nobody knows this one; by its name a later one could be meant.
            cell.stop(None);
        }
        Ok(cell)
    }
}

impl JobActor {
    /// It works, unless it is unwanted by now; `id` is that of its job.
    pub(super) fn started(&mut self, names: &Names, id: &str, cell: ActorCell) {
        match std::mem::replace(&mut self.stage, Stage::Works(cell)) {
            Stage::Unwanted => self.stop(names, id),
            Stage::Starting(_) | Stage::Works(_) | Stage::Stopping => {}
        }
    }

    /// Has it stop, the first time that it is asked for. The scheduler hears of its end as of any other.
    pub(super) fn stop(&mut self, names: &Names, id: &str) {
        match std::mem::replace(&mut self.stage, Stage::Stopping) {
            Stage::Starting(hold) => {
                // Whoever starts it may be beyond that.
                let _ = hold.send(());
                self.stage = Stage::Unwanted;
            }
            Stage::Works(cell) => {
                let name = names::replication_job(id);
                self.reached = names.value::<Status>(&name);
                end(names, name, cell);
            }
            unwanted @ (Stage::Unwanted | Stage::Stopping) => self.stage = unwanted,
        }
    }

    /// How far it was when it was told to stop.
    pub(super) fn reached(self) -> Option<Arc<Status>> {
        self.reached
    }
}

/// Has this very actor stop: by its name a later one could be meant.
fn end(names: &Names, name: String, cell: ActorCell) {
    let gone = names.monitor(&cell);
    cell.stop(None);
    crate::task::spawn(async move {
        if tokio::time::timeout(STOP_BUDGET, gone).await.is_err() {
            tracing::warn!(name, "did not stop within its budget and is killed");
            cell.kill();
        }
    });
}
