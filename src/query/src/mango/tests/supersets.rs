//! Which indexes may tell the documents that a selector could match.

use serde_json::{Value, json};

use super::super::*;
use super::{index, index_of};
use crate::selector::Selector;

const DATABASE: Database<'static> = Database { name: "db", partitioned: false };

fn chosen(selector: &Value, indexes: &[Index]) -> Option<String> {
    let selector = Selector::parse(selector).expect("a selector");
    superset(&selector, indexes, &DATABASE).map(|found| found.index.name)
}

#[test]
fn what_a_selector_asks_of_a_field_that_is_indexed_is_told_by_the_index() {
    let indexes = [Index::all_documents(), index("a", &["a"]), index("bc", &["b.c", "d"])];
    for (selector, expected) in [
        (json!({"a": 1}), Some("a")),
        (json!({"a": {"$in": [1, 2]}}), Some("a")),
        (json!({"a": 1, "_deleted": true}), Some("a")),
        (json!({"$or": [{"a": 1}, {"a": {"$gt": 7}}]}), Some("a")),
        (json!({"b": {"c": "x"}, "d": {"$ne": 1}}), Some("bc")),
        (json!({"b": {"c": "x"}}), None),
        (json!({"$or": [{"a": 1}, {"z": 1}]}), None),
        (json!({"a": {"$exists": false}}), None),
        (json!({"_id": {"$gt": "x"}}), None),
        (json!({}), None),
    ] {
        assert_eq!(chosen(&selector, &indexes).as_deref(), expected, "{selector}");
    }
}

#[test]
fn indexes_that_may_lack_a_match_are_passed_over() {
    let partial = index_of(json!({
        "index": {"fields": ["a"], "partial_filter_selector": {"b": 1}}, "name": "partial",
    }));
    let by_id = index("by_id", &["a", "_id"]);
    assert_eq!(chosen(&json!({"a": 1, "b": 1}), &[partial, by_id]), None);
    let long = "x".repeat(2_000);
    assert_eq!(chosen(&json!({"a": long}), &[index("a", &["a"])]), None);
    // Nothing can match, and CouchDB's plan for "everything" is none.
    assert_eq!(chosen(&json!({"a": {"$gt": 2, "$lt": 1}}), &[index("a", &["a"])]), None);
}
