//! Pages of reductions of a view, from one snapshot. A place to go on is the number of a range and the end of
//! what is left of it.

use bytes::Bytes;
use refuge_http::{Failure, GroupLevel, RowPlace, ViewGroup, ViewGroupsPage};
use refuge_query::reduction::{GroupsQuery, Reducer, Reduction, Tree};
use refuge_query::view::{self, KeyRange};

use super::reading::Part;
use crate::view_tree::{ReduceFunction, Scripts, TreeError, ViewStore, reducers};

/// Groups that are passed over at a time.
const SKIPPED_GROUPS: u64 = 1_000;

/// How the reductions of a part are wanted.
pub(super) struct Grouping<'a> {
    /// How rows are put together.
    pub(super) level: GroupLevel,
    /// All reduce functions over these rows.
    pub(super) functions: &'a [ReduceFunction],
    /// Which of them is asked for.
    pub(super) wanted: usize,
}

/// A page of reductions; within, why one cannot be told.
pub(super) fn groups(
    store: &ViewStore,
    part: &Part,
    grouping: &Grouping<'_>,
    scripts: &Scripts<'_>,
) -> Result<Result<ViewGroupsPage, Failure>, TreeError> {
    let mut made = reducers(grouping.functions, Some(grouping.wanted), scripts)?;
    let mut made: Vec<&mut dyn Reducer<TreeError>> =
        made.iter_mut().map(|one| one.as_mut() as &mut dyn Reducer<TreeError>).collect();
    let tree = Tree::open(store)?;
    let page = ViewGroupsPage { groups: Vec::new(), skipped: 0, resume: None };
    let mut reader = GroupReader { tree, part, wanted: grouping.wanted, page };
    for (number, range) in part.numbered() {
        if reader.page.groups.len() >= part.limit {
            reader.page.resume = Some(RowPlace { range: number, after: Vec::new() });
            return Ok(Ok(reader.page));
        }
        let range = reader.rest(number, range);
        let read = match level(grouping.level) {
            None => reader.whole(&range, &mut made)?,
            Some(level) => reader.grouped(number, &range, level, &mut made)?,
        };
        if let Err(failure) = read {
            return Ok(Err(failure));
        }
        if reader.page.resume.is_some() {
            return Ok(Ok(reader.page));
        }
    }
    reader.page.resume = part.behind();
    Ok(Ok(reader.page))
}

/// A page of groups on its way.
struct GroupReader<'a> {
    tree: Tree<'a, ViewStore>,
    part: &'a Part,
    wanted: usize,
    page: ViewGroupsPage,
}

/// Reducers of a view, in order.
type Reducers<'r> = [&'r mut (dyn Reducer<TreeError> + 'r)];

impl GroupReader<'_> {
    /// What is left of a range: the place to go on is the end of what is left, on the walk's side.
    fn rest(&self, number: usize, range: &KeyRange) -> KeyRange {
        let after = self.part.after.as_ref().filter(|place| place.range == number);
        match after.map(|place| place.after.clone()) {
            Some(after) if !after.is_empty() && self.part.descending => {
                KeyRange { from: range.from.clone(), to: Some(after) }
            }
            Some(after) if !after.is_empty() => KeyRange { from: after, to: range.to.clone() },
            _ => range.clone(),
        }
    }

    fn to_skip(&self) -> u64 {
        self.part.skip.saturating_sub(self.page.skipped)
    }

    /// All rows of a range together; nothing where there are none.
    fn whole(
        &mut self,
        range: &KeyRange,
        reducers: &mut Reducers<'_>,
    ) -> Result<Result<(), Failure>, TreeError> {
        let totals = self.tree.totals(range, reducers)?;
        if totals.count == 0 {
            return Ok(Ok(()));
        }
        if self.to_skip() > 0 {
            self.page.skipped += 1;
            return Ok(Ok(()));
        }
        Ok(self.put(None, totals.reductions, reducers))
    }

    /// What of a range stands behind the groups that are to be passed over; `None` where nothing does.
    fn pass_over(
        &mut self,
        mut range: KeyRange,
        level: view::GroupLevel,
    ) -> Result<Option<KeyRange>, TreeError> {
        while self.to_skip() > 0 {
            let limit = usize::try_from(self.to_skip().min(SKIPPED_GROUPS)).unwrap_or(usize::MAX);
            let descending = self.part.descending;
            let query = GroupsQuery { range: &range, level, descending, skip: 0, limit };
            let found = self.tree.groups(&query, &mut [])?;
            self.page.skipped += found.groups.len() as u64;
            let Some(rest) = found.next else { return Ok(None) };
            range = rest;
        }
        Ok(Some(range))
    }

    fn grouped(
        &mut self,
        number: usize,
        range: &KeyRange,
        level: view::GroupLevel,
        reducers: &mut Reducers<'_>,
    ) -> Result<Result<(), Failure>, TreeError> {
        // The last range passes over what is left; of any other it has to be known how many groups it has.
        let left = match number + 1 < self.part.count {
            true => self.pass_over(range.clone(), level)?,
            false => Some(range.clone()),
        };
        let Some(range) = left else { return Ok(Ok(())) };
        let skip = self.to_skip();
        let query = GroupsQuery {
            range: &range,
            level,
            descending: self.part.descending,
            skip,
            limit: self.part.limit.saturating_sub(self.page.groups.len()),
        };
        let found = self.tree.groups(&query, reducers)?;
        self.page.skipped += skip;
        for group in found.groups {
            if let Err(failure) = self.put(Some(group.key), group.reductions, reducers) {
                return Ok(Err(failure));
            }
        }
        if let Some(next) = found.next {
            let after = if self.part.descending { next.to.unwrap_or_default() } else { next.from };
            self.page.resume = Some(RowPlace { range: number, after });
        }
        Ok(Ok(()))
    }

    fn put(
        &mut self,
        key: Option<Vec<u8>>,
        reductions: Vec<Reduction>,
        reducers: &mut Reducers<'_>,
    ) -> Result<(), Failure> {
        let reduction = reductions.into_iter().nth(self.wanted);
        let value = match (reduction, reducers.get(self.wanted)) {
            (Some(Reduction::Value(value)), Some(reducer)) => reducer.finish(&value),
            (Some(Reduction::Failed { error, reason }), _) => {
                return Err(Failure::Function { status: 500, error, reason });
            }
            _ => b"null".to_vec(),
        };
        self.page.groups.push(ViewGroup { key: key.map(Bytes::from), value: value.into() });
        Ok(())
    }
}

/// The level of groups; `None` where all rows are one.
fn level(level: GroupLevel) -> Option<view::GroupLevel> {
    match level {
        GroupLevel::Whole => None,
        GroupLevel::Exact => Some(view::GroupLevel::Exact),
        GroupLevel::Elements(elements) => {
            let elements = usize::try_from(elements).ok().and_then(std::num::NonZeroUsize::new);
            elements.map(view::GroupLevel::Elements)
        }
    }
}
