//! What everyone needs. Whoever crashes takes along those started after it, so what many stand on comes
//! first, and last what nobody stands on: a hook that brings its runner down brings nobody else down.

use std::time::Duration;

use refuge_actors::authenticator::{AuthenticatorActor, AuthenticatorArguments};
use refuge_actors::configuration::{ConfigurationActor, ConfigurationArguments};
use refuge_actors::event_bus::{Delivery, EventBusActor, EventBusArguments};
use refuge_actors::hook_runner::{self, HookLimits, HookRunnerActor, HookRunnerArguments};
use refuge_actors::metrics::{MetricsActor, MetricsArguments};
use refuge_actors::names;
use refuge_actors::node_identity::{self, NodeIdentityActor, NodeIdentityArguments};
use refuge_actors::own_events::OwnEventsActor;
use refuge_config::Layout;
use refuge_otp::{ChildSpecification, Restart, Shutdown, SupervisorSpecification, worker};

use crate::Parts;

const BUDGET: Shutdown = Shutdown::Timeout(Duration::from_millis(200));

/// Who hears of node events, in this order.
const DELIVERIES: &[Delivery] = &[hook_runner::deliver];

pub(super) fn specification(parts: &Parts) -> SupervisorSpecification {
    let layout = Layout::new(&parts.sources.root);
    SupervisorSpecification::rest_for_one("kernel")
        .child(metrics(parts).because("first, so that all that is counted is counted"))
        .child(configuration(parts).because("the settings that all others look up"))
        .child(authenticator(parts).because("knows the admins from the configuration"))
        .child(
            node_identity(&layout)
                .because("makes the key at the first start; only the mesh waits for it"),
        )
        .child(event_bus().because("hands node events on"))
        .child(own_events().because("notices what happens to this node itself"))
        .child(hook_runner(&layout).because("runs etc/hooks; nobody stands on it"))
}

fn metrics(parts: &Parts) -> ChildSpecification {
    // Before there are settings that can be looked up. Those that cannot be read end the start further on.
    let counts = refuge_config::load(&parts.sources).is_ok_and(|settings| settings.metrics.enabled);
    worker::<MetricsActor>(names::METRICS, Restart::Permanent, BUDGET, move |context| {
        MetricsArguments { names: context.names, counts }
    })
}

fn configuration(parts: &Parts) -> ChildSpecification {
    let (sources, set_log_level) = (parts.sources.clone(), parts.set_log_level.clone());
    worker::<ConfigurationActor>(names::CONFIGURATION, Restart::Permanent, BUDGET, move |context| {
        ConfigurationArguments {
            names: context.names,
            sources: sources.clone(),
            set_log_level: set_log_level.clone(),
        }
    })
}

fn authenticator(parts: &Parts) -> ChildSpecification {
    let set_up = parts.set_up.clone();
    worker::<AuthenticatorActor>(names::AUTHENTICATOR, Restart::Permanent, BUDGET, move |context| {
        AuthenticatorArguments { names: context.names, set_up: set_up.clone() }
    })
}

fn node_identity(layout: &Layout) -> ChildSpecification {
    let directory = layout.identity();
    worker::<NodeIdentityActor>(names::NODE_IDENTITY, Restart::Permanent, BUDGET, move |context| {
        NodeIdentityArguments {
            names: context.names,
            directory: directory.clone(),
            bits: node_identity::KEY_BITS,
            retry: node_identity::RETRY,
        }
    })
}

fn event_bus() -> ChildSpecification {
    worker::<EventBusActor>(names::EVENT_BUS, Restart::Permanent, BUDGET, |context| {
        EventBusArguments { names: context.names, deliveries: DELIVERIES.to_vec() }
    })
}

fn own_events() -> ChildSpecification {
    worker::<OwnEventsActor>(names::OWN_EVENTS, Restart::Permanent, BUDGET, |context| context.names)
}

fn hook_runner(layout: &Layout) -> ChildSpecification {
    let arguments = HookRunnerArguments {
        hooks: layout.hooks(),
        directory: layout.root().to_owned(),
        limits: HookLimits::default(),
    };
    worker::<HookRunnerActor>(names::HOOK_RUNNER, Restart::Permanent, BUDGET, move |_| {
        arguments.clone()
    })
}
