//! What `_scheduler/jobs` tells, in CouchDB's shape.
//!
//! Source: <https://docs.couchdb.org/en/stable/api/server/common.html#scheduler-jobs>

use std::collections::BTreeMap;
use std::sync::Arc;

use refuge_http::NODE_NAME;
use refuge_otp::Names;
use refuge_replication::{Status, timestamp};
use serde_json::{Value, json};

use super::Outcome;
use super::entry::Entry;
use crate::names;
use crate::own_events::{NewOwnEvent, OwnEventKind};

/// A page of all jobs, in the order of their ids.
pub(super) fn jobs(
    names: &Names,
    jobs: &BTreeMap<Arc<str>, Box<Entry>>,
    skip: usize,
    limit: usize,
) -> Value {
    let page = jobs.values().skip(skip).take(limit);
    let rows: Vec<Value> = page.map(|entry| job(names, entry)).collect();
    json!({"total_rows": jobs.len(), "offset": skip.min(jobs.len()), "jobs": rows})
}

/// One of them.
pub(super) fn job(names: &Names, entry: &Entry) -> Value {
    let id = entry.id.to_string();
    let wanting = entry.wanting();
    let document = wanting.document.as_ref();
    let history = entry.history.iter().map(|happened| {
        let mut told = json!({"timestamp": timestamp(happened.unix_ms), "type": happened.kind});
        if let (Some(reason), Value::Object(told)) = (&happened.reason, &mut told) {
            told.insert("reason".to_owned(), reason.as_str().into());
        }
        told
    });
    json!({
        "database": document.map(|document| document.database.to_string()),
        "id": id,
        "pid": entry.actor.as_ref().map(|_| names::replication_job(&id)),
        "source": entry.job.source.to_string(),
        "target": entry.job.target.to_string(),
        "user": wanting.user,
        "doc_id": document.map(|document| document.id.to_string()),
        "info": information(names, &id, entry),
        "history": history.collect::<Vec<Value>>(),
        "node": NODE_NAME,
        "start_time": timestamp(entry.added_unix_ms),
    })
}

/// Counts of what runs, or ran before it had to wait; the reason of what crashed.
fn information(names: &Names, id: &str, entry: &Entry) -> Option<Value> {
    if let Some(failure) = &entry.failure {
        return Some(json!({ "error": failure }));
    }
    let reached = || entry.reached.as_ref().map(|status| status.told());
    progress(names, id).or_else(reached)
}

/// The end of a replication, as hooks hear of it.
pub(super) fn end(id: &str, outcome: &Outcome) -> NewOwnEvent {
    match outcome {
        Ok(summary) => NewOwnEvent::new(OwnEventKind::ReplicationCompleted, id)
            .with("docs_written", summary.statistics.docs_written),
        Err(failure) => NewOwnEvent::new(OwnEventKind::ReplicationFailed, id)
            .with("reason", failure.to_string()),
    }
}

/// The counts of a job that is at work; it publishes them itself.
pub(crate) fn progress(names: &Names, id: &str) -> Option<Value> {
    names.value::<Status>(&names::replication_job(id)).map(|status| status.told())
}
