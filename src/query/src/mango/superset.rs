//! The choice of an index for somebody who asks of each document whether it matches, and only has to be told
//! which documents may. Questions of `_find` are planned elsewhere: CouchDB's rules decide there, its gaps
//! included, while here nothing may be missed.

use super::planner::{Database, Plan, plan};
use super::ranges::Range;
use super::{Find, Index, KeyMaker};
use crate::selector::Selector;

/// Longest bound of a range, in bytes of JSON. Sort keys are cut and hashed far beyond, where they tell an
/// order no more.
const LONGEST_BOUND_BYTES: usize = 1024;

/// An index whose rows in `plan.range` hold every live document that matches, design documents apart, as
/// long as the index has left none out. Deleted documents are in no index.
#[derive(Clone, Debug)]
pub struct Superset {
    /// The index.
    pub index: Index,
    /// What of it is read.
    pub plan: Plan,
    /// The question that it was planned for.
    pub find: Find,
}

/// Chooses an index, as [`plan`] does, among those that a selector can rely on: complete ones (without a
/// partial filter, not by partition), on members of the body alone, since ids are compared otherwise in an
/// index than in a selector. `None` where there is none.
pub fn superset(
    selector: &Selector,
    indexes: &[Index],
    database: &Database<'_>,
) -> Option<Superset> {
    let find = Find::of(selector.clone());
    let on_body = |index: &&Index| {
        !index.is_all_documents()
            && !index.partitioned
            && index.partial_filter.is_none()
            && !index.fields.iter().any(|field| field.starts_with('_'))
            // One whose definition makes no rows.
            && KeyMaker::new(index).is_ok()
    };
    let indexes: Vec<Index> = indexes.iter().filter(on_body).cloned().collect();
    let plan = plan(&find, &indexes, database).ok()?;
    let Range::Rows { start, end } = &plan.range else { return None };
    if start.iter().chain(end).any(|bound| bound.len() > LONGEST_BOUND_BYTES) {
        return None;
    }
    let index = indexes.get(plan.index).cloned();
    index.map(|index| Superset { index, plan, find })
}
