//! Writing documents: `_bulk_docs` with `new_edits: false`, in requests of bounded size, the
//! documents' bytes as they came.

use bytes::Bytes;
use refuge_document::json;
use refuge_replication::{EndFailure, EndFailureKind, Refusal};
use serde::Deserialize;

use super::RemoteDatabase;
use crate::exchange::ExchangeFailure;
use crate::failure::unreadable;

/// Below every server's usual limit, and soon acknowledged over a slow link.
const REQUEST_BYTES: usize = 4 << 20;
/// Errors of a batch.
const ANSWER_BYTES: usize = 16 << 20;

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    id: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    reason: String,
}

impl RemoteDatabase {
    pub(super) async fn store(&self, documents: &[Bytes]) -> Result<Vec<Refusal>, EndFailure> {
        let mut refused = Vec::new();
        // Parts still to be sent, the next one last.
        let mut parts = split(documents);
        parts.reverse();
        while let Some(part) = parts.pop() {
            match self.store_part(part).await {
                Ok(mut some) => refused.append(&mut some),
                // Of a request that is too large, or of which one document lacks an attachment.
                Err(failure) if matches!(failure.status(), Some(412 | 413)) => match part {
                    [] => {}
                    [document] => refused.push(alone(document, &failure)),
                    several => {
                        let (first, second) = several.split_at(several.len() / 2);
                        parts.push(second);
                        parts.push(first);
                    }
                },
                Err(failure) => return Err(failure.of_database()),
            }
        }
        Ok(refused)
    }

    async fn store_part(&self, documents: &[Bytes]) -> Result<Vec<Refusal>, ExchangeFailure> {
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
        refusals(&text).map_err(ExchangeFailure::Unanswered)
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

/// The documents that were refused for good; an error that may pass fails the whole request, so
/// that it is sent again.
fn refusals(text: &[u8]) -> Result<Vec<Refusal>, EndFailure> {
    let outcomes: Vec<Outcome> =
        serde_json::from_slice(text).map_err(|error| unreadable("_bulk_docs", error))?;
    let mut refused = Vec::new();
    for outcome in outcomes {
        let Some(error) = outcome.error else {
            continue;
        };
        if may_pass(&error) {
            let reason = format!("it could not store {}: {error}: {}", outcome.id, outcome.reason);
            return Err(EndFailure::of(EndFailureKind::Transient { retry_after_ms: None }, reason));
        }
        refused.push(Refusal { id: outcome.id, error, reason: outcome.reason });
    }
    Ok(refused)
}

fn may_pass(error: &str) -> bool {
    let passing = [
        "error",
        "internal_error",
        "internal_server_error",
        "service_unavailable",
        "timeout",
        "too_many_requests",
        "unknown_error",
    ];
    passing.contains(&error)
}

/// The refusal of a document that was refused when it was sent alone.
fn alone(document: &[u8], failure: &ExchangeFailure) -> Refusal {
    let id = json::members(document).ok().and_then(|members| {
        let mut members = members.flatten();
        let (_, value) = members.find(|(name, _)| name == "_id")?;
        json::string(value).map(std::borrow::Cow::into_owned)
    });
    let (error, reason) = if failure.status() == Some(412) {
        ("missing_stub", "the target lacks an attachment that the document refers to")
    } else {
        ("too_large", "the target takes no document of this size")
    };
    Refusal { id: id.unwrap_or_default(), error: error.to_owned(), reason: reason.to_owned() }
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
        let refused = refusals(br#"[{"id":"a","error":"forbidden","reason":"no"},{"ok":true}]"#);
        assert_eq!(refused.unwrap().len(), 1);
        let failure = refusals(br#"[{"id":"a","error":"timeout"}]"#).unwrap_err();
        assert!(failure.is_transient());
    }
}
