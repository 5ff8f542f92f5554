//! Stories of documents, told to the machine step by step in virtual time.

mod nodes;
mod once;
mod several;

use refuge_mesh::NodeId;
use serde_json::{Value, json};

use super::*;

/// A machine, its clock, and what it last asked to be woken at.
struct Story {
    machine: Documents,
    now_ms: u64,
    wake_at_ms: Option<u64>,
    next_revision: u64,
}

/// An effect, as short as a test reads it.
#[derive(Clone, Debug, PartialEq)]
enum Did {
    Start { number: u64, document: String, target: String },
    Stop(u64),
    Write { document: String, state: String },
}

impl Story {
    fn new() -> Self {
        let options =
            DocumentsOptions { node_uuid: "0".repeat(32), started_unix_ms: 0, first_run: 1 };
        let machine = Documents::new(options);
        Self { machine, now_ms: 0, wake_at_ms: None, next_revision: 1 }
    }

    fn did(&mut self, effects: Vec<DocumentsEffect>) -> Vec<Did> {
        let mut did = Vec::new();
        for effect in effects {
            match effect {
                DocumentsEffect::Start(order) => did.push(Did::Start {
                    number: order.number.0,
                    document: order.document.to_string(),
                    target: order.job.target.to_string(),
                }),
                DocumentsEffect::Stop { number, .. } => did.push(Did::Stop(number.0)),
                DocumentsEffect::Write(write) => did.push(Did::Write {
                    state: written(&write, "{}")["_replication_state"].to_string(),
                    document: write.document.to_string(),
                }),
                DocumentsEffect::Wake { after_ms } => {
                    self.wake_at_ms = Some(self.now_ms + after_ms);
                }
            }
        }
        did
    }

    /// A new revision of a document; what the machine does then.
    fn put(&mut self, id: &str, body: Value) -> Vec<Did> {
        let change = self.change(id, body);
        let effects = self.machine.changed(self.now_ms, change);
        self.did(effects)
    }

    fn change(&mut self, id: &str, body: Value) -> ChangedReplication {
        let Value::Object(body) = body else { panic!("no object") };
        let revision = format!("{}-x", self.next_revision);
        self.next_revision += 1;
        ChangedReplication { document: named(id), revision, body: Ok(body) }
    }

    fn remove(&mut self, id: &str) -> Vec<Did> {
        let effects = self.machine.removed(self.now_ms, &named(id));
        self.did(effects)
    }

    fn up(&mut self, nodes: &[(u8, &str, &str)]) -> Vec<Did> {
        let nodes = nodes.iter().map(|(id, name, group)| PeerUp {
            id: NodeId::from_digest([*id; 32]),
            name: (*name).to_owned(),
            groups: vec![(*group).to_owned()],
            earlier: Vec::new(),
        });
        let effects = self.machine.nodes_up(self.now_ms, nodes.collect());
        self.did(effects)
    }

    fn started(&mut self, number: u64) -> Vec<Did> {
        let effects = self.machine.started(self.now_ms, RunNumber(number));
        self.did(effects)
    }

    fn ended(&mut self, number: u64) -> Vec<Did> {
        let statistics = json!({"docs_written": 3});
        let effects = self.machine.ended(self.now_ms, RunNumber(number), statistics);
        self.did(effects)
    }

    fn crashed(&mut self, number: u64) -> Vec<Did> {
        let crash = (CrashKind::Other, "it broke".to_owned());
        let effects = self.machine.crashed(self.now_ms, RunNumber(number), crash);
        self.did(effects)
    }

    /// Sleeps until the machine wants to be woken; how long that was.
    fn sleep(&mut self) -> (u64, Vec<Did>) {
        let until = self.wake_at_ms.take().expect("nobody is to be woken");
        let slept = until - self.now_ms;
        self.now_ms = until;
        let effects = self.machine.elapsed(self.now_ms);
        (slept, self.did(effects))
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
    }

    fn row(&self, id: &str) -> Value {
        let outside = Outside { peers: None, progress: &|_| Some(json!({"docs_read": 7})) };
        self.machine.report_one(&named(id), outside).expect("no such document")
    }

    fn state(&self, id: &str) -> String {
        self.row(id)["state"].as_str().expect("no state").to_owned()
    }
}

/// Nothing is known but what the machine knows.
const ALONE: Outside<'static> = Outside { peers: None, progress: &|_| None };

/// `database/_replicator/id`, or an id of `_replicator`.
fn named(text: &str) -> DocumentName {
    let (database, id) = text.rsplit_once('/').unwrap_or((REPLICATOR, text));
    DocumentName { database: database.into(), id: id.into() }
}

fn written(write: &StateWrite, body: &str) -> Value {
    let body = write.apply(body.as_bytes()).expect("a body");
    serde_json::from_slice(body.as_bytes()).expect("JSON")
}

fn start(number: u64, document: &str, target: &str) -> Did {
    Did::Start { number, document: document.to_owned(), target: target.to_owned() }
}

fn write(document: &str, state: &str) -> Did {
    Did::Write { document: document.to_owned(), state: format!("\"{state}\"") }
}
