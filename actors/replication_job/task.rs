//! What a replication tells on the board of active tasks, with CouchDB's members.
//!
//! Source: <https://docs.couchdb.org/en/stable/api/server/common.html#active-tasks>

use refuge_replication::{Phase, Settings, Status};
use serde_json::{Map, Value};

use super::Wanting;
use crate::names;

/// The task of a replication that stands as `status` says.
pub(super) fn task(status: &Status, settings: &Settings, wanting: &Wanting) -> Map<String, Value> {
    let mut task = match status.told() {
        Value::Object(counts) => counts,
        _ => Map::new(),
    };
    let database = wanting.document.as_ref().map(|_| "_replicator");
    let waits = status.caught_up || status.waiting_to_retry > 0 || status.phase == Phase::New;
    let members: [(&str, Value); 11] = [
        ("type", "replication".into()),
        ("pid", names::replication_job(&status.replication_id).into()),
        ("process_status", if waits { "waiting" } else { "running" }.into()),
        ("replication_id", status.replication_id.as_str().into()),
        ("database", database.into()),
        ("doc_id", wanting.document.as_deref().into()),
        ("user", wanting.user.as_deref().into()),
        ("source", status.source.as_str().into()),
        ("target", status.target.as_str().into()),
        ("continuous", status.continuous.into()),
        ("checkpoint_interval", settings.checkpoint_interval_ms.into()),
    ];
    task.extend(members.map(|(member, value)| (member.to_owned(), value)));
    task
}
