//! Outgoing connections.

use std::time::Duration;

use refuge_actors::names;
use refuge_actors::outgoing_connections::OutgoingConnectionsActor;
use refuge_otp::{Restart, Shutdown, SupervisorSpecification, worker};

pub(super) fn specification() -> SupervisorSpecification {
    SupervisorSpecification::one_for_one("connections").child(
        worker::<OutgoingConnectionsActor>(
            names::OUTGOING_CONNECTIONS,
            Restart::Permanent,
            Shutdown::Timeout(Duration::from_millis(200)),
            |context| context.names,
        )
        .because("the pool of HTTP connections to other databases"),
    )
}
