//! Reading a tree: pages by key, and walks over a range.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use super::page::{Entry, Root, decode_page};
use super::shape::{LOWEST_PAGE, page_key, root_key};
use super::store::Store;
use crate::FormatError;
use crate::view::KeyRange;

/// Pages that are kept while a tree is read, at most: of a big tree the upper three levels.
const KEPT_PAGES: usize = 512;

/// A view's tree at one moment.
#[derive(Debug)]
pub struct Tree<'s, S> {
    store: &'s S,
    root: Option<Root>,
    pages: RefCell<HashMap<Vec<u8>, Arc<Vec<Entry>>>>,
}

/// What a walk does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// This is done, go on.
    Next,
    /// Look into it.
    Descend,
    /// End the walk.
    Stop,
}

/// Who takes what a walk over a range comes by.
pub(super) trait Visit<E> {
    /// A node that lies wholly in the range, with rows, and where the next one begins, if any does.
    fn node(&mut self, entry: &Entry, end: Option<&[u8]>) -> Result<Step, E>;

    /// Rows, of one node of level 1.
    fn rows(&mut self, range: &KeyRange) -> Result<Step, E>;
}

/// A node's place: where it begins and ends.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct NodeSpan {
    pub(super) start: Vec<u8>,
    pub(super) end: Option<Vec<u8>>,
}

impl<'s, S: Store> Tree<'s, S> {
    /// Opens the tree: one get.
    ///
    /// # Errors
    /// What the store says, or a damaged root.
    pub fn open(store: &'s S) -> Result<Self, S::Error> {
        let root = store.page(&root_key())?;
        let root = root.map(|record| Root::decode(&record)).transpose()?;
        Ok(Self { store, root, pages: RefCell::default() })
    }

    pub(super) fn store(&self) -> &'s S {
        self.store
    }

    pub(super) fn root(&self) -> Option<&Root> {
        self.root.as_ref()
    }

    /// The entries of the page of a node.
    pub(super) fn page(&self, level: u8, start: &[u8]) -> Result<Arc<Vec<Entry>>, S::Error> {
        let key = page_key(level, start);
        if let Some(page) = self.pages.borrow().get(&key) {
            return Ok(Arc::clone(page));
        }
        let record = self.store.page(&key)?.ok_or(FormatError::Damaged)?;
        let entries = decode_page(&record)?;
        // A node begins where its first child does.
        if entries.first().is_none_or(|first| first.start != start) {
            return Err(FormatError::Damaged.into());
        }
        let page = Arc::new(entries);
        let mut pages = self.pages.borrow_mut();
        if pages.len() >= KEPT_PAGES {
            pages.clear();
        }
        pages.insert(key, Arc::clone(&page));
        Ok(page)
    }

    /// Visits what a range has, in order or in the opposite one.
    pub(super) fn walk(
        &self,
        range: &KeyRange,
        descending: bool,
        visit: &mut dyn Visit<S::Error>,
    ) -> Result<(), S::Error> {
        let Some(root) = self.root.as_ref().filter(|_| !range.is_empty()) else { return Ok(()) };
        let walk = Walk { tree: self, range, descending };
        walk.page(root.level, &[], None, visit).map(|_| ())
    }
}

impl NodeSpan {
    pub(super) fn range(&self) -> KeyRange {
        KeyRange { from: self.start.clone(), to: self.end.clone() }
    }
}

/// The place of a page's child.
pub(super) fn child_span(page: &[Entry], index: usize, parent: &NodeSpan) -> NodeSpan {
    let start = page.get(index).map(|entry| entry.start.clone()).unwrap_or_default();
    let next = page.get(index + 1).map(|entry| entry.start.clone());
    NodeSpan { start, end: next.or_else(|| parent.end.clone()) }
}

/// A walk over a range.
struct Walk<'w, 's, S> {
    tree: &'w Tree<'s, S>,
    range: &'w KeyRange,
    descending: bool,
}

impl<S: Store> Walk<'_, '_, S> {
    /// Visits the node of `level`, which has a page, between two places; it ends with `Next` or
    /// `Stop`.
    fn page(
        &self,
        level: u8,
        start: &[u8],
        end: Option<&[u8]>,
        visit: &mut dyn Visit<S::Error>,
    ) -> Result<Step, S::Error> {
        let page = self.tree.page(level, start)?;
        let count = page.len();
        for index in 0..count {
            let index = if self.descending { count - 1 - index } else { index };
            let Some(entry) = page.get(index).filter(|entry| entry.count > 0) else { continue };
            let end = page.get(index + 1).map(|next| next.start.as_slice()).or(end);
            if self.child(level - 1, entry, end, visit)? == Step::Stop {
                return Ok(Step::Stop);
            }
        }
        Ok(Step::Next)
    }

    fn child(
        &self,
        level: u8,
        entry: &Entry,
        end: Option<&[u8]>,
        visit: &mut dyn Visit<S::Error>,
    ) -> Result<Step, S::Error> {
        let (start, from) = (entry.start.as_slice(), self.range.from.as_slice());
        if end.is_some_and(|end| end <= from) || !self.range.ends_behind(start) {
            return Ok(Step::Next);
        }
        let is_whole = start >= from
            && match (end, self.range.to.as_deref()) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some(end), Some(to)) => end <= to,
            };
        if is_whole {
            match visit.node(entry, end)? {
                Step::Descend => {}
                done => return Ok(done),
            }
        }
        if level >= LOWEST_PAGE {
            return self.page(level, start, end, visit);
        }
        let node = KeyRange { from: start.to_vec(), to: end.map(<[u8]>::to_vec) };
        visit.rows(&self.range.intersection(&node))
    }
}
