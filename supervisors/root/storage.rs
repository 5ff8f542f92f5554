//! The storage: a poisoned engine is reopened whole, with whoever works on it. When it fails again
//! and again it is parked instead of taking the node down: a full disk may be emptied, and until then
//! the console and a listener that answers 503 explain what is wrong.

use std::time::Duration;

use refuge_actors::backup_snapshots::BackupSnapshotsActor;
use refuge_actors::engine::{EngineActor, EngineArguments};
use refuge_actors::maintenance::MaintenanceActor;
use refuge_actors::names;
use refuge_actors::stand_in_listener::StandInListenerActor;
use refuge_otp::{
    ChildSpecification, Park, Restart, Shutdown, StartContext, SupervisorSpecification, worker,
};

use crate::Parts;

/// Low: the third failure parks it, since an engine that fails again and again will not be mended by
/// opening it once more.
const INTENSITY: u32 = 2;
const PERIOD: Duration = Duration::from_secs(60);
/// Time between two attempts while it is parked.
const PARKED_RETRY: Duration = Duration::from_secs(30);
/// After this long the node ends, for the service manager to tell.
const PARKED_LIMIT: Duration = Duration::from_secs(600);
/// Long enough to commit what waits and to flush, short enough for an ordered stop in 5 s.
const ENGINE_BUDGET: Shutdown = Shutdown::Timeout(Duration::from_millis(1_500));

pub(super) fn specification(parts: &Parts) -> SupervisorSpecification {
    let settings = parts.settings.clone();
    SupervisorSpecification::one_for_all("storage")
        .intensity(INTENSITY, PERIOD)
        .child(
            worker::<EngineActor>(
                names::ENGINE,
                Restart::Permanent,
                ENGINE_BUDGET,
                move |context| EngineArguments::new(context.names, &settings),
            )
            .because("journal and group commit"),
        )
        .child(
            worker::<MaintenanceActor>(
                names::MAINTENANCE,
                Restart::Permanent,
                Shutdown::Timeout(Duration::from_millis(200)),
                |context| context.names,
            )
            .because("removes what deleted databases left"),
        )
        .child(
            worker::<BackupSnapshotsActor>(
                names::BACKUP_SNAPSHOTS,
                Restart::Permanent,
                Shutdown::Timeout(Duration::from_millis(200)),
                |context| context.names,
            )
            .because("keeps the snapshots of backups that broke off"),
        )
        .parked(Park {
            retry: PARKED_RETRY,
            limit: PARKED_LIMIT,
            stand_in: Some(Box::new(stand_in(parts))),
        })
}

fn stand_in(parts: &Parts) -> ChildSpecification {
    let socket = parts.http_socket.clone();
    let start = move |context: StartContext| {
        let bound = socket.bind();
        let start = async move {
            let socket = bound.map_err(|error| context.failed(error))?;
            context.spawn(StandInListenerActor, socket).await
        };
        Box::pin(start) as _
    };
    ChildSpecification::new(names::STAND_IN_LISTENER, std::sync::Arc::new(start))
        .shutdown(Shutdown::Kill)
}
