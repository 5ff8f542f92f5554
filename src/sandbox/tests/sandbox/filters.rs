//! Filters, and views as filters.

use refuge_sandbox::Error;
use serde_json::json;

use crate::fixture::functions;

#[test]
fn documents_pass_by_what_the_filter_returns() {
    let mut functions = functions(&json!({
        "filters": {"kind": "function (doc, req) { return doc.kind === req.query.kind && this.on; }"},
        "on": 1,
    }));
    let documents = [r#"{"kind":"a"}"#, r#"{"kind":"b"}"#, "{}"];
    let passes = functions.filter("kind", &documents, r#"{"query":{"kind":"a"}}"#).unwrap();
    assert_eq!(passes, vec![Ok(true), Ok(false), Ok(false)]);
}

#[test]
fn a_document_whose_filter_fails_is_told_and_the_others_are_asked() {
    let mut functions = functions(&json!({
        "filters": {"f": "function (doc, req) { if (doc.slow) for (;;); return doc.a.b; }"},
    }));
    let documents = [r#"{"a":{"b":1}}"#, "{}", r#"{"slow":1}"#, r#"{"a":{"b":1}}"#];
    let passes = functions.filter("f", &documents, "{}").unwrap();
    assert_eq!(passes[0], Ok(true));
    assert_eq!(passes[1].as_ref().unwrap_err().name(), "TypeError");
    assert!(matches!(passes[2], Err(Error::Time(_))));
    assert_eq!(passes[3], Ok(true));
}

#[test]
fn a_view_lets_pass_what_it_emits_anything_for() {
    let mut functions = functions(&json!({
        "views": {"v": {"map": "function (doc) { if (doc.n) emit(doc.n); if (doc.n > 1) emit(); }"}},
    }));
    let passes = functions.filter_by_view("v", &[r#"{"n":1}"#, "{}", r#"{"n":2}"#]).unwrap();
    assert_eq!(passes, vec![Ok(true), Ok(false), Ok(true)]);
}

#[test]
fn a_filter_that_is_not_there_is_not_found() {
    let mut functions = functions(&json!({"filters": {"f": "function () { return true; }"}}));
    for name in ["none", "constructor", "__proto__", "toString"] {
        let error = functions.filter(name, &["{}"], "{}").unwrap_err();
        assert_eq!(error.name(), "not_found", "{name}");
        assert_eq!(
            error.reason(),
            format!("missing filters function {name} on design doc _design/test")
        );
    }
    assert_eq!(functions.filter_by_view("none", &[]).unwrap_err().name(), "not_found");
}

#[test]
fn a_filter_that_leaves_work_for_later_is_asked_about_each_document() {
    let mut functions = functions(&json!({
        "filters": {"f": "function (doc) { (async function () { await 1; })(); return doc.n > 1; }"},
    }));
    let passes = functions.filter("f", &[r#"{"n":2}"#, "{}", r#"{"n":3}"#], "{}").unwrap();
    assert_eq!(passes, vec![Ok(true), Ok(false), Ok(true)]);
}
