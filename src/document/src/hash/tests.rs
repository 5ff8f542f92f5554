//! Revision ids against CouchDB's own answers.

use serde_json::Value;

use super::*;
use crate::attachment::{Encoding, parse_digest};
use crate::incoming::parse_document;

fn vectors(name: &str) -> Vec<Value> {
    let text = include_str!("../../../../tests/vectors/revisions.json");
    let vectors: Value = serde_json::from_str(text).unwrap();
    vectors[name].as_array().unwrap().clone()
}

fn without_special_members(text: &str) -> Value {
    let mut value: Value = serde_json::from_str(text).unwrap();
    value.as_object_mut().unwrap().retain(|name, _| !name.starts_with('_'));
    value
}

/// Numbers are compared by value; CouchDB reads subnormal ones as 0.
fn same_value(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            let normal = |number: f64| if number.is_normal() { number } else { 0.0 };
            normal(left.as_f64().unwrap()) == normal(right.as_f64().unwrap())
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| same_value(l, r))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|((l, lv), (r, rv))| l == r && same_value(lv, rv))
        }
        _ => left == right,
    }
}

#[test]
fn first_revisions_are_those_of_couchdb() {
    for vector in vectors("first_revisions") {
        let text = vector["body"].as_str().unwrap();
        let parsed = parse_document(text.as_bytes());
        if vector["status"] != 201 {
            let error = parsed.unwrap_err();
            assert_eq!(error.error(), vector["error"]["error"]);
            assert_eq!(error.to_string(), vector["error"]["reason"].as_str().unwrap());
            continue;
        }
        let body = parsed.unwrap().body;
        let revision = revision_id(None, false, &body, &[]);
        assert_eq!(revision.to_string(), vector["rev"].as_str().unwrap(), "{text}");
        let stored = without_special_members(vector["stored"].as_str().unwrap());
        let ours: Value = serde_json::from_slice(body.as_bytes()).unwrap();
        assert!(same_value(&ours, &stored), "{ours} {stored}");
    }
}

#[test]
fn later_revisions_are_those_of_couchdb() {
    let mut tip: Option<Revision> = None;
    for vector in vectors("chain_of_one_document") {
        if let Some(given) = vector["rev_given"].as_str() {
            assert_eq!(tip.as_ref().unwrap().to_string(), given);
        }
        let incoming = parse_document(vector["body"].as_str().unwrap_or("{}").as_bytes()).unwrap();
        let deleted = incoming.deleted || vector["op"] == "delete";
        let revision = revision_id(tip.as_ref(), deleted, &incoming.body, &[]);
        assert_eq!(revision.to_string(), vector["rev"].as_str().unwrap());
        tip = Some(revision);
    }
}

#[test]
fn revisions_with_attachments_are_those_of_couchdb() {
    for vector in vectors("attachments") {
        let incoming = parse_document(vector["request"].to_string().as_bytes()).unwrap();
        let attachments: Vec<Attachment> = incoming
            .attachments
            .iter()
            .map(|listed| {
                let stored = &vector["stored_attachments"][&listed.name];
                let length = stored["length"].as_u64().unwrap();
                Attachment {
                    name: listed.name.clone(),
                    content_type: listed.content_type.clone(),
                    revpos: 1,
                    digest: parse_digest(stored["digest"].as_str().unwrap()).unwrap(),
                    content: [0; 32],
                    length,
                    stored_length: stored["encoded_length"].as_u64().unwrap_or(length),
                    encoding: Encoding::Identity,
                }
            })
            .collect();
        assert_eq!(attachments.len(), vector["stored_attachments"].as_object().unwrap().len());
        let revision = revision_id(None, false, &incoming.body, &attachments);
        assert_eq!(revision.to_string(), vector["rev"].as_str().unwrap());
    }
}

fn term(json: &str) -> Vec<u8> {
    let mut terms = Terms::new(TermForm::Minor1, 0);
    terms.json(json.as_bytes());
    terms.as_bytes()[1..].to_vec()
}

#[test]
fn integers_take_the_shortest_form_that_holds_them() {
    assert_eq!(term("0"), [97, 0]);
    assert_eq!(term("-0"), [97, 0]);
    assert_eq!(term("255"), [97, 255]);
    assert_eq!(term("256"), [98, 0, 0, 1, 0]);
    assert_eq!(term("-1"), [98, 255, 255, 255, 255]);
    assert_eq!(term("-2147483648"), [98, 128, 0, 0, 0]);
    assert_eq!(term("2147483648"), [110, 4, 0, 0, 0, 0, 128]);
    assert_eq!(term("-2147483649"), [110, 4, 1, 1, 0, 0, 128]);
    assert_eq!(term("9223372036854775807")[..3], [110, 8, 0]);
    assert_eq!(term("18446744073709551615"), [110, 8, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    assert_eq!(term("18446744073709551616"), [110, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(term("-18446744073709551616"), [110, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let googol = term(&format!("1{}", "0".repeat(100)));
    assert_eq!(googol[..3], [110, 42, 0]);
    assert_eq!(googol[3..15], [0; 12]);
    assert_eq!(googol.len(), 45);
}

#[test]
fn lists_of_bytes_are_strings_up_to_their_limit() {
    assert_eq!(term("[]"), [106]);
    assert_eq!(term("[1,255]"), [107, 0, 2, 1, 255]);
    assert_eq!(term("[1,256]")[..5], [108, 0, 0, 0, 2]);
    assert_eq!(term("[[1]]"), [108, 0, 0, 0, 1, 107, 0, 1, 1, 106]);
    let long = |length: usize| term(&format!("[{}1]", "1,".repeat(length - 1)));
    assert_eq!(long(65_535)[..3], [107, 255, 255]);
    assert_eq!(long(65_536)[..5], [108, 0, 1, 0, 0]);
}

#[test]
fn small_floats_are_zero_and_zero_keeps_its_sign() {
    for text in ["0.0", "0e9", "5e-324", "-5e-324", "1e-400", "-1e-400"] {
        assert_eq!(term(text), [70, 0, 0, 0, 0, 0, 0, 0, 0], "{text}");
    }
    assert_eq!(term("-0.0"), [70, 128, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(term("-0e5"), [70, 128, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(term("2.2250738585072014e-308"), [70, 0, 16, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn damaged_text_gives_some_term() {
    for text in ["", "{", "[", "{\"a", "{\"a\":", "\"\\", "[1", "{\"a\":1,", "x"] {
        term(text);
    }
}
