//! What the schedule says, carried out: whose actors are started and stopped, and when it is asked again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use refuge_config::Replicator;
use refuge_replication::{Ending, JobNumber, ScheduleEffect, ScheduleLimits, Standing};

use super::entry::{Entry, Owner};
use super::incarnation::{Incarnation, Leaving};
use super::{ReplicationSchedulerMessage, ReplicationSchedulerState, usual};
use crate::replication_job::ReplicationJobArguments;
use crate::replicator_documents::JobNews;
use crate::task::OwnedTask;

/// Jobs in the table, whether they run or not; each takes a few kilobytes.
pub(super) const MOST_JOBS: usize = 100_000;

/// A start opens both ends and reads their checkpoints: thousands at once would take far more memory than
/// they need later.
const BETWEEN_STARTS: Duration = Duration::from_millis(1);

/// What the settings say of turns.
pub(super) fn limits(usual: &Replicator) -> ScheduleLimits {
    ScheduleLimits {
        max_jobs: usual.max_jobs,
        interval_ms: usual.interval_ms,
        max_churn: usual.max_churn,
    }
}

impl ReplicationSchedulerState {
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes a job into the table, and into the schedule unless a former actor of it is not gone yet.
    pub(super) fn put(&mut self, entry: Entry) {
        let text: Arc<str> = entry.id.to_string().into();
        self.jobs.insert(Arc::clone(&text), Box::new(entry));
        if !self.leaving.contains_key(&text) {
            self.admit(&text);
        }
    }

    /// Puts a job into the schedule.
    pub(super) fn admit(&mut self, text: &Arc<str>) {
        let (now_ms, usual) = (self.now_ms(), usual(&self.arguments.names));
        self.last_number += 1;
        let number = JobNumber(self.last_number);
        let Some(entry) = self.jobs.get_mut(text) else { return };
        entry.number = Some(number);
        let continuous = entry.job.continuous;
        self.numbers.insert(number, Arc::clone(text));
        let mut effects = self.schedule.limit(now_ms, limits(&usual));
        match self.watch_window(text) {
            true => self.schedule.add_closed(number, continuous),
            false => effects.extend(self.schedule.add(now_ms, number, continuous)),
        }
        self.carry_out(effects);
        self.tell_whether_it_waits(text);
    }

    /// Lets a job that is held run again.
    pub(super) fn resume(&mut self, text: &Arc<str>) {
        let now_ms = self.now_ms();
        let Some(number) = self.jobs.get(text).and_then(|entry| entry.number) else { return };
        // Whoever takes it over may have another window.
        let mut effects = self.turn_window(text, number);
        effects.extend(self.schedule.resume(now_ms, number));
        self.carry_out(effects);
        self.tell_whether_it_waits(text);
    }

    /// The documents hear of a job that is not started at once.
    pub(super) fn tell_whether_it_waits(&self, text: &str) {
        if let Some(entry) = self.jobs.get(text)
            && let Owner::Document { number, .. } = entry.owner
            && entry.number.and_then(|number| self.schedule.standing(number))
                == Some(Standing::Pending)
        {
            self.tell(number, JobNews::Waits(entry.kept_off));
        }
    }

    /// Takes a job out of the table and has its actor stopped.
    pub(super) fn take_out(&mut self, text: &str) -> Option<Box<Entry>> {
        let now_ms = self.now_ms();
        let (text, mut entry) = self.jobs.remove_entry(text)?;
        if let (Some(number), Some(mut actor)) = (entry.number, entry.actor.take()) {
            actor.stop(&self.arguments.names, &text);
            self.leaving.insert(text, Leaving { actor, number, replies: Vec::new() });
        }
        if let Some(number) = entry.number {
            self.numbers.remove(&number);
            let effects = self.schedule.remove(now_ms, number);
            self.carry_out(effects);
        }
        Some(entry)
    }

    /// Nothing of an actor is left.
    pub(super) fn leave(&mut self, number: JobNumber, ending: Ending) {
        let now_ms = self.now_ms();
        let effects = self.schedule.gone(now_ms, number, ending);
        self.carry_out(effects);
    }

    /// Takes notice of the time, and of settings that were changed meanwhile.
    pub(super) fn elapsed(&mut self) {
        self.alarm = None;
        let (now_ms, usual) = (self.now_ms(), usual(&self.arguments.names));
        let mut effects = self.schedule.limit(now_ms, limits(&usual));
        effects.extend(self.schedule.elapsed(now_ms));
        self.carry_out(effects);
    }

    pub(super) fn carry_out(&mut self, effects: Vec<ScheduleEffect>) {
        for effect in effects {
            match effect {
                ScheduleEffect::Start(number) => self.start(number),
                ScheduleEffect::Stop(number) => {
                    let Some(text) = self.numbers.get(&number) else { continue };
                    let entry = self.jobs.get_mut(text);
                    // One that is wanted no longer was told already.
                    if let Some(actor) = entry.and_then(|entry| entry.actor.as_mut()) {
                        actor.stop(&self.arguments.names, text);
                    }
                }
                // Other settings are noticed within an interval, as in CouchDB.
                ScheduleEffect::Wake { after_ms } => {
                    self.wake(after_ms.min(usual(&self.arguments.names).interval_ms));
                }
            }
        }
        if self.alarm.is_none() && !self.jobs.is_empty() {
            self.wake(usual(&self.arguments.names).interval_ms);
        }
    }

    fn wake(&mut self, after_ms: u64) {
        let myself = self.myself.clone();
        self.alarm = Some(OwnedTask::spawn(async move {
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
            let _ = myself.cast(ReplicationSchedulerMessage::Elapsed);
        }));
    }

    fn start(&mut self, number: JobNumber) {
        let usual = usual(&self.arguments.names);
        let Some(text) = self.numbers.get(&number).cloned() else { return };
        let Some(entry) = self.jobs.get_mut(&text) else { return };
        self.last_start += 1;
        let start = self.last_start;
        let child = (self.arguments.child)(ReplicationJobArguments {
            names: self.arguments.names.clone(),
            job: Arc::clone(&entry.job),
            settings: entry.settings(&usual),
            wanting: entry.wanting(),
        });
        let not_before = self.next_start.max(Instant::now());
        self.next_start = not_before + BETWEEN_STARTS;
        let incarnation = Incarnation {
            names: self.arguments.names.clone(),
            scheduler: self.myself.clone(),
            id: text,
            start,
            not_before,
        };
        entry.begins(incarnation.begin(child));
    }
}
