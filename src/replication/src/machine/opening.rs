//! The states before documents move: both ends are opened (the target made where that is wanted), and
//! their checkpoints are read and compared. Both are asked for at once where it is known what the checkpoints
//! are called: over a slow link each question after another costs time in which nothing is carried.

use super::requests::Outstanding;
use super::running::{Beginning, Running};
use super::{LogBody, Purpose, Replication, State};
use crate::checkpoint::{CheckpointLog, common_session};
use crate::exchange::{Checkpoint, End, Information, Request};
use crate::members::Members;
use crate::sequence::BEGINNING;

/// Both ends are asked who they are.
#[derive(Debug, Default)]
pub(super) struct Opening {
    /// What the source tells, once it is open.
    source: Option<Information>,
    target: bool,
    /// The target has to be made, like the source, once that is known.
    target_missing: bool,
    /// The checkpoints, where they were asked for already.
    logs: Option<Box<Comparing>>,
}

/// Both ends are asked for their checkpoint.
#[derive(Debug, Default)]
pub(super) struct Comparing {
    source: Option<Option<Checkpoint>>,
    target: Option<Option<Checkpoint>>,
}

impl Replication {
    /// Begins, after a pause where this is not the first time.
    pub(super) fn open(&mut self, pause_ms: u64) {
        let is_named = self.settings.selection.function().is_none();
        let asks_more = is_named && !self.without_checkpoints && !self.settings.careful;
        let logs = asks_more.then(Box::<Comparing>::default);
        let reads_logs = logs.is_some();
        self.state = State::Opening(Box::new(Opening { logs, ..Opening::default() }));
        for end in [End::Source, End::Target] {
            self.ask_after(pause_ms, end, Purpose::Open(end), Request::Information);
        }
        for end in [End::Source, End::Target].into_iter().filter(|_| reads_logs) {
            let local_id = self.local_id.clone();
            let request = Request::Checkpoint { local_id };
            self.ask_after(pause_ms, end, Purpose::ReadLog(end), request);
        }
    }

    fn ask_after(&mut self, pause_ms: u64, end: End, purpose: Purpose, request: Request) {
        let sent_ms = self.now_ms;
        let outstanding = Outstanding { end, purpose, request, attempt: 0, sent_ms };
        match pause_ms {
            0 => self.send(outstanding),
            pause_ms => self.requests.sleep(outstanding, self.now_ms + pause_ms),
        }
    }

    /// The target is not there and is wanted: it is made as soon as it is known which members the
    /// documents of the source may have, so that they may have them there.
    pub(super) fn make_target(&mut self) {
        if let State::Opening(opening) = &mut self.state {
            opening.target_missing = true;
        }
        self.make_target_where_known();
    }

    fn make_target_where_known(&mut self) {
        let State::Opening(opening) = &mut self.state else {
            return;
        };
        if let Some(source) = &opening.source
            && std::mem::take(&mut opening.target_missing)
        {
            let ttl = source.ttl && !self.settings.strip;
            let access = source.access && !self.settings.strip;
            let partitioned = self.settings.partitioned_target;
            let shards = self.settings.target_shards;
            let request = Request::CreateDatabase { ttl, access, partitioned, shards };
            self.ask(End::Target, Purpose::Create, request);
        }
    }

    /// The target was made: look at it.
    pub(super) fn created(&mut self) {
        self.ask(End::Target, Purpose::Open(End::Target), Request::Information);
    }

    pub(super) fn opened(&mut self, end: End, information: Information) {
        let State::Opening(opening) = &mut self.state else {
            return;
        };
        match end {
            End::Source => {
                self.source_sequence.clone_from(&information.update_sequence);
                self.instances.0.clone_from(&information.instance);
                opening.source = Some(information);
                self.make_target_where_known();
            }
            End::Target => {
                opening.target = true;
                self.members = Members::towards(&information, self.settings.strip);
                self.instances.1 = information.instance;
            }
        }
        let is_open = |opening: &Opening| opening.source.is_some() && opening.target;
        if !matches!(&self.state, State::Opening(opening) if is_open(opening)) {
            return;
        }
        if !self.read_filter() {
            self.compare_checkpoints();
        }
    }

    /// Both ends are open: asks for their checkpoints, where there are any.
    pub(super) fn compare_checkpoints(&mut self) {
        if self.without_checkpoints {
            return self.run(None, None);
        }
        if let State::Opening(opening) = &mut self.state
            && let Some(logs) = opening.logs.take()
        {
            self.state = State::Comparing(logs);
            return self.run_where_compared();
        }
        self.state = State::Comparing(Box::default());
        for end in [End::Source, End::Target] {
            let local_id = self.local_id.clone();
            self.ask(end, Purpose::ReadLog(end), Request::Checkpoint { local_id });
        }
    }

    pub(super) fn log_read(&mut self, end: End, log: Option<Checkpoint>) {
        let comparing = match &mut self.state {
            State::Comparing(comparing) => comparing,
            State::Opening(opening) => match &mut opening.logs {
                Some(logs) => logs,
                None => return,
            },
            _ => return,
        };
        match end {
            End::Source => comparing.source = Some(log),
            End::Target => comparing.target = Some(log),
        }
        self.run_where_compared();
    }

    /// An end that is not there yet, or that is never, has no checkpoint: what that means is told when it is
    /// opened.
    pub(super) fn log_missing(&mut self, end: End) {
        self.log_read(end, None);
    }

    /// Begins the session once both ends are open and their checkpoints are here.
    fn run_where_compared(&mut self) {
        let State::Comparing(comparing) = &mut self.state else {
            return;
        };
        if comparing.source.is_none() || comparing.target.is_none() {
            return;
        }
        let source = comparing.source.take().flatten();
        let target = comparing.target.take().flatten();
        self.run(source, target);
    }

    /// Where a session begins that goes on from no checkpoint.
    fn beginning(&self) -> String {
        match &self.settings.since {
            Some(since) if !self.from_beginning => since.clone(),
            _ => BEGINNING.to_owned(),
        }
    }

    fn run(&mut self, source: Option<Checkpoint>, target: Option<Checkpoint>) {
        let (source_instance, target_instance) = &self.instances;
        let read = |checkpoint: &Option<Checkpoint>| match checkpoint {
            Some(checkpoint) => {
                CheckpointLog::read(&checkpoint.body).of_instances(source_instance, target_instance)
            }
            None => CheckpointLog::default(),
        };
        let common = match self.from_beginning {
            true => None,
            false => common_session(&read(&source), &read(&target)),
        };
        let (sequence, history) = common.unwrap_or_else(|| (self.beginning(), Vec::new()));
        let body: LogBody = source.as_ref().map(|checkpoint| checkpoint.body.clone());
        let beginning = Beginning {
            sequence,
            history,
            former_log: body.filter(|body| body.is_object() && !self.settings.continuous),
            source_revision: source.map(|checkpoint| checkpoint.revision),
            target_revision: target.map(|checkpoint| checkpoint.revision),
            now_ms: self.now_ms,
        };
        self.state = State::Running(Box::new(Running::new(beginning)));
    }
}
