//! What runs because of documents in `_replicator`, and when: a document becomes one run, or, where
//! an end names nodes, one run for each of those that is up. Here are the machine's public face and
//! its inputs; its parts live in the modules below.
//!
//! Every input ends in `settle`, which starts whatever may start now and tells the shell when to wake
//! the machine. It asks for nothing that must have an answer: what it lost in a restart it finds
//! again in the documents.
//!
//! Source: <https://docs.couchdb.org/en/stable/replication/replicator.html>

mod absent;
mod document;
mod exchange;
mod report;
mod run;
mod running;
mod runs;
mod state;
mod taking;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::crashes::CrashKind;
use crate::identity::ReplicationId;
use crate::kept_off::KeptOff;
pub use absent::no_peer_named;
use document::{Document, Writing};
pub use exchange::{
    ChangedReplication, DocumentName, DocumentsEffect, DocumentsOptions, PeerUp, REPLICATOR,
    RunNumber, RunOrder, WriteOutcome,
};
pub use report::{DocumentRows, Outside};
use run::RunKey;
pub use state::StateWrite;

/// A state that could not be written is written again after so long.
const WRITE_AGAIN_MS: u64 = 5_000;

/// What waits for a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    /// A run's back-off ends.
    Run(RunKey),
    /// A state is to be written again.
    Write(DocumentName),
}

/// The machine.
#[derive(Debug)]
pub struct Documents {
    options: DocumentsOptions,
    now_ms: u64,
    documents: BTreeMap<DocumentName, Box<Document>>,
    nodes: Vec<PeerUp>,
    /// Runs that are started and not over.
    under_way: BTreeMap<RunNumber, RunKey>,
    /// Who has a replication's id; another run of the same one has to wait.
    holders: HashMap<ReplicationId, RunKey>,
    /// Runs that may start, unless somebody else has their id.
    ready: BTreeSet<RunKey>,
    /// Runs that may start when nobody else has their id any more.
    blocked: HashMap<ReplicationId, BTreeSet<RunKey>>,
    alarms: BTreeSet<(u64, Alarm)>,
    next_run: u64,
    effects: Vec<DocumentsEffect>,
    /// When the shell was last asked to wake us.
    wake_at_ms: Option<u64>,
}

impl Documents {
    /// A machine that knows of no document and of no node.
    pub fn new(options: DocumentsOptions) -> Self {
        Self {
            next_run: options.first_run,
            options,
            now_ms: 0,
            documents: BTreeMap::new(),
            nodes: Vec::new(),
            under_way: BTreeMap::new(),
            holders: HashMap::new(),
            ready: BTreeSet::new(),
            blocked: HashMap::new(),
            alarms: BTreeSet::new(),
            effects: Vec::new(),
            wake_at_ms: None,
        }
    }

    /// A document is new or was edited, by whomever. Told twice, it counts once.
    pub fn changed(&mut self, now_ms: u64, change: ChangedReplication) -> Vec<DocumentsEffect> {
        self.pass(now_ms);
        let known = self.documents.get(&change.document);
        if known.is_none_or(|known| known.revision != change.revision) {
            self.take(change);
        }
        self.settle()
    }

    /// A document was deleted.
    pub fn removed(&mut self, now_ms: u64, name: &DocumentName) -> Vec<DocumentsEffect> {
        self.pass(now_ms);
        self.forget(name);
        self.settle()
    }

    /// A whole database is gone.
    pub fn cleared(&mut self, now_ms: u64, database: &str) -> Vec<DocumentsEffect> {
        self.pass(now_ms);
        let of_it = self.documents.keys().filter(|name| *name.database == *database);
        for name in of_it.cloned().collect::<Vec<_>>() {
            self.forget(&name);
        }
        self.settle()
    }

    /// All trusted nodes that are up now.
    pub fn nodes_up(&mut self, now_ms: u64, nodes: Vec<PeerUp>) -> Vec<DocumentsEffect> {
        self.pass(now_ms);
        self.nodes = nodes;
        let names: Vec<DocumentName> = self.documents.keys().cloned().collect();
        for name in names {
            self.follow_nodes(&name);
        }
        self.settle()
    }

    /// A run has to wait for its turn, since as many as may run already, or for its window, or for another
    /// reason, which is told.
    pub fn waits(
        &mut self,
        now_ms: u64,
        number: RunNumber,
        reason: Option<KeptOff>,
    ) -> Vec<DocumentsEffect> {
        self.pass(now_ms);
        self.run_waits(number, reason);
        self.settle()
    }

    /// A run works.
    pub fn started(&mut self, now_ms: u64, number: RunNumber) -> Vec<DocumentsEffect> {
        self.pass(now_ms);
        self.run_started(number);
        self.settle()
    }

    /// A run came to its good end; `statistics` as `_replication_stats` shows them.
    pub fn ended(
        &mut self,
        now_ms: u64,
        number: RunNumber,
        statistics: Value,
    ) -> Vec<DocumentsEffect> {
        self.pass(now_ms);
        self.run_ended(number, statistics);
        self.settle()
    }

    /// A run failed or went down: how, and why.
    pub fn crashed(
        &mut self,
        now_ms: u64,
        number: RunNumber,
        crash: (CrashKind, String),
    ) -> Vec<DocumentsEffect> {
        self.pass(now_ms);
        self.run_crashed(number, crash);
        self.settle()
    }

    /// A state was written into a document that had this revision, or was not.
    pub fn written(
        &mut self,
        now_ms: u64,
        write: &StateWrite,
        outcome: WriteOutcome,
    ) -> Vec<DocumentsEffect> {
        self.pass(now_ms);
        let again_ms = self.now_ms + WRITE_AGAIN_MS;
        let document = self.documents.get_mut(&write.document);
        if let Some(document) = document.filter(|known| known.revision == write.revision) {
            match outcome {
                // The feed tells the same; it is no news then.
                WriteOutcome::Written { revision } => {
                    document.revision = revision;
                    document.writing = Writing::Nothing;
                }
                WriteOutcome::Superseded => document.writing = Writing::Nothing,
                WriteOutcome::Failed => {
                    document.writing = Writing::Later { at_ms: again_ms };
                    self.alarms.insert((again_ms, Alarm::Write(write.document.clone())));
                }
            }
        }
        self.settle()
    }

    /// Takes notice of the time.
    pub fn elapsed(&mut self, now_ms: u64) -> Vec<DocumentsEffect> {
        self.pass(now_ms);
        self.wake_at_ms = None;
        while let Some((at_ms, _)) = self.alarms.first()
            && *at_ms <= self.now_ms
        {
            match self.alarms.pop_first() {
                Some((_, Alarm::Run(key))) => self.rested(key),
                Some((_, Alarm::Write(name))) => self.write(&name),
                None => {}
            }
        }
        self.settle()
    }

    fn pass(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
    }

    fn unix_ms(&self) -> u64 {
        self.options.started_unix_ms.saturating_add(self.now_ms)
    }

    /// Asks for a document's last state to be written into it.
    fn write(&mut self, name: &DocumentName) {
        let unix_ms = self.unix_ms();
        let Some(document) = self.documents.get_mut(name) else {
            return;
        };
        if let Some(write) = StateWrite::of(name, document, unix_ms) {
            document.writing = Writing::UnderWay;
            self.effects.push(DocumentsEffect::Write(write));
        }
    }

    /// Starts what may start, and asks to be woken for what may not yet.
    fn settle(&mut self) -> Vec<DocumentsEffect> {
        self.start_ready();
        if let Some((due_ms, _)) = self.alarms.first()
            && self.wake_at_ms.is_none_or(|wake_at| *due_ms < wake_at)
        {
            self.wake_at_ms = Some(*due_ms);
            // At least 1 ms, so that a shell that rounds down cannot spin.
            let after_ms = due_ms.saturating_sub(self.now_ms).max(1);
            self.effects.push(DocumentsEffect::Wake { after_ms });
        }
        std::mem::take(&mut self.effects)
    }
}
