//! What a hub takes, and what it gives up.

use super::*;
use crate::statement::Claims;

const NOW_MS: u64 = 1_800_000_000_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

fn id(byte: u8) -> NodeId {
    NodeId::from_digest([byte; 32])
}

fn record(node: u8, serial: u64, listed: bool) -> Statement {
    let claims = Claims {
        issuer: id(node),
        subject: id(node),
        audience: None,
        serial,
        issued_ms: NOW_MS,
        expires_ms: NOW_MS + DAY_MS,
        content: StatementContent::HubRecord {
            name: "anna".to_owned(),
            addresses: vec![format!("host{serial}:1")],
            listed,
            key: vec![1; 300],
        },
    };
    Statement::signed(claims.to_payload(), claims.content.kind(), vec![1], None).expect("good")
}

fn hub() -> (NodeId, u64) {
    (id(0), NOW_MS)
}

#[test]
fn the_latest_record_of_a_node_is_kept_and_older_ones_do_not_come_back() {
    let mut registry = HubRegistry::new(10);
    assert_eq!(registry.register(hub(), &id(1), record(1, 5, true)), Ok(Judgement::New));
    assert_eq!(registry.register(hub(), &id(1), record(1, 5, true)), Ok(Judgement::Again));
    assert_eq!(registry.register(hub(), &id(1), record(1, 6, true)), Ok(Judgement::New));
    let replayed = registry.register(hub(), &id(1), record(1, 5, true));
    assert!(matches!(replayed, Err(HubRefusal::Statement(StatementRefusal::Replayed { .. }))));
    assert_eq!(registry.get(&id(1)).map(|kept| kept.claims().serial), Some(6));
}

#[test]
fn a_node_registers_itself_alone() {
    let mut registry = HubRegistry::new(10);
    let other = registry.register(hub(), &id(2), record(1, 5, true));
    assert_eq!(other, Err(HubRefusal::OtherNode));
}

#[test]
fn only_who_wants_it_is_listed_and_only_while_it_holds() {
    let mut registry = HubRegistry::new(10);
    for (node, listed) in [(1, true), (2, false), (3, true)] {
        registry.register(hub(), &id(node), record(node, 1, listed)).expect("room");
    }
    let ids = |now_ms: u64, after: Option<NodeId>| {
        registry.listed(now_ms, after).map(|kept| kept.claims().issuer).collect::<Vec<_>>()
    };
    assert_eq!(ids(NOW_MS, None), [id(1), id(3)]);
    assert_eq!(ids(NOW_MS, Some(id(1))), [id(3)]);
    assert_eq!(ids(NOW_MS + DAY_MS, None), []);
    assert!(registry.get(&id(2)).is_some());
}

#[test]
fn a_full_hub_gives_up_hints_and_no_record_that_holds() {
    let mut registry = HubRegistry::new(2);
    registry.register(hub(), &id(1), record(1, 1, true)).expect("room");
    registry.register(hub(), &id(2), record(2, 1, true)).expect("room");
    assert_eq!(registry.register(hub(), &id(3), record(3, 1, true)), Err(HubRefusal::Full));
    registry.forget_old(NOW_MS + 29 * DAY_MS);
    assert!(registry.get(&id(1)).is_some(), "a hint");
    registry.forget_old(NOW_MS + 32 * DAY_MS);
    assert!(registry.get(&id(1)).is_none());
}

#[test]
fn a_hub_that_is_to_know_fewer_gives_up_hints_when_their_room_is_needed() {
    let mut registry = HubRegistry::new(4);
    for node in 1..=4 {
        registry.register(hub(), &id(node), record(node, 1, true)).expect("room");
    }
    registry.keep_at_most(2);
    assert_eq!(registry.register(hub(), &id(5), record(5, 1, true)), Err(HubRefusal::Full));
    let kept =
        |registry: &HubRegistry| (1..=5).filter(|node| registry.get(&id(*node)).is_some()).count();
    assert_eq!(kept(&registry), 4);
    let later = (id(0), NOW_MS + 2 * DAY_MS);
    let mut newest = record(5, 1, true).claims().clone();
    (newest.issued_ms, newest.expires_ms) = (later.1, later.1 + DAY_MS);
    let newest =
        Statement::signed(newest.to_payload(), newest.content.kind(), vec![1], None).expect("good");
    assert_eq!(registry.register(later, &id(5), newest), Ok(Judgement::New));
    assert_eq!(kept(&registry), 2);
    registry.keep_at_most(3);
    assert!(registry.get(&id(5)).is_some());
}
