//! The numbers of the events: which is next, which are kept, what has to be written down before one is
//! given. A value that decides; reading and writing are the actor's.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Numbers are reserved so many at a time, which costs one more row in a hundred events. Those of a
/// block that a crash left unused are never given.
const BLOCK: u64 = 100;

/// What is written down about the numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counters {
    /// The last number that may have been given.
    pub(super) reserved: u64,
    /// The last number whose event is no longer kept; 0 for none.
    pub(super) dropped: u64,
}

/// What storing one more event takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The event's number.
    pub(super) number: u64,
    /// Counters to write first.
    pub(super) counters: Option<Counters>,
    /// The event that leaves for it.
    pub(super) drop: Option<u64>,
}

/// The numbers of one node's events.
#[derive(Debug)]
pub(super) struct Ledger {
    next: u64,
    counters: Counters,
    /// Numbers of the events that are stored, in order.
    kept: VecDeque<u64>,
    /// Most events that are kept.
    limit: usize,
}

impl Ledger {
    /// From what is stored: the counters, and the numbers of the events in order.
    pub(super) fn new(
        counters: Counters,
        kept: impl IntoIterator<Item = u64>,
        limit: usize,
    ) -> Self {
        let kept: VecDeque<u64> = kept.into_iter().collect();
        let given = counters.reserved.max(kept.back().copied().unwrap_or(0));
        Self { next: given + 1, counters, kept, limit }
    }

    /// The number of the newest event; 0 before the first.
    pub(super) fn last(&self) -> u64 {
        self.kept.back().copied().unwrap_or(self.counters.dropped)
    }

    /// Whether events behind `after` are no longer kept.
    pub(super) fn missed(&self, after: u64) -> bool {
        after < self.counters.dropped
    }

    /// What the next event takes.
    pub(super) fn step(&self) -> Step {
        let number = self.next;
        let drop = if self.kept.len() >= self.limit { self.kept.front().copied() } else { None };
        let counters = Counters {
            reserved: if number > self.counters.reserved {
                number + BLOCK - 1
            } else {
                self.counters.reserved
            },
            dropped: drop.unwrap_or(self.counters.dropped),
        };
        Step { number, counters: (counters != self.counters).then_some(counters), drop }
    }

    /// A step is on disk.
    pub(super) fn taken(&mut self, step: Step) {
        self.next = step.number + 1;
        self.counters = step.counters.unwrap_or(self.counters);
        if step.drop.is_some() {
            self.kept.pop_front();
        }
        self.kept.push_back(step.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(ledger: &mut Ledger) -> Step {
        let step = ledger.step();
        ledger.taken(step);
        step
    }

    #[test]
    fn numbers_are_reserved_in_blocks_and_never_given_twice() {
        let mut ledger = Ledger::new(Counters::default(), [], 1_000);
        assert_eq!((ledger.last(), ledger.missed(0)), (0, false));
        let first = take(&mut ledger);
        let counters = Counters { reserved: 100, dropped: 0 };
        assert_eq!(first, Step { number: 1, counters: Some(counters), drop: None });
        for number in 2..=100 {
            assert_eq!(take(&mut ledger), Step { number, counters: None, drop: None });
        }
        assert_eq!(take(&mut ledger).counters.map(|counters| counters.reserved), Some(200));
        assert_eq!(ledger.last(), 101);

        // After a crash: the block's rest is given up, whether or not its events are stored.
        let mut ledger = Ledger::new(Counters { reserved: 200, dropped: 0 }, [100, 101], 1_000);
        assert_eq!((ledger.last(), take(&mut ledger).number), (101, 201));
    }

    #[test]
    fn the_oldest_leave_and_are_missed() {
        let mut ledger = Ledger::new(Counters::default(), [], 2);
        assert_eq!((take(&mut ledger).drop, take(&mut ledger).drop), (None, None));
        let third = take(&mut ledger);
        assert_eq!(third.drop, Some(1));
        assert_eq!(third.counters, Some(Counters { reserved: 100, dropped: 1 }));
        assert!(ledger.missed(0));
        assert!(!ledger.missed(1));
        assert_eq!(take(&mut ledger).drop, Some(2));
        assert!(ledger.missed(1));
    }

    #[test]
    fn a_step_that_was_not_stored_is_given_again() {
        let mut ledger = Ledger::new(Counters::default(), [], 2);
        assert_eq!(ledger.step(), ledger.step());
        take(&mut ledger);
        assert_eq!(ledger.step().number, 2);
    }
}
