//! Until when a call may run. The runtime's interrupt handler asks here.
//!
//! What counts is the processor time of the thread: a machine that stands still, or has much else to do,
//! makes no function bad. It is asked for only once the clock says that the time may be over, since that
//! takes ten times as long.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// So many times its limit may a call take by the clock, however little the thread came to run: somebody
/// waits for it.
const MOST_BY_THE_CLOCK: u32 = 4;

/// Until when the call that runs may run, and what ended it.
#[derive(Debug, Default)]
pub(crate) struct Deadline {
    time: Cell<Option<Time>>,
    stopped: Cell<bool>,
    passed: Cell<bool>,
}

/// The time of a call.
#[derive(Clone, Copy, Debug)]
struct Time {
    /// Before this it cannot be over.
    look: Instant,
    /// It is over, whatever the thread did.
    end: Instant,
    /// The processor time of the thread when it is over.
    worked: Duration,
}

impl Time {
    fn new(limit: Duration, now: Instant, worked: Duration) -> Option<Self> {
        let end = limit.checked_mul(MOST_BY_THE_CLOCK).and_then(|most| now.checked_add(most))?;
        Some(Self { look: now.checked_add(limit)?, end, worked: worked.checked_add(limit)? })
    }

    /// What is left of it; nothing if it is over.
    fn at(self, now: Instant, worked: impl FnOnce() -> Duration) -> Option<Self> {
        if now < self.look {
            return Some(self);
        }
        let left = self.worked.checked_sub(worked()).filter(|left| !left.is_zero())?;
        (now < self.end).then(|| Self { look: (now + left).min(self.end), ..self })
    }
}

impl Deadline {
    /// A call begins on this thread, or gets its time anew.
    pub(crate) fn begin(&self, limit: Duration) {
        self.time.set(Time::new(limit, Instant::now(), worked()));
        self.stopped.set(false);
        self.passed.set(false);
    }

    /// A call that stood still for so long gets it back.
    pub(crate) fn prolong(&self, stood: Duration) {
        let prolonged = |time: Time| {
            let (look, end) = (time.look.checked_add(stood)?, time.end.checked_add(stood)?);
            Some(Time { look, end, ..time })
        };
        self.time.set(self.time.get().and_then(prolonged));
    }

    /// The call is to end as soon as it can.
    pub(crate) fn stop(&self) {
        self.stopped.set(true);
    }

    /// Nothing runs now.
    pub(crate) fn end(&self) {
        self.time.set(None);
    }

    /// Whether what runs must end now. Once it must, it goes on to say so: what swallows the first
    /// interrupt meets the next.
    pub(crate) fn must_end(&self) -> bool {
        if self.stopped.get() || self.passed.get() {
            return true;
        }
        let Some(time) = self.time.get() else { return false };
        let left = time.at(Instant::now(), worked);
        self.time.set(left);
        self.passed.set(left.is_none());
        left.is_none()
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

/// The processor time of this thread.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_call_that_works_all_the_time_has_its_limit() {
        let now = Instant::now();
        let time = Time::new(LIMIT, now, seconds(70)).expect("a time");
        let time = time.at(now + seconds(4), || panic!("it is too early to ask")).expect("it runs");
        assert!(time.at(now + seconds(5), || seconds(75)).is_none());
    }

    #[test]
    fn time_in_which_the_thread_did_not_run_is_not_the_calls() {
        let now = Instant::now();
        let time = Time::new(LIMIT, now, seconds(70)).expect("a time");
        let time = time.at(now + seconds(9), || seconds(72)).expect("it worked for two seconds");
        let time =
            time.at(now + seconds(11), || panic!("it is too early to ask")).expect("it runs");
        assert!(time.at(now + seconds(12), || seconds(75)).is_none());
    }

    #[test]
    fn a_call_whose_thread_never_runs_ends_nevertheless() {
        let now = Instant::now();
        let time = Time::new(LIMIT, now, seconds(70)).expect("a time");
        let time = time.at(now + seconds(19), || seconds(71)).expect("it runs");
        assert!(time.at(now + seconds(20), || seconds(71)).is_none());
    }

    #[test]
    fn a_thread_that_sleeps_does_not_work() {
        let before = worked();
        std::thread::sleep(Duration::from_millis(200));
        assert!(worked() - before < Duration::from_millis(150));
        let deadline = Deadline::default();
        deadline.begin(Duration::from_millis(1));
        while !deadline.must_end() {
            std::hint::spin_loop();
        }
        assert!(deadline.has_passed());
    }
}
