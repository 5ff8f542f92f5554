//! One batch of changed rows carried through the tree, level by level.
//!
//! At each level the changes of the level below fall into regions: an old node, and the old nodes
//! behind it whose beginnings are removed. A region's children are put together from what is stored
//! and the changes, and cut into nodes anew where children begin one. Nodes that came out as they
//! were are not passed up. It ends at the first level that has the first node alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::call;
use super::nodes::{merge, node_entries, row_entries};
use super::page::{Entry, Root, decode_page, encode_page};
use super::read::{NodeSpan, Tree, child_span};
use super::shape::{LOWEST_PAGE, Shape, page_key, root_key};
use super::store::{ReduceRow, Reducer, Rows, Store, Wanted};
use crate::FormatError;

/// A row that is new, has another key or value than before, or is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RowChange<'a> {
    /// The row's key.
    pub row_key: &'a [u8],
    /// What was emitted, key and value, JSON; `None`: the row is gone.
    pub emitted: Option<(&'a [u8], &'a [u8])>,
}

/// What an update of a tree has to write: pages by key; `None` removes one. They belong into the
/// batch that changes the rows.
pub type PageWrites = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// A node of some level that is new or may have changed; without an entry it is gone.
#[derive(Debug)]
pub(super) struct NodeChange {
    start: Vec<u8>,
    entry: Option<Entry>,
}

/// A node on its way.
#[derive(Debug)]
struct Node<C> {
    start: Vec<u8>,
    children: C,
}

/// What a tree has to become when rows change. `changes` are in the order of their keys, each key
/// once; `store` is as it was before them; `reducers` are all of the view's, in order.
///
/// # Errors
/// What the store or a reducer says.
pub fn update<S: Store>(
    shape: Shape,
    store: &S,
    changes: &[RowChange<'_>],
    reducers: &mut [&mut dyn Reducer<S::Error>],
) -> Result<PageWrites, S::Error> {
    let old = Tree::open(store)?;
    if changes.is_empty() {
        return Ok(PageWrites::new());
    }
    let mut update = Update { shape, old, writes: PageWrites::new() };
    let mut changed = update.lowest(changes, reducers)?;
    for level in LOWEST_PAGE.. {
        let nodes = update.level(level, &changed)?;
        if nodes.nodes.is_empty() && nodes.removed.is_empty() {
            break;
        }
        let is_top = level >= update.old_level() && nodes.nodes.len() == 1;
        changed = update.entries(nodes, level, reducers)?;
        if is_top {
            let top = changed.pop().and_then(|change| change.entry).ok_or(FormatError::Damaged)?;
            update.set_root(level, top)?;
            break;
        }
    }
    Ok(update.writes)
}

struct Update<'s, S> {
    shape: Shape,
    old: Tree<'s, S>,
    writes: PageWrites,
}

/// The nodes of one level that were cut anew, and the beginnings of those that are gone.
#[derive(Debug)]
struct Cut<C> {
    nodes: Vec<Node<C>>,
    removed: Vec<Vec<u8>>,
}

impl<S: Store> Update<'_, S> {
    /// The level of the old root's page; 0 where there were no rows.
    fn old_level(&self) -> u8 {
        self.old.root().map_or(0, |root| root.level)
    }

    /// The old node of `level` in which a key stands, or the last that begins before the key.
    fn old_node(&self, level: u8, key: &[u8], before: bool) -> Result<NodeSpan, S::Error> {
        let mut span = NodeSpan::default();
        for above in (level + 1..=self.old_level()).rev() {
            let page = self.old.page(above, &span.start)?;
            let stands = |entry: &Entry| match before {
                true => entry.start.as_slice() < key,
                false => entry.start.as_slice() <= key,
            };
            let index = page.partition_point(stands).saturating_sub(1);
            span = child_span(&page, index, &span);
        }
        Ok(span)
    }

    /// The old node with which the region of a change begins: the one in which it stands, or, where
    /// the change removes a node's beginning, the one before.
    fn region(&self, level: u8, key: &[u8], removed: bool) -> Result<NodeSpan, S::Error> {
        let span = self.old_node(level, key, false)?;
        if removed && !key.is_empty() && span.start == key {
            return self.old_node(level, key, true);
        }
        Ok(span)
    }

    /// Level 1: rows into nodes.
    fn lowest(
        &self,
        changes: &[RowChange<'_>],
        reducers: &mut [&mut dyn Reducer<S::Error>],
    ) -> Result<Vec<NodeChange>, S::Error> {
        let wanted = call::wanted(reducers);
        let mut rows = Rows::default();
        let mut old_rows = Rows::default();
        let mut cut: Cut<usize> = Cut { nodes: Vec::new(), removed: Vec::new() };
        let mut rest = changes;
        while let Some(first) = rest.first() {
            let mut span = self.region(1, first.row_key, first.emitted.is_none())?;
            cut.nodes.push(Node { start: span.start.clone(), children: 0 });
            loop {
                old_rows.truncate(0);
                if self.old_level() > 0 {
                    self.old.store().rows(
                        &span.range(),
                        wanted.max(Wanted::Keys),
                        &mut old_rows,
                    )?;
                }
                let within = rest.partition_point(|change| span.reaches_behind(change.row_key));
                let (now, later) = rest.split_at(within);
                merge(
                    old_rows.iter().map(|row| (row.row_key, row)),
                    now.iter().map(|change| (change.row_key, change.row())),
                    |row| self.add_row(&mut cut, &mut rows, row),
                );
                rest = later;
                match rest.first() {
                    Some(next) if span.ends_at_removed(next.row_key, next.emitted.is_none()) => {
                        cut.removed.push(next.row_key.to_vec());
                        span = self.old_node(1, next.row_key, false)?;
                    }
                    _ => break,
                }
            }
        }
        lowest_entries(cut, &rows, reducers)
    }

    fn add_row(&self, cut: &mut Cut<usize>, rows: &mut Rows, row: ReduceRow<'_>) {
        let begins = cut.nodes.last().is_none_or(|node| node.start != row.row_key)
            && self.shape.level(row.row_key) >= 1;
        if begins {
            cut.nodes.push(Node { start: row.row_key.to_vec(), children: 0 });
        }
        rows.push(row);
        if let Some(node) = cut.nodes.last_mut() {
            node.children += 1;
        }
    }

    /// Level 2 and up: nodes of the level below into nodes. Regions in which nothing differs from
    /// what is stored are left out.
    fn level(&self, level: u8, changes: &[NodeChange]) -> Result<Cut<Vec<Entry>>, S::Error> {
        let mut all = Cut { nodes: Vec::new(), removed: Vec::new() };
        let mut rest = changes;
        while let Some(first) = rest.first() {
            let mut span = self.region(level, &first.start, first.entry.is_none())?;
            let start = Node { start: span.start.clone(), children: Vec::new() };
            let mut cut = Cut { nodes: vec![start], removed: Vec::new() };
            let mut differs = false;
            loop {
                let old = match level <= self.old_level() {
                    true => self.old.page(level, &span.start)?,
                    false => Arc::default(),
                };
                let within = rest.partition_point(|change| span.reaches_behind(&change.start));
                let (now, later) = rest.split_at(within);
                differs |= now.iter().any(|change| change.differs(&old));
                merge(
                    old.iter().map(|entry| (entry.start.as_slice(), entry)),
                    now.iter().map(|change| (change.start.as_slice(), change.entry.as_ref())),
                    |entry| self.add_entry(&mut cut, level, entry),
                );
                rest = later;
                match rest.first() {
                    Some(next) if span.ends_at_removed(&next.start, next.entry.is_none()) => {
                        cut.removed.push(next.start.clone());
                        span = self.old_node(level, &next.start, false)?;
                    }
                    _ => break,
                }
            }
            if differs || !cut.removed.is_empty() {
                all.nodes.append(&mut cut.nodes);
                all.removed.append(&mut cut.removed);
            }
        }
        Ok(all)
    }

    fn add_entry(&self, cut: &mut Cut<Vec<Entry>>, level: u8, entry: &Entry) {
        let begins = cut.nodes.last().is_none_or(|node| node.start != entry.start)
            && self.shape.begins(&entry.start, level);
        if begins {
            cut.nodes.push(Node { start: entry.start.clone(), children: Vec::new() });
        }
        if let Some(node) = cut.nodes.last_mut() {
            node.children.push(entry.clone());
        }
    }

    /// Writes the pages of nodes and makes their entries for the level above.
    fn entries(
        &mut self,
        cut: Cut<Vec<Entry>>,
        level: u8,
        reducers: &mut [&mut dyn Reducer<S::Error>],
    ) -> Result<Vec<NodeChange>, S::Error> {
        for start in &cut.removed {
            self.writes.insert(page_key(level, start), None);
        }
        for node in &cut.nodes {
            let page = encode_page(&node.children);
            self.writes.insert(page_key(level, &node.start), Some(page));
        }
        let nodes: Vec<_> = cut.nodes.into_iter().map(|node| (node.start, node.children)).collect();
        let changes = node_entries(&nodes, reducers)?.into_iter();
        let changes =
            changes.map(|entry| NodeChange { start: entry.start.clone(), entry: Some(entry) });
        Ok(in_order(changes.collect(), cut.removed))
    }

    /// Makes the lowest level with one node the root, or nothing where there are no rows.
    fn set_root(&mut self, mut level: u8, top: Entry) -> Result<(), S::Error> {
        while level > LOWEST_PAGE || top.count == 0 {
            let page = page_key(level, &[]);
            let below = level.checked_sub(1).filter(|below| *below >= LOWEST_PAGE);
            if top.count > 0 && !self.has_one_child(&page)? {
                break;
            }
            self.writes.insert(page, None);
            let Some(below) = below else {
                self.writes.insert(root_key(), None);
                return Ok(());
            };
            level = below;
        }
        let root = Root { level, count: top.count, reductions: top.reductions };
        self.writes.insert(root_key(), Some(root.encode()));
        Ok(())
    }

    fn has_one_child(&self, page: &[u8]) -> Result<bool, S::Error> {
        let entries = match self.writes.get(page) {
            Some(Some(record)) => decode_page(record)?,
            _ => decode_page(&self.old.store().page(page)?.ok_or(FormatError::Damaged)?)?,
        };
        Ok(entries.len() == 1)
    }
}

impl NodeSpan {
    /// Whether a key that is not before the node stands in it.
    fn reaches_behind(&self, key: &[u8]) -> bool {
        self.end.as_ref().is_none_or(|end| key < end.as_slice())
    }

    /// Whether the next change removes the beginning of the node behind.
    fn ends_at_removed(&self, next: &[u8], removed: bool) -> bool {
        removed && self.end.as_deref() == Some(next)
    }
}

impl<'a> RowChange<'a> {
    fn row(&self) -> Option<ReduceRow<'a>> {
        let row_key = self.row_key;
        self.emitted.map(|(key, value)| ReduceRow { row_key, key, value })
    }
}

impl NodeChange {
    fn differs(&self, old: &[Entry]) -> bool {
        let found = old.binary_search_by(|entry| entry.start.as_slice().cmp(&self.start));
        found.ok().and_then(|index| old.get(index)) != self.entry.as_ref()
    }
}

fn lowest_entries<E>(
    cut: Cut<usize>,
    rows: &Rows,
    reducers: &mut [&mut dyn Reducer<E>],
) -> Result<Vec<NodeChange>, E> {
    let lengths: Vec<usize> = cut.nodes.iter().map(|node| node.children).collect();
    let starts = cut.nodes.into_iter().map(|node| node.start);
    let entries = row_entries(starts, &lengths, rows, reducers)?.into_iter();
    let changes =
        entries.map(|entry| NodeChange { start: entry.start.clone(), entry: Some(entry) });
    Ok(in_order(changes.collect(), cut.removed))
}

fn in_order(mut changes: Vec<NodeChange>, removed: Vec<Vec<u8>>) -> Vec<NodeChange> {
    changes.extend(removed.into_iter().map(|start| NodeChange { start, entry: None }));
    changes.sort_by(|left, right| left.start.cmp(&right.start));
    changes
}
