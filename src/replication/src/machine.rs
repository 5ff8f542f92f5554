//! The machine: one replication from its start to its end. Here are its public face and the
//! dispatch of what comes in; the states live in the modules below, one file each.
//!
//! Every input ends in `settle`, which starts whatever may start now, and tells the shell when to
//! wake it.

mod carrying;
mod checkpointing;
mod failing;
mod filtering;
mod opening;
mod pacing;
mod recalling;
mod rechecking;
mod requests;
mod running;
mod storing;
mod writing;

use serde_json::Value;

use crate::exchange::{Answer, Effect, End, EndFailure, Request, RequestId};
use crate::instance::Instance;
use crate::members::Members;
use crate::sequence::BEGINNING;
use crate::settings::Settings;
use crate::status::{Phase, Status};
use crate::summary::Statistics;
pub use carrying::identity_of;
use opening::{Comparing, Opening};
use pacing::Pacing;
use requests::{Outstanding, Requests};
use running::Running;

/// One replication. See the crate's head for how it is driven.
///
/// `now_ms` of every call is milliseconds since the machine was made, by a clock that never goes
/// back.
#[derive(Debug)]
pub struct Replication {
    settings: Settings,
    /// How large batches are now.
    pacing: Pacing,
    now_ms: u64,
    state: State,
    requests: Requests,
    effects: Vec<Effect>,
    /// When the shell was last asked to wake us.
    wake_at_ms: Option<u64>,
    statistics: Statistics,
    source_sequence: String,
    last_failure: Option<(End, String)>,
    /// Times that the whole replication began anew since its last checkpoint.
    restarts: u32,
    /// Number of the newest batch; never used twice, also not after beginning anew.
    last_batch: u64,
    /// Which databases (source, target) are.
    instances: (Instance, Instance),
    /// Whether this session begins at the beginning whatever the checkpoints say.
    from_beginning: bool,
    /// What is done with members that the target has to know.
    members: Members,
    /// The id of the checkpoints, without `_local/`.
    local_id: String,
    /// Whether an end refused to keep checkpoints, or none are wanted.
    without_checkpoints: bool,
    /// How long the source took to tell of itself.
    source_took_ms: u64,
}

/// Where the machine stands.
#[derive(Debug)]
enum State {
    New,
    Opening(Box<Opening>),
    Comparing(Box<Comparing>),
    Running(Box<Running>),
    Finished,
}

/// What an outstanding request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Open(End),
    Create,
    ReadFilter,
    LookAtFilter,
    ReadLog(End),
    Page,
    Compare(u64),
    Fetch(u64),
    Store(u64),
    Carry(u64),
    /// What of a batch was stored by a request whose answer was lost.
    Recheck(u64),
    Commit(End),
    Look(End),
    WriteLog(End),
    ReadLogAgain(End),
    /// Whether the checkpoint still stands.
    LookAtLog(End),
    Recall,
}

impl Replication {
    /// A machine that has not begun.
    pub fn new(settings: Settings) -> Self {
        Self {
            without_checkpoints: !settings.use_checkpoints,
            local_id: settings.id.local_id().to_owned(),
            pacing: Pacing::new(&settings),
            settings,
            now_ms: 0,
            state: State::New,
            requests: Requests::default(),
            effects: Vec::new(),
            wake_at_ms: None,
            statistics: Statistics::default(),
            source_sequence: BEGINNING.to_owned(),
            last_failure: None,
            restarts: 0,
            last_batch: 0,
            instances: Default::default(),
            from_beginning: false,
            source_took_ms: 0,
            members: Members::default(),
        }
    }

    /// Begins. A second call does nothing.
    pub fn start(&mut self, now_ms: u64) -> Vec<Effect> {
        self.now_ms = self.now_ms.max(now_ms);
        if matches!(self.state, State::New) {
            self.open(0);
        }
        self.settle()
    }

    /// Takes the outcome of a request. One that is not (or no longer) waited for is ignored.
    pub fn answer(
        &mut self,
        now_ms: u64,
        id: RequestId,
        outcome: Result<Answer, EndFailure>,
    ) -> Vec<Effect> {
        self.now_ms = self.now_ms.max(now_ms);
        if let Some(outstanding) = self.requests.take(id) {
            match outcome {
                Ok(answer) => self.answered(outstanding, answer),
                Err(failure) => self.failed(outstanding, failure),
            }
        }
        self.settle()
    }

    /// Takes notice of the time.
    pub fn elapsed(&mut self, now_ms: u64) -> Vec<Effect> {
        self.now_ms = self.now_ms.max(now_ms);
        self.wake_at_ms = None;
        for late in self.requests.take_late(self.now_ms) {
            let seconds = self.settings.answer_deadline_ms / 1_000;
            let reason = format!("no answer within {seconds} s");
            self.failed(late, EndFailure::transient(reason));
        }
        for ready in self.requests.take_ready(self.now_ms) {
            self.send(ready);
        }
        self.settle()
    }

    /// Name of the target, without credentials.
    pub fn target_name(&self) -> &str {
        &self.settings.target_name
    }

    /// What there is to know.
    pub fn status(&self) -> Status {
        let running = match &self.state {
            State::Running(running) => Some(running),
            _ => None,
        };
        let sequence = |of: fn(&Running) -> &String| {
            running.map_or_else(|| BEGINNING.to_owned(), |running| of(running).clone())
        };
        Status {
            replication_id: self.settings.id.to_string(),
            session_id: self.settings.session_id.clone(),
            source: self.settings.source_name.clone(),
            target: self.settings.target_name.clone(),
            continuous: self.settings.continuous,
            phase: self.phase(),
            source_sequence: self.source_sequence.clone(),
            through_sequence: sequence(|running| &running.through),
            checkpointed_sequence: sequence(|running| &running.checkpointed),
            pending: running.and_then(|running| Some(running.pending? + running.under_way())),
            changes_done: running.map_or(0, |running| running.done()),
            caught_up: running.is_some_and(|running| running.caught_up()),
            statistics: self.statistics,
            waiting_to_retry: self.requests.sleeping(),
            last_failure: self.last_failure.as_ref().map(|(_, text)| text.clone()),
        }
    }

    fn phase(&self) -> Phase {
        match &self.state {
            State::New => Phase::New,
            State::Opening(_) => Phase::Opening,
            State::Comparing(_) => Phase::Comparing,
            State::Running(_) => Phase::Running,
            State::Finished => Phase::Finished,
        }
    }

    fn answered(&mut self, outstanding: Outstanding, answer: Answer) {
        let end = outstanding.end;
        let is_of_end = self.last_failure.as_ref().is_some_and(|(of, _)| *of == end);
        if is_of_end && !self.requests.repeats(end) {
            self.last_failure = None;
        }
        self.keep_pace(&outstanding, &answer);
        match (outstanding.purpose, answer) {
            (Purpose::Open(end), Answer::Information(information)) => {
                if end == End::Source {
                    self.source_took_ms = self.now_ms.saturating_sub(outstanding.sent_ms);
                }
                self.opened(end, information);
            }
            (Purpose::Create, Answer::Created) => self.created(),
            (Purpose::ReadFilter, Answer::DesignDocument(design)) => self.filter_read(design),
            (Purpose::LookAtFilter, Answer::DesignDocument(design)) => self.filter_looked(design),
            (Purpose::ReadLog(end), Answer::Checkpoint(log)) => self.log_read(end, log),
            (Purpose::Page, Answer::Changes(page)) => self.page_read(page),
            (Purpose::Compare(batch), Answer::Differences(differences)) => {
                self.compared(batch, &outstanding.request, differences);
            }
            (Purpose::Fetch(batch), Answer::Documents(page)) => {
                self.fetched(batch, &outstanding.request, page);
            }
            (Purpose::Store(batch), Answer::Stored { refused, overdue }) => {
                self.stored(batch, outstanding, (refused, overdue));
            }
            (Purpose::Carry(batch), Answer::Carried(carriage)) => self.carried(batch, carriage),
            (Purpose::Recheck(batch), Answer::Differences(differences)) => {
                self.rechecked(batch, outstanding.attempt, &differences);
            }
            (Purpose::Commit(end), Answer::Committed { instance }) => {
                self.committed(end, &instance)
            }
            (Purpose::Look(end), Answer::Information(information)) => {
                self.looked(end, &information.instance);
            }
            (Purpose::WriteLog(end), Answer::CheckpointWritten { revision }) => {
                self.log_written(end, revision);
            }
            (Purpose::ReadLogAgain(end), Answer::Checkpoint(log)) => {
                self.log_read_again(end, log, outstanding.attempt);
            }
            (Purpose::LookAtLog(end), Answer::Checkpoint(log)) => {
                self.log_looked(end, log.is_some())
            }
            (Purpose::Recall, Answer::Checkpoint(log)) => self.recalled(log.as_ref()),
            (purpose, _) => {
                let reason = format!("its answer does not fit the request ({purpose:?})");
                self.fail_permanently(end, reason);
            }
        }
    }

    /// Sends a request for the first time.
    fn ask(&mut self, end: End, purpose: Purpose, request: Request) {
        self.send(Outstanding { end, purpose, request, attempt: 0, sent_ms: self.now_ms });
    }

    fn send(&mut self, mut outstanding: Outstanding) {
        outstanding.sent_ms = self.now_ms;
        let end = outstanding.end;
        let request = outstanding.request.clone();
        // Whoever carries, or reads what is left of a feed, watches that bytes move; how long it takes
        // nobody knows.
        let patience_ms = match &request {
            Request::Carry { .. } => Settings::CARRIAGE_DEADLINE_MS,
            Request::Changes { selection, .. } if selection.is_selective() => {
                Settings::CARRIAGE_DEADLINE_MS
            }
            _ => self.settings.answer_deadline_ms,
        };
        let deadline_ms = self.now_ms + patience_ms;
        let id = self.requests.put(outstanding, deadline_ms);
        self.effects.push(Effect::Request { id, end, request });
    }

    /// Starts what may start, and asks to be woken for what may not yet.
    fn settle(&mut self) -> Vec<Effect> {
        self.pump();
        self.commit_source_early();
        self.checkpoint_where_due();
        self.finish_where_done();
        self.let_go_where_at_rest();
        self.ask_to_be_woken();
        std::mem::take(&mut self.effects)
    }

    fn ask_to_be_woken(&mut self) {
        let due = [self.requests.earliest_ms(), self.checkpoint_due_ms(), self.page_due_ms()];
        let Some(due_ms) = due.into_iter().flatten().min() else {
            return;
        };
        if self.wake_at_ms.is_none_or(|wake_at| due_ms < wake_at) {
            self.wake_at_ms = Some(due_ms);
            // At least 1 ms, so that a shell that rounds down cannot spin.
            let after_ms = due_ms.saturating_sub(self.now_ms).max(1);
            self.effects.push(Effect::Wake { after_ms });
        }
    }

    fn running(&mut self) -> Option<&mut Running> {
        match &mut self.state {
            State::Running(running) => Some(running),
            _ => None,
        }
    }
}

/// The document of a checkpoint request's answer that a new session goes on from.
type LogBody = Option<Value>;
