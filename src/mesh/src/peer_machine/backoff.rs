//! How long to wait before the next dial.

use crate::random::Random;

/// The first wait at most.
const FIRST_MS: u64 = 250;
/// The longest: a peer that was away for days is found within a minute.
const LONGEST_MS: u64 = 60_000;

/// Doubles from failure to failure. Every wait is spread over the upper half of its length, so that two
/// nodes do not dial each other in step for ever.
#[derive(Debug)]
pub(super) struct Backoff {
    random: Random,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(random: Random) -> Self {
        Self { random, failures: 0 }
    }

    /// The wait before the next dial, which counts as failed until the link says otherwise.
    pub(super) fn next_ms(&mut self) -> u64 {
        let longest = FIRST_MS.saturating_mul(1 << self.failures.min(16)).min(LONGEST_MS);
        self.failures = self.failures.saturating_add(1);
        longest / 2 + self.random.up_to(longest / 2)
    }

    /// A link is there: how long it stays is not known yet.
    pub(super) fn linked(&mut self) {
        self.failures /= 2;
    }

    /// Begins anew.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_minute_and_are_spread() {
        let mut backoff = Backoff::new(Random::new(1));
        for longest in [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            let wait = backoff.next_ms();
            assert!((longest / 2..=longest).contains(&wait), "{wait} of {longest}");
        }
        let waits: std::collections::HashSet<u64> = (0..100).map(|_| backoff.next_ms()).collect();
        assert!(waits.len() > 90);
    }

    #[test]
    fn a_link_halves_what_failed_and_a_steady_one_ends_it() {
        let mut backoff = Backoff::new(Random::new(1));
        for _ in 0..8 {
            backoff.next_ms();
        }
        backoff.linked();
        assert!(backoff.next_ms() <= 4_000);
        backoff.reset();
        assert!(backoff.next_ms() <= 250);
    }
}
