//! Map functions over documents.

use refuge_sandbox::{Error, Limits, Mapped, ViewSources, Views};
use serde_json::json;

use crate::fixture::{DOCUMENT, limits, map_one, rows_of, views};

#[test]
fn rows_come_by_document_and_function_in_the_order_in_which_they_were_emitted() {
    let mut views = views(&[
        "function (doc) { emit(doc._id, 1); emit([doc.n, '\\n,]'], {a: [1, 2]}); }",
        "function (doc) { if (doc.n > 1) emit('big'); }",
    ]);
    let mut mapped = Mapped::default();
    let done = views.map(&[r#"{"_id":"a","n":1}"#, r#"{"_id":"b","n":2}"#], &mut mapped);
    assert_eq!(done, 2);
    let rows: Vec<_> =
        mapped.rows().map(|row| (row.document, row.function, row.key, row.value)).collect();
    assert_eq!(
        rows,
        vec![
            (0, 0, r#""a""#, "1"),
            (0, 0, r#"[1,"\n,]"]"#, r#"{"a":[1,2]}"#),
            (1, 0, r#""b""#, "1"),
            (1, 0, r#"[2,"\n,]"]"#, r#"{"a":[1,2]}"#),
            (1, 1, r#""big""#, "null"),
        ]
    );
    assert!(mapped.failures().is_empty());
}

#[test]
fn what_json_cannot_say_is_null() {
    let rows = rows_of(
        "function (doc) { emit(); emit(NaN, Infinity); emit(function () {}, undefined); emit(doc.none, -0); }",
    );
    assert_eq!(
        rows.unwrap(),
        vec![json!([null, null]), json!([null, null]), json!([null, null]), json!([null, 0])]
    );
}

#[test]
fn values_are_taken_when_the_function_returns() {
    let rows = rows_of("function (doc) { var v = {n: 1}; emit(1, v); v.n = 2; emit(2, v); }");
    assert_eq!(rows.unwrap(), vec![json!([1, {"n": 2}]), json!([2, {"n": 2}])]);
}

#[test]
fn half_a_character_becomes_the_replacement_character() {
    let rows = rows_of(r#"function (doc) { emit("😀".substr(0, 1), "\\ud83d é 😀"); }"#);
    assert_eq!(rows.unwrap(), vec![json!(["\u{fffd}", "\\ud83d é 😀"])]);
}

#[test]
fn a_function_that_throws_fails_for_that_document_alone() {
    let mut views = views(&[
        "function (doc) { emit(1); emit(doc.a.b, 2); }",
        "function (doc) { emit(doc._id); }",
    ]);
    let mut mapped = Mapped::default();
    views.map(&[r#"{"_id":"x"}"#, r#"{"_id":"y","a":{"b":"z"}}"#], &mut mapped);
    let rows: Vec<_> = mapped.rows().map(|row| (row.document, row.function, row.key)).collect();
    assert_eq!(rows, vec![(0, 1, r#""x""#), (1, 0, "1"), (1, 0, r#""z""#), (1, 1, r#""y""#)]);
    let [failure] = mapped.failures() else { panic!("{:?}", mapped.failures()) };
    assert_eq!((failure.document, failure.function), (0, 0));
    assert_eq!(failure.error.name(), "TypeError");
}

#[test]
fn a_document_that_is_no_json_fails_for_every_function() {
    let mut views = views(&["function (doc) { emit(1); }", "function (doc) { emit(2); }"]);
    let mut mapped = Mapped::default();
    assert_eq!(views.map(&["{", DOCUMENT], &mut mapped), 2);
    assert_eq!(mapped.failures().len(), 2);
    assert_eq!(mapped.rows().count(), 2);
}

#[test]
fn fatal_errors_are_told_apart() {
    for source in
        ["function () { throw 'fatal_error' }", "function () { throw ['fatal', 'a', 'b'] }"]
    {
        let error = rows_of(source).unwrap_err();
        assert!(matches!(error, Error::Fatal { .. }), "{error}");
    }
}

#[test]
fn one_function_sees_nothing_of_what_another_did_to_the_document() {
    let mut views = views(&[
        "function (doc) { emit(doc.tags.length); }",
        "function (doc) { doc.tags = []; delete doc.kind; }",
        "function (doc) { emit([doc.tags, doc.kind]); }",
        "function (doc) { 'use strict'; doc.kind = 1; }",
    ]);
    let mut mapped = Mapped::default();
    views.map(&[DOCUMENT], &mut mapped);
    let keys: Vec<_> = mapped.rows().map(|row| row.key).collect();
    assert_eq!(keys, vec!["2", r#"[["x","y"],"tea"]"#]);
    assert_eq!(mapped.failures()[0].function, 3);
}

#[test]
fn a_function_alone_may_change_its_document() {
    let rows = rows_of("function (doc) { doc.kind = doc.kind + '!'; emit(doc.kind); }");
    assert_eq!(rows.unwrap(), vec![json!(["tea!", null])]);
}

#[test]
fn a_slow_function_fails_and_the_others_do_not_suffer() {
    let mut views = views(&[
        "function (doc) { emit('before'); }",
        "function (doc) { if (doc.slow) for (;;); emit('well'); }",
        "function (doc) { emit('after'); }",
    ]);
    let mut mapped = Mapped::default();
    // Whoever called decides whether to go on after a document that took so long.
    assert_eq!(views.map(&[r#"{"slow":true}"#, "{}"], &mut mapped), 1);
    let keys: Vec<_> = mapped.rows().map(|row| row.key).collect();
    assert_eq!(keys, [r#""before""#, r#""after""#]);
    let [failure] = mapped.failures() else { panic!("{:?}", mapped.failures()) };
    assert_eq!((failure.document, failure.function), (0, 1));
    assert_eq!(failure.error.name(), "timeout");
    assert_eq!(views.map(&["{}"], &mut mapped), 1);
    let keys: Vec<_> = mapped.rows().map(|row| row.key).collect();
    assert_eq!(keys, [r#""before""#, r#""well""#, r#""after""#]);
    assert_eq!(mapped.failures().len(), 0);
}

#[test]
fn a_batch_pauses_when_its_rows_are_many() {
    let limits = Limits { output_bytes: 1000, ..limits() };
    let maps = vec!["function (doc) { emit('k'.repeat(400)); }".to_owned()];
    let mut views = Views::open(ViewSources { maps, ..ViewSources::default() }, limits).unwrap();
    let mut mapped = Mapped::default();
    let documents = ["{}"; 7];
    let mut left = &documents[..];
    let mut counts = Vec::new();
    while !left.is_empty() {
        let done = views.map(left, &mut mapped);
        counts.push(mapped.rows().count());
        left = &left[done..];
    }
    assert_eq!(counts, vec![3, 3, 1]);
}

#[test]
fn what_is_logged_comes_in_its_order() {
    let mut views = views(&[
        "function (doc) { log('one'); log({two: doc.n}); log(undefined); log('\\ud800'); }",
    ]);
    map_one(&mut views, r#"{"n":2}"#).unwrap();
    assert_eq!(views.take_log(), vec!["one", r#"{"two":2}"#, "undefined", "\u{fffd}"]);
    assert!(views.take_log().is_empty());
}

#[test]
fn the_functions_of_couchdb_are_there() {
    let rows = rows_of(
        "function (doc) {
           emit(sum([1, 2, 3.5]), [toJSON({a: 1}), isArray([]), isArray({}), typeof require, typeof index]);
         }",
    );
    assert_eq!(
        rows.unwrap(),
        vec![json!([6.5, [r#"{"a":1}"#, true, false, "function", "undefined"]])]
    );
}

#[test]
fn of_two_functions_one_that_loops_costs_its_time_once_a_document() {
    let mut views = views(&[
        "function (doc) { doc.seen = true; emit(doc._id); }",
        "function (doc) { log('run'); if (doc.loop) while (true) {} emit(doc.seen || null); }",
    ]);
    let looping = r#"{"_id":"a","loop":true}"#;
    let mut mapped = Mapped::default();
    let mut runs = || {
        assert_eq!(views.map(&[looping], &mut mapped), 1);
        assert_eq!(mapped.rows().count(), 1, "the other function had its row");
        views.take_log().len()
    };
    assert_eq!((runs(), runs()), (2, 1));
    // By itself a function sees no more of what another did than together with it.
    views.map(&[r#"{"_id":"b"}"#], &mut mapped);
    let values: Vec<_> = mapped.rows().map(|row| row.key.to_owned()).collect();
    assert_eq!(values, [r#""b""#, "null"]);
}
