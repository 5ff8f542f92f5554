//! Indexers, each temporary: one is started again when somebody asks for its index.

use std::time::Duration;

use refuge_actors::indexer::{IndexerActor, IndexerArguments};
use refuge_actors::names;
use refuge_otp::{ChildSpecification, Outline, Restart, Shutdown, SupervisorSpecification, worker};

const BUDGET: Shutdown = Shutdown::Timeout(Duration::from_millis(200));

pub(super) fn specification() -> SupervisorSpecification {
    SupervisorSpecification::dynamic(names::INDEXERS).holds(Outline::worker(
        "indexer/<number>",
        Restart::Temporary,
        BUDGET,
    ))
}

pub(super) fn child(arguments: IndexerArguments) -> ChildSpecification {
    let name = names::indexer(arguments.record.number.0);
    worker::<IndexerActor>(name, Restart::Temporary, BUDGET, move |_| arguments.clone())
}
