//! How often something crashed in a row, and how long it rests before it is tried again.

/// As CouchDB's longest: what nobody mends for hours is tried three times a day.
pub(crate) const LONGEST_REST_MS: u64 = 8 * 3_600_000;
/// CouchDB's threshold: who ran for two minutes was well, and earlier crashes count no longer.
const WELL_AFTER_MS: u64 = 120_000;

/// How long rests are, milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rests {
    /// After the first crash; it doubles with each.
    pub(crate) first_ms: u64,
    /// At most.
    pub(crate) longest_ms: u64,
}

/// Crashes in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Crashes(u32);

impl Crashes {
    /// How many there were.
    pub(crate) fn count(self) -> u32 {
        self.0
    }

    /// It ran until now, since a time.
    pub(crate) fn ran(&mut self, now_ms: u64, since_ms: u64) {
        if now_ms.saturating_sub(since_ms) >= WELL_AFTER_MS {
            self.0 = 0;
        }
    }

    /// It crashed: until when it rests.
    pub(crate) fn crashed(&mut self, now_ms: u64, rests: Rests) -> u64 {
        let doublings = self.0.min(20);
        self.0 = self.0.saturating_add(1);
        now_ms + (rests.first_ms << doublings).min(rests.longest_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_until_they_are_the_longest_and_begin_anew_after_a_good_run() {
        let rests = Rests { first_ms: 250, longest_ms: 1_500 };
        let mut crashes = Crashes::default();
        let ends: Vec<u64> = (0..40).map(|_| crashes.crashed(1_000, rests)).collect();
        assert_eq!(ends[..5], [1_250, 1_500, 2_000, 2_500, 2_500]);
        crashes.ran(119_999, 0);
        assert_eq!((ends[39], crashes.count()), (2_500, 40));
        crashes.ran(130_000, 10_000);
        assert_eq!((crashes.count(), crashes.crashed(0, rests)), (0, 250));
    }
}
