//! Which databases a list of them tells: the parameters of `_all_dbs` and of `_dbs_info`, and the walk
//! over the pages of names. What is told of each is the list's own.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

use crate::failure::Failure;
use crate::node::{DatabaseNamesRequest, Node};
use crate::query::Query;

/// Names that are read at a time.
const PAGE_NAMES: usize = 500;

/// A range of names, and how many of it are passed over and told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    low: Bound<String>,
    high: Bound<String>,
    descending: bool,
    skip: u64,
    limit: u64,
}

impl Range {
    /// Reads `startkey`, `endkey`, `inclusive_end`, `descending`, `skip` and `limit`.
    pub(super) fn parse(query: &Query) -> Result<Self, Failure> {
        let start: Option<String> = query.json(&["startkey", "start_key"])?;
        let end: Option<String> = query.json(&["endkey", "end_key"])?;
        let descending = query.flag("descending")?;
        let start = start.map_or(Bound::Unbounded, Bound::Included);
        let end = match (end, query.boolean("inclusive_end")?) {
            (None, _) => Bound::Unbounded,
            (Some(end), Some(false)) => Bound::Excluded(end),
            (Some(end), _) => Bound::Included(end),
        };
        let (low, high) = if descending { (end, start) } else { (start, end) };
        let limit = query.count("limit")?.unwrap_or(u64::MAX);
        let skip = query.count("skip")?.unwrap_or(0);
        Ok(Self { low, high, descending, skip, limit })
    }
}

/// The names of a range, page by page.
pub(super) struct Names {
    node: Arc<dyn Node>,
    range: Range,
    finished: bool,
}

impl Names {
    pub(super) fn new(node: Arc<dyn Node>, range: Range) -> Self {
        Self { node, range, finished: false }
    }

    /// The next page; an empty one is the end.
    pub(super) async fn next(&mut self) -> Result<VecDeque<String>, Failure> {
        while !self.finished && self.range.limit > 0 {
            let mut page = self.read().await?;
            let skipped = page.len().min(usize::try_from(self.range.skip).unwrap_or(usize::MAX));
            page.drain(..skipped);
            self.range.skip -= skipped as u64;
            page.truncate(usize::try_from(self.range.limit).unwrap_or(usize::MAX));
            self.range.limit -= page.len() as u64;
            if !page.is_empty() {
                return Ok(page);
            }
        }
        Ok(VecDeque::new())
    }

    /// Whether they are no more than so many.
    pub(super) async fn are_within(mut self, most: usize) -> Result<bool, Failure> {
        let mut count = 0;
        loop {
            let page = self.next().await?;
            count += page.len();
            if page.is_empty() || count > most {
                return Ok(count <= most);
            }
        }
    }

    async fn read(&mut self) -> Result<VecDeque<String>, Failure> {
        let Range { low, high, descending, .. } = self.range.clone();
        let request = DatabaseNamesRequest { low, high, descending, limit: PAGE_NAMES };
        let page = self.node.database_names(request).await?;
        match page.last() {
            Some(last) if self.range.descending => self.range.high = Bound::Excluded(last.clone()),
            Some(last) => self.range.low = Bound::Excluded(last.clone()),
            None => self.finished = true,
        }
        Ok(page.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(query: &str) -> Range {
        Range::parse(&Query::parse(Some(query))).expect("good")
    }

    #[test]
    fn a_range_goes_in_both_directions() {
        let forwards = parsed("startkey=%22a%22&end_key=%22b%22&inclusive_end=false&skip=2");
        assert_eq!(forwards.low, Bound::Included("a".to_owned()));
        assert_eq!(forwards.high, Bound::Excluded("b".to_owned()));
        assert_eq!((forwards.skip, forwards.limit), (2, u64::MAX));
        let backwards = parsed("startkey=%22b%22&descending=true&limit=3");
        assert_eq!(backwards.high, Bound::Included("b".to_owned()));
        assert_eq!((backwards.low, backwards.limit), (Bound::Unbounded, 3));
        assert!(Range::parse(&Query::parse(Some("limit=-1"))).is_err());
    }
}
