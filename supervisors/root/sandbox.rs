//! The sandbox: threads for the JavaScript of design documents, and the door to these. Validation and filters
//! need both on the write path, indexers later.

use std::time::Duration;

use refuge_actors::designs::DesignsActor;
use refuge_actors::javascript::JavaScriptActor;
use refuge_actors::names;
use refuge_otp::{Restart, Shutdown, SupervisorSpecification, worker};

const BUDGET: Shutdown = Shutdown::Timeout(Duration::from_millis(200));

pub(super) fn specification() -> SupervisorSpecification {
    SupervisorSpecification::one_for_one("sandbox")
        .child(
            worker::<JavaScriptActor>(names::JAVASCRIPT, Restart::Permanent, BUDGET, |context| {
                context.names
            })
            .because("threads with limits for functions of design documents"),
        )
        .child(
            worker::<DesignsActor>(names::DESIGNS, Restart::Permanent, BUDGET, |context| {
                context.names
            })
            .because("reads design documents; every write asks whether one is to be asked"),
        )
}
