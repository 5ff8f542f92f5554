//! The choice of an index for a question. Reading it does not belong here.
//!
//! Source: CouchDB, `mango_idx` and `mango_cursor`;
//! <https://docs.couchdb.org/en/stable/api/database/find.html#index-selection>.

use super::ranges::{FieldRange, Range, documents, field_ranges, indexable_fields, range_of, rows};
use super::{Find, Index, MangoError, UseIndex};
use crate::selector::{Comparison, Condition, Expression, Order, Projection, Selector};

/// What a planner has to know of a database.
#[derive(Clone, Copy, Debug)]
pub struct Database<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it is partitioned.
    pub partitioned: bool,
}

/// How a question is answered: the index's range is read, design documents in `_all_docs` are passed
/// over, and the selector is asked of each document.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Place of the index among those that were given.
    pub index: usize,
    /// What of it is read.
    pub range: Range,
    /// Whether the range is read from its end.
    pub descending: bool,
    /// Whether the rows' keys and ids hold all that the answer needs, so that no document is read.
    pub covering: bool,
    /// The first warning of the answer: why the index of `use_index` was not used.
    pub passed_over: Option<String>,
}

/// Where an index stands in the choice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// It has a partial filter, and the question did not name it.
    Partial,
    /// It is partitioned and the question is not, or the reverse.
    OutOfScope,
    /// For this reason.
    NotUsable(&'static str),
    /// The question named another.
    Excluded,
    /// Another type is preferred.
    Unfavoured,
    /// It came to the last round.
    Candidate,
}

/// The choice, with all that did not win.
pub(super) struct Selection {
    pub(super) standings: Vec<Standing>,
    /// The last round, best first.
    pub(super) candidates: Vec<Candidate>,
}

/// An index in the last round.
pub(super) struct Candidate {
    pub(super) index: usize,
    /// The ranges of its first fields.
    ranges: Vec<FieldRange>,
    /// Number of the selector's ranges that it does not use.
    pub(super) distance: usize,
}

/// Chooses an index. `indexes` holds all of the database, [`Index::all_documents`] among them.
pub fn plan(find: &Find, indexes: &[Index], database: &Database<'_>) -> Result<Plan, MangoError> {
    let selection = select(find, indexes);
    let winner = selection.candidates.first().zip(selection.winner(indexes));
    check_fallback(find, winner.map(|(_, index)| index))?;
    let Some((candidate, index)) = winner else {
        return Err(MangoError::NoSortIndex { scope: scope(find, database) });
    };
    Ok(Plan {
        index: candidate.index,
        range: candidate.range(find, index),
        descending: find.sort.descending,
        covering: covers(find, index),
        passed_over: passed_over(find, index),
    })
}

fn scope(find: &Find, database: &Database<'_>) -> &'static str {
    match (database.partitioned, &find.partition) {
        (false, _) => "",
        (true, Some(_)) => "partitioned ",
        (true, None) => "global ",
    }
}

/// Refuses another index than the wished one, or a scan, where the question does not allow it.
pub(super) fn check_fallback(find: &Find, winner: Option<&Index>) -> Result<(), MangoError> {
    if find.allow_fallback {
        return Ok(());
    }
    match (&find.use_index, winner) {
        (Some(wish), Some(index)) if wish.is_met_by(index) => Ok(()),
        (Some(wish), _) => Err(MangoError::IndexNotSuitable(wish.shown())),
        (None, Some(index)) if index.is_all_documents() => Err(MangoError::NoUsableIndex),
        (None, _) => Ok(()),
    }
}

impl UseIndex {
    fn is_met_by(&self, index: &Index) -> bool {
        index.design_document.as_deref().and_then(|id| id.strip_prefix("_design/"))
            == Some(self.bare_id())
            && self.name.as_ref().is_none_or(|name| *name == index.name)
    }

    fn shown(&self) -> String {
        match &self.name {
            Some(name) => format!("_design/{}, {name}", self.bare_id()),
            None => format!("_design/{}", self.bare_id()),
        }
    }
}

fn passed_over(find: &Find, index: &Index) -> Option<String> {
    let wish = find.use_index.as_ref().filter(|wish| !wish.is_met_by(index))?;
    let reason = match wish.name {
        Some(_) => "it is not a valid index for this query.",
        None => "it does not contain a valid index for this query.",
    };
    Some(format!("{} was not used because {reason}", wish.shown()))
}

/// Whether an index holds all that the answer shows and the selector asks.
pub(super) fn covers(find: &Find, index: &Index) -> bool {
    find.fields
        .as_ref()
        .is_some_and(|fields| index.covers(fields.names().chain(find.selector.field_names())))
}

/// Whether an index holds all that the answer shows, as the candidates of `_explain` tell it.
pub(super) fn shows(fields: Option<&Projection>, index: &Index) -> bool {
    fields.is_some_and(|fields| index.covers(fields.names()))
}

/// The choice of an index, round by round.
pub(super) fn select(find: &Find, indexes: &[Index]) -> Selection {
    let wished = |index: &Index| find.use_index.as_ref().is_some_and(|one| one.is_met_by(index));
    let mut standings: Vec<Standing> =
        indexes.iter().map(|index| first_standing(find, index, wished(index))).collect();
    let is_candidate = |standing: &Standing| *standing == Standing::Candidate;
    let wish_holds = indexes
        .iter()
        .zip(&standings)
        .any(|(index, standing)| is_candidate(standing) && wished(index));
    retain(&mut standings, indexes, Standing::Excluded, |index| !wish_holds || wished(index));
    let any_json = indexes
        .iter()
        .zip(&standings)
        .any(|(index, standing)| is_candidate(standing) && !index.is_all_documents());
    retain(&mut standings, indexes, Standing::Unfavoured, |index| {
        !any_json || !index.is_all_documents()
    });
    let mut selection = Selection { standings, candidates: Vec::new() };
    selection.rank(find, indexes);
    selection
}

/// Gives those candidates that do not stay another standing.
fn retain(
    standings: &mut [Standing],
    indexes: &[Index],
    otherwise: Standing,
    stays: impl Fn(&Index) -> bool,
) {
    for (standing, index) in standings.iter_mut().zip(indexes) {
        if *standing == Standing::Candidate && !stays(index) {
            *standing = otherwise;
        }
    }
}

fn first_standing(find: &Find, index: &Index, wished: bool) -> Standing {
    if index.partial_filter.is_some() && !wished {
        return Standing::Partial;
    }
    if !index.is_all_documents() && index.partitioned != find.partition.is_some() {
        return Standing::OutOfScope;
    }
    let (fields, order) = if index.is_all_documents() {
        all_documents_usable(find)
    } else {
        (has_required_fields(find, index), can_sort(find, index))
    };
    match (fields, order) {
        (true, true) => Standing::Candidate,
        (false, _) => Standing::NotUsable("field_mismatch"),
        (true, false) => Standing::NotUsable("sort_order_mismatch"),
    }
}

fn all_documents_usable(find: &Find) -> (bool, bool) {
    match find.sort.fields.as_slice() {
        [] => (true, true),
        fields => (indexable_fields(&find.selector).contains(&"_id"), *fields == ["_id"]),
    }
}

/// Whether every document that matches, or that can be sorted as asked, has the index's fields.
fn has_required_fields(find: &Find, index: &Index) -> bool {
    let mut required: Vec<&str> = index.fields.iter().map(String::as_str).collect();
    required.retain(|field| {
        !find.sort.fields.iter().any(|sorted| sorted == field) && !matches!(*field, "_id" | "_rev")
    });
    find.selector
        .expression()
        .map_or(required.is_empty(), |expression| remaining(expression, required).is_empty())
}

/// Those of the required fields that a match need not have.
fn remaining<'a>(expression: &Expression, mut required: Vec<&'a str>) -> Vec<&'a str> {
    match expression {
        Expression::And(parts) => {
            parts.iter().fold(required, |required, part| remaining(part, required))
        }
        // An empty `$or` matches everything.
        Expression::Or(parts) if !parts.is_empty() => {
            let left: Vec<&str> =
                parts.iter().flat_map(|part| remaining(part, required.clone())).collect();
            required.retain(|field| left.contains(field));
            required
        }
        Expression::Field(field) if !matches!(field.condition, Condition::Exists(false)) => {
            required.retain(|one| *one != field.field.name());
            required
        }
        _ => required,
    }
}

/// Whether the index's order is the one that was asked for, once fields that the selector fixes are
/// passed over at its beginning.
fn can_sort(find: &Find, index: &Index) -> bool {
    let sort = &find.sort.fields;
    let Some(first) = sort.first() else { return true };
    let fixed = index
        .fields
        .iter()
        .take_while(|field| *field != first && is_constant(&find.selector, field));
    index.fields.iter().skip(fixed.count()).take(sort.len()).eq(sort)
}

fn is_constant(selector: &Selector, name: &str) -> bool {
    fn fixes(expression: &Expression, name: &str) -> bool {
        match expression {
            Expression::And(parts) => parts.iter().any(|part| fixes(part, name)),
            Expression::Field(field) => {
                field.field.name() == name
                    && matches!(field.comparison(), Some((Comparison::Equal, _)))
            }
            _ => false,
        }
    }
    selector.expression().is_some_and(|expression| fixes(expression, name))
}

impl Selection {
    pub(super) fn winner<'a>(&self, indexes: &'a [Index]) -> Option<&'a Index> {
        self.candidates.first().and_then(|candidate| indexes.get(candidate.index))
    }

    /// The last round: least distance, then fewest fields, then by name.
    fn rank(&mut self, find: &Find, indexes: &[Index]) {
        let ranges = field_ranges(&find.selector);
        let places = indexes.iter().enumerate().zip(&self.standings);
        let mut candidates: Vec<(&Index, Candidate)> = places
            .filter(|(_, standing)| **standing == Standing::Candidate)
            .map(|((place, index), _)| (index, Candidate::new(place, index, &ranges)))
            .collect();
        candidates.sort_by(|(left, one), (right, other)| {
            let key =
                |index: &Index, candidate: &Candidate| (candidate.distance, index.fields.len());
            key(left, one).cmp(&key(right, other)).then_with(|| {
                (&left.design_document, &left.name).cmp(&(&right.design_document, &right.name))
            })
        });
        self.candidates = candidates.into_iter().map(|(_, candidate)| candidate).collect();
    }
}

impl Candidate {
    fn new(place: usize, index: &Index, ranges: &[(&str, FieldRange)]) -> Self {
        let of = |field: &String| ranges.iter().find(|(name, _)| name == field);
        let used: Vec<FieldRange> =
            index.fields.iter().map_while(of).map(|(_, range)| range.clone()).collect();
        Self { index: place, distance: ranges.len().saturating_sub(used.len()), ranges: used }
    }

    /// What of the index is read.
    pub(super) fn range(&self, find: &Find, index: &Index) -> Range {
        match find.selector.expression() {
            // CouchDB answers these with nothing, although everything matches.
            Some(Expression::And(parts) | Expression::Or(parts)) if parts.is_empty() => {
                Range::Empty
            }
            _ if index.is_all_documents() => {
                documents(&range_of(&find.selector, "_id", Order::Terms))
            }
            _ => rows(&self.ranges),
        }
    }
}
