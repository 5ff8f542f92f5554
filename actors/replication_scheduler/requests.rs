//! What is asked for at `_replicate`: jobs that are started, joined and cancelled by hand.

use std::sync::Arc;
use std::time::Duration;

use refuge_http::Failure;
use refuge_replication::{Job, ReplicationId};
use serde_json::json;
use tokio::sync::oneshot;

use super::entry::{Entry, Owner};
use super::turns::MOST_JOBS;
use super::{Begun, ReplicateReply, ReplicationSchedulerState, cancelled, resolve};

impl ReplicationSchedulerState {
    pub(super) fn accept(
        &mut self,
        job: Job,
        user: Option<String>,
        node_uuid: &str,
        (begun, reply): (Option<oneshot::Sender<Begun>>, ReplicateReply),
    ) {
        let asked = job.id(node_uuid);
        let job = match resolve::towards_one(&self.arguments.names, job) {
            Ok(job) => job,
            Err(failure) => {
                let _ = reply.send(Err(failure));
                return;
            }
        };
        let id = job.id(node_uuid);
        let text = id.to_string();
        let known = self.jobs.contains_key(text.as_str());
        if !known && self.jobs.len() >= MOST_JOBS {
            let reason = format!("{MOST_JOBS} replications are known already; cancel some");
            let retry_after = Duration::from_secs(5);
            let _ = reply.send(Err(Failure::Busy { reason, retry_after }));
            return;
        }
        if let Some(begun) = begun {
            let _ = begun.send(Begun { id: text.clone(), joined: known });
        }
        let answer = if job.continuous {
            let _ = reply.send(Ok(json!({"ok": true, "_local_id": text})));
            None
        } else {
            Some(reply)
        };
        if known && let Some(entry) = self.jobs.get_mut(text.as_str()) {
            entry.asked = asked;
            // Those whose clients went away wait for nothing.
            entry.waiting.retain(|reply| !reply.is_closed());
            entry.waiting.extend(answer);
            // One that rests after a crash may do so for hours.
            if let (None, Some(reason)) = (&entry.actor, entry.failure.clone()) {
                let error = "replication_error".to_owned();
                entry.answer(&Err(Failure::Function { status: 500, error, reason }));
            }
            return;
        }
        let mut entry = Entry::new(id, Arc::new(job), Owner::Request { user });
        entry.asked = asked;
        entry.waiting.extend(answer);
        self.put(entry);
    }

    pub(super) fn cancel(&mut self, id: &ReplicationId, reply: ReplicateReply) {
        let wanted = id.to_string();
        let by_id = self.jobs.get_key_value(wanted.as_str());
        let found =
            by_id.or_else(|| self.jobs.iter().find(|(text, entry)| entry.is_called(text, &wanted)));
        let Some((text, entry)) = found else {
            let _ = reply.send(Err(Failure::NotFound("missing".to_owned())));
            return;
        };
        if let Owner::Document { name, .. } = &entry.owner {
            let (database, id) = (&name.database, &name.id);
            let reason = format!("this replication belongs to `{database}/{id}`: delete that");
            let _ = reply.send(Err(Failure::BadRequest(reason)));
            return;
        }
        let text = Arc::clone(text);
        if let Some(mut entry) = self.take_out(&text) {
            let reason = "the replication was cancelled".to_owned();
            entry.answer(&Err(Failure::Internal(reason)));
        }
        match self.leaving.get_mut(&text) {
            Some(leaving) => leaving.replies.push(reply),
            None => {
                let _ = reply.send(Ok(cancelled(&text)));
            }
        }
    }
}
