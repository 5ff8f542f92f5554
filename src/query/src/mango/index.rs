//! Indexes as design documents hold them. How they are chosen, and their rows, do not belong here.

use serde_json::{Map, Value, json};

use super::MangoError;
use crate::selector::fields_to_json;

/// An index that can answer questions.
#[derive(Clone, PartialEq, Debug)]
pub struct Index {
    /// Id of the design document (`_design/…`); `None` for `_all_docs`.
    pub design_document: Option<String>,
    /// Its name, which is the name of the view in its design document.
    pub name: String,
    /// Names of its fields, which are the elements of its keys.
    pub fields: Vec<String>,
    /// Whether its rows stand by partition.
    pub partitioned: bool,
    /// The selector that documents have to match to be in it.
    pub partial_filter: Option<Value>,
    /// `def` as CouchDB shows it.
    definition: Value,
}

impl Index {
    /// The index that always exists: all documents by id.
    pub fn all_documents() -> Self {
        Self {
            design_document: None,
            name: "_all_docs".to_owned(),
            fields: vec!["_id".to_owned()],
            partitioned: false,
            partial_filter: None,
            definition: json!({ "fields": [{ "_id": "asc" }] }),
        }
    }

    /// The JSON indexes of a design document (body without or with special members); none where its
    /// `language` is not `query`. Views that are no definition are passed over, as CouchDB does.
    pub fn from_design_document(id: &str, body: &Value, partitioned_database: bool) -> Vec<Self> {
        if body.get("language").and_then(Value::as_str) != Some("query") {
            return Vec::new();
        }
        let partitioned = body
            .pointer("/options/partitioned")
            .and_then(Value::as_bool)
            .unwrap_or(partitioned_database);
        let views = body.get("views").and_then(Value::as_object);
        let views = views.into_iter().flatten();
        views.filter_map(|(name, view)| Self::from_view(id, name, view, partitioned)).collect()
    }

    fn from_view(id: &str, name: &str, view: &Value, partitioned: bool) -> Option<Self> {
        let map = view.get("map")?.as_object()?;
        let fields = map.get("fields")?.as_object()?;
        view.get("options")?.as_object()?;
        let filter = ["partial_filter_selector", "selector"].iter().find_map(|name| {
            map.get(*name).filter(|filter| filter.as_object().is_none_or(|one| !one.is_empty()))
        });
        let shown = map.iter().filter(|(name, value)| {
            *name != "partial_filter_selector" || **value != Value::Object(Map::new())
        });
        let shown = shown.map(|(name, value)| match value {
            Value::Object(fields) if name == "fields" => (name.clone(), fields_to_json(fields)),
            other => (name.clone(), other.clone()),
        });
        Some(Self {
            design_document: Some(id.to_owned()),
            name: name.to_owned(),
            fields: fields.keys().cloned().collect(),
            partitioned,
            partial_filter: filter.cloned(),
            definition: Value::Object(shown.collect()),
        })
    }

    /// Whether it is `_all_docs`.
    pub fn is_all_documents(&self) -> bool {
        self.design_document.is_none()
    }

    /// The index as `GET /{db}/_index` lists it, which sorts by design document and name,
    /// `_all_docs` first.
    pub fn to_json(&self) -> Value {
        match &self.design_document {
            None => json!({
                "ddoc": null,
                "name": self.name,
                "type": "special",
                "def": self.definition,
            }),
            Some(id) => json!({
                "ddoc": id,
                "name": self.name,
                "type": "json",
                "partitioned": self.partitioned,
                "def": self.definition,
            }),
        }
    }

    /// Whether its keys hold all that these fields need.
    pub(crate) fn covers<'a>(&self, mut fields: impl Iterator<Item = &'a str>) -> bool {
        !self.is_all_documents()
            && fields.all(|field| field == "_id" || self.fields.iter().any(|own| own == field))
    }
}

/// What is left of a design document without one of its indexes.
#[derive(Clone, PartialEq, Debug)]
pub enum Removed {
    /// The new body.
    Body(Value),
    /// Nothing that matters: the design document is to be deleted.
    Nothing,
}

/// Takes an index out of the body of a design document, which holds no special members.
pub fn remove_index(body: &Value, name: &str) -> Result<Removed, MangoError> {
    let not_found = || MangoError::IndexNotFound(name.to_owned());
    let mut body = body.as_object().ok_or_else(not_found)?.clone();
    let views = body.get_mut("views").and_then(Value::as_object_mut).ok_or_else(not_found)?;
    views.shift_remove(name).ok_or_else(not_found)?;
    if views.is_empty() {
        body.shift_remove("views");
    }
    let body = Value::Object(body);
    Ok(if body == json!({ "language": "query" }) { Removed::Nothing } else { Removed::Body(body) })
}
