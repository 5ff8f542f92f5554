//! `sort`: fields and one direction, also those of an index. Which index has an order does not
//! belong here.

use serde_json::{Map, Value, json};

use super::field::Field;
use crate::mango::MangoError;

/// Most fields of one order.
const FIELD_LIMIT: usize = 100;

/// An order: fields, all ascending or all descending.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sort {
    /// Names of fields, the first counting most.
    pub fields: Vec<String>,
    /// Whether the greatest values come first.
    pub descending: bool,
}

impl Sort {
    /// Parses an array of names and of objects `{name: "asc" | "desc"}`.
    pub fn parse(sort: &Value) -> Result<Self, MangoError> {
        let Value::Array(parts) = sort else { return Err(MangoError::InvalidSort(sort.clone())) };
        if parts.len() > FIELD_LIMIT {
            return Err(MangoError::TooManySortFields(FIELD_LIMIT));
        }
        let mut fields = Vec::with_capacity(parts.len());
        let mut descending = None;
        for part in parts {
            let (name, down) = parse_part(part)?;
            Field::parse(name)?;
            if *descending.get_or_insert(down) != down {
                return Err(MangoError::MixedSort);
            }
            fields.push(name.to_owned());
        }
        Ok(Self { fields, descending: descending.unwrap_or(false) })
    }

    fn direction(&self) -> &'static str {
        if self.descending { "desc" } else { "asc" }
    }

    /// An object of names and directions, as CouchDB stores it.
    pub(crate) fn to_object(&self) -> Value {
        let members = self.fields.iter().map(|name| (name.clone(), self.direction().into()));
        Value::Object(Map::from_iter(members))
    }
}

/// The name and whether it is descending.
fn parse_part(part: &Value) -> Result<(&str, bool), MangoError> {
    let refused = || MangoError::InvalidSortField(part.clone());
    let (name, direction) = match part {
        Value::String(name) => (name, "asc"),
        Value::Object(members) if members.len() == 1 => {
            let (name, direction) = members.iter().next().ok_or_else(refused)?;
            (name, direction.as_str().ok_or_else(refused)?)
        }
        _ => return Err(refused()),
    };
    match direction {
        "asc" | "desc" if !name.is_empty() => Ok((name, direction == "desc")),
        _ => Err(refused()),
    }
}

/// An array of objects of one name and its direction, as CouchDB shows the fields of an index.
pub(crate) fn fields_to_json(fields: &Map<String, Value>) -> Value {
    fields.iter().map(|(name, direction)| json!({ name: direction })).collect()
}
