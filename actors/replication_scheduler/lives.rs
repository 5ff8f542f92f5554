//! What becomes of jobs whose actors started, came to their end, or went down.

use ractor::ActorCell;
use refuge_http::Failure;
use refuge_otp::{Exit, Names};
use refuge_replication::{Ending, Failure as ReplicationFailure, Refusal, Standing};
use serde_json::{Value, json};

use super::entry::Owner;
use super::{Outcome, ReplicationSchedulerState, cancelled, report, usual};
use crate::own_events;
use crate::replicator_documents::JobNews;

/// Counts what happened to a job.
fn count(names: &Names, line: &'static str) {
    metrics::counter!(line, "node" => names.node().to_owned()).increment(1);
}

impl ReplicationSchedulerState {
    pub(super) fn most_history(&self) -> usize {
        usual(&self.arguments.names).max_history
    }

    pub(super) fn started(&mut self, id: &str, start: u64, cell: ActorCell) {
        let (names, most_history) = (&self.arguments.names, self.most_history());
        if let Some(leaving) = self.leaving.get_mut(id)
            && leaving.actor.start == start
        {
            return leaving.actor.started(names, id, cell);
        }
        let Some(entry) = self.jobs.get_mut(id) else { return };
        match &mut entry.actor {
            Some(actor) if actor.start == start => actor.started(names, id, cell),
            _ => return,
        }
        entry.has_started(most_history);
        count(names, "refuge_replication_starts_total");
        if let Owner::Document { number, .. } = entry.owner {
            self.tell(number, JobNews::Started);
        }
    }

    pub(super) fn ended(&mut self, id: &str, outcome: Outcome, refused: Vec<Refusal>) {
        if let Err(failure) = &outcome {
            tracing::warn!(replication = id, %failure, "a replication failed");
        }
        // A job without an actor cannot end: this is a former one.
        let Some(entry) = self.jobs.get_mut(id).filter(|entry| entry.actor.is_some()) else {
            return;
        };
        own_events::tell(&self.arguments.names, report::end(id, &outcome));
        match outcome {
            Err(failure) if entry.is_tried_again() => entry.fails(&failure, as_http(&failure)),
            Err(failure) => self.close(id, &Err(as_http(&failure))),
            Ok(summary) => {
                if let Owner::Document { number, .. } = entry.owner {
                    self.tell(number, JobNews::Ended(Box::new(summary.clone())));
                }
                let mut body = summary.body;
                if !refused.is_empty() {
                    body.insert("refused".to_owned(), json!(refused));
                }
                self.close(id, &Ok(Value::Object(body)));
            }
        }
    }

    /// Takes a job out and answers whoever waits for its end.
    fn close(&mut self, id: &str, answer: &Result<Value, Failure>) {
        if let Some(mut entry) = self.take_out(id) {
            entry.answer(answer);
        }
    }

    /// Nothing of an actor is left: as was wanted, or it went down before the job's end.
    pub(super) fn down(&mut self, id: &str, start: u64, exit: &Exit) {
        if self.leaving.get(id).is_some_and(|leaving| leaving.actor.start == start) {
            return self.has_left(id);
        }
        let most_history = self.most_history();
        let Some(entry) = self.jobs.get_mut(id).filter(|entry| entry.start() == Some(start)) else {
            return;
        };
        let Some(number) = entry.number else { return };
        if self.schedule.standing(number) == Some(Standing::Pending) {
            entry.was_stopped(most_history);
            count(&self.arguments.names, "refuge_replication_stops_total");
            let effects = self.turn_window(id, number);
            self.carry_out(effects);
            self.leave(number, Ending::Done);
            return self.tell_whether_it_waits(id);
        }
        let (kind, reason) = entry.went_down(exit, most_history);
        // Nobody waits any more who heard of a failure.
        entry.answer(&Err(Failure::Unavailable(reason.clone())));
        count(&self.arguments.names, "refuge_replication_crashes_total");
        match entry.owner {
            Owner::Document { number: run, .. } => {
                self.leave(number, Ending::Held);
                self.tell(run, JobNews::Crashed(kind, reason));
            }
            Owner::Request { .. } if entry.job.continuous => {
                tracing::warn!(replication = id, reason, "a replication is started again later");
                self.leave(number, Ending::Crashed(kind));
            }
            Owner::Request { .. } => {
                self.leave(number, Ending::Done);
                self.close(id, &Err(Failure::Unavailable(reason)));
            }
        }
    }

    fn has_left(&mut self, id: &str) {
        let Some((text, leaving)) = self.leaving.remove_entry(id) else { return };
        for reply in leaving.replies {
            let _ = reply.send(Ok(cancelled(id)));
        }
        self.leave(leaving.number, Ending::Done);
        // Wanted again meanwhile.
        if self.jobs.get(&text).is_some_and(|entry| entry.number.is_none()) {
            self.admit(&text);
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
        status => Failure::Function { status, error: failure.error().to_owned(), reason: text },
    }
}
