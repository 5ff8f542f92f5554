//! The rows of a JSON index: zero or one a document, its key an array of the index's fields. Storing
//! them does not belong here.

use serde_json::Value;

use super::{Index, MangoError};
use crate::selector::{
    Document, Field, Found, Item, Metadata, Paths, Selector, Tree, elements, unquoted,
};

/// Makes the keys of one index's rows.
#[derive(Clone, Debug)]
pub struct KeyMaker {
    paths: Paths,
    slots: Vec<usize>,
    filter: Option<Selector>,
}

impl KeyMaker {
    /// Fails where the design document, which may come from elsewhere, names impossible fields or
    /// holds no selector as its partial filter.
    pub fn new(index: &Index) -> Result<Self, MangoError> {
        let mut paths = Paths::default();
        let mut slots = Vec::with_capacity(index.fields.len());
        for field in parse_fields(index)? {
            slots.push(paths.add(field.path()));
        }
        let filter = index.partial_filter.as_ref().map(Selector::parse).transpose()?;
        Ok(Self { paths, slots, filter })
    }

    /// The key of a document's row, a JSON array; `None` if it has none: design documents, deleted
    /// ones, those that the partial filter leaves out, and those that lack a field. The row's value
    /// is `null`.
    pub fn key(&self, document: &Document<'_>) -> Option<Vec<u8>> {
        if document.metadata.deleted || document.metadata.id.starts_with("_design/") {
            return None;
        }
        if self.filter.as_ref().is_some_and(|filter| !filter.matches(document)) {
            return None;
        }
        self.paths.with_document(document, |found| {
            let mut key = vec![b'['];
            for slot in &self.slots {
                let Some(Found::Value(item)) = found.get(*slot) else { return None };
                if key.len() > 1 {
                    key.push(b',');
                }
                item.write(&mut key);
            }
            key.push(b']');
            Some(key)
        })
    }
}

fn parse_fields(index: &Index) -> Result<Vec<Field>, MangoError> {
    let parse = |name: &String| match name.as_str() {
        "" => Err(MangoError::InvalidSortField(Value::String(name.clone()))),
        name => Field::parse(name),
    };
    index.fields.iter().map(parse).collect()
}

/// Calls with the document that a row of a covering index stands for: its id and the fields of its
/// key, and nothing else.
pub fn with_covered_document<T>(
    index: &Index,
    id: &str,
    key: &[u8],
    then: impl FnOnce(&Document<'_>) -> T,
) -> Result<T, MangoError> {
    let fields = parse_fields(index)?;
    let mut tree = Tree::default();
    let mut members = Vec::new();
    let mut revision = None;
    for (field, value) in fields.iter().zip(elements(key)) {
        match field.path() {
            [name] if name == "_id" => {}
            [name] if name == "_rev" => revision = Some(unquoted(value)),
            [name] if name.starts_with('_') => members.push((name.as_str(), value)),
            path => tree.set(path, Item::Json(value)),
        }
    }
    let mut body = Vec::with_capacity(key.len() * 2);
    tree.write(&mut body);
    let revision = revision.as_deref();
    let metadata = Metadata { id, revision, deleted: false, members: &members };
    Ok(then(&Document { body: &body, metadata }))
}
