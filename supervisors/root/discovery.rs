//! Ways to find other nodes: each may crash and be turned off alone, hence one_for_one, and nobody stands
//! on any of them.

use std::time::Duration;

use refuge_actors::address_book::AddressBookActor;
use refuge_actors::hash_table::HashTableActor;
use refuge_actors::hub::HubActor;
use refuge_actors::hub_client::HubClientActor;
use refuge_actors::local_discovery::LocalDiscoveryActor;
use refuge_actors::names;
use refuge_actors::port_mapping::PortMappingActor;
use refuge_otp::{Restart, Shutdown, SupervisorSpecification, worker};

const BUDGET: Shutdown = Shutdown::Timeout(Duration::from_millis(200));
/// The router is asked to take its mapping back.
const FAREWELL: Shutdown = Shutdown::Timeout(Duration::from_millis(1_200));

pub(super) fn specification() -> SupervisorSpecification {
    SupervisorSpecification::one_for_one("discovery")
        .child(
            worker::<AddressBookActor>(
                names::ADDRESS_BOOK,
                Restart::Permanent,
                BUDGET,
                |context| context.names,
            )
            .because("knows where nodes were found; what is written down is tried without it"),
        )
        .child(
            worker::<LocalDiscoveryActor>(
                names::LOCAL_DISCOVERY,
                Restart::Permanent,
                BUDGET,
                |context| context.names,
            )
            .because("announces the node on the local network and notices others"),
        )
        .child(
            worker::<PortMappingActor>(
                names::PORT_MAPPING,
                Restart::Permanent,
                FAREWELL,
                |context| context.names,
            )
            .because("has the router map a port to the node, where that is wanted"),
        )
        .child(
            worker::<HashTableActor>(names::HASH_TABLE, Restart::Permanent, BUDGET, |context| {
                context.names
            })
            .because("asks the distributed hash table, where that is wanted"),
        )
        .child(
            worker::<HubActor>(names::HUB, Restart::Permanent, BUDGET, |context| context.names)
                .because("keeps what nodes state of where they are; asleep where it is not wanted"),
        )
        .child(
            worker::<HubClientActor>(names::HUB_CLIENT, Restart::Permanent, BUDGET, |context| {
                context.names
            })
            .because("tells hubs where this node is and asks them for its peers"),
        )
}
