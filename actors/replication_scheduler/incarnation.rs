//! One start of a job's actor, followed until nothing of it is left, so that the scheduler never has
//! two actors of one job and never stops the wrong one.

use std::sync::Arc;
use std::time::Instant;

use ractor::ActorRef;
use refuge_otp::{ChildSpecification, DynamicSupervisor, Exit, Names, StartError};
use refuge_replication::{JobNumber, Status};
use tokio::sync::oneshot;

use super::{ReplicateReply, ReplicationSchedulerMessage};
use crate::names;

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

/// An actor that was told to stop, and who wants to hear of its end.
pub(super) struct Leaving {
    pub(super) start: u64,
    pub(super) number: JobNumber,
    pub(super) replies: Vec<ReplicateReply>,
}

impl Incarnation {
    /// Starts the actor and tells the scheduler how it fares; what is returned stops it. The
    /// supervisor of jobs was started after the scheduler, so it is asked on the side.
    pub(super) fn follow(self, child: ChildSpecification) -> oneshot::Sender<()> {
        let (stop, stopped) = oneshot::channel();
        crate::task::spawn(async move {
            let (exit, reached) = self.life(child, stopped).await;
            let Self { scheduler, id, start, .. } = self;
            let id = id.as_ref().to_owned();
            let down = ReplicationSchedulerMessage::Down { id, start, exit, reached };
            let _ = scheduler.cast(down);
        });
        stop
    }

    /// How it ended; where it was stopped, also how far it was then.
    async fn life(
        &self,
        child: ChildSpecification,
        mut stopped: oneshot::Receiver<()>,
    ) -> (Exit, Option<Arc<Status>>) {
        tokio::select! {
            () = tokio::time::sleep_until(self.not_before.into()) => {}
            // Told, or of a scheduler that is gone: another one starts what is wanted.
            _ = &mut stopped => return (Exit::Stopped, None),
        }
        let jobs = DynamicSupervisor::new(&self.names, names::REPLICATION_JOBS);
        // On the heap: what a start needs is given back while the job runs.
        let cell = match Box::pin(jobs.start_child(child)).await {
            Ok(cell) => cell,
            Err(error) => {
                // It may start later all the same; this stands in the queue behind that.
                if matches!(error, StartError::Deadline { .. }) {
                    let name = names::replication_job(&self.id);
                    let _ = Box::pin(jobs.stop_child(&name)).await;
                }
                return (Exit::Failed(error.to_string()), None);
            }
        };
        let (id, start) = (self.id.as_ref().to_owned(), self.start);
        if self.scheduler.cast(ReplicationSchedulerMessage::Started { id, start }).is_err() {
            // Nobody knows this one; by its name a later one could be meant.
            cell.stop(None);
            return (self.names.monitor(&cell).await, None);
        }
        let gone = self.names.monitor(&cell);
        tokio::pin!(gone);
        tokio::select! {
            exit = &mut gone => return (exit, None),
            // A scheduler that is gone takes the jobs' supervisor with it.
            Ok(()) = &mut stopped => {}
        }
        let name = names::replication_job(&self.id);
        let reached = self.names.value::<Status>(&name);
        let _ = Box::pin(jobs.stop_child(&name)).await;
        (gone.await, reached)
    }
}
