//! Revisions with large attachments, and those whose attachments the target turned out to lack:
//! brought over one after another within their batch, each as a stream from end to end.

use std::borrow::Cow;

use bytes::Bytes;
use refuge_document::{Revision, json};

use super::running::Stage;
use super::{Purpose, Replication};
use crate::exchange::{Carriage, Effect, End, Refusal, Request, Wanted};

/// What an end says of a document that refers to an attachment which it lacks.
const MISSING_STUB: &str = "missing_stub";

impl Replication {
    /// Brings the next revision of a batch over, or goes on with the rest of the batch.
    pub(super) fn carry_or_fetch(
        &mut self,
        number: u64,
        mut carried: Vec<Wanted>,
        remaining: Vec<Wanted>,
    ) {
        let Some(wanted) = carried.pop() else {
            return self.fetch_or_finish(number, remaining);
        };
        let Some(batch) = self.running().and_then(|running| running.batch(number)) else {
            return;
        };
        batch.stage = Stage::Carrying { carried, remaining };
        self.ask(End::Target, Purpose::Carry(number), Request::Carry { wanted });
    }

    pub(super) fn carried(&mut self, number: u64, carriage: Carriage) {
        match carriage {
            Carriage::Stored => {
                self.statistics.docs_read += 1;
                self.statistics.docs_written += 1;
            }
            Carriage::Refused(refusal) => {
                self.statistics.docs_read += 1;
                self.statistics.doc_write_failures += 1;
                self.effects.push(Effect::Refused(vec![refusal]));
            }
            Carriage::Gone => {}
        }
        let Some(batch) = self.running().and_then(|running| running.batch(number)) else {
            return;
        };
        let (carried, remaining) = match &mut batch.stage {
            Stage::Carrying { carried, remaining } => {
                (std::mem::take(carried), std::mem::take(remaining))
            }
            _ => Default::default(),
        };
        self.carry_or_fetch(number, carried, remaining);
    }
}

/// The documents that were refused because an attachment was thought to be known at the target: to
/// be brought with all of their attachments.
pub(super) fn lacking_stubs(documents: &[Bytes], refused: &[Refusal]) -> Vec<Wanted> {
    if !refused.iter().any(|refusal| refusal.error == MISSING_STUB) {
        return Vec::new();
    }
    let lacking = |document: &Bytes| {
        let (id, revision) = identity_of(document)?;
        let refusal = refused.iter().find(|refusal| refusal.is_of(&id, &revision))?;
        (refusal.error == MISSING_STUB).then(|| Wanted {
            id,
            revisions: vec![revision],
            possible_ancestors: Vec::new(),
        })
    };
    documents.iter().filter_map(lacking).collect()
}

/// `_id` and `_rev` of a document's text.
pub fn identity_of(document: &[u8]) -> Option<(String, Revision)> {
    let (mut id, mut revision) = (None, None);
    for member in json::members(document).ok()? {
        let (name, value) = member.ok()?;
        match name.as_ref() {
            "_id" => id = json::string(value).map(Cow::into_owned),
            "_rev" => revision = json::string(value)?.parse().ok(),
            _ => {}
        }
        if id.is_some() && revision.is_some() {
            break;
        }
    }
    Some((id?, revision?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_without_their_stubs_are_wanted_whole() {
        let documents: Vec<Bytes> = [
            br#"{"_id":"a","_rev":"2-aa","x":{"_id":"no"}}"#.as_slice(),
            br#"{"_id":"b","_rev":"1-bb"}"#,
            br#"{"_id":"c","_rev":"1-cc"}"#,
        ]
        .map(Bytes::from_static)
        .into();
        let refusal = |id: &str, error: &str| Refusal {
            id: id.to_owned(),
            revision: None,
            error: error.to_owned(),
            reason: String::new(),
        };
        let refused = [refusal("a", "missing_stub"), refusal("b", "forbidden")];
        let lacking = lacking_stubs(&documents, &refused);
        assert_eq!(lacking.len(), 1);
        assert_eq!(
            (lacking[0].id.as_str(), lacking[0].revisions[0].to_string()),
            ("a", "2-aa".to_owned())
        );
        assert!(lacking_stubs(&documents, &refused[1..]).is_empty());
        // Of two leaves of one document the one that was refused so.
        let leaves: Vec<Bytes> = ["1-aa", "1-bb"]
            .map(|revision| format!(r#"{{"_id":"a","_rev":"{revision}"}}"#).into())
            .into();
        let of = |revision: &str, error: &str| Refusal {
            revision: Some(revision.to_owned()),
            ..refusal("a", error)
        };
        let refused = [of("1-aa", "forbidden"), of("1-bb", "missing_stub")];
        let lacking = lacking_stubs(&leaves, &refused);
        assert_eq!(lacking.len(), 1);
        assert_eq!(lacking[0].revisions[0].to_string(), "1-bb");
    }
}
