//! `validate_doc_update` and `validate_doc_read`.

use refuge_sandbox::{Error, Functions, Reading, Validation};
use serde_json::json;

use crate::fixture::{functions, named};

fn validating(source: &str) -> Functions {
    functions(&json!({"validate_doc_update": source}))
}

fn ask(functions: &mut Functions, new: &str, old: Option<&str>) -> Result<(), Error> {
    let user = r#"{"db":"d","name":"bob","roles":["writer"]}"#;
    functions.validate(Validation { new, old, user, security: r#"{"admins":{}}"# })
}

#[test]
fn a_document_passes_or_is_refused_with_the_reason() {
    let mut functions = validating(
        "function (newDoc, oldDoc, userCtx, secObj) {
           if (!userCtx.name) throw {unauthorized: 'log in'};
           if (newDoc.owner !== userCtx.name) throw {forbidden: 'not yours'};
           if (oldDoc && oldDoc.locked) throw {forbidden: {code: 7}};
           if (!secObj.admins) throw {forbidden: 'no admins'};
         }",
    );
    assert_eq!(ask(&mut functions, r#"{"owner":"bob"}"#, None), Ok(()));
    assert_eq!(ask(&mut functions, r#"{"owner":"bob"}"#, Some("{}")), Ok(()));
    assert_eq!(ask(&mut functions, "{}", None), Err(Error::Forbidden("not yours".into())));
    assert_eq!(
        ask(&mut functions, r#"{"owner":"bob"}"#, Some(r#"{"locked":1}"#)),
        Err(Error::Forbidden(r#"{"code":7}"#.into()))
    );
    let anonymous = Validation { new: "{}", old: None, user: r#"{"name":null}"#, security: "{}" };
    assert_eq!(functions.validate(anonymous), Err(Error::Unauthorized("log in".into())));
}

#[test]
fn anything_else_that_is_thrown_is_an_error_and_no_consent() {
    let error = |source| named(&ask(&mut validating(source), "{}", None).unwrap_err());
    let pair = |name: &str, reason: &str| (name.to_owned(), reason.to_owned());
    assert_eq!(error("function () { throw 'text' }"), pair("unknown_error", "text"));
    assert_eq!(error("function () { throw ['error', 'a', 'b'] }"), pair("a", "b"));
    assert_eq!(error("function () { throw {error: 'a', reason: 'b'} }"), pair("a", "b"));
    assert_eq!(error("function () { throw {odd: 1} }"), pair("unnamed_error", r#"{"odd":1}"#));
    assert_eq!(error("function () { throw new RangeError('far') }"), pair("RangeError", "far"));
    assert_eq!(error("function (d) { d.a.b }").0, "TypeError");
    assert_eq!(error("function () { throw undefined }").0, "unnamed_error");
    assert_eq!(error("function () { for (;;); }").0, "timeout");
    assert_eq!(error("").0, "not_found");
}

#[test]
fn a_function_cannot_answer_for_the_next_document() {
    let mut functions = validating(
        "function (newDoc, oldDoc, userCtx) {
           userCtx.roles.push('_admin');
           if (userCtx.roles.length !== 2) throw {forbidden: 'roles stay'};
         }",
    );
    for _ in 0..3 {
        assert_eq!(ask(&mut functions, "{}", None), Ok(()));
    }
}

#[test]
fn the_design_document_is_this() {
    let document = json!({
        "limit": 3,
        "validate_doc_update":
            "function (doc) { if (doc.n > this.limit) throw {forbidden: 'at most ' + this.limit}; }",
    });
    let mut functions = functions(&document);
    assert_eq!(ask(&mut functions, r#"{"n":3}"#, None), Ok(()));
    assert_eq!(ask(&mut functions, r#"{"n":4}"#, None), Err(Error::Forbidden("at most 3".into())));
}

#[test]
fn who_may_read_is_asked_by_a_function_of_its_own() {
    let mut functions = functions(&json!({
        "validate_doc_read": "function (doc, userCtx, secObj) {
            if (doc.owner !== userCtx.name) throw {forbidden: secObj.reason};
            if (doc.odd) doc.a.b.c;
            doc.owner = userCtx.name = 'eve';
        }"
    }));
    let mut ask = |document| {
        let (user, security) = (r#"{"name":"bob","roles":[]}"#, r#"{"reason":"not yours"}"#);
        functions.validate_read(Reading { document, user, security })
    };
    for _ in 0..2 {
        assert_eq!(ask(r#"{"owner":"bob"}"#), Ok(()));
        assert_eq!(ask("{}"), Err(Error::Forbidden("not yours".into())));
        assert_eq!(named(&ask(r#"{"owner":"bob","odd":1}"#).unwrap_err()).0, "TypeError");
    }
    let mut without = validating("function () {}");
    let reading = Reading { document: "{}", user: "{}", security: "{}" };
    assert_eq!(named(&without.validate_read(reading).unwrap_err()).0, "not_found");
}
