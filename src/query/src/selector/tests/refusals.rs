//! What is refused, and with which words: wrong arguments, and what is beyond a bound.

use serde_json::{Value, json};

use super::super::{Projection, Selector, Sort};
use crate::mango::MangoError;

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

/// What a selector, a list of fields or an order is refused with.
fn refused<T: std::fmt::Debug>(parsed: Result<T, MangoError>) -> (u16, &'static str, String) {
    let refused = parsed.expect_err("too large");
    (refused.status(), refused.error(), refused.to_string())
}

#[test]
fn selectors_are_bounded() {
    // A condition is two levels: the object and the value of its field.
    let deep =
        |levels: usize| (2..levels).fold(json!({"a": 1}), |inner, _| json!({"$and": [inner]}));
    let wide = |conditions: usize| json!({"$or": vec![json!({"a": 1}); conditions - 1]});
    let patterns = |count: usize| json!({"$or": vec![json!({"a": {"$regex": "x"}}); count]});
    let long = |bytes: usize| json!({"a": {"$regex": "x".repeat(bytes)}});
    let path = |parts: usize| json!({vec!["a"; parts].join("."): 1});
    let too_large = "selector_too_large";
    for (selector, limit, error, reason) in [
        (
            &deep as &dyn Fn(usize) -> Value,
            64,
            too_large,
            "the selector has more than 64 levels: make it smaller",
        ),
        (&wide, 2_000, too_large, "the selector has more than 2000 conditions: make it smaller"),
        (
            &patterns,
            32,
            too_large,
            "the selector has more than 32 regular expressions: make it smaller",
        ),
        (
            &long,
            8_192,
            "bad_arg",
            "a regular expression has more than 8192 bytes: use a shorter one",
        ),
        (
            &path,
            100,
            "invalid_field_name",
            "a field's name has more than 100 parts: use a shorter one",
        ),
    ] {
        assert!(Selector::parse(&selector(limit)).is_ok(), "{limit}: {reason}");
        let seen = refused(Selector::parse(&selector(limit + 1)));
        assert_eq!(seen, (400, error, reason.to_owned()));
    }
}

#[test]
fn fields_and_orders_are_bounded() {
    let names = |count: usize| json!(vec!["a"; count]);
    assert!(Projection::parse(&names(1_000)).is_ok());
    let reason = "`fields` has more than 1000 names: ask for fewer, or for whole documents";
    let seen = refused(Projection::parse(&names(1_001)));
    assert_eq!(seen, (400, "invalid_fields", reason.to_owned()));
    assert!(Sort::parse(&names(100)).is_ok());
    let reason = "an order has more than 100 fields: use fewer";
    let seen = refused(Sort::parse(&names(101)));
    assert_eq!(seen, (400, "invalid_sort_json", reason.to_owned()));
}
