//! Views: the indexes' engine first, since all else reads or writes through it; then the directory, then those
//! that keep indexes up. A bad map function never stops a database.

mod indexers;

use std::sync::Arc;
use std::time::Duration;

use refuge_actors::index_directory::{IndexDirectoryActor, IndexDirectoryArguments};
use refuge_actors::index_engine::{IndexEngineActor, IndexEngineArguments};
use refuge_actors::names;
use refuge_otp::{Restart, Shutdown, SupervisorSpecification, supervisor, worker};

use crate::Parts;

/// Long enough to write out what is in memory, short enough for an ordered stop in 5 s.
const ENGINE_BUDGET: Shutdown = Shutdown::Timeout(Duration::from_millis(800));

pub(super) fn specification(parts: &Parts) -> SupervisorSpecification {
    let settings = parts.settings.clone();
    SupervisorSpecification::rest_for_one("views")
        .child(
            worker::<IndexEngineActor>(
                names::INDEX_ENGINE,
                Restart::Permanent,
                ENGINE_BUDGET,
                move |context| IndexEngineArguments::new(context.names, &settings),
            )
            .because("the indexes' own database and its writer"),
        )
        .child(
            worker::<IndexDirectoryActor>(
                names::INDEX_DIRECTORY,
                Restart::Permanent,
                Shutdown::Timeout(Duration::from_millis(200)),
                |context| IndexDirectoryArguments {
                    names: context.names,
                    child: Arc::new(indexers::child),
                },
            )
            .because("starts indexers, and removes indexes that nobody asks for"),
        )
        .child(supervisor(indexers::specification()).because("one actor an index in use"))
}
