//! Replication: the scheduler owns the jobs and their back-off, so they go down with it.

mod jobs;

use std::sync::Arc;
use std::time::Duration;

use refuge_actors::names;
use refuge_actors::replication_scheduler::{
    ReplicationSchedulerActor, ReplicationSchedulerArguments,
};
use refuge_otp::{Restart, Shutdown, SupervisorSpecification, supervisor, worker};

pub(super) fn specification() -> SupervisorSpecification {
    SupervisorSpecification::rest_for_one("replication")
        .child(
            worker::<ReplicationSchedulerActor>(
                names::REPLICATION_SCHEDULER,
                Restart::Permanent,
                Shutdown::Timeout(Duration::from_millis(200)),
                |context| ReplicationSchedulerArguments {
                    names: context.names,
                    child: Arc::new(jobs::child),
                },
            )
            .because("owns the jobs and their back-off"),
        )
        .child(supervisor(jobs::specification()).because("one actor a replication"))
}
