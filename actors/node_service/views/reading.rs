//! Pages of rows of a view, from one snapshot. Ranges are read one after another; a place to go on is the
//! number of a range and a row key in it. Reductions are in `grouping`.

use bytes::Bytes;
use refuge_http::{RowPlace, ViewRow, ViewRowsPage};
use refuge_query::reduction::Tree;
use refuge_query::view::{KeyRange, PlacedValue, RowKey, StoredRow};

use crate::view_tree::{TreeError, ViewStore};

/// A page is closed at this many bytes of rows.
const PAGE_BYTES: usize = 512 * 1024;
/// Ranges that one page goes through: each costs a walk from the root of the tree.
pub(super) const PAGE_RANGES: usize = 500;

/// Ranges of rows, and how much of them is wanted.
pub(super) struct Part {
    /// At most [`PAGE_RANGES`] of them.
    pub(super) ranges: Vec<KeyRange>,
    /// The number of the first of these among all that are asked for.
    pub(super) first: usize,
    /// How many are asked for.
    pub(super) count: usize,
    pub(super) descending: bool,
    pub(super) skip: u64,
    pub(super) limit: usize,
    pub(super) after: Option<RowPlace>,
}

impl Part {
    /// The ranges with their numbers.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (usize, &KeyRange)> {
        (self.first..).zip(&self.ranges)
    }

    /// The beginning of the range behind these, where there is one.
    pub(super) fn behind(&self) -> Option<RowPlace> {
        let range = self.first + self.ranges.len();
        (range < self.count).then(|| RowPlace { range, after: Vec::new() })
    }

    /// What is left of a range behind the place to go on.
    fn rest(&self, number: usize, range: &KeyRange) -> KeyRange {
        let after = self.after.as_ref().filter(|place| place.range == number);
        match after.map(|place| place.after.as_slice()) {
            None | Some([]) => range.clone(),
            Some(after) => behind(range, after, self.descending),
        }
    }
}

/// What of a range stands behind a row.
fn behind(range: &KeyRange, row_key: &[u8], descending: bool) -> KeyRange {
    if descending {
        return KeyRange { from: range.from.clone(), to: Some(row_key.to_vec()) };
    }
    // No key lies between one and the same with a zero byte behind it.
    let mut from = row_key.to_vec();
    from.push(0);
    KeyRange { from, to: range.to.clone() }
}

/// A page of rows.
pub(super) fn rows(store: &ViewStore, part: &Part) -> Result<ViewRowsPage, TreeError> {
    let tree = Tree::open(store)?;
    let total = tree.total().count;
    let page = ViewRowsPage {
        rows: Vec::new(),
        total: Some(total),
        offset: None,
        skipped: 0,
        resume: None,
    };
    let mut reader = RowReader { store, tree, total, part, page, bytes: 0 };
    for (number, range) in part.numbered() {
        if reader.page.offset.is_some() && reader.page.rows.len() >= part.limit {
            reader.page.resume = Some(RowPlace { range: number, after: Vec::new() });
            return Ok(reader.page);
        }
        if reader.read(number, part.rest(number, range))? {
            return Ok(reader.page);
        }
    }
    reader.page.resume = part.behind();
    Ok(reader.page)
}

/// A page of rows on its way.
struct RowReader<'a> {
    store: &'a ViewStore,
    tree: Tree<'a, ViewStore>,
    total: u64,
    part: &'a Part,
    page: ViewRowsPage,
    bytes: usize,
}

impl RowReader<'_> {
    /// Reads one range; answers whether the page is full.
    fn read(&mut self, number: usize, mut range: KeyRange) -> Result<bool, TreeError> {
        let descending = self.part.descending;
        let whole = range.clone();
        let mut is_passed = false;
        let to_skip = self.part.skip.saturating_sub(self.page.skipped);
        if to_skip > 0 {
            let count = self.tree.count(&range)?;
            let passed = to_skip.min(count);
            self.page.skipped += passed;
            is_passed = passed == count;
            if is_passed && number + 1 < self.part.count {
                return Ok(false);
            }
            range = self.tree.skip(&range, descending, passed)?;
        }
        if self.page.offset.is_none() {
            let (tree, total) = (&self.tree, self.total);
            self.page.offset = Some(match is_passed {
                true => offset_behind(tree, &whole, total, descending)?,
                false => offset(tree, &range, total, descending)?,
            });
        }
        if range.is_empty() {
            return Ok(false);
        }
        let mut last: Option<Bytes> = None;
        for row in self.store.scan(&range, descending) {
            let (key, row) = row?;
            if self.page.rows.len() >= self.part.limit || self.bytes >= PAGE_BYTES {
                let after = last.map(|key| key.to_vec()).unwrap_or_default();
                self.page.resume = Some(RowPlace { range: number, after });
                return Ok(true);
            }
            let row = view_row(self.store, &key, &row)?;
            self.bytes += row.key.len() + row.value.len();
            self.page.rows.push(row);
            last = Some(key);
        }
        Ok(false)
    }
}

/// Rows before the first one of a range, in the direction of the walk.
fn offset(
    tree: &Tree<'_, ViewStore>,
    range: &KeyRange,
    total: u64,
    descending: bool,
) -> Result<u64, TreeError> {
    match (descending, &range.to) {
        (false, _) if range.from.is_empty() => Ok(0),
        (false, _) => tree.rank(&range.from),
        (true, None) => Ok(0),
        (true, Some(to)) => Ok(total.saturating_sub(tree.rank(to)?)),
    }
}

/// Rows before the first one behind a range, in the direction of the walk.
fn offset_behind(
    tree: &Tree<'_, ViewStore>,
    range: &KeyRange,
    total: u64,
    descending: bool,
) -> Result<u64, TreeError> {
    match (descending, &range.to) {
        (true, _) => Ok(total.saturating_sub(tree.rank(&range.from)?)),
        (false, None) => Ok(total),
        (false, Some(to)) => tree.rank(to),
    }
}

fn view_row(store: &ViewStore, key: &Bytes, row: &Bytes) -> Result<ViewRow, TreeError> {
    let id = RowKey::parse(key)?.document.into_owned();
    let stored = StoredRow::decode(row)?;
    let value = match stored.value {
        PlacedValue::Here(value) => row.slice_ref(value),
        PlacedValue::Apart => store.value(key)?,
    };
    Ok(ViewRow { id, key: row.slice_ref(stored.key), value })
}
