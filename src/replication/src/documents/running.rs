//! How runs start, and what becomes of the news of them.

use std::sync::Arc;

use serde_json::Value;

use super::document::{Document, State};
use super::run::{Phase, Run, RunKey};
use super::{Alarm, DocumentName, Documents, DocumentsEffect, RunNumber, RunOrder};
use crate::crashes::{CrashKind, Crashes};
use crate::identity::ReplicationId;
use crate::kept_off::KeptOff;

impl Documents {
    pub(super) fn start_ready(&mut self) {
        while let Some(key) = self.ready.pop_first() {
            let number = RunNumber(self.next_run);
            let Some(run) = run_of(&mut self.documents, &key) else {
                continue;
            };
            if let Some(holder) = self.holders.get(&run.id) {
                if key.node.is_none() {
                    let reason = runs_already(&run.id, &key.document, &holder.document);
                    self.fail(&key.document, reason);
                    continue;
                }
                self.blocked.entry(run.id.clone()).or_default().insert(key);
                continue;
            }
            run.phase = Phase::Starting(number);
            self.effects.push(DocumentsEffect::Start(RunOrder {
                number,
                document: key.document.clone(),
                job: Arc::clone(&run.job),
                id: run.id.clone(),
            }));
            self.next_run = self.next_run.wrapping_add(1);
            self.holders.insert(run.id.clone(), key.clone());
            self.under_way.insert(number, key);
        }
    }

    /// As in CouchDB, the second document that asks for what another one runs fails for good.
    fn fail(&mut self, name: &DocumentName, reason: String) {
        if let Some(document) = self.documents.get_mut(name) {
            document.state = State::Failed { reason };
        }
        self.write(name);
        self.touch(name);
    }

    pub(super) fn run_started(&mut self, number: RunNumber) {
        let Some(key) = self.under_way.get(&number).cloned() else {
            return;
        };
        let since_ms = self.now_ms;
        if let Some(run) = run_of(&mut self.documents, &key) {
            run.phase = Phase::Running { number, since_ms };
        }
        self.touch(&key.document);
    }

    pub(super) fn run_waits(&mut self, number: RunNumber, reason: Option<KeptOff>) {
        let Some(key) = self.under_way.get(&number).cloned() else {
            return;
        };
        let now_ms = self.now_ms;
        if let Some(run) = run_of(&mut self.documents, &key) {
            // One that waits on has no news.
            if run.phase == Phase::Pending(number) && run.waits_for == reason {
                return;
            }
            run.wait(now_ms, number, reason);
        }
        self.touch(&key.document);
    }

    pub(super) fn run_ended(&mut self, number: RunNumber, statistics: Value) {
        let Some(key) = self.over(number) else {
            return;
        };
        let Some(run) = run_of(&mut self.documents, &key) else {
            return;
        };
        if key.node.is_some() {
            run.phase = Phase::Done;
            run.crashes = Crashes::default();
            run.last_error = None;
            run.statistics = Some(statistics);
        } else {
            let id = Some(run.id.to_string());
            if let Some(document) = self.documents.get_mut(&key.document) {
                document.state = State::Completed { id, statistics: Some(statistics) };
            }
            self.write(&key.document);
        }
        self.touch(&key.document);
    }

    pub(super) fn run_crashed(&mut self, number: RunNumber, crash: (CrashKind, String)) {
        let Some(key) = self.over(number) else {
            return;
        };
        let now_ms = self.now_ms;
        if let Some(run) = run_of(&mut self.documents, &key) {
            let until_ms = run.crash(now_ms, number, crash, key.node.is_some());
            self.alarms.insert((until_ms, Alarm::Run(key.clone())));
        }
        self.touch(&key.document);
    }

    /// The back-off of a run has passed.
    pub(super) fn rested(&mut self, key: RunKey) {
        if let Some(run) = run_of(&mut self.documents, &key)
            && matches!(run.phase, Phase::Resting { .. })
        {
            run.phase = Phase::Ready;
            self.ready.insert(key);
        }
    }

    /// A run is wanted no longer.
    pub(super) fn end_run(&mut self, key: &RunKey) {
        let state = self.documents.get_mut(&key.document).map(|document| &mut document.state);
        let Some(State::Active(active)) = state else {
            return;
        };
        let Some(run) = active.runs.remove(&key.node) else {
            return;
        };
        self.ready.remove(key);
        if let Some(waiting) = self.blocked.get_mut(&run.id) {
            waiting.remove(key);
        }
        if let Phase::Resting { number, until_ms } = run.phase {
            self.alarms.remove(&(until_ms, Alarm::Run(key.clone())));
            self.effects.push(DocumentsEffect::Stop { number, id: run.id.clone() });
        }
        if let Some(number) = run.number() {
            self.under_way.remove(&number);
            self.release(&run.id);
            self.effects.push(DocumentsEffect::Stop { number, id: run.id });
        }
        self.touch(&key.document);
    }

    /// The run of this number is over by itself: who it was.
    fn over(&mut self, number: RunNumber) -> Option<RunKey> {
        let key = self.under_way.remove(&number)?;
        if let Some(id) = run_of(&mut self.documents, &key).map(|run| run.id.clone()) {
            self.release(&id);
        }
        Some(key)
    }

    /// Nobody has this id any more: whoever waits for it may start.
    fn release(&mut self, id: &ReplicationId) {
        self.holders.remove(id);
        self.ready.extend(self.blocked.remove(id).unwrap_or_default());
    }

    fn touch(&mut self, document: &DocumentName) {
        let unix_ms = self.unix_ms();
        if let Some(document) = self.documents.get_mut(document) {
            document.updated_unix_ms = unix_ms;
        }
    }
}

/// CouchDB's words for it.
fn runs_already(id: &ReplicationId, document: &DocumentName, holder: &DocumentName) -> String {
    let (database, other) = (&holder.database, &holder.id);
    format!(
        "Replication `{id}` specified by document `{}` already started, triggered by document \
         `{other}` from db `{database}`",
        document.id
    )
}

type ById = std::collections::BTreeMap<DocumentName, Box<Document>>;

fn run_of<'a>(documents: &'a mut ById, key: &RunKey) -> Option<&'a mut Run> {
    match &mut documents.get_mut(&key.document)?.state {
        State::Active(active) => active.runs.get_mut(&key.node),
        State::Failed { .. } | State::Completed { .. } => None,
    }
}
