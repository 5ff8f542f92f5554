//! Links, each temporary: the node monitor decides whether and when one is started again.

use std::time::Duration;

use refuge_actors::names;
use refuge_actors::peer_link::{PeerLinkActor, PeerLinkArguments};
use refuge_otp::{ChildSpecification, Outline, Restart, Shutdown, SupervisorSpecification, worker};

const BUDGET: Shutdown = Shutdown::Timeout(Duration::from_millis(200));

pub(super) fn specification() -> SupervisorSpecification {
    SupervisorSpecification::dynamic(names::PEER_LINKS).holds(Outline::worker(
        "link/<node id>",
        Restart::Temporary,
        BUDGET,
    ))
}

pub(super) fn child(arguments: PeerLinkArguments) -> ChildSpecification {
    let name = names::peer_link(arguments.peer);
    worker::<PeerLinkActor>(name, Restart::Temporary, BUDGET, move |_| arguments.clone())
}
