//! Nodes that are put together: children old and new into one order, and entries of what they hold.

use super::call;
use super::page::{Entry, Reduction};
use super::store::{ReduceRow, Reducer, Rows};

/// Hands on what there was and what there is, in order; a change replaces what has its key.
pub(super) fn merge<'k, T>(
    old: impl Iterator<Item = (&'k [u8], T)>,
    new: impl Iterator<Item = (&'k [u8], Option<T>)>,
    mut add: impl FnMut(T),
) {
    let mut new = new.peekable();
    for (key, item) in old {
        while let Some((_, inserted)) = new.next_if(|(next, _)| *next < key) {
            inserted.into_iter().for_each(&mut add);
        }
        match new.next_if(|(next, _)| *next == key) {
            Some((_, replaced)) => replaced.into_iter().for_each(&mut add),
            None => add(item),
        }
    }
    new.filter_map(|(_, inserted)| inserted).for_each(add);
}

/// Entries of nodes of level 1, of so many rows each.
pub(super) fn row_entries<E>(
    starts: impl Iterator<Item = Vec<u8>>,
    lengths: &[usize],
    rows: &Rows,
    reducers: &mut [&mut dyn Reducer<E>],
) -> Result<Vec<Entry>, E> {
    let all: Vec<ReduceRow<'_>> = rows.iter().collect();
    let mut rest = all.as_slice();
    let mut groups = Vec::with_capacity(lengths.len());
    for length in lengths {
        let (group, behind) = rest.split_at_checked(*length).unwrap_or((rest, &[]));
        groups.push(group);
        rest = behind;
    }
    let reductions = call::reduce(reducers, &groups)?;
    let entries = starts.zip(groups).zip(reductions).map(|((start, group), reductions)| {
        let first = group.first().filter(|first| first.row_key == start);
        let key = first.and_then(|first| Entry::short_key(first.key));
        Entry { start, key, count: group.len() as u64, reductions }
    });
    Ok(entries.collect())
}

/// Entries of nodes that are made of others.
pub(super) fn node_entries<E>(
    nodes: &[(Vec<u8>, Vec<Entry>)],
    reducers: &mut [&mut dyn Reducer<E>],
) -> Result<Vec<Entry>, E> {
    let parts: Vec<Vec<&[Reduction]>> = nodes
        .iter()
        .map(|(_, children)| children.iter().map(|child| child.reductions.as_slice()).collect())
        .collect();
    let reductions = call::combine(reducers, &parts)?;
    let entries = nodes.iter().zip(reductions).map(|((start, children), reductions)| Entry {
        start: start.clone(),
        key: children.first().and_then(|child| child.key.clone()),
        count: children.iter().map(|child| child.count).sum(),
        reductions,
    });
    Ok(entries.collect())
}
