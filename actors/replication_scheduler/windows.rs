//! Jobs that run in some hours of the day alone (`window`): those that wait for theirs to open, and those
//! that are stopped when it closes. The clock is looked at again at least once a minute, so that one that
//! is set, or a summer that begins, is noticed.

use std::time::Duration;

use refuge_replication::{JobNumber, ScheduleEffect, WindowState};
use time::{OffsetDateTime, UtcOffset};

use super::entry::Entry;
use super::{ReplicationSchedulerMessage, ReplicationSchedulerState};
use crate::now_ms;

/// The longest sleep between two looks at the clock.
const LONGEST_LOOK: Duration = Duration::from_secs(60);

impl ReplicationSchedulerState {
    /// Asks for the next look at a job's window; tells whether it is closed.
    pub(super) fn watch_window(&mut self, text: &str) -> bool {
        let Some(state) = self.jobs.get(text).and_then(state_of) else { return false };
        let (closed, changes_in) = match state {
            WindowState::Open { closes_in } => (false, closes_in),
            WindowState::Closed { opens_in } => (true, opens_in),
        };
        let most_history = self.most_history();
        // One whose actor is being stopped waits when that is gone.
        if let Some(entry) = self
            .jobs
            .get_mut(text)
            .filter(|entry| closed && entry.actor.is_none() && entry.failure.is_none())
        {
            entry.waits_for_window(most_history);
        }
        self.look_at_window_in(text, changes_in);
        closed
    }

    /// Time has passed for a job with a window. Of several looks that were asked for the last counts.
    pub(super) fn look_at_window(&mut self, text: &str, look: u64) {
        let entry = self.jobs.get(text).filter(|entry| entry.last_look == look);
        let Some(number) = entry.and_then(|entry| entry.number) else { return };
        let effects = self.turn_window(text, number);
        self.carry_out(effects);
        if self.jobs.get(text).is_some_and(|entry| entry.actor.is_none()) {
            self.tell_whether_it_waits(text);
        }
    }

    /// Tells the schedule how a job's window stands.
    pub(super) fn turn_window(&mut self, text: &str, number: JobNumber) -> Vec<ScheduleEffect> {
        let now_ms = self.now_ms();
        match self.watch_window(text) {
            true => self.schedule.close(now_ms, number),
            false => self.schedule.open(now_ms, number),
        }
    }

    fn look_at_window_in(&mut self, text: &str, pause: Duration) {
        let Some(entry) = self.jobs.get_mut(text) else { return };
        entry.last_look += 1;
        let (id, look) = (text.to_owned(), entry.last_look);
        let pause = pause.clamp(Duration::from_millis(10), LONGEST_LOOK);
        self.myself.send_after(pause, move || ReplicationSchedulerMessage::Window { id, look });
    }
}

/// How a job's window stands; `None` where it runs at all hours.
fn state_of(entry: &Entry) -> Option<WindowState> {
    let window = entry.job.link.window?;
    Some(window.state_at(second_of_day(now_ms())))
}

/// Seconds after midnight where this node is; in UTC where nobody knows.
fn second_of_day(unix_ms: u64) -> u64 {
    let seconds = i64::try_from(unix_ms / 1_000).unwrap_or(i64::MAX);
    let utc = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let local = utc.to_offset(UtcOffset::local_offset_at(utc).unwrap_or(UtcOffset::UTC));
    let (hours, minutes, seconds) = local.to_hms();
    (u64::from(hours) * 60 + u64::from(minutes)) * 60 + u64::from(seconds)
}
