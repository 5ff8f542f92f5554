//! Checkpoints while documents move: first both ends commit what they hold, then the document is
//! written on the source, then on the target. Nothing enters a checkpoint that the target has not
//! acknowledged as durable.

use serde_json::{Map, Value};

use super::{Purpose, Replication, State};
use crate::checkpoint::{SessionRecord, checkpoint_body};
use crate::exchange::{Checkpoint, Effect, End, Request};
use crate::summary::Summary;

/// Why a replication begins anew when an end is another database than it was.
const MADE_ANEW: &str = "its database was deleted and made anew";

/// What an end tells of its instance with each commit; empty where it does not.
type Instance = String;

/// A source that takes so long to tell of itself is far away: it is asked to commit while the last documents come.
const FAR_MS: u64 = 50;

/// A commit of the source that is asked for while the rest of its feed is still being stored: what a checkpoint
/// will tell of was read by then, and the answer of a source that is far away is not waited for at the end.
#[derive(Debug)]
pub(super) enum EarlyCommit {
    Unasked,
    Asked,
    Done(Instance),
}

/// How far the checkpoint under way has come.
#[derive(Debug)]
pub(super) enum Checkpointing {
    /// None is under way.
    Idle,
    /// Former sessions are being read.
    Recalling,
    /// The ends commit; those that have not answered yet.
    Committing { sequence: String, source: Option<Instance>, target: Option<Instance> },
    /// The document is being written, on the source first.
    Writing { sequence: String, body: Value },
}

impl Replication {
    /// When the next checkpoint is due; `None` while one is under way or there is nothing new.
    pub(super) fn checkpoint_due_ms(&self) -> Option<u64> {
        let State::Running(running) = &self.state else {
            return None;
        };
        let idle = matches!(running.checkpointing, Checkpointing::Idle);
        if !running.progressed || !idle {
            return None;
        }
        if running.at_rest() && !self.settings.continuous {
            return Some(self.now_ms);
        }
        let interval = running.checkpoint_ms + self.settings.checkpoint_interval_ms;
        if running.caught_up() {
            let rest = running.progress_ms + self.settings.checkpoint_rest_ms;
            return Some(rest.min(interval));
        }
        Some(interval)
    }

    /// Begins a checkpoint where one is due.
    pub(super) fn checkpoint_where_due(&mut self) {
        if self.checkpoint_due_ms().is_none_or(|due_ms| due_ms > self.now_ms) {
            return;
        }
        if self.without_checkpoints {
            return self.keep_log_here();
        }
        if !self.recall() {
            self.commit_for_checkpoint();
        }
    }

    /// Has both ends commit what they hold.
    pub(super) fn commit_for_checkpoint(&mut self) {
        let now_ms = self.now_ms;
        let Some(running) = self.running() else {
            return;
        };
        running.progressed = false;
        running.checkpoint_ms = now_ms;
        let early = std::mem::replace(&mut running.early, EarlyCommit::Unasked);
        let asks_source = matches!(early, EarlyCommit::Unasked);
        let source = match early {
            EarlyCommit::Done(instance) => Some(instance),
            EarlyCommit::Unasked | EarlyCommit::Asked => None,
        };
        let sequence = running.through.clone();
        running.checkpointing = Checkpointing::Committing { sequence, source, target: None };
        for end in [End::Source, End::Target] {
            if end == End::Target || asks_source {
                self.ask(end, Purpose::Commit(end), Request::EnsureFullCommit);
            }
        }
        self.look_at_filter();
    }

    /// Asks a source that is far away to commit as soon as all of its feed was read.
    pub(super) fn commit_source_early(&mut self) {
        let wanted =
            !self.settings.continuous && !self.without_checkpoints && self.source_took_ms >= FAR_MS;
        let Some(running) = self.running().filter(|_| wanted) else {
            return;
        };
        let idle = matches!(running.checkpointing, Checkpointing::Idle);
        if idle && running.winds_up() && matches!(running.early, EarlyCommit::Unasked) {
            running.early = EarlyCommit::Asked;
            self.ask(End::Source, Purpose::Commit(End::Source), Request::EnsureFullCommit);
        }
    }

    /// Makes the document for the summary alone.
    pub(super) fn keep_log_here(&mut self) {
        let now_ms = self.now_ms;
        let Some(sequence) = self.running().map(|running| running.through.clone()) else {
            return;
        };
        let continuous = self.settings.continuous;
        let body = self.next_log(&sequence, &(Instance::new(), Instance::new()));
        if let Some(running) = self.running() {
            running.progressed = false;
            running.checkpoint_ms = now_ms;
            running.checkpointing = Checkpointing::Idle;
            running.log = (!continuous).then_some(Value::Object(body));
            running.own_log = true;
        }
    }

    fn next_log(
        &mut self,
        sequence: &str,
        (source_instance, target_instance): &(Instance, Instance),
    ) -> Map<String, Value> {
        let State::Running(running) = &self.state else {
            return Map::new();
        };
        let record = SessionRecord {
            session_id: &self.settings.session_id,
            started_unix_ms: self.settings.started_unix_ms,
            now_unix_ms: self.settings.started_unix_ms + self.now_ms,
            start_sequence: &running.start,
            sequence,
            statistics: self.statistics,
            source_instance,
            target_instance,
        };
        checkpoint_body(record, running.history.entries())
    }

    /// Asks both ends whether they are still the databases that they were.
    pub(super) fn look_at_ends(&mut self) {
        for end in [End::Source, End::Target] {
            if !self.requests.holds(Purpose::Look(end)) {
                self.ask(end, Purpose::Look(end), Request::Information);
            }
        }
        self.look_at_filter();
    }

    pub(super) fn looked(&mut self, end: End, instance: &str) {
        if self.is_another_instance(end, instance) {
            self.begin_anew(end, MADE_ANEW);
        }
    }

    fn is_another_instance(&self, end: End, instance: &str) -> bool {
        let known = match end {
            End::Source => &self.instances.0,
            End::Target => &self.instances.1,
        };
        is_telling(known) && is_telling(instance) && known != instance
    }

    /// An end has committed, or cannot say.
    pub(super) fn committed(&mut self, end: End, instance: &str) {
        if self.is_another_instance(end, instance) {
            return self.begin_anew(end, MADE_ANEW);
        }
        let Some(running) = self.running() else {
            return;
        };
        let told = if is_telling(instance) { instance } else { "" }.to_owned();
        let Checkpointing::Committing { sequence, source, target } = &mut running.checkpointing
        else {
            if end == End::Source {
                running.early = EarlyCommit::Done(told);
            }
            return;
        };
        match end {
            End::Source => *source = Some(told),
            End::Target => *target = Some(told),
        }
        let (Some(source), Some(target)) = (&*source, &*target) else {
            return;
        };
        let instances = (source.clone(), target.clone());
        let sequence = std::mem::take(sequence);
        let body = Value::Object(self.next_log(&sequence, &instances));
        if let Some(running) = self.running() {
            running.checkpointing = Checkpointing::Writing { sequence, body };
        }
        self.write_log(End::Source);
    }

    fn write_log(&mut self, end: End) {
        let local_id = self.local_id.clone();
        let Some(running) = self.running() else {
            return;
        };
        let Checkpointing::Writing { body, .. } = &running.checkpointing else {
            return;
        };
        let revision = match end {
            End::Source => running.source_revision.clone(),
            End::Target => running.target_revision.clone(),
        };
        let request = Request::WriteCheckpoint { local_id, body: body.clone(), revision };
        self.ask(end, Purpose::WriteLog(end), request);
    }

    pub(super) fn log_written(&mut self, end: End, revision: String) {
        let continuous = self.settings.continuous;
        let Some(running) = self.running() else {
            return;
        };
        if end == End::Source {
            running.source_revision = Some(revision);
            return self.write_log(End::Target);
        }
        running.target_revision = Some(revision);
        let done = std::mem::replace(&mut running.checkpointing, Checkpointing::Idle);
        if let Checkpointing::Writing { sequence, body } = done {
            running.checkpointed = sequence;
            running.log = (!continuous).then_some(body);
            running.own_log = true;
        }
        self.restarts = 0;
        self.from_beginning = false;
    }

    /// Someone wrote the document since we read it: most often we ourselves, in a write whose answer
    /// was lost.
    pub(super) fn read_log_again(&mut self, end: End) {
        let local_id = self.local_id.clone();
        let request = Request::Checkpoint { local_id };
        self.ask(end, Purpose::ReadLogAgain(end), request);
    }

    pub(super) fn log_read_again(&mut self, end: End, log: Option<Checkpoint>) {
        let own_session = Value::String(self.settings.session_id.clone());
        let ours = match &log {
            Some(log) => log.body.get("session_id") == Some(&own_session),
            None => false,
        };
        if !ours {
            return self.begin_anew(end, "its checkpoint was changed by another replication");
        }
        let revision = log.map(|log| log.revision);
        if let Some(running) = self.running() {
            match end {
                End::Source => running.source_revision = revision,
                End::Target => running.target_revision = revision,
            }
        }
        self.write_log(end);
    }

    /// An end keeps no checkpoints: the replication goes on without.
    pub(super) fn give_checkpoints_up(&mut self) {
        self.without_checkpoints = true;
        self.keep_log_here();
    }

    /// Ends a replication that runs once when all is stored and in the checkpoints.
    pub(super) fn finish_where_done(&mut self) {
        if self.settings.continuous {
            return;
        }
        let State::Running(running) = &mut self.state else {
            return;
        };
        let idle = matches!(running.checkpointing, Checkpointing::Idle);
        if !running.at_rest() || running.progressed || !idle {
            return;
        }
        let mut body = Map::new();
        body.insert("ok".to_owned(), Value::Bool(true));
        if !running.own_log {
            body.insert("no_changes".to_owned(), Value::Bool(true));
        }
        if let Some(Value::Object(log)) = running.log.take() {
            let told = log.into_iter().filter(|(name, _)| !name.starts_with('_'));
            body.extend(told);
        }
        let summary = Summary { body, statistics: self.statistics };
        self.finish(Effect::Finished(Ok(summary)));
    }

    pub(super) fn finish(&mut self, effect: Effect) {
        self.state = State::Finished;
        self.requests.clear();
        // What was asked in this very step is moot.
        self.effects.retain(|effect| matches!(effect, Effect::Refused(_)));
        self.effects.push(effect);
    }
}

/// CouchDB before 3.3 and others say "0" or nothing.
fn is_telling(instance: &str) -> bool {
    !instance.is_empty() && instance != "0"
}
