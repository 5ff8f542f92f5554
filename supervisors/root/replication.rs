//! Replication: the scheduler owns the jobs and their back-off, so they go down with it; the documents
//! come last, so that whoever of them fails disturbs no job that was asked for by hand.

mod jobs;

use std::sync::Arc;
use std::time::Duration;

use refuge_actors::names;
use refuge_actors::replication_scheduler::{
    ReplicationSchedulerActor, ReplicationSchedulerArguments,
};
use refuge_actors::replicator_documents::ReplicatorDocumentsActor;
use refuge_otp::{Restart, Shutdown, SupervisorSpecification, supervisor, worker};

const BUDGET: Shutdown = Shutdown::Timeout(Duration::from_millis(200));

pub(super) fn specification() -> SupervisorSpecification {
    SupervisorSpecification::rest_for_one("replication")
        .child(
            worker::<ReplicationSchedulerActor>(
                names::REPLICATION_SCHEDULER,
                Restart::Permanent,
                BUDGET,
                |context| ReplicationSchedulerArguments {
                    names: context.names,
                    child: Arc::new(jobs::child),
                },
            )
            .because("owns the jobs and their back-off"),
        )
        .child(supervisor(jobs::specification()).because("one actor a replication"))
        .child(
            worker::<ReplicatorDocumentsActor>(
                names::REPLICATOR_DOCUMENTS,
                Restart::Permanent,
                BUDGET,
                |context| context.names,
            )
            .because("wants the jobs that documents of _replicator describe"),
        )
}
