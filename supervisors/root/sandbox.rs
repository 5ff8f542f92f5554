//! The sandbox: threads for the JavaScript of design documents. Validation and filters need it on the write
//! path, indexers later.

use std::time::Duration;

use refuge_actors::javascript::JavaScriptActor;
use refuge_actors::names;
use refuge_otp::{Restart, Shutdown, SupervisorSpecification, worker};

pub(super) fn specification() -> SupervisorSpecification {
    SupervisorSpecification::one_for_one("sandbox").child(
        worker::<JavaScriptActor>(
            names::JAVASCRIPT,
            Restart::Permanent,
            Shutdown::Timeout(Duration::from_millis(200)),
            |context| context.names,
        )
        .because("threads with limits for functions of design documents"),
    )
}
