//! What everyone needs.

use std::time::Duration;

use refuge_actors::authenticator::{AuthenticatorActor, AuthenticatorArguments};
use refuge_actors::configuration::{ConfigurationActor, ConfigurationArguments};
use refuge_actors::names;
use refuge_otp::{Restart, Shutdown, SupervisorSpecification, worker};

use crate::Parts;

const BUDGET: Shutdown = Shutdown::Timeout(Duration::from_millis(200));

pub(super) fn specification(parts: &Parts) -> SupervisorSpecification {
    let sources = parts.sources.clone();
    let set_up = parts.set_up.clone();
    SupervisorSpecification::rest_for_one("kernel")
        .child(
            worker::<ConfigurationActor>(
                names::CONFIGURATION,
                Restart::Permanent,
                BUDGET,
                move |context| ConfigurationArguments {
                    names: context.names,
                    sources: sources.clone(),
                },
            )
            .because("the settings that all others look up"),
        )
        .child(
            worker::<AuthenticatorActor>(
                names::AUTHENTICATOR,
                Restart::Permanent,
                BUDGET,
                move |context| AuthenticatorArguments {
                    names: context.names,
                    set_up: set_up.clone(),
                },
            )
            .because("knows the admins from the configuration"),
        )
}
