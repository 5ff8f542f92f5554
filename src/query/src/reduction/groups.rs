//! The groups of a range, a page of them at a time, in either direction. Only where a group ends is a
//! node looked into; the rows at the edges of all groups of a page are reduced in one call.

use std::ops::Range;

use super::call;
use super::page::{Entry, Reduction};
use super::read::{Step, Tree, Visit};
use super::store::{ReduceRow, Reducer, Rows, Store, Wanted};
use crate::collation::behind;
use crate::view::{GroupLevel, KeyRange, group_key};

/// Rows at the edges of groups that are kept, in bytes, before a page of groups ends early.
const KEPT_BYTES: usize = 1024 * 1024;

/// Which groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupsQuery<'a> {
    /// Which rows.
    pub range: &'a KeyRange,
    /// How they are put together.
    pub level: GroupLevel,
    /// From the last to the first.
    pub descending: bool,
    /// Groups to pass over.
    pub skip: u64,
    /// Groups in this page, at most; at least one is given.
    pub limit: usize,
}

/// Rows whose keys are put together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// The key that it is shown with, JSON: that of its first row, of arrays the first elements.
    pub key: Vec<u8>,
    /// How many rows it has within the range.
    pub count: u64,
    /// What they come to, by each reducer.
    pub reductions: Vec<Reduction>,
}

/// Some groups, in the query's direction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupPage {
    /// The groups.
    pub groups: Vec<Group>,
    /// The rest of the range, where there are more; nothing is to be skipped in it.
    pub next: Option<KeyRange>,
}

/// A group on its way.
#[derive(Debug)]
struct Open {
    prefix: Vec<u8>,
    count: u64,
    /// In the walk's order.
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Node(Entry),
    /// Which of the rows that are kept.
    Rows(Range<usize>),
}

struct Gatherer<'q, 's, S> {
    query: &'q GroupsQuery<'q>,
    store: &'s S,
    wanted: Wanted,
    rows: Rows,
    skip: u64,
    complete: Vec<Open>,
    open: Option<Open>,
    /// Whether there is a group behind the last complete one, which does not belong to this page.
    has_more: bool,
}

impl<S: Store> Tree<'_, S> {
    /// A page of groups. `reducers` are all of the view's, in order; each is called at most twice.
    ///
    /// # Errors
    /// What the store or a reducer says.
    pub fn groups(
        &self,
        query: &GroupsQuery<'_>,
        reducers: &mut [&mut dyn Reducer<S::Error>],
    ) -> Result<GroupPage, S::Error> {
        let mut gatherer = Gatherer {
            query,
            store: self.store(),
            wanted: call::wanted(reducers).max(Wanted::Keys),
            rows: Rows::default(),
            skip: query.skip,
            complete: Vec::new(),
            open: None,
            has_more: false,
        };
        self.walk(query.range, query.descending, &mut gatherer)?;
        gatherer.finish(reducers)
    }
}

impl<S: Store> Visit<S::Error> for Gatherer<'_, '_, S> {
    fn node(&mut self, entry: &Entry, end: Option<&[u8]>) -> Result<Step, S::Error> {
        // Of the first node it is not known with which key it begins.
        let Some(end) = end.filter(|_| !entry.start.is_empty()) else { return Ok(Step::Descend) };
        let prefix = self.query.level.prefix(&entry.start)?;
        if behind(prefix).as_slice() < end {
            return Ok(Step::Descend);
        }
        if !self.enter(prefix) {
            return Ok(Step::Stop);
        }
        if let Some(open) = &mut self.open {
            open.count += entry.count;
            open.parts.push(Part::Node(entry.clone()));
        }
        Ok(Step::Next)
    }

    fn rows(&mut self, range: &KeyRange) -> Result<Step, S::Error> {
        if let (true, Some(open)) = (self.skip > 0, &mut self.open) {
            // It will be passed over, and so was all before it.
            open.parts.clear();
            self.rows.truncate(0);
        }
        let mut found = Rows::default();
        self.store.rows(range, self.wanted, &mut found)?;
        let first = self.rows.len();
        found.iter().for_each(|row| self.rows.push(row));
        for offset in 0..found.len() {
            let offset = if self.query.descending { found.len() - 1 - offset } else { offset };
            let Some(row) = found.get(offset) else { break };
            if !self.enter(self.query.level.prefix(row.row_key)?) {
                return Ok(Step::Stop);
            }
            if let Some(open) = &mut self.open {
                open.add_row(first + offset, first);
            }
        }
        Ok(Step::Next)
    }
}

impl Open {
    /// Adds a row next to the one before, where that came from the same node (`first` and on).
    fn add_row(&mut self, index: usize, first: usize) {
        self.count += 1;
        match self.parts.last_mut() {
            Some(Part::Rows(rows)) if rows.start >= first && rows.end == index => rows.end += 1,
            Some(Part::Rows(rows)) if rows.start >= first && rows.start == index + 1 => {
                rows.start = index;
            }
            _ => self.parts.push(Part::Rows(index..index + 1)),
        }
    }
}

impl<S: Store> Gatherer<'_, '_, S> {
    /// Sees to it that the group with this prefix is open; false where it is for another page.
    fn enter(&mut self, prefix: &[u8]) -> bool {
        if self.open.as_ref().is_some_and(|open| open.prefix == prefix) {
            return true;
        }
        self.close();
        let full = self.complete.len() >= self.query.limit.max(1);
        let large = !self.complete.is_empty() && self.rows.bytes() > KEPT_BYTES;
        if full || large {
            self.has_more = true;
            return false;
        }
        self.open = Some(Open { prefix: prefix.to_vec(), count: 0, parts: Vec::new() });
        true
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        self.complete.push(open);
    }

    fn finish(
        mut self,
        reducers: &mut [&mut dyn Reducer<S::Error>],
    ) -> Result<GroupPage, S::Error> {
        if !self.has_more {
            self.close();
        }
        if self.query.descending {
            self.complete.iter_mut().for_each(|group| group.parts.reverse());
        }
        let keys: Result<Vec<_>, _> = self.complete.iter().map(|open| self.key(open)).collect();
        let keys = keys?;
        let reductions = self.reductions(reducers)?;
        let groups = keys.into_iter().zip(&self.complete).zip(reductions);
        let groups = groups.map(|((key, open), reductions)| Group {
            key: group_key(self.query.level, &key),
            count: open.count,
            reductions,
        });
        Ok(GroupPage { groups: groups.collect(), next: self.next() })
    }

    /// What remains of the range behind the last group.
    fn next(&self) -> Option<KeyRange> {
        let last = self.complete.last().filter(|_| self.has_more)?;
        let KeyRange { from, to } = self.query.range.clone();
        Some(match self.query.descending {
            false => KeyRange { from: behind(&last.prefix), to },
            true => KeyRange { from, to: Some(last.prefix.clone()) },
        })
    }

    /// The JSON of the key that a group's first row was emitted with.
    fn key(&self, open: &Open) -> Result<Vec<u8>, S::Error> {
        match open.parts.first() {
            Some(Part::Node(Entry { key: Some(key), .. })) => Ok(key.clone()),
            Some(Part::Rows(rows)) => {
                Ok(self.rows.get(rows.start).map(|row| row.key.to_vec()).unwrap_or_default())
            }
            Some(Part::Node(Entry { start, key: None, .. })) => {
                let mut row = Rows::default();
                let next = [start.as_slice(), &[0]].concat();
                let range = KeyRange { from: start.clone(), to: Some(next) };
                self.store.rows(&range, Wanted::Keys, &mut row)?;
                Ok(row.get(0).map(|row| row.key.to_vec()).unwrap_or_default())
            }
            None => Ok(Vec::new()),
        }
    }

    fn reductions(
        &self,
        reducers: &mut [&mut dyn Reducer<S::Error>],
    ) -> Result<Vec<Vec<Reduction>>, S::Error> {
        let all: Vec<ReduceRow<'_>> = self.rows.iter().collect();
        let parts = || self.complete.iter().flat_map(|open| &open.parts);
        let edges: Vec<&[ReduceRow<'_>]> =
            parts().filter_map(|part| part.rows()).filter_map(|rows| all.get(rows)).collect();
        let reduced = call::reduce(reducers, &edges)?;
        let mut reduced = reduced.iter();
        let groups: Vec<Vec<&[Reduction]>> = self
            .complete
            .iter()
            .map(|open| {
                open.parts.iter().filter_map(|part| part.reductions(&mut reduced)).collect()
            })
            .collect();
        call::combine(reducers, &groups)
    }
}

impl Part {
    fn rows(&self) -> Option<Range<usize>> {
        match self {
            Self::Node(_) => None,
            Self::Rows(rows) => Some(rows.clone()),
        }
    }

    fn reductions<'a>(
        &'a self,
        reduced: &mut impl Iterator<Item = &'a Vec<Reduction>>,
    ) -> Option<&'a [Reduction]> {
        match self {
            Self::Node(entry) => Some(&entry.reductions),
            Self::Rows(_) => reduced.next().map(Vec::as_slice),
        }
    }
}
