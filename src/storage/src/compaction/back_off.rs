//! When what failed is tried again. Each kind of work has one of its own, so that none waits for the
//! trouble of another.

use std::time::{Duration, Instant};

/// The rest of one kind of work after it failed.
#[derive(Debug)]
pub(crate) struct BackOff {
    rest: Duration,
    until: Option<Instant>,
}

impl BackOff {
    /// Rests so long after each failure.
    pub(crate) fn of(rest: Duration) -> Self {
        Self { rest, until: None }
    }

    /// Whether the work may be done.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// Notes that the work failed.
    pub(crate) fn failed(&mut self, now: Instant) {
        self.until = now.checked_add(self.rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_rests_and_is_tried_again() {
        let (rest, now) = (Duration::from_secs(5), Instant::now());
        let mut work = BackOff::of(rest);
        assert!(work.is_over(now));
        work.failed(now);
        assert!(!work.is_over(now) && !work.is_over(now + rest / 2));
        assert!(work.is_over(now + rest));
    }
}
