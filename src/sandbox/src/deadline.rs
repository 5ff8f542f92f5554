//! Until when a call may run. The runtime's interrupt handler asks here.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Until when the call that runs may run, and what ended it.
#[derive(Debug, Default)]
pub(crate) struct Deadline {
    at: Cell<Option<Instant>>,
    stopped: Cell<bool>,
    passed: Cell<bool>,
}

impl Deadline {
    /// A call begins, or gets its time anew.
    pub(crate) fn begin(&self, limit: Duration) {
        self.at.set(Instant::now().checked_add(limit));
        self.stopped.set(false);
        self.passed.set(false);
    }

    /// A call that stood still for so long gets it back.
    pub(crate) fn prolong(&self, stood: Duration) {
        self.at.set(self.at.get().and_then(|at| at.checked_add(stood)));
    }

    /// The call is to end as soon as it can.
    pub(crate) fn stop(&self) {
        self.stopped.set(true);
    }

    /// Nothing runs now.
    pub(crate) fn end(&self) {
        self.at.set(None);
    }

    /// Whether what runs must end now. Once it must, it goes on to say so: what swallows the first
    /// interrupt meets the next.
    pub(crate) fn must_end(&self) -> bool {
        if self.stopped.get() || self.passed.get() {
            return true;
        }
        let passed = self.at.get().is_some_and(|at| Instant::now() >= at);
        self.passed.set(passed);
        passed
    }

    /// Whether the last call was ended because nobody wants its answer.
    pub(crate) fn was_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// Whether the last call was ended by its time.
    pub(crate) fn has_passed(&self) -> bool {
        self.passed.get()
    }
}
