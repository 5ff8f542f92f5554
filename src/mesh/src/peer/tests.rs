//! What a document of `_peers` may hold.

use super::*;
use serde_json::json;

fn id() -> NodeId {
    NodeId::from_digest([9; 32])
}

fn parse(body: Value) -> Result<PeerRecord, BadPeer> {
    PeerRecord::parse(&id().to_string(), body.as_object().expect("an object"))
}

#[test]
fn a_document_is_read_and_written_again() {
    let body = json!({
        "name": "Anna's laptop",
        "trust": "trusted",
        "groups": ["family", "work_2"],
        "addresses": ["example.org:6984", "192.0.2.1:1", "[2001:db8::1]:65535", "[fe80::1%eth0]:6984"],
        "told_addresses": ["198.51.100.1:6984"],
        "certificate": "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n",
        "bandwidth": 64_000,
        "metered": false,
        "introducer": true,
        "may_confer": ["family"],
        "introductions": "accept",
        "confirmed": true,
        "introduced_by": NodeId::from_digest([1; 32]).to_string(),
        "introduced_until": "2026-02-02T03:04:05.678Z",
        "rotated_from": NodeId::from_digest([2; 32]).to_string(),
        "rotations": [{"from": NodeId::from_digest([2; 32]).to_string(), "serial": 1_800_000_000_000_u64}],
        "rotating": true,
        "last_seen": "2026-01-02T03:04:05.678Z",
    });
    let record = parse(body.clone()).expect("a good peer");
    assert_eq!(record.trust, Trust::Trusted);
    assert_eq!((record.bandwidth, record.metered), (Some(64_000), false));
    assert_eq!(Value::Object(record.to_body()), body);
}

#[test]
fn an_empty_document_is_a_known_node_and_no_more() {
    let record = parse(json!({ "trust": null })).expect("a good peer");
    assert_eq!(record, PeerRecord::new(id()));
    assert_eq!(record.name.len(), 13);
    assert_eq!(Value::Object(record.to_body()), json!({ "name": record.name }));
}

#[test]
fn unknown_members_are_passed_over() {
    assert!(parse(json!({ "colour": "blue" })).is_ok());
}

#[test]
fn the_id_is_canonical() {
    let nothing = Map::new();
    assert!(PeerRecord::parse(&id().to_string(), &nothing).is_ok());
    assert!(PeerRecord::parse(&id().for_people(), &nothing).is_err());
    assert!(PeerRecord::parse(&id().to_string().to_lowercase(), &nothing).is_err());
}

#[test]
fn names_that_mislead_are_refused() {
    let other = NodeId::from_digest([8; 32]);
    for name in [
        "",
        " anna",
        "*",
        "group:family",
        "two\nlines",
        "turned \u{202E}back",
        &"x".repeat(65),
        &other.to_string(),
        &other.for_people(),
        &other.to_string().to_lowercase(),
        &PeerRecord::default_name(&other),
    ] {
        assert!(parse(json!({ "name": name })).is_err(), "{name:?}");
    }
    assert!(parse(json!({ "name": PeerRecord::default_name(&id()) })).is_ok());
    assert!(parse(json!({ "name": "ä".repeat(64) })).is_ok());
}

#[test]
fn addresses_have_a_host_and_a_port() {
    for address in [
        "host",
        "host:",
        "host:0",
        "host:65536",
        "host:+1",
        ":1",
        "::1:6984",
        "[host]:1",
        "a b:1",
        "http://host:1",
        "-\n:1",
        "[::1]",
        "[fe80::1%]:1",
        "a..b:1",
    ] {
        let parsed = parse(json!({ "addresses": [address] }));
        assert_eq!(parsed, Err(BadPeer::Address(address.to_owned())), "{address}");
    }
}

#[test]
fn everything_has_a_bound() {
    assert!(parse(json!({ "addresses": vec!["a:1"; 32] })).is_ok());
    assert!(parse(json!({ "addresses": vec!["a:1"; 33] })).is_err());
    assert!(parse(json!({ "told_addresses": vec!["a:1"; 9] })).is_err());
    assert!(parse(json!({ "groups": vec!["a"; 65] })).is_err());
    assert!(parse(json!({ "groups": ["a".repeat(65)] })).is_err());
    let long = format!("-----BEGIN CERTIFICATE-----{}", "A".repeat(16 * 1024));
    assert_eq!(parse(json!({ "certificate": long })), Err(BadPeer::Certificate));
}

#[test]
fn what_others_tell_pushes_no_address_of_an_admin_out() {
    let mut record = PeerRecord::new(id());
    record.addresses = vec!["home:1".to_owned(), "work:1".to_owned()];
    record.tell_addresses(["work:1".to_owned(), "nonsense".to_owned(), "cafe:1".to_owned()]);
    assert_eq!(record.all_addresses(), ["home:1", "work:1", "cafe:1"]);
    record.tell_addresses((0..100).map(|number| format!("flood:{}", number + 1)));
    assert_eq!(record.addresses, ["home:1", "work:1"]);
    assert_eq!((record.told_addresses.len(), record.all_addresses().len()), (8, 10));
    record.tell_addresses(["train:1".to_owned()]);
    assert_eq!(record.told_addresses[..2], ["train:1", "flood:1"]);
}

#[test]
fn wrong_types_and_values_are_told_by_their_member() {
    for (member, value) in [
        ("name", json!(1)),
        ("trust", json!("yes")),
        ("groups", json!("family")),
        ("groups", json!([1])),
        ("groups", json!(["Family"])),
        ("introducer", json!("true")),
        ("bandwidth", json!(0)),
        ("bandwidth", json!(-1)),
        ("bandwidth", json!(0.5)),
        ("bandwidth", json!("64 KB")),
        ("metered", json!("no")),
        ("introduced_by", json!("anna")),
        ("rotated_from", json!("anna")),
        ("rotations", json!("anna")),
        ("rotations", json!([{"from": "anna", "serial": 1}])),
        ("rotations", json!([{"from": id().to_string()}])),
        ("introductions", json!("perhaps")),
        ("confirmed", json!("yes")),
        ("last_seen", json!("yesterday")),
        ("introduced_until", json!(7)),
        ("introduced_until", json!("tomorrow")),
        ("rotating", json!("yes")),
        ("certificate", json!("MII=")),
    ] {
        let mut body = Map::new();
        body.insert(member.to_owned(), value);
        let error = parse(Value::Object(body)).expect_err(member).to_string();
        assert!(error.contains(member.trim_end_matches('s')), "{member}: {error}");
    }
}
