//! HTTP connections, each temporary: a client whose connection broke makes another.

use std::time::Duration;

use refuge_actors::http_connection::{HttpConnectionActor, HttpConnectionArguments};
use refuge_actors::http_listener::Accepted;
use refuge_actors::names;
use refuge_otp::{ChildSpecification, Outline, Restart, Shutdown, SupervisorSpecification, worker};

/// Time to finish what was accepted; the node is to be down within 5 s of being asked.
const BUDGET: Shutdown = Shutdown::Timeout(Duration::from_millis(2_500));

pub(super) fn specification() -> SupervisorSpecification {
    SupervisorSpecification::dynamic(names::HTTP_CONNECTIONS).holds(Outline::worker(
        "http-connection/<number>",
        Restart::Temporary,
        BUDGET,
    ))
}

pub(super) fn child(accepted: Accepted) -> ChildSpecification {
    let name = names::http_connection(accepted.number);
    let arguments = HttpConnectionArguments::new(accepted);
    worker::<HttpConnectionActor>(name, Restart::Temporary, BUDGET, move |_| arguments.clone())
}
