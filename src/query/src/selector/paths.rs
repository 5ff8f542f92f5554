//! Finding the fields that a selector, a projection or an index names, in one pass over a
//! document. What is asked of them does not belong here.

use std::collections::HashMap;

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
    /// The place of each part by its text.
    places: HashMap<Vec<u8>, usize>,
    slot: Option<usize>,
}

/// Up to so many parts are looked through one by one, which is faster than hashing.
const FEW: usize = 8;

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
        let mut text = Vec::with_capacity(name.len() + 2);
        write_string(&mut text, name);
        let place = *self.places.entry(text.clone()).or_insert_with(|| {
            let position = array_position(name);
            self.parts.push(Part { name: name.to_owned(), text, position, node: Self::default() });
            self.parts.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the place of a part that is there")]
        let part = &mut self.parts[place];
        &mut part.node
    }

    /// The part with this text.
    #[inline]
    fn find(&self, text: &[u8]) -> Option<&Part> {
        if self.parts.len() <= FEW {
            return self.parts.iter().find(|part| part.text == text);
        }
        self.places.get(text).and_then(|place| self.parts.get(*place))
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
            if let Some(part) = self.find(name) {
                let value = text.get(value_at..end).unwrap_or_default();
                part.node.visit(Item::Json(value), found);
                wanted -= 1;
            }
            at = end + 1;
        }
    }

    /// Looks for the parts among an array's elements, in one pass.
    fn visit_elements<'a>(&self, text: &'a [u8], found: &mut [Found<'a>]) {
        let mut parts: Vec<&Part> = self.parts.iter().collect();
        parts.sort_by_key(|part| part.position.unwrap_or(usize::MAX));
        let mut all = elements(text).enumerate().peekable();
        for part in parts {
            let wanted = part.position.unwrap_or(usize::MAX);
            while all.next_if(|(position, _)| *position < wanted).is_some() {}
            match all.peek() {
                Some((position, element)) if *position == wanted => {
                    part.node.visit(Item::Json(element), found);
                }
                _ => part.node.set_all(Found::BadPath, found),
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
