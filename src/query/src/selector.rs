//! Selectors: CouchDB's declarative conditions on documents, parsed into a typed expression and
//! evaluated over the JSON text of stored bodies. Which index answers a selector does not belong
//! here (see [`crate::mango`]).
//!
//! ```text
//! Selector::parse(&serde_json::Value) -> Result<Selector, MangoError>
//! selector.matches(&Document<'_>) -> bool              // _find, changes and replication filters
//! selector.to_json() -> serde_json::Value              // normalised, as CouchDB shows it
//! selector.field_names() -> Vec<&str>
//!
//! Document { body: &[u8], metadata: Metadata }         // body: normal form, without special members
//! Metadata { id: &str, revision: Option<&str>, deleted: bool, members: &[(&str, &[u8])] }
//!
//! Projection::parse(&Value) -> Result<Option<Projection>, MangoError>   // `fields`; None: all
//! projection.write(&mut Vec<u8>, &Document<'_>)                         // appends an object's text
//! Sort::parse(&Value) -> Result<Sort, MangoError>
//! ```
//!
//! A body is read once, forward, only as far as the last field that the selector names; nothing is
//! parsed that no condition looks at. Text has to be in the normal form of [`refuge_document::Body`]
//! (no insignificant white space, shortest escapes, no duplicate members); other text gives some
//! answer, never a panic.
//!
//! Values compare as CouchDB's do: `null`, `false`, `true`, numbers, strings (ICU root collation),
//! arrays, objects; the field `_id` compares by Erlang's order of terms, hence ids by bytes. A
//! condition on a missing field is false, `{"$exists": false}` apart.
//!
//! Two deliberate differences: `$regex` works on characters, not on bytes as CouchDB's does; and
//! input for which CouchDB answers 500 (`$mod` by 0, `a..b` as a field) is refused when it is parsed.
//!
//! Source: <https://docs.couchdb.org/en/stable/ddocs/mango.html>

mod document;
mod expression;
mod field;
mod normalise;
mod operands;
mod paths;
mod pattern;
mod program;
mod projection;
mod sort;
mod strings;
mod text;
mod value;

pub use document::{Document, Metadata};
pub use field::Field;
pub use projection::Projection;
pub use sort::Sort;

pub(crate) use sort::fields_to_json;

pub(crate) use expression::{Comparison, Condition, Expression, FieldCondition};
pub(crate) use paths::{Found, Paths};
pub(crate) use projection::Tree;
pub(crate) use text::{elements, unquoted};
pub(crate) use value::{Item, Operand, Order, compare};

use serde_json::{Map, Value};

use crate::mango::MangoError;
use program::Program;

/// A parsed selector.
#[derive(Clone, Debug)]
pub struct Selector {
    /// `None` is `{}`, which every document matches.
    program: Option<Program>,
}

impl Selector {
    /// Parses a selector's JSON. At most 64 levels, 2,000 conditions and 32 regular expressions.
    pub fn parse(selector: &Value) -> Result<Self, MangoError> {
        match selector {
            Value::Object(members) if members.is_empty() => Ok(Self { program: None }),
            Value::Object(_) => {
                normalise::normalise(selector).map(|one| Self { program: Some(Program::new(one)) })
            }
            other => Err(MangoError::SelectorNotAnObject(other.clone())),
        }
    }

    /// Whether a document matches.
    pub fn matches(&self, document: &Document<'_>) -> bool {
        self.program.as_ref().is_none_or(|program| program.matches(document))
    }

    /// Of a document that does not match: the parts of the normalised selector that do not hold.
    pub(crate) fn failures(&self, document: &Document<'_>) -> Vec<Value> {
        self.program.as_ref().map_or_else(Vec::new, |program| program.failures(document))
    }

    /// The names of all fields that it asks, those that are negated too.
    pub(crate) fn asked_fields(&self) -> Vec<&str> {
        let mut names = Vec::new();
        if let Some(expression) = self.expression() {
            expression.collect_asked(&mut names);
        }
        names
    }

    /// The normalised selector, as CouchDB's `_explain` shows it.
    pub fn to_json(&self) -> Value {
        self.program.as_ref().map_or_else(|| Value::Object(Map::new()), Program::to_json)
    }

    /// The names of the fields that it asks, in its order, as often as they are asked.
    pub fn field_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        if let Some(expression) = self.expression() {
            expression.collect_fields(&mut names);
        }
        names
    }

    /// `None` is `{}`.
    pub(crate) fn expression(&self) -> Option<&Expression> {
        self.program.as_ref().map(Program::expression)
    }
}

#[cfg(test)]
mod tests;
