//! Finding the fields that a selector, a projection or an index names, in one pass over a
//! document. What is asked of them does not belong here.

use refuge_document::json::write_string;

use super::document::Document;
use super::field::array_position;
use super::text::{byte, elements, string_end, value_end};
use super::value::Item;

/// What stands at a path.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'a> {
    /// The object that should hold it does not.
    Missing,
    /// The path leads through something that holds no members, or beyond an array.
    BadPath,
    Value(Item<'a>),
}

/// A set of paths, as the tree of their parts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    root: Node,
    slots: usize,
}

#[derive(Clone, Debug, Default)]
struct Node {
    parts: Vec<Part>,
    slot: Option<usize>,
}

#[derive(Clone, Debug)]
struct Part {
    name: String,
    /// The name as it stands in text, with its quotes.
    text: Vec<u8>,
    /// The position that it is in an array.
    position: Option<usize>,
    node: Node,
}

impl Paths {
    /// The slot of a path that is not empty.
    pub(crate) fn add(&mut self, path: &[String]) -> usize {
        let mut node = &mut self.root;
        for name in path {
            node = node.part(name);
        }
        *node.slot.get_or_insert_with(|| {
            self.slots += 1;
            self.slots - 1
        })
    }

    /// Calls with what stands at the paths of a document, slot by slot.
    pub(crate) fn with_document<T>(
        &self,
        document: &Document<'_>,
        then: impl FnOnce(&[Found<'_>]) -> T,
    ) -> T {
        with_slots(self.slots, |found| {
            let mut wanted = self.root.parts.len();
            for part in self.root.parts.iter().filter(|part| part.name.starts_with('_')) {
                wanted -= 1;
                if let Some(item) = document.metadata.member(&part.name) {
                    part.node.visit(item, found);
                }
            }
            self.root.visit_members(document.body, wanted, found);
            then(found)
        })
    }

    /// The same of any other value.
    pub(crate) fn with_item<T>(&self, item: Item<'_>, then: impl FnOnce(&[Found<'_>]) -> T) -> T {
        with_slots(self.slots, |found| {
            self.root.visit(item, found);
            then(found)
        })
    }
}

/// Room for what is found: most selectors name few fields.
fn with_slots<'a, T>(count: usize, then: impl FnOnce(&mut [Found<'a>]) -> T) -> T {
    let mut few = [Found::Missing; 8];
    match few.get_mut(..count) {
        Some(slots) => then(slots),
        None => then(&mut vec![Found::Missing; count]),
    }
}

impl Node {
    fn part(&mut self, name: &str) -> &mut Self {
        let place = self.parts.iter().position(|part| part.name == name).unwrap_or_else(|| {
            let mut text = Vec::with_capacity(name.len() + 2);
            write_string(&mut text, name);
            let position = array_position(name);
            self.parts.push(Part { name: name.to_owned(), text, position, node: Self::default() });
            self.parts.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the place was just found")]
        let part = &mut self.parts[place];
        &mut part.node
    }

    fn visit<'a>(&self, item: Item<'a>, found: &mut [Found<'a>]) {
        self.set(Found::Value(item), found);
        if self.parts.is_empty() {
            return;
        }
        match item.first() {
            b'{' => self.visit_members(item.json(), self.parts.len(), found),
            b'[' => self.visit_elements(item.json(), found),
            _ => self.parts.iter().for_each(|part| part.node.set_all(Found::BadPath, found)),
        }
    }

    /// Looks for the parts among an object's members; ends when so many as are wanted were found.
    #[inline]
    fn visit_members<'a>(&self, text: &'a [u8], mut wanted: usize, found: &mut [Found<'a>]) {
        let mut at = 1;
        while wanted > 0 && byte(text, at) == b'"' {
            let name_end = string_end(text, at);
            let value_at = name_end + 1;
            let name = text.get(at..name_end).unwrap_or_default();
            let end = value_end(text, value_at);
            if let Some(part) = self.parts.iter().find(|part| part.text == name) {
                let value = text.get(value_at..end).unwrap_or_default();
                part.node.visit(Item::Json(value), found);
                wanted -= 1;
            }
            at = end + 1;
        }
    }

    fn visit_elements<'a>(&self, text: &'a [u8], found: &mut [Found<'a>]) {
        for part in &self.parts {
            let element = part.position.and_then(|position| elements(text).nth(position));
            match element {
                Some(element) => part.node.visit(Item::Json(element), found),
                None => part.node.set_all(Found::BadPath, found),
            }
        }
    }

    fn set<'a>(&self, what: Found<'a>, found: &mut [Found<'a>]) {
        if let Some(slot) = self.slot.and_then(|slot| found.get_mut(slot)) {
            *slot = what;
        }
    }

    fn set_all<'a>(&self, what: Found<'a>, found: &mut [Found<'a>]) {
        self.set(what, found);
        self.parts.iter().for_each(|part| part.node.set_all(what, found));
    }
}
