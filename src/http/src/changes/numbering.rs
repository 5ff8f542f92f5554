//! Which rows show their sequence (`seq_interval`). CouchDB counts the rows that may still come, from
//! the limit downwards, and numbers those at which the count is a multiple of the interval.

use std::num::NonZeroU64;

/// The limit of a feed without one, as in CouchDB.
const NO_LIMIT: u64 = 1_000_000_000_000_000;

/// Counts the rows of one feed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbering {
    /// `None`: every row is numbered.
    interval: Option<NonZeroU64>,
    /// Rows that may still come.
    left: u64,
}

impl Numbering {
    /// For a feed of at most `limit` rows.
    pub(super) fn new(interval: Option<NonZeroU64>, limit: Option<usize>) -> Self {
        Self { interval, left: limit.map_or(NO_LIMIT, |limit| limit as u64) }
    }

    /// Counts a row, and says whether it is numbered.
    pub(super) fn next_is_numbered(&mut self) -> bool {
        let numbered = self.interval.is_none_or(|interval| self.left % interval == 0);
        self.left = self.left.saturating_sub(1);
        numbered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(interval: u64, limit: Option<usize>, rows: usize) -> Vec<usize> {
        let mut numbering = Numbering::new(NonZeroU64::new(interval), limit);
        (1..=rows).filter(|_| numbering.next_is_numbered()).collect()
    }

    #[test]
    fn every_so_manieth_row_is_numbered() {
        assert_eq!(numbered(3, Some(9), 9), [1, 4, 7]);
        assert_eq!(numbered(3, Some(10), 10), [2, 5, 8]);
        assert_eq!(numbered(2, None, 5), [1, 3, 5]);
        assert_eq!(numbered(100, Some(10), 10), Vec::<usize>::new());
        assert_eq!(numbered(1, None, 3), [1, 2, 3]);
        assert_eq!(numbered(0, None, 3), [1, 2, 3]);
    }
}
