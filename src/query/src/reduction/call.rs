//! Asking reducers: many groups in one call, and no call where its result is known.

use super::page::Reduction;
use super::store::{ReduceRow, Reducer, Wanted};

/// Longest reason for failing that is kept, in bytes.
const REASON_LIMIT_BYTES: usize = 1024;

/// What all reducers together need of rows.
pub(super) fn wanted<E>(reducers: &[&mut dyn Reducer<E>]) -> Wanted {
    reducers.iter().map(|reducer| reducer.wanted()).fold(Wanted::RowKeys, Wanted::max)
}

/// Reduces each group of rows by each reducer: for each group the reductions in the reducers' order.
pub(super) fn reduce<E>(
    reducers: &mut [&mut dyn Reducer<E>],
    groups: &[&[ReduceRow<'_>]],
) -> Result<Vec<Vec<Reduction>>, E> {
    let filled: Vec<&[ReduceRow<'_>]> =
        groups.iter().copied().filter(|group| !group.is_empty()).collect();
    let mut columns = Vec::with_capacity(reducers.len());
    for reducer in reducers {
        let answers = if filled.is_empty() { Vec::new() } else { reducer.reduce(&filled)? };
        let known = groups.iter().map(|group| group.is_empty().then_some(Reduction::None));
        columns.push(filled_in(known.collect(), answers));
    }
    Ok(by_group(columns, groups.len()))
}

/// Puts the reductions of parts together: for each group those of the whole, given those of its
/// parts in order.
pub(super) fn combine<E>(
    reducers: &mut [&mut dyn Reducer<E>],
    groups: &[Vec<&[Reduction]>],
) -> Result<Vec<Vec<Reduction>>, E> {
    let mut columns = Vec::with_capacity(reducers.len());
    for (column, reducer) in reducers.iter_mut().enumerate() {
        let mut known = Vec::with_capacity(groups.len());
        let mut asked = Vec::new();
        for parts in groups {
            match whole(parts, column) {
                Whole::Known(reduction) => known.push(Some(reduction)),
                Whole::Asked(values) => {
                    known.push(None);
                    asked.push(values);
                }
            }
        }
        let answers = if asked.is_empty() { Vec::new() } else { reducer.rereduce(&asked)? };
        columns.push(filled_in(known, answers));
    }
    Ok(by_group(columns, groups.len()))
}

/// A reduction of parts that needs no call, or what the call is given.
enum Whole<'a> {
    Known(Reduction),
    Asked(Vec<&'a [u8]>),
}

fn whole<'a>(parts: &[&'a [Reduction]], column: usize) -> Whole<'a> {
    let mut values = Vec::with_capacity(parts.len());
    for reduction in parts.iter().filter_map(|part| part.get(column)) {
        match reduction {
            Reduction::None => {}
            Reduction::Value(value) => values.push(value.as_slice()),
            failed @ Reduction::Failed { .. } => return Whole::Known(failed.clone()),
        }
    }
    match values.as_slice() {
        [] => Whole::Known(Reduction::None),
        [one] => Whole::Known(Reduction::Value(one.to_vec())),
        _ => Whole::Asked(values),
    }
}

/// Puts the answers where nothing was known.
fn filled_in(known: Vec<Option<Reduction>>, answers: Vec<Reduction>) -> Vec<Reduction> {
    let mut answers = answers.into_iter();
    let filled = known.into_iter().map(|known| known.or_else(|| answers.next()));
    filled.map(|reduction| bounded(reduction.unwrap_or_else(no_answer))).collect()
}

/// A reduction whose reason for failing, which goes up through all pages, is short.
fn bounded(mut reduction: Reduction) -> Reduction {
    if let Reduction::Failed { error, reason } = &mut reduction {
        cut_off(error);
        cut_off(reason);
    }
    reduction
}

fn cut_off(text: &mut String) {
    if text.len() > REASON_LIMIT_BYTES {
        let end = (0..=REASON_LIMIT_BYTES).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
    }
}

fn no_answer() -> Reduction {
    Reduction::Failed {
        error: "reduce_error".to_owned(),
        reason: "the reduce function gave no result".to_owned(),
    }
}

/// From one list a reducer to one list a group.
fn by_group(columns: Vec<Vec<Reduction>>, groups: usize) -> Vec<Vec<Reduction>> {
    let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
    (0..groups).map(|_| columns.iter_mut().filter_map(Iterator::next).collect()).collect()
}
