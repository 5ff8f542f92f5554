//! Definitions, plans and explanations, as tables.

mod definitions;
mod explanations;
mod plans;
mod questions;
mod supersets;

use serde_json::{Value, json};

use super::{Find, Index, IndexRequest};

/// The index on these fields, by way of its design document. The design document has the name of the
/// index.
pub(crate) fn index(name: &str, fields: &[&str]) -> Index {
    index_of(json!({ "index": { "fields": fields }, "name": name, "ddoc": name }))
}

pub(crate) fn index_of(request: Value) -> Index {
    let request = IndexRequest::parse(&request).expect("an index");
    let body = request.add_to(None, true).expect("it fits").expect("it is new");
    let mut indexes = Index::from_design_document(&request.design_document, &body, false);
    assert_eq!(indexes.len(), 1);
    indexes.remove(0)
}

pub(crate) fn find(question: Value) -> Find {
    Find::parse(&question, None).expect("a question")
}
