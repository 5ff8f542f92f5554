//! Jobs that run in some hours of the day alone (`window`): those that wait for theirs to open, and those
//! that are stopped when it closes. The clock is looked at again at least once a minute, so that one that
//! is set, or a summer that begins, is noticed.

use std::time::Duration;

use refuge_replication::WindowState;
use time::{OffsetDateTime, UtcOffset};

use super::entry::{Entry, Owner, Phase};
use super::incarnation::Leaving;
use super::{ReplicationSchedulerMessage, ReplicationSchedulerState};
use crate::now_ms;
use crate::replicator_documents::JobNews;

/// The longest sleep between two looks at the clock.
const LONGEST_LOOK: Duration = Duration::from_secs(60);

impl ReplicationSchedulerState {
    /// Lets a job that is about to start wait for its window; tells whether it has to.
    pub(super) fn waits_for_window(&mut self, text: &str) -> bool {
        let Some(WindowState::Closed { opens_in }) = self.jobs.get(text).and_then(state_of) else {
            return false;
        };
        if let Some(entry) = self.jobs.get_mut(text) {
            entry.waits_for_window();
            if let Owner::Document { number, .. } = entry.owner {
                self.tell(number, JobNews::Waits);
            }
        }
        self.look_at_window_in(text, opens_in);
        true
    }

    /// A job has started: its window will close.
    pub(super) fn watch_window(&mut self, text: &str) {
        if let Some(WindowState::Open { closes_in }) = self.jobs.get(text).and_then(state_of) {
            self.look_at_window_in(text, closes_in);
        }
    }

    /// Time has passed for a job with a window. Of several looks that were asked for the last counts.
    pub(super) fn look_at_window(&mut self, text: &str, look: u64) {
        let Some(entry) = self.jobs.get_mut(text).filter(|entry| entry.last_look == look) else {
            return;
        };
        let Some(state) = state_of(entry) else { return };
        let phase = std::mem::replace(&mut entry.phase, Phase::Resting);
        match (phase, state) {
            (Phase::Resting, _) => self.start(text),
            (
                Phase::Starting { start, stop } | Phase::Running { start, stop },
                WindowState::Closed { .. },
            ) => {
                // It goes on from its checkpoint; a follower that is gone has sent its last message.
                let _ = stop.send(());
                self.leaving.insert(text.to_owned(), Leaving { start, replies: Vec::new() });
                self.waits_for_window(text);
            }
            (phase, WindowState::Open { closes_in }) => {
                entry.phase = phase;
                self.look_at_window_in(text, closes_in);
            }
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
