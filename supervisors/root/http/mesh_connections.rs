//! Connections of other nodes, each temporary: a node whose connection broke makes another.

use std::time::Duration;

use refuge_actors::http_connection::{HttpConnectionActor, HttpConnectionArguments};
use refuge_actors::http_listener::Accepted;
use refuge_actors::names;
use refuge_otp::{ChildSpecification, Outline, Restart, Shutdown, SupervisorSpecification, worker};

/// As for clients: time to finish what was accepted.
const BUDGET: Shutdown = Shutdown::Timeout(Duration::from_millis(2_500));

pub(super) fn specification() -> SupervisorSpecification {
    SupervisorSpecification::dynamic(names::MESH_CONNECTIONS).holds(Outline::worker(
        "mesh-connection/<number>",
        Restart::Temporary,
        BUDGET,
    ))
}

pub(super) fn child(accepted: Accepted) -> ChildSpecification {
    let name = names::mesh_connection(accepted.number);
    let arguments = HttpConnectionArguments::new(accepted);
    worker::<HttpConnectionActor>(name, Restart::Temporary, BUDGET, move |_| arguments.clone())
}
