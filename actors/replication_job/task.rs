//! What a replication tells on the board of active tasks: CouchDB's members, and how fast it is and how
//! long it will take. It is put into words when somebody looks.
//!
//! Source: <https://docs.couchdb.org/en/stable/api/server/common.html#active-tasks>

use std::sync::Arc;
use std::time::Instant;

use refuge_replication::{Pace, Phase, Status};
use serde_json::{Map, Value};

use super::Wanting;
use crate::names;
use crate::task_board::Describe;

/// All that is told, as it was published last.
pub(super) struct Told {
    pub(super) status: Arc<Status>,
    pub(super) wanting: Arc<Wanting>,
    pub(super) checkpoint_interval_ms: u64,
    /// How fast it was when, by the clock that began at `started`.
    pub(super) pace: Pace,
    pub(super) started: Instant,
}

impl Describe for Told {
    fn members(&self) -> Map<String, Value> {
        let (status, document) = (&self.status, self.wanting.document.as_ref());
        let mut task = match status.told() {
            Value::Object(counts) => counts,
            _ => Map::new(),
        };
        let waits = status.caught_up || status.waiting_to_retry > 0 || status.phase == Phase::New;
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let speed = self.pace.speed(now_ms);
        let members: [(&str, Value); 15] = [
            ("type", "replication".into()),
            ("pid", names::replication_job(&status.replication_id).into()),
            ("process_status", if waits { "waiting" } else { "running" }.into()),
            ("replication_id", status.replication_id.as_str().into()),
            ("database", document.map(|document| document.database.to_string()).into()),
            ("doc_id", document.map(|document| document.id.to_string()).into()),
            ("user", self.wanting.user.as_deref().into()),
            ("source", status.source.as_str().into()),
            ("target", status.target.as_str().into()),
            ("continuous", status.continuous.into()),
            ("checkpoint_interval", self.checkpoint_interval_ms.into()),
            ("changes_done", status.changes_done.into()),
            ("docs_per_second", speed.documents.into()),
            ("bytes_per_second", speed.bytes.into()),
            ("seconds_left", speed.seconds_left(status.pending).into()),
        ];
        task.extend(members.map(|(member, value)| (member.to_owned(), value)));
        task
    }
}
