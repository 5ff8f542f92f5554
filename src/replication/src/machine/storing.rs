//! Documents on their way from the source to the target: what was read is handed over, and what the target did
//! not store is carried, sent again, or counted as refused.

use bytes::Bytes;

use super::carrying::{identity_of, lacking_stubs};
use super::requests::Outstanding;
use super::running::{Stage, revisions_of};
use super::{Purpose, Replication};
use crate::exchange::{DocumentsPage, Effect, End, Refusal, Request, Wanted};

impl Replication {
    pub(super) fn fetched(&mut self, number: u64, request: &Request, page: DocumentsPage) {
        let (asked, revisions) = match request {
            Request::Documents { wanted, .. } => (wanted.len(), revisions_of(wanted)),
            _ => (0, 0),
        };
        let nothing = page.documents.is_empty() && page.carried.is_empty();
        if nothing && page.remaining.len() >= asked.max(1) {
            let reason = "it answered none of the documents asked for".to_owned();
            return self.fail_permanently(End::Source, reason);
        }
        // What was not looked at is asked for, and counted, again.
        let answered = revisions.saturating_sub(revisions_of(&page.remaining));
        self.statistics.bulk_get_attempts += answered;
        self.statistics.bulk_get_docs += page.documents.len() as u64;
        self.statistics.docs_read += page.documents.len() as u64;
        let (documents, mut refused) = self.members.sort(page.documents);
        let (carried, kept) = self.members.sort_carried(page.carried, &page.restricted);
        refused.extend(kept);
        self.statistics.doc_write_failures += refused.len() as u64;
        if !refused.is_empty() {
            self.effects.push(Effect::Refused(refused));
        }
        if documents.is_empty() {
            return self.carry_or_fetch(number, carried, page.remaining);
        }
        let Some(batch) = self.running().and_then(|running| running.batch(number)) else {
            return;
        };
        batch.stage = Stage::Storing { carried, remaining: page.remaining };
        let request = Request::Store { documents };
        self.ask(End::Target, Purpose::Store(number), request);
    }

    /// The target has stored documents, but for those that it refused for good and those for which its time
    /// did not suffice.
    pub(super) fn stored(
        &mut self,
        number: u64,
        outstanding: Outstanding,
        (mut refused, overdue): (Vec<Refusal>, Vec<Refusal>),
    ) {
        let documents: &[Bytes] = match &outstanding.request {
            Request::Store { documents } => documents,
            _ => &[],
        };
        let again = self.again(documents, &overdue, outstanding.attempt);
        let is_again = |one: &&Refusal| again.iter().any(|document| is_of_document(one, document));
        refused.extend(overdue.iter().filter(|one| !is_again(one)).cloned());
        // What an ancestor would have lent is brought along the second time.
        let lacking = lacking_stubs(documents, &refused);
        refused.retain(|refusal| !lacking.iter().any(|wanted| is_of(refusal, wanted)));
        let refusals = refused.len() as u64;
        let bytes =
            |documents: &[Bytes]| documents.iter().map(|text| text.len() as u64).sum::<u64>();
        self.statistics.bytes_written += bytes(documents) - bytes(&again);
        let unstored = lacking.len() as u64 + again.len() as u64 + refusals;
        self.statistics.docs_written += (documents.len() as u64).saturating_sub(unstored);
        self.statistics.docs_read = self.statistics.docs_read.saturating_sub(lacking.len() as u64);
        self.statistics.doc_write_failures += refusals;
        if !refused.is_empty() {
            self.effects.push(Effect::Refused(refused));
        }
        if !again.is_empty() {
            return self.store_again(number, lacking, again, (outstanding, &overdue));
        }
        let Some(batch) = self.running().and_then(|running| running.batch(number)) else {
            return;
        };
        let (mut carried, remaining) = match &mut batch.stage {
            Stage::Storing { carried, remaining } => {
                (std::mem::take(carried), std::mem::take(remaining))
            }
            _ => Default::default(),
        };
        carried.extend(lacking);
        self.carry_or_fetch(number, carried, remaining);
    }

    /// Documents for which the target's time did not suffice, where they are to be sent once more.
    fn again(&self, documents: &[Bytes], overdue: &[Refusal], attempt: u32) -> Vec<Bytes> {
        if overdue.is_empty() || self.settings.retries.pause_ms(attempt + 1, None).is_none() {
            return Vec::new();
        }
        let is_overdue =
            |document: &&Bytes| overdue.iter().any(|one| is_of_document(one, document));
        documents.iter().filter(is_overdue).cloned().collect()
    }

    /// Sends some documents of a batch again after a pause, all else of it being stored.
    fn store_again(
        &mut self,
        number: u64,
        lacking: Vec<Wanted>,
        documents: Vec<Bytes>,
        (outstanding, overdue): (Outstanding, &[Refusal]),
    ) {
        if let Some(batch) = self.running().and_then(|running| running.batch(number))
            && let Stage::Storing { carried, .. } = &mut batch.stage
        {
            carried.extend(lacking);
        }
        let request = Request::Store { documents };
        let reason = overdue.first().map_or_else(String::new, |one| {
            format!("it could not store {}: {}: {}", one.id, one.error, one.reason)
        });
        self.last_failure = Some((End::Target, reason.clone()));
        self.repeat(Outstanding { request, ..outstanding }, reason, None);
    }
}

fn is_of_document(refusal: &Refusal, document: &Bytes) -> bool {
    identity_of(document).is_some_and(|(id, revision)| refusal.is_of(&id, &revision))
}

/// Whether a refusal is of what is wanted.
fn is_of(refusal: &Refusal, wanted: &Wanted) -> bool {
    wanted.revisions.iter().any(|revision| refusal.is_of(&wanted.id, revision))
}
