//! What declared validations refuse, and which declarations are none.

use serde_json::json;

use super::*;

fn parsed(declaration: Value) -> Result<DeclaredValidation, String> {
    DeclaredValidation::parse(&declaration).map_err(|error| error.to_string())
}

#[test]
fn a_refusal_names_what_does_not_hold_and_nothing_else() {
    let declaration = json!({"newDoc": {"type": {"$type": "string"}, "year": {"$gt": 1900}}});
    let validation = parsed(declaration).expect("good");
    assert_eq!(validation.ask(r#"{"_id":"a","type":"x","year":2000}"#, None), Ok(()));
    let reason = validation.ask(r#"{"_id":"a","type":1,"year":2000}"#, None).expect_err("refused");
    assert_eq!(
        reason,
        r#"document is not valid: it does not match {"newDoc.type":{"$type":"string"}}"#
    );
    let reason = validation.ask(r#"{"_id":"a"}"#, None).expect_err("refused");
    assert!(reason.contains("newDoc.type") && reason.contains("newDoc.year"), "{reason}");
}

#[test]
fn the_stored_document_is_absent_where_there_is_none() {
    let declaration = json!({"$or": [
        {"oldDoc": {"$exists": false}},
        {"oldDoc": {"state": "open"}},
    ]});
    let validation = parsed(declaration).expect("good");
    assert_eq!(validation.ask("{}", None), Ok(()));
    assert_eq!(validation.ask("{}", Some(r#"{"state":"open"}"#)), Ok(()));
    assert!(validation.ask("{}", Some(r#"{"state":"closed"}"#)).is_err());
}

#[test]
fn metadata_is_asked_like_any_member() {
    let validation = parsed(json!({"newDoc": {"_id": {"$beginsWith": "p-"}}})).expect("good");
    assert_eq!(validation.ask(r#"{"_id":"p-1"}"#, None), Ok(()));
    assert!(validation.ask(r#"{"_id":"q-1"}"#, None).is_err());
    let empty = parsed(json!({})).expect("good");
    assert_eq!(empty.ask(r#"{"_id":"q-1"}"#, None), Ok(()));
}

#[test]
fn declarations_that_are_none_are_told() {
    let other = "'validate_doc_update' may only contain 'newDoc' and 'oldDoc' as top-level fields";
    assert_eq!(parsed(json!({"type": "x"})).err().as_deref(), Some(other));
    assert_eq!(parsed(json!({"newDocument.type": "x"})).err().as_deref(), Some(other));
    let hidden = json!({"$nor": [{"newDoc": {"a": 1}}, {"$not": {"userCtx": {"name": "x"}}}]});
    assert_eq!(parsed(hidden).err().as_deref(), Some(other));
    let error = parsed(json!({"newDoc": {"a": {"$foo": 1}}})).err();
    assert_eq!(error.as_deref(), Some("Invalid operator: $foo"));
    assert!(parsed(json!({"newDoc": {"a": {"$regex": "("}}})).is_err());
    assert!(parsed(json!("function () {}")).is_err());
}
