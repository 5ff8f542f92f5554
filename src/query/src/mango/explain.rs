//! `_explain`: the choice of an index as CouchDB 3.5 tells it. Choosing does not belong here.

use serde_json::{Value, json};

use super::planner::{Database, Selection, Standing, check_fallback, covers, select, shows};
use super::ranges::{Bound, FieldRange, GREATEST_IN_COLLATION, Range, indexable_fields, range_of};
use super::{Find, Index, MangoError};
use crate::selector::Order;

/// The answer of `POST /{db}/_explain`. Where no index could answer, `index` is null.
pub fn explain(
    find: &Find,
    indexes: &[Index],
    database: &Database<'_>,
) -> Result<Value, MangoError> {
    let selection = select(find, indexes);
    let winner = selection.winner(indexes);
    check_fallback(find, winner)?;
    let mut answer = json!({
        "dbname": database.name,
        "index": winner.map(Index::to_json),
        "partitioned": database.partitioned,
        "selector": find.selector.to_json(),
        "opts": find.options_to_json(),
        "limit": find.limit,
        "skip": find.skip,
        "fields": find.fields_to_json(),
        "index_candidates": candidates(find, indexes, &selection),
        "selector_hints": [selector_hints(find)],
    });
    if let (Value::Object(answer), Some(index)) = (&mut answer, winner) {
        let covering = covers(find, index);
        answer.insert("mrargs".to_owned(), view_arguments(find, index, &selection, covering));
        answer.insert("covering".to_owned(), covering.into());
    }
    Ok(answer)
}

/// `mrargs`: what CouchDB passes to the view.
fn view_arguments(find: &Find, index: &Index, selection: &Selection, covering: bool) -> Value {
    let range = selection.candidates.first().map(|candidate| candidate.range(find, index));
    let (mut start, mut end) = keys(find, range.unwrap_or(Range::Empty));
    let descending = find.sort.descending;
    if descending {
        std::mem::swap(&mut start, &mut end);
    }
    json!({
        "include_docs": find.read_quorum == 1 && !covering,
        "view_type": "map",
        "reduce": false,
        "partition": find.partition,
        "start_key": start,
        "end_key": end,
        "direction": if descending { "rev" } else { "fwd" },
        "stable": find.stable || find.stale,
        "update": find.update && !find.stale,
        "conflicts": if find.conflicts { json!(true) } else { json!("undefined") },
    })
}

/// The ends of the range, the lower one first.
fn keys(find: &Find, range: Range) -> (Value, Value) {
    match range {
        Range::Rows { start, end } => {
            let parsed = |keys: Vec<Vec<u8>>| keys.iter().map(|key| shown(key)).collect();
            let mut end: Vec<Value> = parsed(end);
            end.push("<MAX>".into());
            (Value::Array(parsed(start)), Value::Array(end))
        }
        Range::Documents { .. } => document_keys(find),
        Range::Empty => (Value::Null, Value::Null),
    }
}

fn document_keys(find: &Find) -> (Value, Value) {
    let all = (Value::Null, "<MAX>".into());
    if !indexable_fields(&find.selector).contains(&"_id") {
        return all;
    }
    let FieldRange::Between { low, high } = range_of(&find.selector, "_id", Order::Terms) else {
        return all;
    };
    let value = |bound: &Bound, open: &str| {
        bound.operand().map_or_else(|| open.into(), |operand| shown(operand.text()))
    };
    (value(&low, ""), value(&high, "<MAX>"))
}

/// A key's element. The character that ends a range of prefixes shows as CouchDB's does.
fn shown(text: &[u8]) -> Value {
    match serde_json::from_slice(text).unwrap_or(Value::Null) {
        Value::String(text) => match text.strip_suffix([GREATEST_IN_COLLATION, char::MAX]) {
            Some(prefix) => format!("{prefix}\u{fffd}").into(),
            None => text.into(),
        },
        other => other,
    }
}

fn selector_hints(find: &Find) -> Value {
    let indexable = indexable_fields(&find.selector);
    let mut others = find.selector.field_names();
    others.retain(|name| !indexable.contains(name));
    others.sort_unstable();
    others.dedup();
    json!({ "type": "json", "indexable_fields": indexable, "unindexable_fields": others })
}

/// All indexes but the chosen one, with the reason. They come in CouchDB's order: the last by name
/// first, `_all_docs` at the end.
fn candidates(find: &Find, indexes: &[Index], selection: &Selection) -> Value {
    let winner = selection.candidates.first().map(|candidate| candidate.index);
    let ranks = Ranks::of(selection);
    let mut others: Vec<(usize, &Index)> =
        indexes.iter().enumerate().filter(|(place, _)| Some(*place) != winner).collect();
    others.sort_by(|(_, left), (_, right)| {
        (&right.design_document, &right.name).cmp(&(&left.design_document, &left.name))
    });
    let entry = |(place, index): (usize, &Index)| {
        let (usable, reason, rank) = ranks.analysis(selection, indexes, place);
        let covering = (!index.is_all_documents()).then(|| shows(find.fields.as_ref(), index));
        json!({
            "index": index.to_json(),
            "analysis": {
                "usable": usable,
                "reasons": [{ "name": reason }],
                "ranking": rank,
                "covering": covering,
            },
        })
    };
    others.into_iter().map(entry).collect()
}

/// The ranks of those that left the choice before its last round: the earlier, the higher.
struct Ranks {
    unfavoured: usize,
    excluded: usize,
    not_usable: usize,
    out_of_scope: usize,
    partial: usize,
}

impl Ranks {
    fn of(selection: &Selection) -> Self {
        let any =
            |wanted: fn(&Standing) -> bool| usize::from(selection.standings.iter().any(wanted));
        let unfavoured = selection.candidates.len().max(1);
        let excluded = unfavoured + any(|one| *one == Standing::Unfavoured);
        let not_usable = excluded + any(|one| *one == Standing::Excluded);
        let out_of_scope = not_usable + any(|one| matches!(one, Standing::NotUsable(_)));
        let partial = out_of_scope + any(|one| *one == Standing::OutOfScope);
        Self { unfavoured, excluded, not_usable, out_of_scope, partial }
    }

    /// Whether an index is usable, why it was not chosen, and its rank.
    fn analysis(
        &self,
        selection: &Selection,
        indexes: &[Index],
        place: usize,
    ) -> (bool, &'static str, usize) {
        match selection.standings.get(place) {
            Some(Standing::Partial) | None => (false, "is_partial", self.partial),
            Some(Standing::OutOfScope) => (false, "scope_mismatch", self.out_of_scope),
            Some(Standing::NotUsable(reason)) => (false, reason, self.not_usable),
            Some(Standing::Excluded) => (true, "excluded_by_user", self.excluded),
            Some(Standing::Unfavoured) => (true, "unfavored_type", self.unfavoured),
            Some(Standing::Candidate) => last_round(selection, indexes, place),
        }
    }
}

fn last_round(
    selection: &Selection,
    indexes: &[Index],
    place: usize,
) -> (bool, &'static str, usize) {
    let mut candidates = selection.candidates.iter().enumerate();
    let own = candidates.find(|(_, candidate)| candidate.index == place);
    let width = |index: Option<&Index>| index.map_or(0, |index| index.fields.len());
    let reason = match own {
        Some((_, candidate)) if candidate.distance > 0 => "less_overlap",
        _ if width(indexes.get(place)) > width(selection.winner(indexes)) => "too_many_fields",
        _ => "alphabetically_comes_after",
    };
    (true, reason, own.map_or(0, |(rank, _)| rank))
}
