//! Counts and reductions of a view's rows, in a tree of pages beside the rows: what any range of
//! rows, or any group of them, comes to is found by looking at a few pages.
//!
//! It is a prolly tree. Level 0 are the rows themselves. A row's key has a level, drawn by a keyed
//! hash of it; at each level up to its own it begins a node, and a node reaches to the next that
//! begins. The first node of each level begins before all rows, under the empty key. So the shape
//! depends on the set of keys alone: whatever the order of edits, all pages are, byte for byte, those
//! of a tree that is built anew, and sums of doubles come out the same.
//!
//! | record | key | what it holds |
//! |---|---|---|
//! | page of a node of level 2 and up | `255 − level`, the node's first row key | an [`Entry`] for each node of the level below: where it begins, the JSON of the key emitted there, its rows' count, and their reductions |
//! | root | `00` | the level of the topmost page, the count, and the reductions of all rows |
//!
//! Nodes of level 1, which are runs of rows, have no page: they are entries of their page of level
//! 2. A tree without rows has no records. Keys are relative to the view, as those of rows are
//! ([`crate::view`]); the owner keeps both kinds apart.
//!
//! A view has one such tree, with counts; each of its reduce functions adds a column to the entries.
//! A reduce function is a [`Reducer`]: it is given many groups of rows in one call. What it cannot
//! reduce is marked [`Reduction::Failed`], which spreads upwards and concerns nothing else.
//!
//! What is stored is read through [`Store`]. Nothing is written here: [`update`] and [`Builder`]
//! tell what has to be. Signatures in short:
//!
//! ```text
//! Shape { seed, bits }                                     stands in the index's header
//! Tree::open(&store) -> Tree                               one get
//! tree.total() -> Totals                                   count and reductions of all rows
//! tree.totals(&range, reducers) -> Totals                  of a range: at most one reduce and rereduce
//! tree.count(&range), tree.rank(&place) -> u64             rows in a range, rows before a place
//! tree.nth(index) -> Option<row key>                       the row with so many before it
//! tree.skip(&range, descending, rows) -> KeyRange          the rest of a range, from either end
//! tree.groups(&GroupsQuery, reducers) -> GroupPage         a page of groups and where the next begins
//! update(shape, &store, changes, reducers) -> PageWrites   one batch of changed rows
//! Builder::new(shape); push(row, reducers, sink)…; finish  from all rows, in order
//! ```
//!
//! Each result that comes from a reducer is in the reducer's own form; [`Reducer::finish`] makes the
//! JSON text of it.

mod build;
mod builtin;
mod call;
mod groups;
mod nodes;
mod overflow;
mod page;
mod read;
mod shape;
mod store;
mod totals;
mod update;

pub use build::Builder;
pub use builtin::{Builtin, UnknownBuiltin};
pub use groups::{Group, GroupPage, GroupsQuery};
pub use overflow::{Overflow, ReduceLimit};
pub use page::{Entry, Reduction};
pub use read::Tree;
pub use shape::Shape;
pub use store::{ReduceRow, Reducer, Rows, Store, Wanted};
pub use totals::Totals;
pub use update::{PageWrites, RowChange, update};

#[cfg(test)]
mod tests;
