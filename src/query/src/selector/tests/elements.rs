//! Operators with lists, and those that ask the elements of arrays or the names of members.

use serde_json::json;

use super::{matches, table};

#[test]
fn lists_match_elements_of_arrays_too() {
    table(&[
        (
            json!({"$in": [1, "x"]}),
            &[json!({"a": 1}), json!({"a": "x"}), json!({"a": [5, 1]})],
            &[json!({"a": 2}), json!({"a": [[1]]}), json!({"a": []}), json!({})],
        ),
        (json!({"$in": []}), &[], &[json!({"a": 1}), json!({"a": []})]),
        (
            json!({"$nin": [1]}),
            &[json!({"a": 2}), json!({"a": [2, 3]}), json!({"a": []})],
            &[json!({"a": 1}), json!({"a": [3, 1]}), json!({})],
        ),
        (json!({"$nin": []}), &[json!({"a": 1})], &[json!({})]),
    ]);
}

#[test]
fn long_lists_match_as_short_ones_do() {
    let ids: Vec<String> = (0..1_000).map(|number| format!("B{number}")).collect();
    let by_id = json!({"_id": {"$in": ids}});
    assert!(matches(&by_id, &json!({"_id": "B999"})));
    assert!(!matches(&by_id, &json!({"_id": "b999"})));
    let mixed = json!({"a": {"$in": [{}, "b", 2, null, "a", 2.0, true, [1], 1, "a"]}});
    for value in [json!({}), json!("a"), json!(2), json!(true), json!(null), json!([2])] {
        assert!(matches(&mixed, &json!({"a": value})), "{value}");
    }
    for value in [json!({"a": 1}), json!("A"), json!(3), json!(false), json!([[2]])] {
        assert!(!matches(&mixed, &json!({"a": value})), "{value}");
    }
    table(&[(
        json!({"$all": [1, 1.0, "x", "x"]}),
        &[json!({"a": ["x", 1.0, 1]})],
        &[json!({"a": ["x", 1]}), json!({"a": ["x", 1.0]})],
    )]);
}

#[test]
fn all_asks_for_the_same_terms() {
    table(&[
        (
            json!({"$all": [1, "x"]}),
            &[json!({"a": ["x", 2, 1]})],
            &[json!({"a": [1]}), json!({"a": 1}), json!({"a": [1.0, "x"]}), json!({})],
        ),
        (json!({"$all": []}), &[], &[json!({"a": []}), json!({"a": [1]})]),
        (
            json!({"$all": [[1, 2]]}),
            &[json!({"a": [1, 2]}), json!({"a": [[1, 2]]})],
            &[json!({"a": [2, 1]})],
        ),
        (json!({"$all": [{"b": 1}]}), &[json!({"a": [{"b": 1}]})], &[json!({"a": [{"b": 2}]})]),
    ]);
}

#[test]
fn elements_are_asked_one_by_one() {
    table(&[
        (
            json!({"$elemMatch": {"$gt": 2, "$lt": 5}}),
            &[json!({"a": [1, 3]})],
            &[json!({"a": [1, 6]}), json!({"a": []}), json!({"a": 3}), json!({})],
        ),
        (
            json!({"$elemMatch": {"b": 1, "c.d": {"$exists": true}}}),
            &[json!({"a": [{"b": 2}, {"b": 1, "c": {"d": null}}]})],
            &[json!({"a": [{"b": 1}, {"c": {"d": 1}}]})],
        ),
        (
            json!({"$allMatch": {"$gt": 2}}),
            &[json!({"a": [3, 4]})],
            &[json!({"a": [3, 1]}), json!({"a": []}), json!({"a": 3}), json!({})],
        ),
        (
            json!({"$elemMatch": {"$elemMatch": {"$eq": 1}}}),
            &[json!({"a": [[2], [1]]})],
            &[json!({"a": [1]})],
        ),
        (
            json!({"$keyMapMatch": {"$eq": "x"}}),
            &[json!({"a": {"y": 1, "x": 2}})],
            &[
                json!({"a": {"y": "x"}}),
                json!({"a": {}}),
                json!({"a": ["x"]}),
                json!({"a": "x"}),
                json!({}),
            ],
        ),
        (
            json!({"$keyMapMatch": {"$regex": "^\"é"}}),
            &[json!({"a": {"\"é": 1}})],
            &[json!({"a": {"é": 1}})],
        ),
    ]);
}

#[test]
fn negations_inside_elements_stay_negations() {
    // Beside elements, `$not` of a missing field is true; at the top it asks for the field.
    table(&[
        (
            json!({"$elemMatch": {"$not": {"x": 1}}}),
            &[json!({"a": [{}]}), json!({"a": [{"x": 2}]})],
            &[json!({"a": [{"x": 1}]})],
        ),
        (
            json!({"$elemMatch": {"$nor": [{"x": 1}, {"y": 1}]}}),
            &[json!({"a": [{}]})],
            &[json!({"a": [{"x": 1}, {"y": 1}]})],
        ),
    ]);
    assert!(!matches(&json!({"$not": {"x": 1}}), &json!({})));
}
