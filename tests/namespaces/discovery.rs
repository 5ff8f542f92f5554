//! Two machines of one network whose owners know each other's ids and no address.

use std::time::Instant;

use refuge_tests::{Events, Options, Peering};

use crate::network::{Machine, entered};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_of_one_network_find_each_other_without_an_address() {
    if !entered("discovery::peers_of_one_network_find_each_other_without_an_address") {
        return;
    }
    let found = || Options::default().set("mesh.local_discovery=true");
    let (one, two) = (Machine::start(1, found()), Machine::start(2, found()));
    let begun = Instant::now();
    for (node, other, name) in [(&one, &two, "two"), (&two, &one, "one")] {
        node.node.trust(&other.node, Peering { name, address: None, groups: &[] }).await;
    }
    one.node.sees("two", true).await;
    two.node.sees("one", true).await;
    println!("found and up after {:?}", begun.elapsed());
    let mut events = Events::after(&one.node.client(), 0).await;
    let found = events.next_of("discovered", "two").await;
    assert_eq!(found["source"], "local_network");
    // The actor may crash alone, and finds the others again.
    one.node.console().kill("local-discovery").await.expect("killed");
    events.next_of("discovered", "two").await;
    let tree = one.node.console().tree().await.expect("a tree");
    let restarted: Vec<_> = tree.walk().filter(|actor| actor.restarts > 0).collect();
    assert_eq!(restarted.len(), 1, "one actor was started again, alone");
}
