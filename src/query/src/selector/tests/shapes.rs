//! Normalised selectors, projections and orders, as CouchDB shows them.

use serde_json::{Value, json};

use super::super::{Projection, Selector, Sort};
use super::with_document;

#[test]
fn selectors_are_normalised_as_in_couchdb() {
    for (selector, normalised) in [
        (json!({}), json!({})),
        (json!({"a": 1}), json!({"a": {"$eq": 1}})),
        (json!({"a": {"b": {"$gt": 1}}}), json!({"a.b": {"$gt": 1}})),
        (json!({"a": 1, "b": 2}), json!({"$and": [{"a": {"$eq": 1}}, {"b": {"$eq": 2}}]})),
        (
            json!({"a": {"$gt": 1, "$lt": 2}}),
            json!({"$and": [{"a": {"$gt": 1}}, {"a": {"$lt": 2}}]}),
        ),
        (json!({"a": {"$and": [{"b": 1}]}}), json!({"$and": [{"a.b": {"$eq": 1}}]})),
        (json!({"$not": {"a": {"$gt": 1}}}), json!({"a": {"$lte": 1}})),
        (json!({"$not": {"a": {"$in": [1]}}}), json!({"a": {"$nin": [1]}})),
        (json!({"$not": {"a": {"$exists": true}}}), json!({"a": {"$exists": false}})),
        (json!({"a": {"$not": {"$regex": "x"}}}), json!({"a": {"$not": {"$regex": "x"}}})),
        (
            json!({"$nor": [{"a": 1}, {"b": {"$gte": 2}}]}),
            json!({"$and": [{"a": {"$ne": 1}}, {"b": {"$lt": 2}}]}),
        ),
        (
            json!({"$not": {"$and": [{"a": 1}, {"$not": {"b": 1}}]}}),
            json!({"$or": [{"a": {"$ne": 1}}, {"b": {"$eq": 1}}]}),
        ),
        (
            json!({"a": {"$elemMatch": {"$gte": 80, "$lt": 85}}}),
            json!({"a": {"$elemMatch": {"$and": [{"": {"$gte": 80}}, {"": {"$lt": 85}}]}}}),
        ),
        (
            json!({"a": {"$elemMatch": {"$not": {"x": 1}}}}),
            json!({"a": {"$elemMatch": {"$not": {"x": {"$eq": 1}}}}}),
        ),
    ] {
        let parsed = Selector::parse(&selector).unwrap();
        assert_eq!(parsed.to_json(), normalised, "{selector}");
        if parsed.to_json() != json!({}) {
            let again = Selector::parse(&normalised).unwrap();
            assert_eq!(again.to_json(), normalised, "normal form stays as it is");
        }
    }
}

fn projected(fields: Value, document: &Value) -> String {
    let projection = Projection::parse(&fields).unwrap().expect("not all fields");
    with_document(document, |document| {
        let mut out = Vec::new();
        projection.write(&mut out, document);
        String::from_utf8(out).unwrap()
    })
}

#[test]
fn fields_are_shown_in_the_order_asked() {
    let document = json!({
        "_id": "i\"d", "_rev": "1-a", "a": 1.50, "b": {"c": {"d": [1, {"e": "\n"}]}, "f": null},
    });
    for (fields, expected) in [
        (json!(["a", "_id"]), r#"{"a":1.5,"_id":"i\"d"}"#),
        (json!(["x"]), "{}"),
        (json!(["b.f", "b.c.d"]), r#"{"b":{"f":null,"c":{"d":[1,{"e":"\n"}]}}}"#),
        (json!(["b.c.d.1.e"]), r#"{"b":{"c":{"d":{"1":{"e":"\n"}}}}}"#),
        (json!(["b", "b.f"]), r#"{"b":{"c":{"d":[1,{"e":"\n"}]},"f":null}}"#),
        (json!(["b.f", "b"]), r#"{"b":{"c":{"d":[1,{"e":"\n"}]},"f":null}}"#),
        (json!(["a.x", "a", "a"]), r#"{"a":1.5}"#),
        (json!(["_rev", "_deleted"]), r#"{"_rev":"1-a"}"#),
    ] {
        assert_eq!(projected(fields.clone(), &document), expected, "{fields}");
    }
}

#[test]
fn number_text_is_shown_as_it_was_written() {
    let projection = Projection::parse(&json!(["n"])).unwrap().unwrap();
    let document = super::super::Document {
        body: br#"{"n":[1.0,1E5,100000000000000000000000]}"#,
        metadata: super::super::Metadata::new("x", "1-a"),
    };
    let mut out = Vec::new();
    projection.write(&mut out, &document);
    assert_eq!(out, document.body);
}

#[test]
fn wrong_fields_are_refused() {
    assert!(Projection::parse(&json!([])).unwrap().is_none());
    for (fields, error) in [
        (json!("a"), "invalid_fields"),
        (json!({"a": 1}), "invalid_fields"),
        (json!([1]), "invalid_field"),
        (json!([{"a": 1}]), "invalid_field"),
        (json!(["a..b"]), "invalid_field_name"),
        (json!([""]), "invalid_field_name"),
    ] {
        assert_eq!(Projection::parse(&fields).expect_err("wrong").error(), error, "{fields}");
    }
}

#[test]
fn orders_have_one_direction() {
    let sort = Sort::parse(&json!(["a", {"b.c": "asc"}])).unwrap();
    assert_eq!((sort.fields, sort.descending), (vec!["a".to_owned(), "b.c".to_owned()], false));
    assert!(Sort::parse(&json!([{"a": "desc"}, {"b": "desc"}])).unwrap().descending);
    assert_eq!(Sort::parse(&json!([])).unwrap(), Sort::default());
    for (sort, error) in [
        (json!({"a": "asc"}), "invalid_sort_json"),
        (json!([1]), "invalid_sort_field"),
        (json!([""]), "invalid_sort_field"),
        (json!([{"a": "up"}]), "invalid_sort_field"),
        (json!([{"a": "asc", "b": "asc"}]), "invalid_sort_field"),
        (json!(["a", {"b": "desc"}]), "unsupported_mixed_sort"),
    ] {
        assert_eq!(Sort::parse(&sort).expect_err("wrong").error(), error, "{sort}");
    }
}
