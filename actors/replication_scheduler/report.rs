//! What `_scheduler/jobs` tells, in CouchDB's shape.
//!
//! Source: <https://docs.couchdb.org/en/stable/api/server/common.html#scheduler-jobs>

use std::collections::HashMap;

use refuge_http::NODE_NAME;
use refuge_otp::Names;
use refuge_replication::{Status, timestamp};
use serde_json::{Value, json};

use super::entry::Entry;
use crate::names;

pub(super) fn jobs(names: &Names, jobs: &HashMap<String, Entry>) -> Value {
    let mut ids: Vec<&String> = jobs.keys().collect();
    ids.sort();
    let rows: Vec<Value> =
        ids.into_iter().filter_map(|id| jobs.get(id).map(|entry| row(names, id, entry))).collect();
    json!({"total_rows": rows.len(), "offset": 0, "jobs": rows})
}

fn row(names: &Names, id: &str, entry: &Entry) -> Value {
    let wanting = entry.wanting();
    let database = wanting.document.as_ref().map(|_| "_replicator");
    let history = entry.history.iter().map(|happened| {
        let mut told = json!({"timestamp": timestamp(happened.unix_ms), "type": happened.kind});
        if let (Some(reason), Value::Object(told)) = (&happened.reason, &mut told) {
            told.insert("reason".to_owned(), reason.as_str().into());
        }
        told
    });
    json!({
        "database": database,
        "id": id,
        "pid": names::replication_job(id),
        "source": entry.job.source.to_string(),
        "target": entry.job.target.to_string(),
        "user": wanting.user,
        "doc_id": wanting.document,
        "info": progress(names, id),
        "history": history.collect::<Vec<Value>>(),
        "node": NODE_NAME,
        "start_time": timestamp(entry.added_unix_ms),
    })
}

/// The counts of a job that is at work; it publishes them itself.
pub(crate) fn progress(names: &Names, id: &str) -> Option<Value> {
    names.value::<Status>(&names::replication_job(id)).map(|status| status.told())
}
