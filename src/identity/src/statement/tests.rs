//! Statements that were signed here, and those that OpenSSL's command line signed.

use openssl::base64::decode_block;
use refuge_mesh::StatementKind;

use super::*;
use crate::LEAST_KEY_BITS;

const VECTORS: &str = include_str!("../../../../tests/vectors/statements.json");
const NOW_MS: u64 = 1_800_000_000_000;

fn key() -> NodeKey {
    NodeKey::generate(LEAST_KEY_BITS).unwrap()
}

fn der(key: &NodeKey) -> Vec<u8> {
    key.public().unwrap().to_der().unwrap()
}

fn claims(issuer: &NodeKey, subject: &NodeKey, content: StatementContent) -> Claims {
    let audience =
        (content.kind() == StatementKind::Introduction).then(|| NodeId::from_digest([3; 32]));
    Claims {
        issuer: issuer.id(),
        subject: subject.id(),
        audience,
        serial: 1,
        issued_ms: NOW_MS,
        expires_ms: NOW_MS + 1_000,
        content,
    }
}

fn introduction() -> StatementContent {
    let (name, groups, addresses) = ("bert".to_owned(), Vec::new(), Vec::new());
    StatementContent::Introduction { name, groups, addresses }
}

fn hub_record(key: &NodeKey) -> StatementContent {
    let (name, addresses) = ("anna".to_owned(), vec!["anna.example:6984".to_owned()]);
    StatementContent::HubRecord { name, addresses, listed: true, key: der(key) }
}

#[test]
fn vectors_that_another_program_signed_hold_and_changed_ones_do_not() {
    let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
    let vectors = vectors["statements"].as_array().unwrap();
    assert!(vectors.len() >= 6);
    for vector in vectors {
        let name = &vector["name"];
        let key = decode_block(vector["key"].as_str().unwrap()).unwrap();
        let key = PublicKey::from_der(&key).unwrap();
        let read = Statement::from_json(&vector["statement"]);
        let outcome = read.map_err(|error| error.to_string()).and_then(|statement| {
            check_statement(&statement, &key).map_err(|error| error.to_string())
        });
        match vector["error"].as_str() {
            None => assert_eq!(outcome, Ok(()), "{name}"),
            Some(error) => {
                let told = outcome.expect_err(error);
                assert!(told.contains(error), "{name}: {told}");
            }
        }
    }
}

#[test]
fn a_statement_is_believed_of_its_issuer_alone() {
    let (one, two) = (key(), key());
    let signed = sign_statement(&one, &claims(&one, &two, introduction())).unwrap();
    assert!(check_statement(&signed, &one.public().unwrap()).is_ok());
    let other = check_statement(&signed, &two.public().unwrap());
    assert!(matches!(other, Err(UnprovedStatement::OtherKey { .. })));
    let forged = sign_statement(&two, &claims(&one, &two, introduction()));
    assert!(matches!(forged, Err(StatementError::OtherKey(_))));
}

#[test]
fn a_signature_of_one_kind_is_none_of_another() {
    let one = key();
    let made = claims(&one, &one, hub_record(&one));
    let as_introduction =
        one.sign(&signed_bytes(StatementKind::Introduction, &made.to_payload())).unwrap();
    let moved =
        Statement::signed(made.to_payload(), StatementKind::HubRecord, as_introduction, None);
    let outcome = check_hub_record(&moved.unwrap());
    assert!(matches!(outcome, Err(UnprovedStatement::Signature)));
}

#[test]
fn a_hub_record_proves_itself() {
    let (one, two) = (key(), key());
    let signed = sign_statement(&one, &claims(&one, &one, hub_record(&one))).unwrap();
    assert!(check_hub_record(&signed).is_ok());
    // With the key of another it would be the record of that one.
    let lie = sign_statement(&one, &claims(&one, &one, hub_record(&two))).unwrap();
    assert!(matches!(check_hub_record(&lie), Err(UnprovedStatement::OtherKey { .. })));
}

#[test]
fn a_rotation_needs_both_keys() {
    let (old, new, third) = (key(), key(), key());
    let made = claims(&old, &new, StatementContent::Rotation { key: der(&new) });
    let rotation = sign_rotation((&old, &new), &made).unwrap();
    assert!(check_statement(&rotation, &old.public().unwrap()).is_ok());
    assert!(sign_rotation((&old, &third), &made).is_err());
    assert!(sign_rotation((&third, &new), &made).is_err());
    let bytes = rotation.signed_bytes();
    let stolen = third.sign(&bytes).unwrap();
    let signature = rotation.signature().to_vec();
    let forged =
        Statement::signed(made.to_payload(), StatementKind::Rotation, signature, Some(stolen));
    let outcome = check_statement(&forged.unwrap(), &old.public().unwrap());
    assert!(matches!(outcome, Err(UnprovedStatement::Countersignature)));
    // The key within is another than the one that the subject's id is made of.
    let other = claims(&old, &new, StatementContent::Rotation { key: der(&third) });
    let other = sign_rotation((&old, &new), &other).unwrap();
    let outcome = check_statement(&other, &old.public().unwrap());
    assert!(matches!(outcome, Err(UnprovedStatement::Countersignature)));
}
