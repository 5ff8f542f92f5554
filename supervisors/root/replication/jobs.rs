//! Replication jobs, each temporary: the scheduler decides whether and when one is started again.

use std::time::Duration;

use refuge_actors::names;
use refuge_actors::replication_job::{
    ReplicationJobActor, ReplicationJobArguments, ReplicationJobStart,
};
use refuge_otp::{ChildSpecification, Outline, Restart, Shutdown, SupervisorSpecification, worker};

const BUDGET: Shutdown = Shutdown::Timeout(Duration::from_millis(200));

pub(super) fn specification() -> SupervisorSpecification {
    SupervisorSpecification::dynamic(names::REPLICATION_JOBS).holds(Outline::worker(
        "replication/<id>",
        Restart::Temporary,
        BUDGET,
    ))
}

pub(super) fn child(arguments: ReplicationJobArguments) -> ChildSpecification {
    let name = names::replication_job(&arguments.id());
    let start = ReplicationJobStart::with(arguments);
    worker::<ReplicationJobActor>(name, Restart::Temporary, BUDGET, move |_| start.clone())
}
