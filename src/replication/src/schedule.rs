//! Which replication jobs run and which wait, where more are wanted than may run at once. Here are the
//! machine's public face and its decisions; the places that a job can have stand in `schedule/place.rs`.
//!
//! At most `max_jobs` have an actor at any time; those that are being stopped count until they are
//! gone. Who waits longest starts first. While somebody waits, at most `max_churn` continuous jobs are
//! stopped every interval in favour of those who wait, the longest running first; jobs that run once
//! are left to their end. A job whose window is closed waits for no turn. Whoever crashed rests, longer each time, and then waits like everybody else.
//!
//! Source: <https://docs.couchdb.org/en/stable/config/replicator.html>

mod place;
mod settling;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::crashes::Crashes;
pub use place::{Ending, JobNumber, Standing};
use place::{Place, Scheduled};

/// How many may run, and how fast they take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleLimits {
    /// Jobs that have an actor at the same time.
    pub max_jobs: usize,
    /// Milliseconds between two rounds in which jobs are stopped in favour of others.
    pub interval_ms: u64,
    /// Jobs that are stopped in such a round at most.
    pub max_churn: usize,
}

/// What the shell is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleEffect {
    /// Start this job's actor.
    Start(JobNumber),
    /// Stop this job's actor; [`Schedule::gone`] is told when nothing of it is left.
    Stop(JobNumber),
    /// Call [`Schedule::elapsed`] after so many milliseconds. Replaces the wake-up asked for earlier. A
    /// call too early or too often does no harm.
    Wake {
        /// Milliseconds from now.
        after_ms: u64,
    },
}

/// The machine. `now_ms` of every call is by a clock that never goes back.
#[derive(Debug)]
pub struct Schedule {
    limits: ScheduleLimits,
    now_ms: u64,
    jobs: BTreeMap<JobNumber, Scheduled>,
    /// Who waits, by the ticket that it drew when it began to.
    waiting: BTreeMap<u64, JobNumber>,
    /// Continuous jobs at work, by the time since when.
    taking_turns: BTreeSet<(u64, JobNumber)>,
    /// Jobs at work that run once.
    to_their_end: BTreeSet<(u64, JobNumber)>,
    /// How many are being stopped.
    stopping: usize,
    resting: BTreeSet<(u64, JobNumber)>,
    next_ticket: u64,
    /// When jobs are stopped next in favour of those who wait; `None` while nobody waits.
    next_turn_ms: Option<u64>,
    wake_at_ms: Option<u64>,
    effects: Vec<ScheduleEffect>,
}

impl Schedule {
    /// A machine without jobs.
    pub fn new(limits: ScheduleLimits) -> Self {
        Self {
            limits,
            now_ms: 0,
            jobs: BTreeMap::new(),
            waiting: BTreeMap::new(),
            taking_turns: BTreeSet::new(),
            to_their_end: BTreeSet::new(),
            stopping: 0,
            resting: BTreeSet::new(),
            next_ticket: 0,
            next_turn_ms: None,
            wake_at_ms: None,
            effects: Vec::new(),
        }
    }

    /// Other limits. Fewer jobs than run now means that some are stopped.
    pub fn limit(&mut self, now_ms: u64, limits: ScheduleLimits) -> Vec<ScheduleEffect> {
        self.pass(now_ms);
        if limits.interval_ms != self.limits.interval_ms {
            self.next_turn_ms = None;
        }
        self.limits = limits;
        self.settle()
    }

    /// A job is wanted. Its number was never used before.
    pub fn add(&mut self, now_ms: u64, number: JobNumber, continuous: bool) -> Vec<ScheduleEffect> {
        self.pass(now_ms);
        self.insert(number, continuous, false);
        self.wait(number);
        self.settle()
    }

    /// A job is wanted whose window is closed.
    pub fn add_closed(&mut self, number: JobNumber, continuous: bool) {
        self.insert(number, continuous, true);
    }

    /// A job's window closed: its actor is stopped, and it waits for no turn.
    pub fn close(&mut self, now_ms: u64, number: JobNumber) -> Vec<ScheduleEffect> {
        self.pass(now_ms);
        self.mark(number, true);
        match self.jobs.get(&number).map(|job| job.place) {
            Some(Place::Running { .. }) => {
                self.leave_work(number);
                self.stop(number, Place::Stopping);
            }
            Some(Place::Waiting { .. }) => {
                self.leave_queue(number);
                self.put(number, Place::Closed);
            }
            _ => {}
        }
        self.settle()
    }

    /// A job's window opened.
    pub fn open(&mut self, now_ms: u64, number: JobNumber) -> Vec<ScheduleEffect> {
        self.pass(now_ms);
        self.mark(number, false);
        if self.jobs.get(&number).is_some_and(|job| job.place == Place::Closed) {
            self.wait(number);
        }
        self.settle()
    }

    /// A job is wanted no longer. Where it has an actor, that is stopped, and counts until it is gone.
    pub fn remove(&mut self, now_ms: u64, number: JobNumber) -> Vec<ScheduleEffect> {
        self.pass(now_ms);
        match self.jobs.get(&number).map(|job| job.place) {
            Some(Place::Running { .. }) => {
                self.leave_work(number);
                self.stop(number, Place::Leaving);
            }
            Some(Place::Stopping) => self.put(number, Place::Leaving),
            Some(Place::Waiting { .. } | Place::Closed | Place::Resting { .. } | Place::Held) => {
                self.leave_queue(number);
                self.jobs.remove(&number);
            }
            Some(Place::Leaving) | None => {}
        }
        self.settle()
    }

    /// Nothing of a job's actor is left.
    pub fn gone(&mut self, now_ms: u64, number: JobNumber, ending: Ending) -> Vec<ScheduleEffect> {
        self.pass(now_ms);
        match self.jobs.get(&number).map(|job| job.place) {
            // It was stopped in favour of others, and may have crashed meanwhile: both end its turn.
            Some(Place::Stopping) => {
                self.stopping -= 1;
                self.wait(number);
            }
            Some(Place::Leaving) => {
                self.stopping -= 1;
                self.jobs.remove(&number);
            }
            Some(Place::Running { since_ms }) => {
                self.leave_work(number);
                self.ended(number, since_ms, ending);
            }
            Some(Place::Waiting { .. } | Place::Closed | Place::Resting { .. } | Place::Held)
            | None => {}
        }
        self.settle()
    }

    /// The owner of a job that is held wants it to run again.
    pub fn resume(&mut self, now_ms: u64, number: JobNumber) -> Vec<ScheduleEffect> {
        self.pass(now_ms);
        if self.jobs.get(&number).is_some_and(|job| job.place == Place::Held) {
            self.wait(number);
        }
        self.settle()
    }

    /// Takes notice of the time.
    pub fn elapsed(&mut self, now_ms: u64) -> Vec<ScheduleEffect> {
        self.pass(now_ms);
        self.wake_at_ms = None;
        self.settle()
    }

    /// Where a job stands; `None` where it is not known (any more).
    pub fn standing(&self, number: JobNumber) -> Option<Standing> {
        self.jobs.get(&number).map(|job| job.place.standing())
    }

    /// Jobs that have an actor, those that are being stopped among them.
    fn occupied(&self) -> usize {
        self.taking_turns.len() + self.to_their_end.len() + self.stopping
    }

    fn pass(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
    }

    fn put(&mut self, number: JobNumber, place: Place) {
        if let Some(job) = self.jobs.get_mut(&number) {
            job.place = place;
        }
    }

    /// A place at the end of the queue.
    fn draw(&mut self, number: JobNumber) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.waiting.insert(ticket, number);
        ticket
    }

    fn insert(&mut self, number: JobNumber, continuous: bool, closed: bool) {
        let place = Place::Closed;
        self.jobs
            .insert(number, Scheduled { continuous, closed, place, crashes: Crashes::default() });
    }

    fn mark(&mut self, number: JobNumber, closed: bool) {
        if let Some(job) = self.jobs.get_mut(&number) {
            job.closed = closed;
        }
    }

    /// Waits for its turn, or for its window first.
    fn wait(&mut self, number: JobNumber) {
        if self.jobs.get(&number).is_some_and(|job| job.closed) {
            return self.put(number, Place::Closed);
        }
        let ticket = self.draw(number);
        self.put(number, Place::Waiting { ticket });
    }

    fn leave_queue(&mut self, number: JobNumber) {
        match self.jobs.get(&number).map(|job| job.place) {
            Some(Place::Waiting { ticket }) => {
                self.waiting.remove(&ticket);
            }
            Some(Place::Resting { until_ms }) => {
                self.resting.remove(&(until_ms, number));
            }
            _ => {}
        }
    }

    fn leave_work(&mut self, number: JobNumber) {
        if let Some(Scheduled { place: Place::Running { since_ms }, continuous, .. }) =
            self.jobs.get(&number)
        {
            let at_work = if *continuous { &mut self.taking_turns } else { &mut self.to_their_end };
            at_work.remove(&(*since_ms, number));
        }
    }

    fn stop(&mut self, number: JobNumber, place: Place) {
        self.put(number, place);
        self.stopping += 1;
        self.effects.push(ScheduleEffect::Stop(number));
    }

    /// An actor ended although nobody stopped it.
    fn ended(&mut self, number: JobNumber, since_ms: u64, ending: Ending) {
        let now_ms = self.now_ms;
        let Some(job) = self.jobs.get_mut(&number) else { return };
        match ending {
            Ending::Done => {
                self.jobs.remove(&number);
            }
            Ending::Crashed => {
                let until_ms = job.crashed(now_ms, since_ms);
                job.place = Place::Resting { until_ms };
                self.resting.insert((until_ms, number));
            }
            Ending::Held => {
                job.crashed(now_ms, since_ms);
                job.place = Place::Held;
            }
        }
    }
}
