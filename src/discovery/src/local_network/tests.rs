//! What is believed of what a network says.

use super::*;

fn network() -> LocalNetwork {
    let (_sender, events) = tokio::sync::mpsc::channel(1);
    let heard = Heard::System(SystemService::hearing(events));
    LocalNetwork {
        heard,
        own: NodeId::from_digest([0; 32]),
        seen: BTreeMap::new(),
        foreign: BTreeMap::new(),
    }
}

fn claim(number: u8, addresses: &[&str]) -> Claim {
    Claim {
        service: format!("Node-{number}._refuge._tcp.local."),
        id: Some(NodeId::from_digest([number; 32]).to_string()),
        version: Some("1".to_owned()),
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        port: 6984,
    }
}

#[test]
fn only_what_is_new_is_told() {
    let mut network = network();
    let id = NodeId::from_digest([1; 32]);
    let addresses = vec!["10.0.0.1:6984".parse().unwrap()];
    let found = network.found(claim(1, &["10.0.0.1", "127.0.0.1", "fe80::1", "10.0.0.1"]));
    assert_eq!(found, Some(LocalEvent::Found { id, addresses }));
    assert_eq!(network.found(claim(1, &["10.0.0.1"])), None, "it was told");
    assert!(network.found(claim(1, &["10.0.0.2"])).is_some(), "it moved");
    // Names of DNS are the same in upper and lower case.
    assert_eq!(network.gone("NODE-1._refuge._tcp.LOCAL."), Some(LocalEvent::Gone { id }));
    assert_eq!(network.gone("node-1._refuge._tcp.local."), None);
}

#[test]
fn what_is_no_node_is_passed_over() {
    let mut network = network();
    assert_eq!(network.found(claim(0, &["10.0.0.1"])), None, "itself");
    assert_eq!(network.found(Claim { id: None, ..claim(1, &["10.0.0.1"]) }), None);
    let id = Some("no id".to_owned());
    assert_eq!(network.found(Claim { id, ..claim(1, &["10.0.0.1"]) }), None);
    assert_eq!(network.found(Claim { port: 0, ..claim(1, &["10.0.0.1"]) }), None);
    assert_eq!(network.found(claim(1, &["127.0.0.1", "::"])), None);
    assert!(network.seen.is_empty());
}

#[test]
fn a_node_of_another_version_is_passed_over_and_gone_where_it_was_there() {
    let mut network = network();
    let other = |number| Claim { version: Some("2".to_owned()), ..claim(number, &["10.0.0.1"]) };
    let id = NodeId::from_digest([1; 32]);
    assert_eq!(network.found(other(1)), Some(LocalEvent::Foreign { id }));
    assert_eq!(network.found(other(1)), None, "it was told");
    assert_eq!(network.found(other(0)), None, "itself");
    assert_eq!(network.nodes().count(), 0);
    assert_eq!(network.foreign().collect::<Vec<_>>(), [(id, "2")]);
    assert!(network.found(Claim { version: None, ..claim(2, &["10.0.0.1"]) }).is_some());
    let id = NodeId::from_digest([2; 32]);
    assert_eq!(network.found(other(2)), Some(LocalEvent::Gone { id }));
    assert_eq!(network.nodes().count(), 0);
    // It leaves, or speaks as this node does from then on.
    assert_eq!(network.gone("node-2._refuge._tcp.local."), Some(LocalEvent::Gone { id }));
    assert!(network.found(claim(1, &["10.0.0.1"])).is_some());
    assert_eq!(network.foreign().count(), 0);
}

#[test]
fn a_flood_of_names_takes_no_memory() {
    let mut network = network();
    for number in 0..2 * MOST_SEEN {
        let service = format!("{number}._refuge._tcp.local.");
        network.found(Claim { service, ..claim(1, &["10.0.0.1"]) });
    }
    for number in 0..2 * MOST_SEEN {
        let service = format!("foreign-{number}._refuge._tcp.local.");
        let version = Some("9".repeat(10_000));
        network.found(Claim { service, version, ..claim(1, &["10.0.0.1"]) });
    }
    assert_eq!((network.seen.len(), network.foreign.len()), (MOST_SEEN, MOST_SEEN));
    assert!(network.foreign().all(|(_, version)| version.len() == MOST_VERSION));
    let many: Vec<String> = (0..100).map(|number| format!("10.0.0.{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    network.gone("1._refuge._tcp.local.");
    let Some(LocalEvent::Found { addresses, .. }) = network.found(claim(2, &many)) else {
        panic!("it has room again")
    };
    assert_eq!(addresses.len(), MOST_ADDRESSES);
}
