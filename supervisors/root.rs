//! The root: what the node consists of, in start order. A branch stands on those before it, and a
//! restart must not outlive what it stood on, hence rest_for_one.

mod connections;
mod console;
mod databases;
mod discovery;
mod http;
mod kernel;
mod mesh;
mod replication;
mod sandbox;
mod storage;
mod views;

use std::time::Duration;

use refuge_otp::{SupervisorSpecification, supervisor};

use crate::Parts;

/// More restarts than this within [`PERIOD`] end the node, for the service manager to start it anew.
const INTENSITY: u32 = 5;
/// The window in which restarts are counted.
const PERIOD: Duration = Duration::from_secs(60);

/// The whole tree of a node.
pub fn specification(parts: &Parts) -> SupervisorSpecification {
    SupervisorSpecification::rest_for_one("root")
        .intensity(INTENSITY, PERIOD)
        .child(supervisor(kernel::specification(parts)).because("everyone needs it"))
        .child(
            supervisor(console::specification(parts))
                .because("started early, so it can explain a crash of the rest"),
        )
        .child(supervisor(storage::specification(parts)).because("all data is behind it"))
        .child(supervisor(sandbox::specification()).because("functions run on the write path"))
        .child(
            supervisor(connections::specification()).because("replication and the mesh use them"),
        )
        .child(supervisor(databases::specification()).because("opened on demand"))
        .child(supervisor(views::specification(parts)).because("derived from databases"))
        .child(supervisor(replication::specification()).because("works on databases"))
        .child(supervisor(mesh::specification()).because("tells replication which nodes are up"))
        .child(
            supervisor(http::specification(parts)).because("opened last, closed before the rest"),
        )
        .child(
            supervisor(discovery::specification())
                .because("finds other nodes; nobody stands on it"),
        )
}
