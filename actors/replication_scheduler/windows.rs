//! Jobs that run in some hours of the day alone (`window`), or not while this machine's link is metered, as
//! the document of the peer at their end says: those that wait, and those that are stopped. To the schedule a
//! metered link is a closed window. The clock is looked at again at least once a minute, so that one that is
//! set, or a summer that begins, is noticed; of the link the scheduler is told.

use std::sync::Arc;
use std::time::Duration;

use refuge_otp::Names;
use refuge_replication::{JobNumber, KeptOff, ScheduleEffect, WindowState};
use time::{OffsetDateTime, UtcOffset};

use super::entry::Entry;
use super::{ReplicationSchedulerMessage, ReplicationSchedulerState};
use crate::{metered_link, now_ms};

/// The longest sleep between two looks at the clock.
const LONGEST_LOOK: Duration = Duration::from_secs(60);

impl ReplicationSchedulerState {
    /// Asks for the next look at a job's window; tells whether that is closed, or its link metered.
    pub(super) fn watch_window(&mut self, text: &str) -> bool {
        let most_history = self.most_history();
        let Some(entry) = self.jobs.get_mut(text) else { return false };
        let state = state_of(entry);
        entry.kept_off = kept_off(&self.arguments.names, entry, state);
        let is_kept_off = entry.kept_off.is_some();
        // One whose actor is being stopped waits when that is gone.
        if let Some(reason) = entry.kept_off
            && entry.actor.is_none()
            && entry.failure.is_none()
        {
            entry.waits_for(reason, most_history);
        }
        match state {
            Some(
                WindowState::Open { closes_in: changes_in }
                | WindowState::Closed { opens_in: changes_in },
            ) => self.look_at_window_in(text, changes_in),
            None => {}
        }
        is_kept_off
    }

    /// Those whose link is another matter now than it was wait, or wait no longer.
    pub(super) fn link_changed(&mut self) {
        let names = &self.arguments.names;
        let concerned = self.jobs.iter().filter_map(|(text, entry)| {
            let is_changed = kept_off(names, entry, state_of(entry)) != entry.kept_off;
            // One whose former actor has to be gone first is looked at then.
            entry.number.filter(|_| is_changed).map(|number| (Arc::clone(text), number))
        });
        for (text, number) in concerned.collect::<Vec<_>>() {
            self.turn(&text, number);
        }
    }

    /// Time has passed for a job with a window. Of several looks that were asked for the last counts.
    pub(super) fn look_at_window(&mut self, text: &str, look: u64) {
        let entry = self.jobs.get(text).filter(|entry| entry.last_look == look);
        let Some(number) = entry.and_then(|entry| entry.number) else { return };
        self.turn(text, number);
    }

    fn turn(&mut self, text: &str, number: JobNumber) {
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

/// Why a job does not run now: its window, or this machine's link to the node at its end.
fn kept_off(names: &Names, entry: &Entry, state: Option<WindowState>) -> Option<KeptOff> {
    match (state, entry.job.link.window) {
        (Some(WindowState::Closed { .. }), Some(window)) => Some(KeptOff::WindowClosed(window)),
        _ => metered_link::keeps_off(names, &entry.peer()?),
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
