//! What is asked for at `_replicate`: jobs that are started, joined and cancelled by hand.

use std::time::Duration;

use refuge_http::Failure;
use refuge_replication::{Job, ReplicationId};
use serde_json::json;

use super::entry::{Entry, Owner};
use super::{ReplicateReply, ReplicationSchedulerState, cancelled, resolve};

impl ReplicationSchedulerState {
    pub(super) fn accept(
        &mut self,
        job: Job,
        user: Option<String>,
        node_uuid: &str,
        reply: ReplicateReply,
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
        let known = self.jobs.contains_key(&text);
        let most = self.usual().max_jobs;
        if !known && self.jobs.len() >= most {
            let reason = format!("{most} replications are running; try again later");
            let retry_after = Duration::from_secs(5);
            let _ = reply.send(Err(Failure::Busy { reason, retry_after }));
            return;
        }
        let entry = self
            .jobs
            .entry(text.clone())
            .or_insert_with(|| Entry::new(id, job, Owner::Request { user }));
        entry.asked = asked;
        if entry.job.continuous {
            let _ = reply.send(Ok(json!({"ok": true, "_local_id": text})));
        } else {
            entry.waiting.push(reply);
        }
        if !known {
            self.start(&text);
        }
    }

    pub(super) fn cancel(&mut self, id: &ReplicationId, reply: ReplicateReply) {
        let wanted = id.to_string();
        let found = self.jobs.iter().find(|(text, entry)| entry.is_called(text, &wanted));
        let Some((text, entry)) = found else {
            let _ = reply.send(Err(Failure::NotFound("missing".to_owned())));
            return;
        };
        if let Owner::Document { id, .. } = &entry.owner {
            let reason = format!("this replication belongs to `_replicator/{id}`: delete that");
            let _ = reply.send(Err(Failure::BadRequest(reason)));
            return;
        }
        let text = text.clone();
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
