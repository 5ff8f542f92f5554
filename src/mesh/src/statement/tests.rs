//! Statements as texts, and what becomes of them under every kind of lie.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const NOW_MS: u64 = 1_800_000_000_000;

fn id(byte: u8) -> NodeId {
    NodeId::from_digest([byte; 32])
}

fn introduction() -> Claims {
    Claims {
        issuer: id(1),
        subject: id(2),
        audience: Some(id(3)),
        serial: 7,
        issued_ms: NOW_MS,
        expires_ms: NOW_MS + DAY_MS,
        content: StatementContent::Introduction {
            name: "anna".to_owned(),
            groups: vec!["family".to_owned()],
            addresses: vec!["anna.example:6984".to_owned()],
        },
    }
}

fn rotation() -> Claims {
    let content = StatementContent::Rotation { key: vec![1; 300] };
    Claims { audience: None, content, ..introduction() }
}

fn hub_record() -> Claims {
    let content = StatementContent::HubRecord {
        name: "anna".to_owned(),
        addresses: vec!["[2001:db8::1]:6984".to_owned()],
        listed: true,
        key: vec![1; 300],
    };
    Claims { subject: id(1), audience: None, content, ..introduction() }
}

/// With signatures that nobody checks here.
fn statement(claims: &Claims) -> Result<Statement, BadStatement> {
    let kind = claims.content.kind();
    let second = (kind == StatementKind::Rotation).then(|| vec![9; 256]);
    Statement::signed(claims.to_payload(), kind, vec![8; 256], second)
}

fn context(last_serial: Option<u64>) -> StatementContext {
    StatementContext { us: id(3), now_ms: NOW_MS, last_serial }
}

#[test]
fn what_was_stated_is_read_again() {
    for claims in [introduction(), rotation(), hub_record()] {
        let made = statement(&claims).expect("a statement");
        let read = Statement::from_json(&made.to_json()).expect("the same");
        assert_eq!(read, made);
        assert_eq!(read.claims(), &claims);
    }
}

#[test]
fn the_kind_stands_before_what_is_signed() {
    let made = statement(&introduction()).expect("a statement");
    let bytes = made.signed_bytes();
    assert!(bytes.starts_with(b"refuge/introduction/1\0{\"issuer\""));
    assert_ne!(bytes, signed_bytes(StatementKind::HubRecord, &introduction().to_payload()));
}

#[test]
fn the_signed_bytes_stay_as_they_came() {
    let spaced = String::from_utf8(introduction().to_payload()).expect("text");
    let spaced = spaced.replacen('{', "{ \"later\" : 1.0e2 ,", 1).into_bytes();
    let made = Statement::signed(spaced.clone(), StatementKind::Introduction, vec![8], None);
    let made = made.expect("a statement");
    let read = Statement::from_json(&made.to_json()).expect("the same");
    assert!(read.signed_bytes().ends_with(&spaced));
}

#[test]
fn what_is_no_statement_says_what_is_wrong() {
    let good = statement(&introduction()).expect("a statement").to_json();
    for member in ["kind", "payload", "issuer", "signature"] {
        let mut broken = good.clone();
        broken[member] = serde_json::Value::Null;
        assert_eq!(Statement::from_json(&broken), Err(BadStatement::Member(member)));
    }
    let mut broken = good.clone();
    broken["kind"] = "song".into();
    assert_eq!(Statement::from_json(&broken), Err(BadStatement::Kind("song".to_owned())));
    let mut broken = good.clone();
    broken["issuer"] = id(9).to_string().into();
    assert_eq!(Statement::from_json(&broken), Err(BadStatement::OtherIssuer));
    let mut broken = good.clone();
    broken["payload"] = "A".repeat(40_000).into();
    assert!(matches!(Statement::from_json(&broken), Err(BadStatement::TooLong(_))));
    let mut broken = good;
    broken["signature"] = BASE64.encode(&[1; 1_025]).into();
    assert_eq!(Statement::from_json(&broken), Err(BadStatement::Member("signature")));
    assert!(Statement::from_json(&json!([])).is_err());
}

#[test]
fn roles_that_make_no_sense_are_refused() {
    let refused = |claims: Claims| statement(&claims).expect_err("no statement");
    let nobody = Claims { audience: None, ..introduction() };
    assert_eq!(refused(nobody), BadStatement::Claim("audience"));
    let itself = Claims { subject: id(1), ..introduction() };
    assert_eq!(refused(itself), BadStatement::Claim("subject"));
    let itself = Claims { subject: id(1), ..rotation() };
    assert_eq!(refused(itself), BadStatement::Claim("subject"));
    let another = Claims { subject: id(2), ..hub_record() };
    assert_eq!(refused(another), BadStatement::Claim("subject"));
    let alone = rotation();
    let alone = Statement::signed(alone.to_payload(), StatementKind::Rotation, vec![8], None);
    assert_eq!(alone, Err(BadStatement::Member("countersignature")));
}

#[test]
fn a_lifetime_has_its_bound() {
    let long = Claims { expires_ms: NOW_MS + 2 * DAY_MS, ..hub_record() };
    assert_eq!(statement(&long), Err(BadStatement::Lifetime { most_days: 1 }));
    let backwards = Claims { expires_ms: NOW_MS - 1, ..introduction() };
    assert!(matches!(statement(&backwards), Err(BadStatement::Lifetime { .. })));
}

#[test]
fn names_groups_and_addresses_are_looked_at() {
    let with = |name: &str, groups: Vec<String>, addresses: Vec<String>| {
        let name = name.to_owned();
        let content = StatementContent::Introduction { name, groups, addresses };
        statement(&Claims { content, ..introduction() })
    };
    let hidden = with("an\u{202E}na\n", vec![], vec![]).expect("a statement");
    let StatementContent::Introduction { name, .. } = &hidden.claims().content else {
        panic!("an introduction")
    };
    assert_eq!(name, "anna");
    let group = with("anna", vec!["group:family".to_owned()], vec![]);
    assert_eq!(group, Err(BadStatement::Claim("groups")));
    let many = with("anna", vec!["a".to_owned(); 65], vec![]);
    assert_eq!(many, Err(BadStatement::Claim("groups")));
    let nowhere = with("anna", vec![], vec!["nowhere".to_owned()]);
    assert_eq!(nowhere, Err(BadStatement::Claim("addresses")));
}

#[test]
fn a_statement_counts_once_and_never_backwards() {
    let claims = introduction();
    assert_eq!(judge(&claims, &context(None)), Ok(Judgement::New));
    assert_eq!(judge(&claims, &context(Some(6))), Ok(Judgement::New));
    assert_eq!(judge(&claims, &context(Some(7))), Ok(Judgement::Again));
    let replayed = StatementRefusal::Replayed { serial: 7, seen: 8 };
    assert_eq!(judge(&claims, &context(Some(8))), Err(replayed));
}

#[test]
fn a_statement_for_another_or_of_another_time_does_not_count() {
    let other = Claims { audience: Some(id(4)), ..introduction() };
    let refused = judge(&other, &context(None));
    assert_eq!(refused, Err(StatementRefusal::OtherAudience(id(4))));
    let late = StatementContext { now_ms: NOW_MS + DAY_MS, ..context(None) };
    assert_eq!(judge(&introduction(), &late), Err(StatementRefusal::Expired));
}

#[test]
fn a_clock_two_days_off_is_told_and_one_that_is_hours_off_is_borne() {
    let behind = |hours: u64| {
        let now_ms = NOW_MS - hours * 60 * 60 * 1_000;
        judge(&introduction(), &StatementContext { now_ms, ..context(None) })
    };
    assert_eq!(behind(12), Ok(Judgement::New));
    assert_eq!(behind(48), Err(StatementRefusal::FromTheFuture { ahead_hours: 48 }));
}

#[test]
fn serials_grow_whatever_the_clock_does() {
    assert_eq!(next_serial(None, 5), 5);
    assert_eq!(next_serial(Some(3), 5), 5);
    assert_eq!(next_serial(Some(9), 5), 10);
    assert_eq!(next_serial(Some(u64::MAX), 5), u64::MAX);
}

proptest! {
    #[test]
    fn of_any_order_of_arrival_the_highest_serial_stays(
        serials in proptest::collection::vec(0_u64..50, 1..40),
    ) {
        let mut last = None;
        for serial in &serials {
            let claims = Claims { serial: *serial, ..introduction() };
            match judge(&claims, &context(last)) {
                Ok(Judgement::New) => last = Some(*serial),
                Ok(Judgement::Again) => prop_assert_eq!(last, Some(*serial)),
                Err(_) => prop_assert!(last > Some(*serial)),
            }
        }
        prop_assert_eq!(last, serials.iter().max().copied());
    }

    #[test]
    fn no_text_makes_the_reader_fail(payload: Vec<u8>, kind in 0..3_usize) {
        let kind = StatementKind::ALL[kind];
        if let Ok(read) = Statement::signed(payload, kind, vec![1], None) {
            prop_assert_eq!(Statement::from_json(&read.to_json()), Ok(read));
        }
    }
}
