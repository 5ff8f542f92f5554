//! One document of `_replicator`: what it says, and where what it wants stands.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::runs::Runs;
use crate::job::{Job, parse_end, parse_job, parse_proxies};

/// A document and what becomes of it.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) revision: String,
    pub(super) shown: Shown,
    pub(super) state: State,
    /// When it was first seen in this form.
    pub(super) started_unix_ms: u64,
    /// When its state last changed.
    pub(super) updated_unix_ms: u64,
    pub(super) writing: Writing,
}

/// Its ends for people, without credentials; `None` where the text is no end.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) source: Option<String>,
    pub(super) target: Option<String>,
    pub(super) source_proxy: Option<String>,
    pub(super) target_proxy: Option<String>,
}

#[derive(Debug)]
pub(super) enum State {
    /// It cannot become a job.
    Failed { reason: String },
    /// It ran to its end, now or before.
    Completed { id: Option<String>, statistics: Option<Value> },
    /// It has runs, or waits for nodes.
    Active(Active),
}

#[derive(Debug)]
pub(super) struct Active {
    pub(super) job: Arc<Job>,
    pub(super) runs: Runs,
}

/// Whether the last state is on its way into the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    Nothing,
    UnderWay,
    Later { at_ms: u64 },
}

/// What a body says.
pub(super) enum Reading {
    /// Why it cannot become a job, and whether the body says the same already.
    Failed {
        reason: String,
        told: bool,
    },
    /// It says itself that it ran to its end.
    Completed {
        id: Option<String>,
        statistics: Option<Value>,
    },
    Job(Box<Job>),
}

pub(super) fn read(body: &Result<Map<String, Value>, String>) -> (Shown, Reading) {
    let fields = match body {
        Ok(fields) => fields,
        Err(reason) => {
            // What cannot be read is not written into either.
            return (Shown::default(), Reading::Failed { reason: reason.clone(), told: true });
        }
    };
    let end = |field| parse_end(fields, field).ok().map(|end| end.to_string());
    let (source_proxy, target_proxy) = parse_proxies(fields).unwrap_or_default();
    let shown = Shown {
        source: end("source"),
        target: end("target"),
        source_proxy: source_proxy.map(|proxy| proxy.to_string()),
        target_proxy: target_proxy.map(|proxy| proxy.to_string()),
    };
    (shown, read_fields(fields))
}

fn read_fields(fields: &Map<String, Value>) -> Reading {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let state = text("_replication_state");
    let told_reason = text("_replication_state_reason");
    let job = match parse_job(fields) {
        Ok(job) => job,
        Err(error) => {
            let reason = error.to_string();
            let told = state == Some("failed") && told_reason == Some(reason.as_str());
            return Reading::Failed { reason, told };
        }
    };
    // What waits for nodes is never over, whoever wrote so. Of all else the mark counts, as in CouchDB, also
    // where another node made it: whoever wants it to run again takes the mark away.
    match state {
        Some("completed") if job.node_end().is_none() => Reading::Completed {
            id: text("_replication_id").map(str::to_owned),
            statistics: fields.get("_replication_stats").cloned(),
        },
        Some("failed") if job.node_end().is_none() => {
            let reason = told_reason.unwrap_or("it is marked as failed").to_owned();
            Reading::Failed { reason, told: true }
        }
        _ => Reading::Job(Box::new(job)),
    }
}
