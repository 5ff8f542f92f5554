//! Writing documents: `_bulk_docs` with `new_edits: false`, in requests of bounded size, the
//! documents' bytes as they came.

use bytes::Bytes;
use refuge_document::json;
use refuge_replication::{EndFailure, EndFailureKind, Refusal, identity_of};
use serde::Deserialize;

use super::RemoteDatabase;
use crate::exchange::ExchangeFailure;
use crate::failure::{ErrorAnswer, unreadable};

/// Below every server's usual limit, and soon acknowledged over a slow link.
const REQUEST_BYTES: usize = 4 << 20;
/// Errors of a batch.
const ANSWER_BYTES: usize = 16 << 20;

/// Words for what is of one document: a function that looks at it needs longer than it may. All others of which
/// something may pass are of the whole end.
const OVERDUE: &str = "timeout";

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    id: String,
    #[serde(default)]
    rev: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    reason: String,
}

/// What was not stored.
#[derive(Debug, Default)]
pub(super) struct Unstored {
    /// For good.
    pub(super) refused: Vec<Refusal>,
    /// For want of time.
    pub(super) overdue: Vec<Refusal>,
}

impl RemoteDatabase {
    pub(super) async fn store(&self, documents: &[Bytes]) -> Result<Unstored, EndFailure> {
        let mut unstored = Unstored::default();
        // Parts still to be sent, the next one last.
        let mut parts: Vec<Vec<Bytes>> = split(documents).into_iter().map(<[_]>::to_vec).collect();
        parts.reverse();
        while let Some(part) = parts.pop() {
            match self.store_part(&part).await {
                Ok(mut some) => {
                    unstored.refused.append(&mut some.refused);
                    // Who took too long may have kept the others from being looked at.
                    let late = documents_of(&part, &some.overdue);
                    match part.len() > 1 && !late.is_empty() && late.len() >= some.overdue.len() {
                        true => parts.extend(halves(late)),
                        false => unstored.overdue.append(&mut some.overdue),
                    }
                }
                Err(ExchangeFailure::Answer(answer)) if is_of_a_document(&answer) => {
                    match part.as_slice() {
                        [] => {}
                        [document] => unstored.refused.push(alone(document, &answer)),
                        _ => parts.extend(halves(part)),
                    }
                }
                Err(failure) => return Err(failure.of_database()),
            }
        }
        Ok(unstored)
    }

    async fn store_part(&self, documents: &[Bytes]) -> Result<Unstored, ExchangeFailure> {
        let bytes: usize = documents.iter().map(|document| document.len() + 1).sum();
        let mut json = Vec::with_capacity(bytes + 32);
        json.extend_from_slice(br#"{"new_edits":false,"docs":["#);
        for (position, document) in documents.iter().enumerate() {
            if position > 0 {
                json.push(b',');
            }
            json.extend_from_slice(document);
        }
        json.extend_from_slice(b"]}");
        let body = self.post("/_bulk_docs", json).await?;
        let text = body.read(ANSWER_BYTES).await?;
        unstored(&text).map_err(ExchangeFailure::Unanswered)
    }
}

/// Parts of at most [`REQUEST_BYTES`]; a larger document is a part of its own.
fn split(documents: &[Bytes]) -> Vec<&[Bytes]> {
    let mut parts = Vec::new();
    let mut rest = documents;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fitting = rest.iter().take_while(|document| {
            bytes += document.len();
            bytes <= REQUEST_BYTES
        });
        let (part, behind) = rest.split_at(fitting.count().max(1));
        parts.push(part);
        rest = behind;
    }
    parts
}

/// Two parts of one, the first one last.
fn halves(mut part: Vec<Bytes>) -> [Vec<Bytes>; 2] {
    let second = part.split_off(part.len() / 2);
    [second, part]
}

/// Whether an answer to a whole request is of one of its documents: it is too large, lacks an attachment, or is
/// none that the end takes. A proxy that dislikes all requests has no such words.
fn is_of_a_document(answer: &ErrorAnswer) -> bool {
    match answer.status.as_u16() {
        412 | 413 => true,
        400 | 409 | 422 => !answer.body.error.is_empty(),
        _ => false,
    }
}

/// The documents that some refusals are of.
fn documents_of(documents: &[Bytes], refusals: &[Refusal]) -> Vec<Bytes> {
    if refusals.is_empty() {
        return Vec::new();
    }
    let is_meant = |document: &&Bytes| {
        let identity = identity_of(document);
        identity.is_some_and(|(id, rev)| refusals.iter().any(|one| one.is_of(&id, &rev)))
    };
    documents.iter().filter(is_meant).cloned().collect()
}

/// The documents that were not stored; an error that may pass, and is not of one document, fails the whole
/// request, so that it is sent again.
fn unstored(text: &[u8]) -> Result<Unstored, EndFailure> {
    let outcomes: Vec<Outcome> =
        serde_json::from_slice(text).map_err(|error| unreadable("_bulk_docs", error))?;
    let mut unstored = Unstored::default();
    for Outcome { id, rev, error, reason } in outcomes {
        let Some(error) = error else {
            continue;
        };
        if may_pass(&error) {
            let reason = format!("it could not store {id}: {error}: {reason}");
            return Err(EndFailure::of(EndFailureKind::Transient { retry_after_ms: None }, reason));
        }
        let those = match error.as_str() {
            OVERDUE => &mut unstored.overdue,
            _ => &mut unstored.refused,
        };
        those.push(Refusal { id, revision: rev, error, reason });
    }
    Ok(unstored)
}

fn may_pass(error: &str) -> bool {
    let passing = [
        "error",
        "internal_error",
        "internal_server_error",
        "service_unavailable",
        "too_many_requests",
        "unknown_error",
    ];
    passing.contains(&error)
}

/// The refusal of a document that was refused when it was sent alone.
fn alone(document: &[u8], answer: &ErrorAnswer) -> Refusal {
    let (id, revision) = match identity_of(document) {
        Some((id, revision)) => (id, Some(revision.to_string())),
        None => (id_of(document).unwrap_or_default(), None),
    };
    let (error, reason) = match answer.status.as_u16() {
        412 => ("missing_stub", "the target lacks an attachment that the document refers to"),
        413 => ("too_large", "the target takes no document of this size"),
        _ => (answer.body.error.as_str(), answer.body.reason.as_str()),
    };
    Refusal { id, revision, error: error.to_owned(), reason: reason.to_owned() }
}

fn id_of(document: &[u8]) -> Option<String> {
    let mut members = json::members(document).ok()?.flatten();
    let (_, value) = members.find(|(name, _)| name == "_id")?;
    json::string(value).map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_split_by_bytes_and_a_large_document_travels_alone() {
        let small = Bytes::from(vec![b' '; 1 << 20]);
        let large = Bytes::from(vec![b' '; 5 << 20]);
        let documents = [
            small.clone(),
            small.clone(),
            large,
            small.clone(),
            small.clone(),
            small.clone(),
            small.clone(),
            small,
        ];
        let lengths: Vec<usize> = split(&documents).into_iter().map(<[Bytes]>::len).collect();
        assert_eq!(lengths, [2, 1, 4, 1]);
    }

    #[test]
    fn errors_that_may_pass_are_not_refusals() {
        let refused = unstored(br#"[{"id":"a","error":"forbidden","reason":"no"},{"ok":true}]"#);
        assert_eq!(refused.unwrap().refused.len(), 1);
        let failure = unstored(br#"[{"id":"a","error":"service_unavailable"}]"#).unwrap_err();
        assert!(failure.is_transient());
        let late = unstored(br#"[{"id":"a","rev":"1-a","error":"timeout"}]"#).unwrap();
        assert_eq!((late.refused.len(), late.overdue.len()), (0, 1));
    }
}
