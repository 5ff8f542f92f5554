//! What becomes of failures: repeated after a pause, worked around, or the end of the replication.

use super::requests::Outstanding;
use super::{Purpose, Replication, State};
use crate::exchange::{Effect, End, EndFailure, EndFailureKind};
use crate::failure::Failure;

impl Replication {
    pub(super) fn failed(&mut self, outstanding: Outstanding, failure: EndFailure) {
        if matches!(self.state, State::Finished) {
            return;
        }
        let end = outstanding.end;
        self.last_failure = Some((end, failure.reason.clone()));
        self.pacing.failed(&outstanding.request, self.now_ms - outstanding.sent_ms);
        match (outstanding.purpose, failure.kind) {
            (
                Purpose::Store(batch) | Purpose::Carry(batch),
                EndFailureKind::Transient { retry_after_ms },
            ) => self.recheck(batch, outstanding, failure.reason, retry_after_ms),
            (_, EndFailureKind::Transient { retry_after_ms }) => {
                self.repeat(outstanding, failure.reason, retry_after_ms);
            }
            (Purpose::Open(End::Target), EndFailureKind::DatabaseMissing)
                if self.settings.create_target =>
            {
                self.make_target();
            }
            // All ids are compared again; what the source has purged stays on the target.
            (Purpose::Page, EndFailureKind::CheckpointTooOld) => {
                self.from_beginning = true;
                self.begin_anew(end, &failure.reason);
            }
            (Purpose::ReadLog(end), EndFailureKind::DatabaseMissing) if self.is_beginning() => {
                self.log_missing(end);
            }
            (_, EndFailureKind::DatabaseMissing) => {
                let name = self.name(end);
                self.fail(Failure::DatabaseMissing { end, name });
            }
            // A checkpoint is a saving, not a need: a reader may be let in to read alone.
            (Purpose::ReadLog(end), _) => {
                self.without_checkpoints = true;
                self.log_read(end, None);
            }
            (Purpose::WriteLog(end), EndFailureKind::Conflict) => self.read_log_again(end),
            (Purpose::WriteLog(_) | Purpose::ReadLogAgain(_), _) => self.give_checkpoints_up(),
            (Purpose::Recall, _) => self.recalled(None),
            // Not every peer has this endpoint; those that do not, store at once.
            (Purpose::Commit(end), _) => self.committed(end, ""),
            (_, kind) => self.fail_by_kind(end, kind, failure.reason),
        }
    }

    /// The answer of a target that was not there yet may come once it was made and has been opened.
    fn is_beginning(&self) -> bool {
        matches!(self.state, State::Opening(_) | State::Comparing(_))
    }

    fn fail_by_kind(&mut self, end: End, kind: EndFailureKind, reason: String) {
        let name = self.name(end);
        self.fail(match kind {
            EndFailureKind::Unauthorized => Failure::Unauthorized { end, name, reason },
            EndFailureKind::Forbidden => Failure::Forbidden { end, name, reason },
            _ => Failure::Permanent { end, name, reason },
        });
    }

    /// Lets a request wait for its next attempt, or gives up.
    pub(super) fn repeat(
        &mut self,
        mut outstanding: Outstanding,
        reason: String,
        retry_after_ms: Option<u64>,
    ) {
        outstanding.attempt += 1;
        let end = outstanding.end;
        let attempts = outstanding.attempt;
        match self.settings.retries.pause_ms(attempts, retry_after_ms) {
            Some(pause_ms) => self.requests.sleep(outstanding, self.now_ms + pause_ms),
            None => {
                let name = self.name(end);
                self.fail(Failure::Exhausted { end, name, attempts, reason });
            }
        }
    }

    /// Drops all that is under way and begins from the checkpoints again.
    pub(super) fn begin_anew(&mut self, end: End, reason: &str) {
        self.restarts += 1;
        self.last_failure = Some((end, reason.to_owned()));
        match self.settings.retries.pause_ms(self.restarts, None) {
            Some(pause_ms) => {
                self.requests.clear();
                self.without_checkpoints = !self.settings.use_checkpoints;
                self.open(pause_ms);
            }
            None => {
                let name = self.name(end);
                self.fail(Failure::Exhausted {
                    end,
                    name,
                    attempts: self.restarts,
                    reason: reason.to_owned(),
                });
            }
        }
    }

    pub(super) fn fail_permanently(&mut self, end: End, reason: String) {
        let name = self.name(end);
        self.fail(Failure::Permanent { end, name, reason });
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.finish(Effect::Finished(Err(failure)));
    }

    fn name(&self, end: End) -> String {
        match end {
            End::Source => self.settings.source_name.clone(),
            End::Target => self.settings.target_name.clone(),
        }
    }
}
