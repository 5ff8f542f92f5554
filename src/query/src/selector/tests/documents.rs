//! Combinations of conditions, special members, and the ways to fields.

use serde_json::{Value, json};

use super::matches;

#[test]
fn combinations_hold_as_they_say() {
    let document = json!({"_id": "d", "a": 1, "b": 2});
    for (selector, expected) in [
        (json!({}), true),
        (json!({"$and": [{"a": 1}, {"b": 2}]}), true),
        (json!({"$and": [{"a": 1}, {"b": 3}]}), false),
        (json!({"$and": []}), true),
        (json!({"$or": [{"a": 7}, {"b": 2}]}), true),
        (json!({"$or": [{"a": 7}, {"b": 7}]}), false),
        (json!({"$or": []}), true),
        (json!({"$nor": [{"a": 7}, {"b": 7}]}), true),
        (json!({"$nor": [{"a": 1}, {"b": 7}]}), false),
        (json!({"$nor": [{"c": 1}]}), false),
        (json!({"$not": {"a": 2}}), true),
        (json!({"$not": {"$and": [{"a": 1}, {"b": 3}]}}), true),
        (json!({"$not": {"$not": {"a": 1}}}), true),
        (json!({"a": {"$not": {"$regex": "x"}}}), true),
        (json!({"c": {"$not": {"$regex": "x"}}}), false),
        (json!({"a": {"$or": [{"$lt": 0}, {"$gt": 0}]}}), true),
        (json!({"$and": [{}]}), false),
    ] {
        assert_eq!(matches(&selector, &document), expected, "{selector}");
    }
}

#[test]
fn special_members_come_from_beside_the_body() {
    let document = json!({
        "_id": "B", "_rev": "3-c", "_deleted": true, "a": 1,
        "_attachments": {"x.txt": {"length": 12}},
    });
    for (selector, expected) in [
        (json!({"_id": "B"}), true),
        // By bytes, not by collation: B comes before a.
        (json!({"_id": {"$lt": "a"}}), true),
        (json!({"_id": {"$gt": null}}), true),
        (json!({"_id": {"$lt": {}}}), false),
        (json!({"_id": {"$beginsWith": "B"}}), true),
        (json!({"_rev": {"$regex": "^3-"}}), true),
        (json!({"_deleted": true}), true),
        (json!({"_conflicts": {"$exists": true}}), false),
        (json!({"_attachments.x\\.txt.length": {"$gt": 10}}), true),
        (json!({"$and": [{"$type": "object"}]}), true),
    ] {
        assert_eq!(matches(&selector, &document), expected, "{selector}");
    }
    assert!(matches(&json!({"_deleted": {"$exists": false}}), &json!({"_id": "x"})));
}

#[test]
fn paths_lead_into_objects_and_arrays() {
    let document = json!({"a": {"b": [{"c": 1}, 2]}, "x.y": 3, "e": ""});
    for (selector, expected) in [
        (json!({"a.b.0.c": 1}), true),
        (json!({"a": {"b": {"1": 2}}}), true),
        (json!({"a.b.2": {"$exists": false}}), false),
        (json!({"a.b.c": 1}), false),
        (json!({"x\\.y": 3}), true),
        (json!({"x.y": 3}), false),
        (json!({"a": {"$type": "object"}, "a.b": {"$size": 2}, "a.b.1": 2}), true),
    ] {
        assert_eq!(matches(&selector, &document), expected, "{selector}");
    }
}

#[test]
fn many_fields_are_found_as_few_are() {
    let names: Vec<String> = (0..40).map(|number| format!("f{number}")).collect();
    let wanted: Vec<Value> =
        names.iter().map(|name| json!({ name.as_str(): { "0": 7, "2": 9 } })).collect();
    let members = names.iter().map(|name| (name.clone(), json!([7, 8, 9])));
    let document = Value::Object(members.collect());
    assert!(matches(&json!({ "$and": wanted }), &document));
    let mut other = document;
    other["f20"] = json!([7, 8]);
    assert!(!matches(&json!({ "$and": wanted }), &other));
}
