//! How far a feed was looked at where nothing is seen, so that whoever waits has it looked at once. What is seen is
//! not decided here.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A range of sequences without a row that is seen: behind the first, up to the second.
#[derive(Default)]
pub(super) struct Looked(Mutex<(u64, u64)>);

impl Looked {
    /// Where to look on behind a sequence.
    pub(super) fn behind(&self, sequence: u64) -> u64 {
        let (from, until) = *self.range();
        if (from..=until).contains(&sequence) { until } else { sequence }
    }

    /// Remembers that nothing is seen behind `after` up to `until`.
    pub(super) fn remember(&self, after: u64, until: u64) {
        let mut range = self.range();
        if (range.0..=range.1).contains(&after) {
            range.1 = range.1.max(until);
        } else {
            *range = (after, until);
        }
    }

    fn range(&self) -> MutexGuard<'_, (u64, u64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_at_before_a_sign_of_life_is_passed_over() {
        let looked = Looked::default();
        assert_eq!(looked.behind(7), 7);
        looked.remember(7, 9);
        looked.remember(9, 20);
        assert_eq!([6, 7, 12, 20, 21].map(|at| looked.behind(at)), [6, 20, 20, 20, 21]);
        looked.remember(30, 31);
        assert_eq!([7, 30].map(|at| looked.behind(at)), [7, 31]);
    }
}
