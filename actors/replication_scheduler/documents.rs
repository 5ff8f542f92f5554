//! What documents of `_replicator` want: jobs that the actor of the documents orders and stops. After a
//! crash they are held until it orders them again.

use std::sync::Arc;

use refuge_http::Failure;
use refuge_replication::{CrashKind, RunNumber, RunOrder, Standing};

use super::entry::{Entry, Owner};
use super::turns::MOST_JOBS;
use super::{ReplicationSchedulerState, names};
use crate::replicator_documents::{JobNews, ReplicatorDocumentsMessage};

impl ReplicationSchedulerState {
    pub(super) fn accept_order(&mut self, order: RunOrder) {
        let RunOrder { number, document, job, id } = order;
        let text: Arc<str> = id.to_string().into();
        let owner = Owner::Document { name: document, number };
        if let Some(entry) = self.jobs.get_mut(&text) {
            let standing = entry.number.and_then(|number| self.schedule.standing(number));
            let is_held = standing == Some(Standing::Crashing);
            if is_held && matches!(entry.owner, Owner::Document { .. }) {
                // What it is called by has not changed; how it is tuned may have.
                entry.owner = owner;
                entry.job = job;
                return self.resume(&text);
            }
            let reason = "the same replication was asked for at _replicate and runs".to_owned();
            return self.tell(number, JobNews::Crashed(CrashKind::Other, reason));
        }
        if self.jobs.len() >= MOST_JOBS {
            let reason = format!("{MOST_JOBS} replications are known already: delete some");
            return self.tell(number, JobNews::Crashed(CrashKind::Other, reason));
        }
        self.put(Entry::new(id, job, owner));
    }

    pub(super) fn stop_owned(&mut self, id: &str, wanted: RunNumber) {
        let owns = |entry: &Entry| matches!(entry.owner, Owner::Document { number, .. } if number == wanted);
        if self.jobs.get(id).is_some_and(|entry| owns(entry))
            && let Some(mut entry) = self.take_out(id)
        {
            let reason = "the document that wanted this replication was changed".to_owned();
            entry.answer(&Err(Failure::Unavailable(reason)));
        }
    }

    pub(super) fn stop_all_owned(&mut self) {
        let owned = self.jobs.iter().filter_map(|(id, entry)| match entry.owner {
            Owner::Document { number, .. } => Some((Arc::clone(id), number)),
            Owner::Request { .. } => None,
        });
        for (id, number) in owned.collect::<Vec<_>>() {
            self.stop_owned(&id, number);
        }
    }

    /// News for the actor of the documents; one that is being restarted begins anew anyway.
    pub(super) fn tell(&self, number: RunNumber, news: JobNews) {
        let message = ReplicatorDocumentsMessage::Job { number, news };
        let _ = self.arguments.names.cast(names::REPLICATOR_DOCUMENTS, message);
    }
}
