//! Former sessions, which every checkpoint repeats: a continuous replication that rests does not hold them,
//! since there may be thousands of it, and reads them again from the source before its next checkpoint.

use serde_json::Value;

use super::checkpointing::Checkpointing;
use super::running::Running;
use super::{Purpose, Replication};
use crate::checkpoint::CheckpointLog;
use crate::exchange::{Checkpoint, End, Request};

/// Entries of former sessions, newest first, or where they stand.
#[derive(Debug)]
pub(super) enum Sessions {
    Here(Vec<Value>),
    /// In the source's checkpoint, from the session of this name on.
    AtSource(String),
}

impl Sessions {
    pub(super) fn entries(&self) -> &[Value] {
        match self {
            Self::Here(entries) => entries,
            Self::AtSource(_) => &[],
        }
    }
}

impl Replication {
    /// Lets go of former sessions, and of room that was needed, while nothing is to be done.
    pub(super) fn let_go_where_at_rest(&mut self) {
        if !self.settings.continuous {
            return;
        }
        let own = self.settings.session_id.clone();
        let Some(running) = self.running() else { return };
        let idle = matches!(running.checkpointing, Checkpointing::Idle);
        if !idle || running.progressed || !running.caught_up() {
            return;
        }
        running.shrink();
        self.requests.shrink();
        let Some(Running { history, own_log, .. }) = self.running() else { return };
        let Sessions::Here(entries) = &*history else { return };
        let id = |entry: &Value| entry.get("session_id").and_then(Value::as_str).map(str::to_owned);
        let newest = if *own_log { Some(own) } else { entries.first().and_then(id) };
        if let Some(newest) = newest {
            *history = Sessions::AtSource(newest);
        }
    }

    /// Reads former sessions where they are not held; tells whether it does.
    pub(super) fn recall(&mut self) -> bool {
        let local_id = self.local_id.clone();
        let Some(running) = self.running() else { return false };
        if !matches!(running.history, Sessions::AtSource(_)) {
            return false;
        }
        running.checkpointing = Checkpointing::Recalling;
        self.ask(End::Source, Purpose::Recall, Request::Checkpoint { local_id });
        true
    }

    /// They are read, or nobody knows them any more: a checkpoint is then the first of its kind.
    pub(super) fn recalled(&mut self, log: Option<&Checkpoint>) {
        let Some(running) = self.running() else { return };
        if let Sessions::AtSource(newest) = &running.history {
            let sessions = log.map(|log| CheckpointLog::read(&log.body).sessions);
            let known = sessions.into_iter().flatten().skip_while(|session| session.id != *newest);
            running.history = Sessions::Here(known.map(|session| session.entry).collect());
        }
        running.checkpointing = Checkpointing::Idle;
        self.commit_for_checkpoint();
    }
}
