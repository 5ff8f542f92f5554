//! Tests of the built-in functions against what CouchDB answers.

use proptest::prelude::*;

use super::number::Number;
use super::*;
use crate::FormatError;
use crate::view::{Emit, RowMaker};

fn builtin(name: &str) -> Builtin {
    Builtin::parse(name, Some(ReduceLimit::default())).unwrap()
}

fn rows<'a>(values: &[&'a str]) -> Vec<ReduceRow<'a>> {
    let row = |value: &&'a str| ReduceRow { row_key: b"", key: b"", value: value.as_bytes() };
    values.iter().map(row).collect()
}

fn shown(reduction: &Reduction) -> String {
    match reduction {
        Reduction::Value(bytes) => String::from_utf8(bytes.clone()).unwrap(),
        Reduction::Failed { error, reason } => format!("{error}: {reason}"),
        Reduction::None => "none".to_owned(),
    }
}

/// What a function makes of values in one call.
fn reduced(name: &str, values: &[&str]) -> String {
    let reduced: Result<_, FormatError> = builtin(name).reduce(&[&rows(values)]);
    shown(&reduced.unwrap()[0])
}

#[test]
fn numbers_are_printed_as_couchdb_does() {
    for (text, printed) in [
        ("1", "1"),
        ("-0", "0"),
        ("6.50", "6.5"),
        ("1.0", "1.0"),
        ("-0.0", "0.0"),
        ("1e3", "1000.0"),
        ("100000000000000000000.0", "100000000000000000000.0"),
        ("1e21", "1e+21"),
        ("1.5e300", "1.5e+300"),
        ("0.000001", "0.000001"),
        ("1e-7", "1e-7"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("1234567890123456789012345678901234567890", "1.2345678901234568e+39"),
    ] {
        let mut out = Vec::new();
        Number::parse(text).unwrap().write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), printed);
    }
}

#[test]
fn sums_of_numbers_arrays_and_objects() {
    assert_eq!(reduced("_sum", &["1", "2", "3"]), "6");
    assert_eq!(reduced("_sum", &["0.5", "6"]), "6.5");
    assert_eq!(reduced("_sum", &["0.5", "0.5"]), "1.0");
    assert_eq!(reduced("_sum", &["9007199254740993", "1"]), "9007199254740994");
    // The documentation's example.
    assert_eq!(reduced("_sum", &["2", "[3,5,7]", "[0,0,0,42]", "1", "3"]), "[9,5,7,42]");
    assert_eq!(reduced("_sum", &["[1]", "2"]), "[3]");
    assert_eq!(reduced("_sum", &[r#"{"b":1,"a":2}"#]), r#"{"b":1,"a":2}"#);
    assert_eq!(
        reduced("_sum", &[r#"{"b":1,"a":{"x":[1,2]}}"#, r#"{"a":{"x":[1],"y":2},"c":5}"#]),
        r#"{"a":{"x":[2,2],"y":2},"b":1,"c":5}"#
    );
    assert_eq!(
        reduced("_sum", &["1e308", "1e308"]),
        "badarith: a result is beyond the range of a double"
    );
}

#[test]
fn what_cannot_be_summed_becomes_couchdbs_error_object_and_stays_one() {
    let error = |cause: &str| {
        format!(
            r#"{{"error":"builtin_reduce_error","reason":"The _sum function requires that map values be numbers, arrays of numbers, or objects. Objects cannot be mixed with other data structures. Objects can be arbitrarily nested, provided that the values for all fields are themselves numbers, arrays of numbers, or objects.","caused_by":{cause}}}"#
        )
    };
    assert_eq!(reduced("_sum", &["1", "\"x\"", "2"]), error("\"x\""));
    assert_eq!(reduced("_sum", &["null"]), error("null"));
    assert_eq!(reduced("_sum", &["1", r#"{"a":1}"#]), error(r#"{"a":1}"#));
    assert_eq!(reduced("_sum", &[r#"{"a":1}"#, "1"]), error("1"));
    assert_eq!(reduced("_sum", &[r#"{"a":"x"}"#, r#"{"a":1}"#]), error("1"));
    assert_eq!(reduced("_sum", &["[1,2]", "[1,\"x\"]"]), error("[2]"));
    let before = error("null");
    let again: Result<_, FormatError> =
        builtin("_sum").rereduce(&[vec![b"1", before.as_bytes(), b"2"]]);
    assert_eq!(shown(&again.unwrap()[0]), before);
}

#[test]
fn a_sum_that_does_not_shrink_is_refused_where_that_is_asked_for() {
    let members: Vec<_> = (0..1000).map(|number| format!("\"member{number}\":1")).collect();
    let large = format!("{{{}}}", members.join(","));
    let text = reduced("_sum", &[&large]);
    let message = r#"{"error":"builtin_reduce_error","reason":"Reduce output must shrink more"#;
    assert!(text.starts_with(message), "{text}");
    let mut unlimited = Builtin::parse("_sum", None).unwrap();
    let sum: Result<_, FormatError> = unlimited.reduce(&[&rows(&[&large])]);
    assert_eq!(shown(&sum.unwrap()[0]), large);
}

#[test]
fn statistics_of_numbers_objects_and_arrays() {
    assert_eq!(
        reduced("_stats", &["1", "2.5", "-3"]),
        r#"{"sum":0.5,"count":3,"min":-3,"max":2.5,"sumsqr":16.25}"#
    );
    assert_eq!(
        reduced("_stats", &["2", r#"{"sum":9,"count":2,"min":4,"max":5,"sumsqr":41,"x":null}"#]),
        r#"{"sum":11,"count":3,"min":2,"max":5,"sumsqr":45}"#
    );
    assert_eq!(
        reduced("_stats", &["[1,10]", "[2,20]"]),
        r#"[{"sum":3,"count":2,"min":1,"max":2,"sumsqr":5},{"sum":30,"count":2,"min":10,"max":20,"sumsqr":500}]"#
    );
    assert_eq!(
        reduced("_stats", &["1", "\"x\""]),
        "invalid_value: The _stats function requires that map values be numbers or arrays of \
         numbers, not '\"x\"'"
    );
    assert!(reduced("_stats", &["null"]).starts_with("invalid_value: non-numeric _stats input"));
    assert!(reduced("_stats", &["[1]", "[1,2]"]).starts_with("invalid_value"));
    assert!(reduced("_stats", &["[1]", "1"]).starts_with("invalid_value"));
    assert_eq!(
        reduced("_stats", &[r#"{"sum":1}"#]),
        r#"invalid_value: user _stats input missing required field count ({"sum":1})"#
    );
}

#[test]
fn first_last_top_and_bottom() {
    let values = ["3", "\"b\"", "1", "\"B\"", "2", "3"];
    assert_eq!(reduced("_first", &values), "3");
    assert_eq!(reduced("_last", &["1", "{\"a\":2}"]), "{\"a\":2}");
    assert_eq!(reduced("_top_3", &values), r#"["B","b",3]"#);
    assert_eq!(reduced("_bottom_4", &values), "[1,2,3,3]");
    assert_eq!(reduced("_top_100", &["[1,2]", "[1]"]), "[[1,2],[1]]");
    assert_eq!(reduced("_count", &values), "6");
}

#[test]
fn only_couchdbs_names_are_known() {
    for name in ["_top_0", "_top_101", "_top_", "_top_x", "_bottom_-1", "_median", "_", "_sum2"] {
        let error = Builtin::parse(name, None).unwrap_err();
        assert_eq!(error.to_string(), format!("`{name}` is not a supported reduce function."));
    }
    for name in ["_top_1", "_top_100", "_bottom_7"] {
        assert!(Builtin::parse(name, None).is_ok());
    }
}

/// The estimate of so many different keys, of which each comes twice.
fn distinct(count: usize) -> u64 {
    let maker = RowMaker::new(Collation::Unicode, 0).unwrap();
    let mut function = builtin("_approx_count_distinct");
    let mut sketches = Vec::new();
    for number in (0..count).chain(0..count) {
        let key = format!("[\"key\",{number}]");
        let made = maker.rows("d", &[Emit { key: key.as_bytes(), value: b"null" }]).rows;
        let row = ReduceRow { row_key: &made[0].key, key: b"", value: b"" };
        let sketch: Result<_, FormatError> = function.reduce(&[&[row]]);
        let Reduction::Value(sketch) = sketch.unwrap().remove(0) else { panic!("failed") };
        sketches.push(sketch);
    }
    while sketches.len() > 1 {
        let groups: Vec<Vec<&[u8]>> =
            sketches.chunks(100).map(|group| group.iter().map(Vec::as_slice).collect()).collect();
        let united: Result<Vec<Reduction>, FormatError> = function.rereduce(&groups);
        let united = united.unwrap().into_iter().map(|one| match one {
            Reduction::Value(sketch) => sketch,
            other => panic!("{other:?}"),
        });
        sketches = united.collect();
    }
    let finish = Reducer::<FormatError>::finish(&function, &sketches[0]);
    String::from_utf8(finish).unwrap().parse().unwrap()
}

#[test]
fn different_keys_are_counted_about_right() {
    for count in [1, 2, 3, 10] {
        assert_eq!(distinct(count), count as u64);
    }
    for count in [100, 1000, 5000, 20_000] {
        let error = distinct(count) as f64 / count as f64 - 1.0;
        assert!(error.abs() < 0.07, "{count}: {error}");
    }
}

fn value() -> impl Strategy<Value = String> {
    let member = |names: &'static str| (names, -9_i32..9).prop_map(|(n, v)| format!("\"{n}\":{v}"));
    prop_oneof![
        (-1000_i64..1000).prop_map(|number| number.to_string()),
        prop::collection::vec(-9_i32..9, 1..4)
            .prop_map(|list| format!("{list:?}").replace(' ', "")),
        (member("[a-c]"), member("[d-f]")).prop_map(|(a, b)| format!("{{{b},{a}}}")),
    ]
}

fn of_kind<'a>(values: &[&'a str], belongs: impl Fn(&str) -> bool) -> Vec<&'a str> {
    values.iter().copied().filter(|value| belongs(value)).collect()
}

proptest! {
    #[test]
    fn parts_come_to_what_the_whole_comes_to(
        values in prop::collection::vec(value(), 2..20), split in any::<prop::sample::Index>()
    ) {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let split = 1 + split.index(values.len() - 1);
        let objects = values[0].starts_with('{');
        for name in ["_sum", "_stats", "_count", "_first", "_last", "_top_3", "_bottom_2"] {
            // Of one kind, as `_sum` and `_stats` want them; others take all.
            let one_kind: Vec<&str> = match name {
                "_sum" => of_kind(&values, |value| value.starts_with('{') == objects),
                "_stats" => of_kind(&values, |value| !value.starts_with(['{', '['])),
                _ => values.clone(),
            };
            let split = split.min(one_kind.len().saturating_sub(1));
            if split == 0 {
                continue;
            }
            let (left, right) = one_kind.split_at(split);
            let (left, right) = (reduced(name, left), reduced(name, right));
            let parts = vec![left.as_bytes(), right.as_bytes()];
            let whole: Result<Vec<Reduction>, FormatError> = builtin(name).rereduce(&[parts]);
            prop_assert_eq!(shown(&whole.unwrap()[0]), reduced(name, &one_kind), "{}", name);
        }
    }
}
