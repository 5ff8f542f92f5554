//! `fields`: the parts of a document that an answer shows. Which documents are shown does not belong
//! here.

use refuge_document::json::write_string;
use serde_json::Value;

use super::document::Document;
use super::field::Field;
use super::paths::{Found, Paths};
use super::value::Item;
use crate::mango::MangoError;

/// Most fields that one question may list.
const FIELD_LIMIT: usize = 1_000;

/// A list of fields to show.
#[derive(Clone, Debug)]
pub struct Projection {
    fields: Vec<Field>,
    paths: Paths,
    slots: Vec<usize>,
}

impl Projection {
    /// Parses `fields`; `None` means whole documents (`[]`).
    pub fn parse(fields: &Value) -> Result<Option<Self>, MangoError> {
        let Value::Array(names) = fields else {
            return Err(MangoError::InvalidFields(fields.clone()));
        };
        if names.is_empty() {
            return Ok(None);
        }
        if names.len() > FIELD_LIMIT {
            return Err(MangoError::TooManyFields(FIELD_LIMIT));
        }
        let fields = names.iter().map(parse_field).collect::<Result<Vec<_>, _>>()?;
        let mut paths = Paths::default();
        let slots = fields.iter().map(|field| paths.add(field.path())).collect();
        Ok(Some(Self { fields, paths, slots }))
    }

    /// The names as they were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(Field::name)
    }

    /// Appends the text of an object that holds those of the fields that the document has, in the
    /// order in which they are listed.
    pub fn write(&self, out: &mut Vec<u8>, document: &Document<'_>) {
        self.paths.with_document(document, |found| {
            let mut tree = Tree::default();
            for (field, slot) in self.fields.iter().zip(&self.slots) {
                if let Some(Found::Value(item)) = found.get(*slot) {
                    tree.set(field.path(), *item);
                }
            }
            tree.write(out);
        });
    }
}

fn parse_field(name: &Value) -> Result<Field, MangoError> {
    match name {
        Value::String(name) if name.is_empty() => Err(MangoError::InvalidFieldName(name.clone())),
        Value::String(name) => Field::parse(name),
        other => Err(MangoError::InvalidField(other.clone())),
    }
}

/// An object that is put together from values at paths.
#[derive(Debug, Default)]
pub(crate) struct Tree<'a> {
    members: Vec<(&'a str, Part<'a>)>,
}

#[derive(Debug)]
enum Part<'a> {
    Value(Item<'a>),
    Tree(Tree<'a>),
}

impl<'a> Tree<'a> {
    /// Puts a value at a path. A value that is there already as a whole holds those below it.
    pub(crate) fn set(&mut self, path: &'a [String], item: Item<'a>) {
        let Some((name, rest)) = path.split_first() else { return };
        if !self.members.iter().any(|(known, _)| known == name) {
            self.members.push((name, Part::Tree(Tree::default())));
        }
        let part = self.members.iter_mut().find(|(known, _)| known == name);
        let Some((_, part)) = part else { return };
        match part {
            _ if rest.is_empty() => *part = Part::Value(item),
            Part::Tree(tree) => tree.set(rest, item),
            Part::Value(_) => {}
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (place, (name, part)) in self.members.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            write_string(out, name);
            out.push(b':');
            match part {
                Part::Value(item) => item.write(out),
                Part::Tree(tree) => tree.write(out),
            }
        }
        out.push(b'}');
    }
}
