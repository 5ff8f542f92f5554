//! The mesh: who the peers are, the links to them, who is up. The log comes first, since all others
//! tell it what happened; without the directory nobody would be trusted, so the links go down with it.

mod links;

use std::sync::Arc;
use std::time::Duration;

use refuge_actors::documents_on_demand::DocumentsOnDemandActor;
use refuge_actors::introductions::IntroductionsActor;
use refuge_actors::messages::MessagesActor;
use refuge_actors::metered_link::MeteredLinkActor;
use refuge_actors::names;
use refuge_actors::node_events::{KEPT_EVENTS, NodeEventsActor, NodeEventsArguments};
use refuge_actors::node_monitor::{NodeMonitorActor, NodeMonitorArguments};
use refuge_actors::pairing::PairingActor;
use refuge_actors::peer_directory::PeerDirectoryActor;
use refuge_otp::{Restart, Shutdown, SupervisorSpecification, supervisor, worker};

const BUDGET: Shutdown = Shutdown::Timeout(Duration::from_millis(200));

pub(super) fn specification() -> SupervisorSpecification {
    let mesh = SupervisorSpecification::rest_for_one("mesh")
        .child(
            worker::<NodeEventsActor>(names::NODE_EVENTS, Restart::Permanent, BUDGET, |context| {
                NodeEventsArguments { names: context.names, kept: KEPT_EVENTS }
            })
            .because("numbers and keeps what happens to nodes"),
        )
        .child(
            worker::<PeerDirectoryActor>(
                names::PEER_DIRECTORY,
                Restart::Permanent,
                BUDGET,
                |context| context.names,
            )
            .because("knows whom this node trusts"),
        )
        .child(supervisor(links::specification()).because("one actor a trusted peer"))
        .child(
            worker::<NodeMonitorActor>(
                names::NODE_MONITOR,
                Restart::Permanent,
                BUDGET,
                |context| NodeMonitorArguments {
                    names: context.names,
                    child: Arc::new(links::child),
                },
            )
            .because("starts the links and knows who is up; a crash of it cuts none"),
        );
    beside_the_links(mesh)
}

/// Those on whom no link stands.
fn beside_the_links(mesh: SupervisorSpecification) -> SupervisorSpecification {
    mesh.child(
        worker::<PairingActor>(names::PAIRING, Restart::Permanent, BUDGET, |context| context.names)
            .because("makes peers of strangers; nobody stands on it"),
    )
    .child(
        worker::<IntroductionsActor>(names::INTRODUCTIONS, Restart::Permanent, BUDGET, |context| {
            context.names
        })
        .because("vouches for peers and hears those who may; nobody stands on it"),
    )
    .child(
        worker::<MessagesActor>(names::MESSAGES, Restart::Permanent, BUDGET, |context| {
            context.names
        })
        .because("keeps messages of applications until their nodes have them"),
    )
    .child(
        worker::<DocumentsOnDemandActor>(
            names::DOCUMENTS_ON_DEMAND,
            Restart::Permanent,
            BUDGET,
            |context| context.names,
        )
        .because("asks other nodes for documents that are missing here"),
    )
    .child(
        worker::<MeteredLinkActor>(names::METERED_LINK, Restart::Permanent, BUDGET, |context| {
            context.names
        })
        .because("asks the system whether the link is metered, where a peer's document heeds it"),
    )
}
