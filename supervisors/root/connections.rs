//! Outgoing connections.

use std::time::Duration;

use refuge_actors::names;
use refuge_actors::outgoing_connections::OutgoingConnectionsActor;
use refuge_actors::peer_connections::PeerConnectionsActor;
use refuge_otp::{Restart, Shutdown, SupervisorSpecification, worker};

const BUDGET: Shutdown = Shutdown::Timeout(Duration::from_millis(200));

pub(super) fn specification() -> SupervisorSpecification {
    SupervisorSpecification::one_for_one("connections")
        .child(
            worker::<OutgoingConnectionsActor>(
                names::OUTGOING_CONNECTIONS,
                Restart::Permanent,
                BUDGET,
                |context| context.names,
            )
            .because("the pool of HTTP connections to other databases"),
        )
        .child(
            worker::<PeerConnectionsActor>(
                names::PEER_CONNECTIONS,
                Restart::Permanent,
                BUDGET,
                |context| context.names,
            )
            .because("the pool of connections to other nodes; the mesh fills it by cast"),
        )
}
