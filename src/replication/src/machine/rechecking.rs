//! After a cut: which documents of a request that was to store them are stored, though its answer was
//! lost. They are not sent again.

use std::collections::BTreeMap;

use refuge_document::Revision;

use super::carrying::identity_of;
use super::requests::Outstanding;
use super::{Purpose, Replication};
use crate::exchange::{Carriage, Difference, End, Request};

impl Replication {
    /// Asks after the usual pause what of a request the target lacks.
    pub(super) fn recheck(
        &mut self,
        number: u64,
        outstanding: Outstanding,
        reason: String,
        retry_after_ms: Option<u64>,
    ) {
        let purpose = Purpose::Recheck(number);
        let revisions = revisions_in(&outstanding.request);
        if let Some(running) = self.running() {
            running.unsure.insert(number, outstanding.request);
        }
        let request = Request::RevisionsDiff { revisions };
        self.repeat(Outstanding { purpose, request, ..outstanding }, reason, retry_after_ms);
    }

    /// Sends what is lacking, as often tried as before.
    pub(super) fn rechecked(
        &mut self,
        number: u64,
        attempt: u32,
        differences: &BTreeMap<String, Difference>,
    ) {
        let lacks = |id: &str, revision: &Revision| {
            differences.get(id).is_some_and(|difference| difference.missing.contains(revision))
        };
        let (purpose, request) = match self.running().and_then(|run| run.unsure.remove(&number)) {
            Some(Request::Store { mut documents }) => {
                let before = documents.len();
                documents.retain(|document| {
                    identity_of(document).is_none_or(|(id, revision)| lacks(&id, &revision))
                });
                self.statistics.docs_written += (before - documents.len()) as u64;
                let all = documents.is_empty();
                let (purpose, request) = (Purpose::Store(number), Request::Store { documents });
                if all {
                    let (end, sent_ms) = (End::Target, self.now_ms);
                    let outstanding = Outstanding { end, purpose, request, attempt, sent_ms };
                    return self.stored(number, outstanding, Default::default());
                }
                (purpose, request)
            }
            Some(Request::Carry { wanted }) => {
                if !wanted.revisions.iter().any(|revision| lacks(&wanted.id, revision)) {
                    return self.carried(number, Carriage::Stored);
                }
                (Purpose::Carry(number), Request::Carry { wanted })
            }
            _ => return,
        };
        let (end, sent_ms) = (End::Target, self.now_ms);
        self.send(Outstanding { end, purpose, request, attempt, sent_ms });
    }
}

/// The revisions that a request is to store.
fn revisions_in(request: &Request) -> BTreeMap<String, Vec<Revision>> {
    let mut revisions: BTreeMap<String, Vec<Revision>> = BTreeMap::new();
    match request {
        Request::Store { documents } => {
            for (id, revision) in documents.iter().filter_map(|document| identity_of(document)) {
                revisions.entry(id).or_default().push(revision);
            }
        }
        Request::Carry { wanted } => {
            revisions.insert(wanted.id.clone(), wanted.revisions.clone());
        }
        _ => {}
    }
    revisions
}
