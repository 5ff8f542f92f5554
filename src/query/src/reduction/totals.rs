//! What the rows of a range come to, how many there are, and which stands where.

use super::call;
use super::page::{Entry, Reduction};
use super::read::{NodeSpan, Step, Tree, Visit, child_span};
use super::shape::LOWEST_PAGE;
use super::store::{ReduceRow, Reducer, Rows, Store, Wanted};
use crate::FormatError;
use crate::view::KeyRange;

/// Rows put together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// How many rows.
    pub count: u64,
    /// What they come to, by each reducer; empty if there never were rows.
    pub reductions: Vec<Reduction>,
}

impl<S: Store> Tree<'_, S> {
    /// All rows: no further get.
    #[must_use]
    pub fn total(&self) -> Totals {
        self.root().map_or_else(Totals::default, |root| Totals {
            count: root.count,
            reductions: root.reductions.clone(),
        })
    }

    /// The rows of a range put together, with at most one reduce and one rereduce for each reducer.
    /// `reducers` are all of the view's, in order.
    ///
    /// # Errors
    /// What the store or a reducer says.
    pub fn totals(
        &self,
        range: &KeyRange,
        reducers: &mut [&mut dyn Reducer<S::Error>],
    ) -> Result<Totals, S::Error> {
        if *range == KeyRange::all() {
            return Ok(self.total());
        }
        let mut parts = Parts {
            store: self.store(),
            wanted: call::wanted(reducers),
            count: 0,
            parts: Vec::new(),
        };
        self.walk(range, false, &mut parts)?;
        parts.put_together(reducers)
    }

    /// How many rows a range has.
    ///
    /// # Errors
    /// What the store says.
    pub fn count(&self, range: &KeyRange) -> Result<u64, S::Error> {
        if *range == KeyRange::all() {
            return Ok(self.total().count);
        }
        let mut counter = Counter { store: self.store(), count: 0 };
        self.walk(range, false, &mut counter)?;
        Ok(counter.count)
    }

    /// How many rows stand before a place: `offset`.
    ///
    /// # Errors
    /// What the store says.
    pub fn rank(&self, place: &[u8]) -> Result<u64, S::Error> {
        self.count(&KeyRange { from: Vec::new(), to: Some(place.to_vec()) })
    }

    /// The key of the row that has `index` rows before it; `None` behind the last row.
    ///
    /// # Errors
    /// What the store says.
    pub fn nth(&self, index: u64) -> Result<Option<Vec<u8>>, S::Error> {
        let Some(root) = self.root().filter(|root| index < root.count) else {
            return Ok(None);
        };
        let (mut index, mut span) = (index, NodeSpan::default());
        for level in (LOWEST_PAGE..=root.level).rev() {
            let page = self.page(level, &span.start)?;
            let mut found = None;
            for (place, entry) in page.iter().enumerate() {
                if index < entry.count {
                    found = Some(child_span(&page, place, &span));
                    break;
                }
                index -= entry.count;
            }
            span = found.ok_or(FormatError::Damaged)?;
        }
        let mut rows = Rows::default();
        self.store().rows(&span.range(), Wanted::RowKeys, &mut rows)?;
        let row = usize::try_from(index).ok().and_then(|index| rows.get(index));
        row.map(|row| Some(row.row_key.to_vec())).ok_or_else(|| FormatError::Damaged.into())
    }

    /// A range without its first rows in its direction: `skip`. Without rows left it is empty.
    ///
    /// # Errors
    /// What the store says.
    pub fn skip(
        &self,
        range: &KeyRange,
        descending: bool,
        rows: u64,
    ) -> Result<KeyRange, S::Error> {
        if rows == 0 {
            return Ok(range.clone());
        }
        let nothing = KeyRange { from: range.from.clone(), to: Some(range.from.clone()) };
        if !descending {
            let first = self.nth(self.rank(&range.from)?.saturating_add(rows))?;
            let first = first.filter(|first| range.ends_behind(first));
            return Ok(first.map_or(nothing, |from| KeyRange { from, to: range.to.clone() }));
        }
        let end = match &range.to {
            Some(to) => self.rank(to)?,
            None => self.total().count,
        };
        // The rows that are skipped begin at this one.
        let behind = match end.checked_sub(rows) {
            Some(index) => self.nth(index)?,
            None => None,
        };
        let behind = behind.filter(|behind| *behind > range.from);
        Ok(behind.map_or(nothing, |to| KeyRange { from: range.from.clone(), to: Some(to) }))
    }
}

/// Counts.
struct Counter<'s, S> {
    store: &'s S,
    count: u64,
}

impl<S: Store> Visit<S::Error> for Counter<'_, S> {
    fn node(&mut self, entry: &Entry, _: Option<&[u8]>) -> Result<Step, S::Error> {
        self.count += entry.count;
        Ok(Step::Next)
    }

    fn rows(&mut self, range: &KeyRange) -> Result<Step, S::Error> {
        let mut rows = Rows::default();
        self.store.rows(range, Wanted::RowKeys, &mut rows)?;
        self.count += rows.len() as u64;
        Ok(Step::Next)
    }
}

/// Gathers what a range is made of.
struct Parts<'s, S> {
    store: &'s S,
    wanted: Wanted,
    count: u64,
    parts: Vec<Part>,
}

enum Part {
    Node(Vec<Reduction>),
    Rows(Rows),
}

impl<S: Store> Visit<S::Error> for Parts<'_, S> {
    fn node(&mut self, entry: &Entry, _: Option<&[u8]>) -> Result<Step, S::Error> {
        self.count += entry.count;
        self.parts.push(Part::Node(entry.reductions.clone()));
        Ok(Step::Next)
    }

    fn rows(&mut self, range: &KeyRange) -> Result<Step, S::Error> {
        let mut rows = Rows::default();
        self.store.rows(range, self.wanted, &mut rows)?;
        self.count += rows.len() as u64;
        self.parts.push(Part::Rows(rows));
        Ok(Step::Next)
    }
}

impl<S: Store> Parts<'_, S> {
    fn put_together(self, reducers: &mut [&mut dyn Reducer<S::Error>]) -> Result<Totals, S::Error> {
        let rows: Vec<Vec<ReduceRow<'_>>> = self.parts.iter().filter_map(Part::rows).collect();
        let groups: Vec<&[ReduceRow<'_>]> = rows.iter().map(Vec::as_slice).collect();
        let reduced = call::reduce(reducers, &groups)?;
        let mut reduced = reduced.iter();
        let parts = self.parts.iter().filter_map(|part| match part {
            Part::Node(reductions) => Some(reductions.as_slice()),
            Part::Rows(_) => reduced.next().map(Vec::as_slice),
        });
        let whole = call::combine(reducers, &[parts.collect()])?;
        Ok(Totals { count: self.count, reductions: whole.into_iter().next().unwrap_or_default() })
    }
}

impl Part {
    fn rows(&self) -> Option<Vec<ReduceRow<'_>>> {
        match self {
            Self::Node(_) => None,
            Self::Rows(rows) => Some(rows.iter().collect()),
        }
    }
}
