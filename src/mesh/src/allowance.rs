//! How much of something one node may do in a while. What it does beyond that is passed over by whoever
//! asks here.

/// Parts of one thing, so that a rate holds over short times too.
const PARTS: u64 = 1_000;

/// So many a second, and some at once after a rest. `now_ms` of every call is in milliseconds of one
/// clock that does not go back.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    a_second: u64,
    most_parts: u64,
    parts: u64,
    seen_ms: u64,
}

impl Allowance {
    /// `a_second` on the whole, `at_once` after a rest and at the beginning.
    #[must_use]
    pub const fn new(a_second: u64, at_once: u64) -> Self {
        let most_parts = at_once.saturating_mul(PARTS);
        Self { a_second, most_parts, parts: most_parts, seen_ms: 0 }
    }

    /// Whether as much is allowed as after a long rest, so that nothing has to be remembered.
    #[must_use]
    pub fn is_full(&self, now_ms: u64) -> bool {
        self.filled(now_ms) == self.most_parts
    }

    fn filled(&self, now_ms: u64) -> u64 {
        let rested_ms = now_ms.saturating_sub(self.seen_ms);
        // A thousandth of a second gives a thousandth of what a second gives.
        let gained = rested_ms.saturating_mul(self.a_second);
        self.parts.saturating_add(gained).min(self.most_parts)
    }

    /// Whether one more is allowed now; it counts if it is.
    pub fn take(&mut self, now_ms: u64) -> bool {
        self.parts = self.filled(now_ms);
        self.seen_ms = self.seen_ms.max(now_ms);
        match self.parts.checked_sub(PARTS) {
            Some(left) => {
                self.parts = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let mut allowance = Allowance::new(20, 100);
        let taken = |allowance: &mut Allowance, now_ms, tries: usize| {
            (0..tries).filter(|_| allowance.take(now_ms)).count()
        };
        assert_eq!(taken(&mut allowance, 5_000, 10_000), 100);
        assert!(!allowance.is_full(9_999) && allowance.is_full(10_000));
        assert_eq!(taken(&mut allowance, 5_049, 10), 0);
        assert_eq!(taken(&mut allowance, 5_050, 10), 1);
        assert_eq!(taken(&mut allowance, 6_050, 10_000), 20);
        assert_eq!(taken(&mut allowance, 0, 10), 0, "a clock that goes back gives nothing");
        assert_eq!(taken(&mut allowance, u64::MAX, 10_000), 100, "rest is not saved up");
    }
}
