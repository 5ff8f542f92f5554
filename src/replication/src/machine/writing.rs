//! The checkpoint document, written on both ends one after the other: never over one that somebody else wrote,
//! and never into a database that is not the one it speaks of.

use serde_json::Value;

use super::checkpointing::{Checkpointing, MADE_ANEW};
use super::requests::Outstanding;
use super::{Purpose, Replication};
use crate::exchange::{Checkpoint, End, Request};

/// Why a request failed in passing, and when it may come again, milliseconds, where that was told.
type Passing = (String, Option<u64>);

impl Replication {
    /// Writes the document on an end. One that was deleted and made anew does not always show as another
    /// instance, and CouchDB takes a `_local` document in any revision: there it is looked first whether the
    /// document that this one replaces still stands.
    pub(super) fn write_log(&mut self, end: End) {
        let is_certain = self.instance(end).is_certain();
        let known = self.running().and_then(|running| running.revision(end)).is_some();
        match known && !is_certain {
            true => self.read_log_again(end),
            false => self.put_log(end, 0),
        }
    }

    /// In quiet nothing is written: where an end does not tell which database it is, it is looked whether the
    /// document still stands.
    pub(super) fn look_at_log(&mut self, end: End) {
        let (purpose, local_id) = (Purpose::LookAtLog(end), self.local_id.clone());
        let is_certain = self.instance(end).is_certain();
        let known = self.running().and_then(|running| running.revision(end)).is_some();
        if known && !is_certain && !self.requests.holds(purpose) {
            self.ask(end, purpose, Request::Checkpoint { local_id });
        }
    }

    pub(super) fn log_looked(&mut self, end: End, is_there: bool) {
        if !is_there {
            self.begin_anew(end, MADE_ANEW);
        }
    }

    fn put_log(&mut self, end: End, attempt: u32) {
        let local_id = self.local_id.clone();
        let Some(running) = self.running() else {
            return;
        };
        let Checkpointing::Writing { body, .. } = &running.checkpointing else {
            return;
        };
        let revision = running.revision(end).cloned();
        let request = Request::WriteCheckpoint { local_id, body: body.clone(), revision };
        let (purpose, sent_ms) = (Purpose::WriteLog(end), self.now_ms);
        self.send(Outstanding { end, purpose, request, attempt, sent_ms });
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

    /// Someone may have written the document since we read it: most often we ourselves, in a write whose
    /// answer was lost.
    pub(super) fn read_log_again(&mut self, end: End) {
        let local_id = self.local_id.clone();
        let request = Request::Checkpoint { local_id };
        self.ask(end, Purpose::ReadLogAgain(end), request);
    }

    /// A write of the document failed in passing. Where nobody can tell what the end is now, it is read before
    /// it is written again.
    pub(super) fn log_unwritten(&mut self, outstanding: Outstanding, failure: Passing) {
        match self.instance(outstanding.end).is_certain() {
            true => self.repeat(outstanding, failure.0, failure.1),
            false => self.read_log_later(outstanding, failure),
        }
    }

    /// Reads the document before it is written again, after the pause that a repetition has.
    pub(super) fn read_log_later(
        &mut self,
        outstanding: Outstanding,
        (reason, retry_after_ms): Passing,
    ) {
        let request = Request::Checkpoint { local_id: self.local_id.clone() };
        let purpose = Purpose::ReadLogAgain(outstanding.end);
        self.repeat(Outstanding { purpose, request, ..outstanding }, reason, retry_after_ms);
    }

    pub(super) fn log_read_again(&mut self, end: End, log: Option<Checkpoint>, attempt: u32) {
        let own_session = Value::String(self.settings.session_id.clone());
        let Some(running) = self.running() else {
            return;
        };
        let found = log.as_ref().map(|log| &log.revision);
        let is_known = found == running.revision(end);
        let is_ours = log.as_ref().and_then(|log| log.body.get("session_id")) == Some(&own_session);
        match log {
            None if !is_known => self.begin_anew(end, MADE_ANEW),
            Some(_) if !is_known && !is_ours => {
                self.begin_anew(end, "its checkpoint was changed by another replication");
            }
            log => {
                running.set_revision(end, log.map(|log| log.revision));
                self.put_log(end, attempt);
            }
        }
    }
}
