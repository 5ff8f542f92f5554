//! Operators that ask one value: what matches, and what does not.

use serde_json::json;

use super::super::Selector;
use super::{matches, table};

#[test]
fn equality_is_of_values() {
    table(&[
        (
            json!(1),
            &[json!({"a": 1}), json!({"a": 1.0}), json!({"b": [2, {"a": 3}], "a": 1})],
            &[
                json!({"a": "1"}),
                json!({"a": [1]}),
                json!({"b": 1}),
                json!({}),
                json!({"b": {"a": 1}}),
            ],
        ),
        (json!({"$eq": null}), &[json!({"a": null})], &[json!({}), json!({"a": false})]),
        (json!("é"), &[json!({"a": "é"}), json!({"a": "e\u{301}"})], &[json!({"a": "e"})]),
        (json!([1, "x"]), &[json!({"a": [1, "x"]})], &[json!({"a": [1]}), json!({"a": ["x", 1]})]),
        (json!({}), &[json!({"a": {}})], &[json!({"a": {"b": 1}}), json!({"a": []})]),
        (
            json!({"$eq": {"b": 1, "c": 2}}),
            &[json!({"a": {"b": 1, "c": 2}})],
            &[json!({"a": {"c": 2, "b": 1}}), json!({"a": {"b": 1}})],
        ),
        (json!("a\n\"\\\u{1}"), &[json!({"a": "a\n\"\\\u{1}"})], &[json!({"a": "a\\n"})]),
        (json!({"$ne": 1}), &[json!({"a": 2}), json!({"a": null})], &[json!({"a": 1}), json!({})]),
    ]);
}

#[test]
fn order_goes_across_types() {
    table(&[
        (
            json!({"$gt": null}),
            &[json!({"a": false}), json!({"a": {}})],
            &[json!({"a": null}), json!({})],
        ),
        (
            json!({"$lt": 2}),
            &[json!({"a": 1.5}), json!({"a": true}), json!({"a": -1e300})],
            &[json!({"a": 2}), json!({"a": "1"}), json!({"a": []})],
        ),
        (
            json!({"$gte": "b"}),
            &[json!({"a": "b"}), json!({"a": "B"}), json!({"a": []})],
            &[json!({"a": "a"}), json!({"a": "A"}), json!({"a": 7})],
        ),
        (json!({"$lte": "a"}), &[json!({"a": "a"}), json!({"a": ""})], &[json!({"a": "A"})]),
        (
            json!({"$gt": [1, 2]}),
            &[json!({"a": [1, 2, 0]}), json!({"a": [2]})],
            &[json!({"a": [1, 2]}), json!({"a": [1]})],
        ),
        (
            json!({"$gt": {"b": 1}}),
            &[json!({"a": {"b": 2}}), json!({"a": {"c": 0}})],
            &[json!({"a": {"b": 1}}), json!({"a": {"a": 9}}), json!({"a": {}})],
        ),
        (
            json!({"$gt": 9007199254740992_i64}),
            &[json!({"a": 9007199254740993_i64})],
            &[json!({"a": 9007199254740992_i64})],
        ),
    ]);
}

#[test]
fn several_operators_hold_together() {
    table(&[(
        json!({"$gt": 1, "$lt": 3}),
        &[json!({"a": 2})],
        &[json!({"a": 1}), json!({"a": 3})],
    )]);
}

#[test]
fn existence_is_of_members() {
    table(&[
        (json!({"$exists": true}), &[json!({"a": null}), json!({"a": 0})], &[json!({})]),
        (json!({"$exists": false}), &[json!({}), json!({"b": 1})], &[json!({"a": null})]),
    ]);
    let inside = json!({"a.b": {"$exists": false}});
    assert!(matches(&inside, &json!({"a": {}})));
    assert!(matches(&inside, &json!({})));
    assert!(!matches(&inside, &json!({"a": 5})), "a path through a number leads nowhere");
    assert!(!matches(&inside, &json!({"a": [1]})));
}

#[test]
fn types_have_couchdbs_names() {
    let values = [
        ("null", json!(null)),
        ("boolean", json!(true)),
        ("number", json!(-1.5)),
        ("string", json!("")),
        ("array", json!([])),
        ("object", json!({})),
    ];
    for (name, _) in &values {
        for (other, value) in &values {
            let selector = json!({"a": {"$type": name}});
            assert_eq!(matches(&selector, &json!({"a": value})), name == other, "{name} {other}");
        }
        assert!(!matches(&json!({"a": {"$type": name}}), &json!({})));
    }
}

#[test]
fn sizes_are_of_arrays() {
    table(&[
        (
            json!({"$size": 0}),
            &[json!({"a": []})],
            &[json!({"a": {}}), json!({"a": ""}), json!({})],
        ),
        (json!({"$size": 2}), &[json!({"a": [[1, 2], "],["]})], &[json!({"a": [1]})]),
    ]);
}

#[test]
fn remainders_are_of_integers() {
    table(&[
        (
            json!({"$mod": [4, 1]}),
            &[json!({"a": 5}), json!({"a": 1})],
            &[json!({"a": 4}), json!({"a": 5.0}), json!({"a": "5"}), json!({"a": -5}), json!({})],
        ),
        (json!({"$mod": [4, -1]}), &[json!({"a": -5})], &[json!({"a": 5})]),
        (json!({"$mod": [-4, 1]}), &[json!({"a": 5})], &[]),
    ]);
    let long = super::super::Document {
        body: br#"{"a":1000000000000000000000000000000000000000007}"#,
        metadata: super::super::Metadata::new("x", "1-a"),
    };
    let selector = Selector::parse(&json!({"a": {"$mod": [10, 7]}})).unwrap();
    assert!(selector.matches(&long));
}

#[test]
fn patterns_look_anywhere_in_strings() {
    table(&[
        (
            json!({"$regex": "^A.c$"}),
            &[json!({"a": "Abc"}), json!({"a": "Aéc"})],
            &[json!({"a": "xAbc"}), json!({"a": 1}), json!({"a": ["Abc"]}), json!({})],
        ),
        (json!({"$regex": "(?i)b(?=c)"}), &[json!({"a": "aBc"})], &[json!({"a": "bd"})]),
        (json!({"$regex": r"(\w)\1"}), &[json!({"a": "hello"})], &[json!({"a": "helo"})]),
    ]);
}

#[test]
fn a_pattern_that_runs_away_does_not_match() {
    let bomb = json!({"a": {"$regex": r"^(a+)+\1b$"}});
    assert!(!matches(&bomb, &json!({"a": "a".repeat(60)})));
}

#[test]
fn prefixes_are_of_strings() {
    table(&[(
        json!({"$beginsWith": "ab"}),
        &[json!({"a": "ab"}), json!({"a": "abc"})],
        &[json!({"a": "Abc"}), json!({"a": "a"}), json!({"a": ["ab"]}), json!({"a": 1}), json!({})],
    )]);
}
