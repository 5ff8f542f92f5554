//! Each operator: what matches, what does not, and what it is refused with.

use serde_json::{Value, json};

use super::super::Selector;
use super::matches;

/// One operator's table: conditions on the field `a`, with documents that match and that do not.
fn table(rows: &[(Value, &[Value], &[Value])]) {
    for (condition, matching, others) in rows {
        let selector = json!({ "a": condition });
        for document in *matching {
            assert!(matches(&selector, document), "{selector} has to match {document}");
        }
        for document in *others {
            assert!(!matches(&selector, document), "{selector} must not match {document}");
        }
    }
}

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
fn wrong_arguments_are_refused_as_couchdb_does() {
    for (selector, error, reason) in [
        (json!(5), "invalid_selector_json", "Selector must be a JSON object, not: 5"),
        (json!({"$and": 1}), "bad_arg", "Bad argument for operator $and: 1"),
        (json!({"$or": {}}), "bad_arg", "Bad argument for operator $or: {[]}"),
        (json!({"$nor": null}), "bad_arg", "Bad argument for operator $nor: null"),
        (json!({"$not": [1]}), "bad_arg", "Bad argument for operator $not: [1]"),
        (json!({"a": {"$in": "x"}}), "bad_arg", "Bad argument for operator $in: <<120>>"),
        (json!({"a": {"$nin": 1}}), "bad_arg", "Bad argument for operator $nin: 1"),
        (json!({"a": {"$exists": 1}}), "bad_arg", "Bad argument for operator $exists: 1"),
        (json!({"a": {"$type": 1}}), "bad_arg", "Bad argument for operator $type: 1"),
        (json!({"a": {"$mod": [1.5, 2]}}), "bad_arg", "Bad argument for operator $mod: [1.5,2]"),
        (json!({"a": {"$mod": [0, 2]}}), "bad_arg", "Bad argument for operator $mod: [0,2]"),
        (json!({"a": {"$regex": "("}}), "bad_arg", "Bad argument for operator $regex: <<40>>"),
        (json!({"a": {"$all": 1}}), "bad_arg", "Bad argument for operator $all: 1"),
        (json!({"a": {"$elemMatch": 1}}), "bad_arg", "Bad argument for operator $elemMatch: 1"),
        (json!({"a": {"$allMatch": 1}}), "bad_arg", "Bad argument for operator $allMatch: 1"),
        (json!({"a": {"$keyMapMatch": 1}}), "bad_arg", "Bad argument for operator $keyMapMatch: 1"),
        (json!({"a": {"$size": -1}}), "bad_arg", "Bad argument for operator $size: -1"),
        (json!({"a": {"$size": 2.0}}), "bad_arg", "Bad argument for operator $size: 2.0"),
        (json!({"a": {"$beginsWith": 1}}), "invalid_operator", "Invalid operator: $beginsWith"),
        (json!({"a": {"$nope": 1}}), "invalid_operator", "Invalid operator: $nope"),
        (json!({"a": {"$where": 1}}), "not_supported", "Unsupported operator: $where"),
        (json!({"$text": "x"}), "not_supported", "Unsupported operator: $text"),
        (json!({"$gt": 1}), "invalid_selector", "One or more conditions is missing a field name."),
        (json!({"a..b": 1}), "invalid_field_name", "Invalid field name: a..b"),
    ] {
        let refused = Selector::parse(&selector).expect_err("wrong");
        let seen = (refused.status(), refused.error(), refused.to_string());
        assert_eq!(seen, (400, error, reason.to_owned()), "{selector}");
    }
}

#[test]
fn selectors_are_bounded() {
    let mut deep = json!({"a": 1});
    for _ in 0..100 {
        deep = json!({"$and": [deep]});
    }
    let wide = json!({"$or": vec![json!({"a": 1}); 3_000]});
    let patterns = json!({"$or": vec![json!({"a": {"$regex": "x"}}); 50]});
    let long = json!({"a": {"$regex": "x".repeat(10_000)}});
    let path = json!({vec!["a"; 200].join("."): 1});
    for selector in [deep, wide, patterns, long, path] {
        assert_eq!(Selector::parse(&selector).expect_err("too large").status(), 400);
    }
}
