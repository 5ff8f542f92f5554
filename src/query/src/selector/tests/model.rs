//! A slow evaluator over parsed values that knows nothing of normal forms, and properties that hold
//! against it.

use std::cmp::Ordering;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::strings::compare_strings;
use super::super::{Document, Item, Metadata, Operand, Order, Selector, compare};
use super::matches_parsed;
use crate::collation::{Collation, SortKeys};

enum Found<'a> {
    Missing,
    BadPath,
    Value(&'a Value),
}

fn find<'a>(value: &'a Value, path: &[String]) -> Found<'a> {
    let Some((name, rest)) = path.split_first() else { return Found::Value(value) };
    match value {
        Value::Object(members) => members.get(name).map_or(Found::Missing, |one| find(one, rest)),
        Value::Array(elements) => {
            let element = name.parse::<usize>().ok().and_then(|place| elements.get(place));
            element.map_or(Found::BadPath, |one| find(one, rest))
        }
        _ => Found::BadPath,
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(false) => 1,
        Value::Bool(true) => 2,
        Value::Number(_) => 3,
        Value::String(_) => 4,
        Value::Array(_) => 5,
        Value::Object(_) => 6,
    }
}

fn collate(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(one), Value::Number(other)) => {
            one.as_f64().unwrap().partial_cmp(&other.as_f64().unwrap()).unwrap()
        }
        (Value::String(one), Value::String(other)) => compare_strings(one, other),
        (Value::Array(one), Value::Array(other)) => {
            let pairs = one.iter().zip(other).map(|(one, other)| collate(one, other));
            pairs.fold(Ordering::Equal, Ordering::then).then(one.len().cmp(&other.len()))
        }
        (Value::Object(one), Value::Object(other)) => {
            let pairs = one.iter().zip(other).map(|((name, value), (other_name, other))| {
                compare_strings(name, other_name).then(collate(value, other))
            });
            pairs.fold(Ordering::Equal, Ordering::then).then(one.len().cmp(&other.len()))
        }
        _ => rank(left).cmp(&rank(right)),
    }
}

/// Whether a field's value satisfies one operator.
fn holds(operator: &str, argument: &Value, value: &Value) -> bool {
    let list = || argument.as_array().unwrap();
    let equal_to_one = |value: &Value| list().iter().any(|one| collate(value, one).is_eq());
    match operator {
        "$eq" => collate(value, argument).is_eq(),
        "$ne" => collate(value, argument).is_ne(),
        "$lt" => collate(value, argument).is_lt(),
        "$lte" => collate(value, argument).is_le(),
        "$gt" => collate(value, argument).is_gt(),
        "$gte" => collate(value, argument).is_ge(),
        "$in" => {
            value.as_array().map_or_else(|| equal_to_one(value), |all| all.iter().any(equal_to_one))
        }
        "$nin" => !holds("$in", argument, value),
        "$exists" => argument.as_bool().unwrap(),
        "$type" => {
            let names = ["null", "boolean", "boolean", "number", "string", "array", "object"];
            names[usize::from(rank(value))] == argument.as_str().unwrap()
        }
        "$size" => {
            value.as_array().is_some_and(|all| all.len() as u64 == argument.as_u64().unwrap())
        }
        "$beginsWith" => {
            value.as_str().is_some_and(|text| text.starts_with(argument.as_str().unwrap()))
        }
        "$all" => value.as_array().is_some_and(|all| {
            !list().is_empty()
                && (list().iter().all(|one| all.contains(one)) || *list() == [value.clone()])
        }),
        "$elemMatch" => {
            value.as_array().is_some_and(|all| all.iter().any(|one| asks(argument, &[], one)))
        }
        "$allMatch" => value
            .as_array()
            .is_some_and(|all| !all.is_empty() && all.iter().all(|one| asks(argument, &[], one))),
        other => panic!("{other}"),
    }
}

/// Whether a value satisfies a selector whose conditions ask the field at `path`. Negations are
/// carried down to the conditions, which ask for their field all the same.
fn asks(selector: &Value, path: &[String], root: &Value) -> bool {
    evaluate(selector, path, root, false)
}

fn evaluate(selector: &Value, path: &[String], root: &Value, negated: bool) -> bool {
    let Some(members) = selector.as_object().filter(|members| !members.is_empty()) else {
        return condition("$eq", selector, path, root, negated);
    };
    let member = |(name, argument): (&String, &Value)| {
        let parts = || argument.as_array().unwrap().iter();
        match name.as_str() {
            "$and" if negated => {
                let mut parts = parts().peekable();
                parts.peek().is_none() || parts.any(|one| evaluate(one, path, root, true))
            }
            "$and" => parts().all(|one| evaluate(one, path, root, false)),
            "$or" if negated => parts().all(|one| evaluate(one, path, root, true)),
            "$or" => {
                let mut parts = parts().peekable();
                parts.peek().is_none() || parts.any(|one| evaluate(one, path, root, false))
            }
            "$not" => evaluate(argument, path, root, !negated),
            operator if operator.starts_with('$') => {
                condition(operator, argument, path, root, negated)
            }
            field => evaluate(argument, &[path, &[field.to_owned()]].concat(), root, negated),
        }
    };
    if negated && members.len() > 1 {
        return members.iter().any(member);
    }
    members.iter().all(member)
}

fn condition(
    operator: &str,
    argument: &Value,
    path: &[String],
    root: &Value,
    negated: bool,
) -> bool {
    let absent = operator == "$exists" && argument.as_bool() == Some(negated);
    match find(root, path) {
        Found::Missing => absent,
        Found::BadPath => false,
        Found::Value(value) => holds(operator, argument, value) != negated,
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        (-3_i64..4).prop_map(|value| json!(value as f64 / 2.0)),
        "[abAB\n\"é]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..3)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b"), Just("0"), Just("c\"\n"), Just("é")].prop_map(str::to_owned)
}

fn document() -> impl Strategy<Value = Value> {
    prop::collection::vec((name(), value()), 0..5)
        .prop_map(|members| Value::Object(Map::from_iter(members)))
}

/// A condition without negations, which inside of elements keep their own meaning.
fn operator(inner: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    let list = prop::collection::vec(value(), 0..3).prop_map(Value::from).boxed();
    let comparison =
        prop_oneof![Just("$eq"), Just("$ne"), Just("$lt"), Just("$lte"), Just("$gt"), Just("$gte")];
    prop_oneof![
        4 => (comparison, value()).prop_map(|(name, value)| json!({ name: value })),
        1 => (prop_oneof![Just("$in"), Just("$nin")], list)
            .prop_map(|(name, value)| json!({ name: value })),
        1 => any::<bool>().prop_map(|value| json!({ "$exists": value })),
        1 => prop_oneof![Just("null"), Just("number"), Just("array"), Just("object")]
            .prop_map(|value| json!({ "$type": value })),
        1 => (0_u64..3).prop_map(|value| json!({ "$size": value })),
        1 => "[aé\"]{0,2}".prop_map(|value| json!({ "$beginsWith": value })),
        1 => prop::collection::vec("[ab]{1}".prop_map(Value::from), 0..3)
            .prop_map(|value| json!({ "$all": value })),
        1 => (prop_oneof![Just("$elemMatch"), Just("$allMatch")], inner)
            .prop_map(|(name, value)| json!({ name: value })),
    ]
}

fn selector() -> impl Strategy<Value = Value> {
    let plain = (-3_i64..4).prop_map(|value| json!({ "$gte": value })).boxed();
    let field = (name(), operator(plain)).prop_map(|(name, condition)| json!({ name: condition }));
    let field = prop_oneof![field, value().prop_map(|value| json!({ "a": { "$eq": value } }))];
    field.prop_recursive(4, 16, 3, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from);
        let nested = operator(inner.clone().prop_filter("no negation", no_negation).boxed());
        prop_oneof![
            (prop_oneof![Just("$and"), Just("$or")], list)
                .prop_map(|(name, parts)| json!({ name: parts })),
            inner.clone().prop_map(|part| json!({ "$not": part })),
            (name(), inner.clone()).prop_map(|(name, part)| json!({ name: part })),
            (name(), nested).prop_map(|(name, part)| json!({ name: part })),
            (name(), inner.clone(), name(), inner)
                .prop_map(|(one, first, other, second)| json!({ one: first, other: second })),
        ]
    })
}

fn no_negation(selector: &Value) -> bool {
    !selector.to_string().contains("$not")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_pass_over_text_agrees_with_the_slow_evaluator(
        selector in selector(),
        documents in prop::collection::vec(document(), 1..8),
    ) {
        let parsed = Selector::parse(&selector).unwrap();
        let normalised = Selector::parse(&parsed.to_json()).unwrap();
        for document in documents {
            let expected = evaluate(&selector, &[], &document, false);
            prop_assert_eq!(matches_parsed(&parsed, &document), expected, "{} {}", selector, document);
            prop_assert_eq!(matches_parsed(&normalised, &document), expected);
        }
    }

    #[test]
    fn values_stand_as_their_sort_keys_do(left in value(), right in value()) {
        let keys = SortKeys::new(Collation::Unicode).unwrap();
        let key = |value: &Value| keys.key(value.to_string().as_bytes()).unwrap();
        let text = left.to_string();
        let seen = compare(Order::Collation, Item::Json(text.as_bytes()), &Operand::new(&right));
        prop_assert_eq!(seen, key(&left).cmp(&key(&right)), "{} {}", left, right);
    }

    #[test]
    fn text_that_is_no_body_gives_some_answer(
        body in prop::collection::vec(prop::sample::select(&b"{}[]\",:\\a0.-tn"[..]), 0..40),
        selector in selector(),
    ) {
        let metadata = Metadata::new("id", "1-a");
        let _ = Selector::parse(&selector).unwrap().matches(&Document { body: &body, metadata });
    }

    #[test]
    fn any_json_is_a_selector_or_refused(
        names in prop::collection::vec("\\$?[a-zA-Z.\\\\]{0,8}", 1..4),
        value in value(),
    ) {
        let selector = names.iter().fold(value, |inner, name| json!({ name: inner }));
        if let Ok(selector) = Selector::parse(&selector) {
            let _ = matches_parsed(&selector, &json!({ "_id": "x", "a": { "b": [1] } }));
        }
    }
}
