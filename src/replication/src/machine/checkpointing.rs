//! Checkpoints while documents move: first both ends commit what they hold, then the document is
//! written on the source, then on the target. Nothing enters a checkpoint that the target has not
//! acknowledged as durable.

use serde_json::{Map, Value};

use super::{Purpose, Replication, State};
use crate::checkpoint::{SessionRecord, checkpoint_body};
use crate::date::http_date;
use crate::exchange::{Effect, End, Request};
use crate::instance::Instance;
use crate::selection::Choice;
use crate::summary::Summary;

/// Why a replication begins anew when an end is another database than it was.
pub(super) const MADE_ANEW: &str = "its database was deleted and made anew";

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
        let body = self.next_log(&sequence, &Default::default());
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
            source_instance: source_instance.name(),
            target_instance: target_instance.name(),
        };
        checkpoint_body(record, running.history.entries())
    }

    /// Asks both ends whether they are still the databases that they were.
    pub(super) fn look_at_ends(&mut self) {
        for end in [End::Source, End::Target] {
            if !self.requests.holds(Purpose::Look(end)) {
                self.ask(end, Purpose::Look(end), Request::Information);
            }
            self.look_at_log(end);
        }
        self.look_at_filter();
    }

    pub(super) fn looked(&mut self, end: End, instance: &Instance) {
        if self.is_another_instance(end, instance) {
            self.begin_anew(end, MADE_ANEW);
        }
    }

    pub(super) fn instance(&self, end: End) -> &Instance {
        match end {
            End::Source => &self.instances.0,
            End::Target => &self.instances.1,
        }
    }

    fn is_another_instance(&self, end: End, told: &Instance) -> bool {
        self.instance(end).differs(told)
    }

    /// An end has committed, or cannot say.
    pub(super) fn committed(&mut self, end: End, instance: &Instance) {
        if self.is_another_instance(end, instance) {
            return self.begin_anew(end, MADE_ANEW);
        }
        let Some(running) = self.running() else {
            return;
        };
        let told = instance.clone();
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
        if matches!(self.settings.selection.choice, Choice::Documents(_)) {
            body.extend(self.counts_of_listed());
        }
        let summary = Summary { body, statistics: self.statistics };
        self.finish(Effect::Finished(Ok(summary)));
    }

    /// CouchDB tells these beside a history where documents are listed.
    fn counts_of_listed(&self) -> Map<String, Value> {
        let (began_ms, counts) = (self.settings.started_unix_ms, &self.statistics);
        let members = [
            ("start_time", http_date(began_ms).into()),
            ("end_time", http_date(began_ms + self.now_ms).into()),
            ("docs_read", counts.docs_read.into()),
            ("docs_written", counts.docs_written.into()),
            ("doc_write_failures", counts.doc_write_failures.into()),
        ];
        members.map(|(name, value): (&str, Value)| (name.to_owned(), value)).into_iter().collect()
    }

    pub(super) fn finish(&mut self, effect: Effect) {
        self.state = State::Finished;
        self.requests.clear();
        // What was asked in this very step is moot.
        self.effects.retain(|effect| matches!(effect, Effect::Refused(_)));
        self.effects.push(effect);
    }
}
