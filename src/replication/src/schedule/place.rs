//! One job in the schedule: where it stands, and how long it rests after a crash.

use crate::crashes::{Crashes, LONGEST_REST_MS, Rests};

/// A quarter of a second after the first crash.
const RESTS: Rests = Rests { first_ms: 250, longest_ms: LONGEST_REST_MS };

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
    /// It waits for its turn, or for its window.
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
    /// Its window is closed: it draws no ticket.
    pub(super) closed: bool,
    pub(super) place: Place,
    pub(super) crashes: Crashes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Waiting {
        ticket: u64,
    },
    Running {
        since_ms: u64,
    },
    /// Waits for its window.
    Closed,
    /// Stopped in favour of others, or as its window closed; waits again when its actor is gone.
    Stopping,
    /// Wanted no longer; forgotten when its actor is gone.
    Leaving,
    Resting {
        until_ms: u64,
    },
    Held,
}

impl Place {
    pub(super) fn standing(self) -> Standing {
        match self {
            Self::Waiting { .. } | Self::Closed | Self::Stopping => Standing::Pending,
            Self::Running { .. } => Standing::Running,
            Self::Leaving => Standing::Leaving,
            Self::Resting { .. } | Self::Held => Standing::Crashing,
        }
    }
}

impl Scheduled {
    /// It crashed, having run since a time: until when it rests.
    pub(super) fn crashed(&mut self, now_ms: u64, since_ms: u64) -> u64 {
        self.crashes.ran(now_ms, since_ms);
        self.crashes.crashed(now_ms, RESTS)
    }
}
