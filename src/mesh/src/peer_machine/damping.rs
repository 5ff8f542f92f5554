//! A peer that comes and goes all the time is not told up again until it has been quiet for a while, as
//! BGP does with routes that flap (RFC 2439): every fall adds to a penalty that halves with time.

/// Half of a penalty is forgiven in this time.
const HALF_LIFE_MS: f64 = 30_000.0;
/// Up to so many falls in short time are told as they come.
const HOLD_ABOVE: f64 = 5.0;
/// What is left of the penalty when the peer may be up again.
const RELEASE_BELOW: f64 = 2.5;
/// The most, so that a peer is held for 50 s at the longest.
const MOST: f64 = 8.0;

#[derive(Debug, Default)]
pub(super) struct Damping {
    penalty: f64,
    at_ms: u64,
}

impl Damping {
    /// A link was lost.
    pub(super) fn fell(&mut self, now_ms: u64) {
        self.penalty = (self.penalty_at(now_ms) + 1.0).min(MOST);
        self.at_ms = now_ms;
    }

    /// Until when a link has to prove itself before the peer is told up; none if it need not.
    pub(super) fn holds_until(&self, now_ms: u64) -> Option<u64> {
        let penalty = self.penalty_at(now_ms);
        let wait_ms = HALF_LIFE_MS * (penalty / RELEASE_BELOW).log2();
        (penalty > HOLD_ABOVE).then(|| now_ms + wait_ms.ceil() as u64)
    }

    fn penalty_at(&self, now_ms: u64) -> f64 {
        let passed = now_ms.saturating_sub(self.at_ms) as f64;
        self.penalty * (-passed / HALF_LIFE_MS).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_falls_are_told_and_many_in_short_time_are_not() {
        let mut damping = Damping::default();
        for fall in 0..5 {
            damping.fell(fall * 1_000);
        }
        assert_eq!(damping.holds_until(5_000), None);
        damping.fell(5_000);
        damping.fell(5_000);
        let until = damping.holds_until(5_000).expect("held");
        assert!((35_000..55_000).contains(&until), "{until}");
        assert_eq!(damping.holds_until(until), None);
    }

    #[test]
    fn nobody_is_held_longer_than_50_s() {
        let mut damping = Damping::default();
        for _ in 0..1_000 {
            damping.fell(0);
        }
        assert!(damping.holds_until(0).is_some_and(|until| until <= 51_000));
    }

    #[test]
    fn a_fall_now_and_then_is_no_flapping() {
        let mut damping = Damping::default();
        for minute in 0..1_000 {
            damping.fell(minute * 60_000);
            assert_eq!(damping.holds_until(minute * 60_000), None);
        }
    }
}
