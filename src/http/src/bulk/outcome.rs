//! What became of each document of a bulk request, and how that is told.

use hyper::StatusCode;
use refuge_document::json::write_string;

use crate::failure::Failure;
use crate::node::{UpdateFailure, UpdateResult};

/// What became of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    id: String,
    /// The revision that was stored, or could not be.
    revision: Option<String>,
    failure: Option<Failure>,
}

impl Outcome {
    /// It was stored as this revision.
    pub(super) fn stored(id: String, revision: String) -> Self {
        Self { id, revision: Some(revision), failure: None }
    }

    /// It was not stored, whatever revision it has.
    pub(super) fn refused(id: String, failure: Failure) -> Self {
        Self::failed(id, None, failure)
    }

    /// It was not stored as this revision.
    pub(super) fn failed(id: String, revision: Option<String>, failure: Failure) -> Self {
        Self { id, revision, failure: Some(failure) }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self.failure {
            None => b"{\"ok\":true,\"id\":".as_slice(),
            Some(_) => b"{\"id\":".as_slice(),
        });
        write_string(out, &self.id);
        if let Some(revision) = &self.revision {
            out.extend_from_slice(b",\"rev\":");
            write_string(out, revision);
        }
        if let Some(failure) = &self.failure {
            out.extend_from_slice(b",\"error\":");
            write_string(out, failure.status().1);
            out.extend_from_slice(b",\"reason\":");
            write_string(out, &failure.to_string());
        }
        out.push(b'}');
    }
}

/// Appends the results of edits that are made here: one for each document.
pub(super) fn write_results(out: &mut Vec<u8>, outcomes: &[Outcome]) {
    write_all(out, outcomes.iter());
}

/// Appends the results of edits that were made elsewhere: the errors alone.
pub(super) fn write_errors(out: &mut Vec<u8>, outcomes: &[Outcome]) {
    write_all(out, outcomes.iter().filter(|outcome| outcome.failure.is_some()));
}

fn write_all<'a>(out: &mut Vec<u8>, outcomes: impl Iterator<Item = &'a Outcome>) {
    out.push(b'[');
    for (number, outcome) in outcomes.enumerate() {
        if number > 0 {
            out.push(b',');
        }
        outcome.write(out);
    }
    out.push(b']');
}

/// The status of the whole answer where the node failed for some documents (503, 500), so that no
/// client takes them for stored; `None` where every document has its own answer. A function of a design
/// document that fails is not the node's failure: a replicator would send its document for ever.
pub(super) fn status(outcomes: &[Outcome]) -> Option<StatusCode> {
    let failures = outcomes.iter().filter_map(|outcome| outcome.failure.as_ref());
    let statuses = failures.filter(|failure| !matches!(failure, Failure::Function { .. }));
    statuses.map(|failure| failure.status().0).filter(StatusCode::is_server_error).max()
}

/// The failure of all, where nothing was tried because a queue is full.
pub(super) fn busy(results: &[UpdateResult]) -> Option<Failure> {
    let mut busy = None;
    for result in results {
        match result {
            Err(UpdateFailure::Failed(failure)) if matches!(**failure, Failure::Busy { .. }) => {
                busy = Some(failure.as_ref().clone());
            }
            _ => return None,
        }
    }
    busy
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    fn outcomes() -> Vec<Outcome> {
        vec![
            Outcome::stored("a".into(), "1-x".into()),
            Outcome::refused("b".into(), Failure::Conflict),
            Outcome::failed("c".into(), Some("2-y".into()), Failure::Forbidden("no".into())),
        ]
    }

    #[test]
    fn results_are_written_as_couchdb_writes_them() {
        let mut out = Vec::new();
        write_results(&mut out, &outcomes());
        let expected = concat!(
            r#"[{"ok":true,"id":"a","rev":"1-x"},"#,
            r#"{"id":"b","error":"conflict","reason":"Document update conflict."},"#,
            r#"{"id":"c","rev":"2-y","error":"forbidden","reason":"no"}]"#
        );
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }

    #[test]
    fn of_edits_made_elsewhere_the_errors_alone_are_told() {
        let mut out = Vec::new();
        write_errors(&mut out, &outcomes()[..1]);
        assert_eq!(out, b"[]");
        write_errors(&mut out, &outcomes());
        assert!(out.starts_with(br#"[][{"id":"b","error""#));
    }

    #[test]
    fn a_failure_of_the_node_is_the_status_of_the_whole() {
        let mut outcomes = outcomes();
        assert_eq!(status(&outcomes), None);
        outcomes.push(Outcome::refused("d".into(), Failure::Unavailable("later".into())));
        assert_eq!(status(&outcomes), Some(StatusCode::SERVICE_UNAVAILABLE));
    }

    #[test]
    fn only_a_queue_that_was_full_for_all_is_told_as_one() {
        let full = || {
            let failure =
                Failure::Busy { reason: "full".into(), retry_after: Duration::from_secs(1) };
            Err(UpdateFailure::Failed(Arc::new(failure)))
        };
        assert!(busy(&[full(), full()]).is_some());
        assert!(busy(&[full(), Err(UpdateFailure::Conflict)]).is_none());
        assert!(busy(&[]).is_none());
    }
}
