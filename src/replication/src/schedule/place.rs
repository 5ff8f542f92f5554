//! One job in the schedule: where it stands, and how long it rests after a crash.

/// Rest after the first crash; doubles with each.
const FIRST_REST_MS: u64 = 250;
/// As CouchDB's longest: what nobody mends for hours is tried three times a day.
const LONGEST_REST_MS: u64 = 8 * 3_600_000;
/// CouchDB's threshold: who ran for two minutes was well, and earlier crashes count no longer.
const WELL_AFTER_MS: u64 = 120_000;

/// Names a job; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobNumber(pub u64);

/// How an actor ended that nobody stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its work is done; the job is forgotten.
    Done,
    /// It crashed; the job rests and is started again.
    Crashed,
    /// It crashed; the job's owner says when it is started again ([`super::Schedule::resume`]).
    Held,
}

/// Where a job stands, as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits for its turn.
    Pending,
    /// It has an actor.
    Running,
    /// It crashed and rests, or is held.
    Crashing,
    /// Its actor is being stopped, and nobody wants it any more.
    Leaving,
}

#[derive(Debug)]
pub(super) struct Scheduled {
    pub(super) continuous: bool,
    pub(super) place: Place,
    /// Crashes in a row.
    pub(super) errors: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Waiting {
        ticket: u64,
    },
    Running {
        since_ms: u64,
    },
    /// Stopped in favour of others; waits again when its actor is gone.
    Stopping,
    /// Stopped to be parked when its actor is gone.
    Parking,
    /// Wanted no longer; forgotten when its actor is gone.
    Leaving,
    Resting {
        until_ms: u64,
    },
    Held,
    /// It is not its time: out of the queue until that is told.
    Parked,
}

impl Place {
    pub(super) fn standing(self) -> Standing {
        match self {
            Self::Waiting { .. } | Self::Stopping | Self::Parking | Self::Parked => {
                Standing::Pending
            }
            Self::Running { .. } => Standing::Running,
            Self::Leaving => Standing::Leaving,
            Self::Resting { .. } | Self::Held => Standing::Crashing,
        }
    }
}

impl Scheduled {
    /// It crashed, having run since a time: until when it rests.
    pub(super) fn crashed(&mut self, now_ms: u64, since_ms: u64) -> u64 {
        if now_ms.saturating_sub(since_ms) >= WELL_AFTER_MS {
            self.errors = 0;
        }
        self.errors = self.errors.saturating_add(1);
        let doublings = (self.errors - 1).min(20);
        now_ms + (FIRST_REST_MS << doublings).min(LONGEST_REST_MS)
    }
}
