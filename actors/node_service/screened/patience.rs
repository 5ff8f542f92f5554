//! How long functions that hide documents may take over what is asked about at once, and when what they have
//! answered is enough. What they are asked is not known here.

use std::time::Duration;

/// Functions take no longer over what is asked about at once, four times what one call may take: whoever waits for
/// it hears an error then. So long may they meet their limits on one document after another, too.
pub(super) const SCREENING: Duration = Duration::from_secs(20);
/// What can go out shorter does when functions took so long over it.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How long functions may take over what is asked about at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    /// All of it is to be answered.
    ForAll,
    /// The first of it are enough.
    ForSome,
}

/// What functions have taken for what is asked about at once.
pub(super) struct Taken {
    pub(super) time: Duration,
    /// How many of those that are left have to be answered in any case.
    pub(super) least: usize,
}

impl Taken {
    /// Whether the first are enough, where this place is the next.
    pub(super) fn is_enough(&self, place: usize) -> bool {
        place >= self.least && self.time >= PATIENCE
    }

    /// Of one document whose functions are many there is no shorter part.
    pub(super) fn is_too_much(&self) -> bool {
        self.least > 1 && self.time >= SCREENING
    }

    /// So many were answered.
    pub(super) fn answered(&mut self, count: usize) {
        self.least = self.least.saturating_sub(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_to_be_answered_is_waited_for_longer_and_not_for_ever() {
        let mut taken = Taken { time: PATIENCE, least: 2 };
        assert!(!taken.is_enough(1) && taken.is_enough(2) && !taken.is_too_much());
        taken.time = SCREENING;
        assert!(taken.is_too_much());
        taken.answered(2);
        assert!(taken.is_enough(0) && !taken.is_too_much());
    }
}
