//! How jobs start and end, whoever asked for them.

use std::sync::Arc;
use std::time::Duration;

use refuge_http::Failure;
use refuge_otp::Exit;
use refuge_replication::Failure as ReplicationFailure;
use serde_json::Value;

use super::entry::{Entry, Owner, Phase};
use super::incarnation::{Incarnation, Leaving};
use super::{Outcome, ReplicationSchedulerMessage, ReplicationSchedulerState, cancelled};
use crate::replication_job::ReplicationJobArguments;
use crate::replicator_documents::JobNews;

/// Back-off before a job that went down is started again; doubles up to the longest.
const FIRST_BACK_OFF: Duration = Duration::from_millis(250);
/// The longest back-off.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);

impl ReplicationSchedulerState {
    /// Starts the job's actor, unless a former one is not gone yet; its end starts this one.
    pub(super) fn start(&mut self, text: &str) {
        if self.leaving.contains_key(text) {
            return;
        }
        let usual = self.usual();
        if !self.jobs.get(text).is_some_and(|entry| matches!(entry.phase, Phase::Resting))
            || self.waits_for_window(text)
        {
            return;
        }
        let Some(entry) = self.jobs.get_mut(text) else {
            return;
        };
        self.last_start += 1;
        entry.starts += 1;
        let start = self.last_start;
        let child = (self.arguments.child)(ReplicationJobArguments {
            names: self.arguments.names.clone(),
            job: Arc::clone(&entry.job),
            settings: entry.settings(&usual),
            wanting: entry.wanting(),
        });
        let incarnation = Incarnation {
            names: self.arguments.names.clone(),
            scheduler: self.myself.clone(),
            id: text.to_owned(),
            start,
        };
        entry.phase = Phase::Starting { start, stop: incarnation.follow(child) };
    }

    pub(super) fn started(&mut self, id: &str, start: u64) {
        let Some(entry) = self.jobs.get_mut(id).filter(|entry| entry.start() == Some(start)) else {
            return;
        };
        entry.has_started();
        if let Owner::Document { number, .. } = entry.owner {
            self.tell(number, JobNews::Started);
        }
        self.watch_window(id);
    }

    /// Takes a job out of the table and has its actor stopped; tells whether there is one that has
    /// to be waited for.
    pub(super) fn take_out(&mut self, id: &str) -> Option<Entry> {
        let mut entry = self.jobs.remove(id)?;
        match std::mem::replace(&mut entry.phase, Phase::Resting) {
            Phase::Resting => {}
            Phase::Starting { start, stop } | Phase::Running { start, stop } => {
                // A follower that is gone has sent its last message already.
                let _ = stop.send(());
                self.leaving.insert(id.to_owned(), Leaving { start, replies: Vec::new() });
            }
        }
        Some(entry)
    }

    pub(super) fn ended(&mut self, id: &str, outcome: Outcome) {
        if let Err(failure) = &outcome {
            tracing::warn!(replication = id, %failure, "a replication failed");
        }
        // A job that waits for its start cannot end: this is its former actor.
        if self.jobs.get(id).is_none_or(|entry| entry.start().is_none()) {
            return;
        }
        let Some(mut entry) = self.take_out(id) else {
            return;
        };
        entry.answer(&match &outcome {
            Ok(summary) => Ok(Value::Object(summary.body.clone())),
            Err(failure) => Err(as_http(failure)),
        });
        if let Owner::Document { number, .. } = entry.owner {
            self.tell(
                number,
                match outcome {
                    Ok(summary) => JobNews::Ended(Box::new(summary)),
                    Err(failure) => JobNews::Crashed(failure.to_string()),
                },
            );
        }
    }

    /// Nothing of an actor is left: as was wanted, or it went down before the job's end.
    pub(super) fn down(&mut self, id: &str, start: u64, exit: &Exit) {
        if self.leaving.get(id).is_some_and(|leaving| leaving.start == start) {
            let replies = self.leaving.remove(id).map(|leaving| leaving.replies);
            for reply in replies.into_iter().flatten() {
                let _ = reply.send(Ok(cancelled(id)));
            }
            self.start(id);
            return;
        }
        let Some(entry) = self.jobs.get_mut(id).filter(|entry| entry.start() == Some(start)) else {
            return;
        };
        entry.went_down(exit);
        let reason = format!("the replication went down: {exit}; it goes on where it was");
        match entry.owner {
            Owner::Request { .. } if entry.job.continuous => {
                let doublings = entry.starts.saturating_sub(1).min(16);
                let back_off = (FIRST_BACK_OFF * 2_u32.pow(doublings)).min(LONGEST_BACK_OFF);
                tracing::warn!(replication = id, %exit, ?back_off, "a replication is started again");
                let id = id.to_owned();
                self.myself.send_after(back_off, || ReplicationSchedulerMessage::Again { id });
                return;
            }
            Owner::Request { .. } => {}
            Owner::Document { number, .. } => self.tell(number, JobNews::Crashed(reason.clone())),
        }
        if let Some(mut entry) = self.jobs.remove(id) {
            entry.answer(&Err(Failure::Unavailable(reason)));
        }
    }
}

fn as_http(failure: &ReplicationFailure) -> Failure {
    let text = failure.to_string();
    if matches!(failure, ReplicationFailure::FilterMissing { .. }) {
        return Failure::NotFound(text);
    }
    match failure.status() {
        401 => Failure::Unauthorized(text),
        403 => Failure::Forbidden(text),
        404 => Failure::ReplicationEndMissing(text),
        _ => Failure::Internal(text),
    }
}
