//! What selectors match, operator by operator, and against a slow evaluator.

mod documents;
mod elements;
mod model;
mod operators;
mod refusals;
mod shapes;

use serde_json::{Value, json};

use super::{Document, Metadata, Selector};

/// Whether a document, given with its special members, matches.
pub(crate) fn matches(selector: &Value, document: &Value) -> bool {
    matches_parsed(&Selector::parse(selector).expect("a selector"), document)
}

/// One operator's table: conditions on the field `a`, with documents that match and that do not.
pub(crate) fn table(rows: &[(Value, &[Value], &[Value])]) {
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

pub(crate) fn matches_parsed(selector: &Selector, document: &Value) -> bool {
    with_document(document, |document| selector.matches(document))
}

/// Calls with the document that a JSON object is.
pub(crate) fn with_document<T>(value: &Value, then: impl FnOnce(&Document<'_>) -> T) -> T {
    let mut body = value.as_object().expect("an object").clone();
    let mut special = |name: &str| body.shift_remove(name);
    let id = special("_id").map_or_else(String::new, |id| id.as_str().unwrap().to_owned());
    let revision = special("_rev").map(|revision| revision.as_str().unwrap().to_owned());
    let deleted = special("_deleted") == Some(Value::Bool(true));
    let others: Vec<(String, Vec<u8>)> = body
        .iter()
        .filter(|(name, _)| name.starts_with('_'))
        .map(|(name, value)| (name.clone(), value.to_string().into_bytes()))
        .collect();
    body.retain(|name, _| !name.starts_with('_'));
    let members: Vec<(&str, &[u8])> =
        others.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let text = Value::Object(body).to_string();
    let metadata = Metadata { id: &id, revision: revision.as_deref(), deleted, members: &members };
    then(&Document { body: text.as_bytes(), metadata })
}
