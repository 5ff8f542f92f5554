//! Until when a call may run. The runtime's interrupt handler asks here.
//!
//! A call has so much processor time of its thread, and so much time by the clock, since somebody waits for it.
//! Where that is over while the thread hardly ran, the machine stood still or had much else to do, which makes
//! no function bad. Within a call processor time is asked for only once the clock says that it may be over.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How the time of a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// It worked all the time, or most of it.
    Worked,
    /// The thread ran for less than a quarter of it.
    Stalled,
}

/// Until when the call that runs may run, and what ended it.
#[derive(Debug, Default)]
pub(crate) struct Deadline {
    time: Cell<Option<Time>>,
    stopped: Cell<bool>,
    over: Cell<Option<Over>>,
}

/// The time of a call.
#[derive(Clone, Copy, Debug)]
struct Time {
    /// How much of the processor it has.
    limit: Duration,
    /// Before this it cannot be over.
    look: Instant,
    /// It is over, whatever the thread did.
    end: Instant,
    /// The processor time of the thread when it is over.
    may_work_until: Duration,
}

impl Time {
    /// Of a call that begins now, when the thread has worked for so long. None where the limit is so long
    /// that there is none.
    fn new((limit, clock): (Duration, Duration), now: Instant, worked: Duration) -> Option<Self> {
        let end = now.checked_add(clock.max(limit))?;
        let may_work_until = worked.checked_add(limit)?;
        Some(Self { limit, look: now.checked_add(limit)?, end, may_work_until })
    }

    /// What is left of it.
    fn at(self, now: Instant, worked: impl FnOnce() -> Duration) -> Result<Self, Over> {
        if now < self.look {
            return Ok(self);
        }
        let left = self.may_work_until.saturating_sub(worked());
        if left.is_zero() {
            Err(Over::Worked)
        } else if now < self.end {
            Ok(Self { look: (now + left).min(self.end), ..self })
        } else if left > self.limit / 4 * 3 {
            Err(Over::Stalled)
        } else {
            Err(Over::Worked)
        }
    }

    fn prolonged(self, by: Duration) -> Option<Self> {
        let (look, end) = (self.look.checked_add(by)?, self.end.checked_add(by)?);
        Some(Self { look, end, ..self })
    }
}

impl Deadline {
    /// A call begins on this thread, or gets its time anew: so much of the processor, and by the clock.
    pub(crate) fn begin(&self, time: (Duration, Duration)) {
        self.time.set(Time::new(time, Instant::now(), processor_time()));
        self.stopped.set(false);
        self.over.set(None);
    }

    /// A call that stood still for so long gets it back.
    pub(crate) fn prolong(&self, stood: Duration) {
        self.time.set(self.time.get().and_then(|time| time.prolonged(stood)));
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
        if self.stopped.get() || self.over.get().is_some() {
            return true;
        }
        let Some(time) = self.time.get() else { return false };
        match time.at(Instant::now(), processor_time) {
            Ok(left) => self.time.set(Some(left)),
            Err(over) => self.over.set(Some(over)),
        }
        self.over.get().is_some()
    }

    /// Whether the last call was ended because nobody wants its answer.
    pub(crate) fn was_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// Whether the last call was ended by its time, and how.
    pub(crate) fn over(&self) -> Option<Over> {
        self.over.get()
    }
}

/// The processor time of this thread.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five seconds, and twenty by the clock.
    const TIME: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(20));

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The time of a call that began just now, on a thread that had worked for 70 seconds.
    fn begun() -> (Time, Instant) {
        let now = Instant::now();
        (Time::new(TIME, now, seconds(70)).expect("a time"), now)
    }

    #[test]
    fn a_call_that_works_all_the_time_has_its_limit() {
        let (time, now) = begun();
        let time = time.at(now + seconds(4), || panic!("it is too early to ask")).expect("it runs");
        assert_eq!(time.at(now + seconds(5), || seconds(75)).err(), Some(Over::Worked));
    }

    #[test]
    fn time_in_which_the_thread_did_not_run_is_not_the_calls() {
        let (time, now) = begun();
        let time = time.at(now + seconds(9), || seconds(72)).expect("it worked for two seconds");
        let time =
            time.at(now + seconds(11), || panic!("it is too early to ask")).expect("it runs");
        assert_eq!(time.at(now + seconds(12), || seconds(75)).err(), Some(Over::Worked));
    }

    #[test]
    fn a_call_whose_thread_hardly_runs_ends_nevertheless_and_is_no_bad_one() {
        let (time, now) = begun();
        let time = time.at(now + seconds(19), || seconds(71)).expect("it runs");
        assert_eq!(time.at(now + seconds(20), || seconds(71)).err(), Some(Over::Stalled));
        assert_eq!(time.at(now + seconds(20), || seconds(72)).err(), Some(Over::Worked));
    }

    #[test]
    fn what_a_call_waited_for_others_is_added_to_the_clock_alone() {
        let (time, now) = begun();
        let prolonged = time.prolonged(seconds(30)).expect("a time");
        assert_eq!((prolonged.look, prolonged.end), (now + seconds(35), now + seconds(50)));
        assert_eq!(prolonged.may_work_until, seconds(75));
    }

    #[test]
    fn a_thread_that_sleeps_does_not_work() {
        let before = processor_time();
        std::thread::sleep(Duration::from_millis(200));
        assert!(processor_time() - before < Duration::from_millis(150));
        let deadline = Deadline::default();
        deadline.begin((Duration::from_millis(1), Duration::from_secs(60)));
        while !deadline.must_end() {
            std::hint::spin_loop();
        }
        assert_eq!(deadline.over(), Some(Over::Worked));
    }
}
