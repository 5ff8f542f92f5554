//! What is refused, and with which words: wrong arguments, and what is beyond a bound.

use serde_json::json;

use super::super::Selector;

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
