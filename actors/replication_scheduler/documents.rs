//! What documents of `_replicator` want: jobs that the actor of the documents orders and stops, and
//! that are its own to start again.

use refuge_http::Failure;
use refuge_replication::{RunNumber, RunOrder};

use super::ReplicationSchedulerState;
use super::entry::{Entry, Owner};
use crate::names;
use crate::replicator_documents::{JobNews, ReplicatorDocumentsMessage};

impl ReplicationSchedulerState {
    pub(super) fn accept_order(&mut self, order: RunOrder) {
        let RunOrder { number, document, job, id } = order;
        let text = id.to_string();
        let most = self.usual().max_jobs;
        let refusal = if self.jobs.contains_key(&text) {
            Some("the same replication was asked for at _replicate and runs".to_owned())
        } else if self.jobs.len() >= most {
            Some(format!("{most} replications are running already"))
        } else {
            None
        };
        if let Some(reason) = refusal {
            self.tell(number, JobNews::Crashed(reason));
            return;
        }
        let entry = Entry::new(id, *job, Owner::Document { id: document, number });
        self.jobs.insert(text.clone(), entry);
        self.start(&text);
    }

    pub(super) fn stop_owned(&mut self, id: &str, wanted: RunNumber) {
        let owns = |entry: &Entry| matches!(entry.owner, Owner::Document { number, .. } if number == wanted);
        if self.jobs.get(id).is_some_and(owns)
            && let Some(mut entry) = self.take_out(id)
        {
            let reason = "the document that wanted this replication was changed".to_owned();
            entry.answer(&Err(Failure::Unavailable(reason)));
        }
    }

    pub(super) fn stop_all_owned(&mut self) {
        let owned = self.jobs.iter().filter_map(|(id, entry)| match entry.owner {
            Owner::Document { number, .. } => Some((id.clone(), number)),
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
