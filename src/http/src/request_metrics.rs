//! What is counted of every request: its method, the code of its answer, the time until the answer's
//! head; and of some what they ask for. The lines are registered once a node, so that counting one request
//! looks nothing up.

use std::time::Duration;

use hyper::{Method, StatusCode};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use refuge_query::mango::ExecutionStatistics;

/// Methods that are told apart; all others count as one.
const METHODS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "COPY", "other"];

/// Codes are kept from here on.
const FIRST_CODE: usize = 200;
/// The first code that nobody answers with.
const BEYOND_CODES: usize = 512;

/// The line that a method is counted in; smaller than the method, which a request would have to keep.
#[derive(Clone, Copy)]
pub(crate) struct MethodLine(usize);

impl MethodLine {
    /// That of a method.
    pub(crate) fn of(method: &Method) -> Self {
        let line = METHODS.iter().position(|name| *name == method.as_str());
        Self(line.unwrap_or(METHODS.len() - 1))
    }
}

/// Handles of the lines of one node; cheap to use, and of no use before a recorder is installed.
pub struct RequestMetrics {
    /// By their place in [`METHODS`].
    methods: [Counter; METHODS.len()],
    /// By code, from [`FIRST_CODE`] on; the last is for all others.
    codes: Vec<Counter>,
    seconds: Histogram,
    /// Requests that write or read many documents.
    pub(crate) bulk_requests: Counter,
    /// Requests for rows of views.
    pub(crate) view_reads: Counter,
    /// Requests to purge.
    pub(crate) purge_requests: Counter,
    /// Documents that were purged, and those whose purge failed.
    pub(crate) purges: Outcomes,
    /// Requests whose credentials were known, and those whose were looked at.
    pub(crate) credentials: Outcomes,
    /// Feeds of changes that are open.
    changes_clients: Gauge,
    questions: Questions,
}

/// What went well, and what did not.
pub(crate) struct Outcomes {
    /// How often it did.
    pub(crate) good: Counter,
    /// How often not.
    pub(crate) bad: Counter,
}

/// What is counted of Mango's questions.
struct Questions {
    unindexed: Counter,
    index_not_usable: Counter,
    many_examined: Counter,
    keys_examined: Counter,
    documents_examined: Counter,
    quorum_documents_examined: Counter,
    results: Counter,
}

/// What the warnings of an answer were about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Warnings {
    /// There was no index.
    pub(crate) unindexed: bool,
    /// The index that was asked for could not serve.
    pub(crate) index_not_usable: bool,
    /// Many documents were looked at for each result.
    pub(crate) many_examined: bool,
}

/// A feed of changes that is open, until it is dropped.
pub(crate) struct OpenFeed(Gauge);

impl Drop for OpenFeed {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl RequestMetrics {
    /// The lines of the node with this label.
    #[must_use]
    pub fn of_node(node: &str) -> Self {
        let node = node.to_owned();
        let methods = METHODS.map(|method| {
            let labels = [("node", node.clone()), ("method", method.to_owned())];
            counter!("refuge_http_requests_total", &labels)
        });
        let codes = (FIRST_CODE..=BEYOND_CODES).map(|code| {
            let known = u16::try_from(code).is_ok_and(is_known) && code < BEYOND_CODES;
            let code = if known { code.to_string() } else { "other".to_owned() };
            counter!("refuge_http_responses_total", &[("node", node.clone()), ("code", code)])
        });
        Self {
            methods,
            codes: codes.collect(),
            seconds: histogram!("refuge_http_request_seconds", &[("node", node.clone())]),
            bulk_requests: counter!("refuge_bulk_requests_total", "node" => node.clone()),
            view_reads: counter!("refuge_view_reads_total", "node" => node.clone()),
            purge_requests: counter!("refuge_purge_requests_total", "node" => node.clone()),
            purges: Outcomes {
                good: counter!("refuge_purged_documents_total", "node" => node.clone()),
                bad: counter!("refuge_failed_purges_total", "node" => node.clone()),
            },
            credentials: Outcomes {
                good: counter!("refuge_known_credentials_total", "node" => node.clone()),
                bad: counter!("refuge_checked_credentials_total", "node" => node.clone()),
            },
            changes_clients: gauge!("refuge_changes_clients", "node" => node.clone()),
            questions: Questions::of_node(&node),
        }
    }

    /// Counts a feed of changes that stays open.
    pub(crate) fn open_feed(&self) -> OpenFeed {
        self.changes_clients.increment(1.0);
        OpenFeed(self.changes_clients.clone())
    }

    /// Counts a question of Mango that was answered.
    pub(crate) fn count_question(&self, statistics: &ExecutionStatistics, warnings: Warnings) {
        let questions = &self.questions;
        questions.unindexed.increment(warnings.unindexed.into());
        questions.index_not_usable.increment(warnings.index_not_usable.into());
        questions.many_examined.increment(warnings.many_examined.into());
        questions.keys_examined.increment(statistics.keys_examined);
        questions.documents_examined.increment(statistics.documents_examined);
        questions.quorum_documents_examined.increment(statistics.quorum_documents_examined);
        questions.results.increment(statistics.results_returned);
    }

    /// Counts one request.
    pub(crate) fn count(&self, method: MethodLine, status: StatusCode, time: Duration) {
        if let Some(line) = self.methods.get(method.0) {
            line.increment(1);
        }
        let place = usize::from(status.as_u16()).wrapping_sub(FIRST_CODE);
        if let Some(line) = self.codes.get(place).or(self.codes.last()) {
            line.increment(1);
        }
        self.seconds.record(time.as_secs_f64());
    }
}

impl Questions {
    fn of_node(node: &str) -> Self {
        let line = |name: &'static str| counter!(name, "node" => node.to_owned());
        Self {
            unindexed: line("refuge_find_unindexed_total"),
            index_not_usable: line("refuge_find_index_not_usable_total"),
            many_examined: line("refuge_find_many_examined_total"),
            keys_examined: line("refuge_find_keys_examined_total"),
            documents_examined: line("refuge_find_documents_examined_total"),
            quorum_documents_examined: line("refuge_find_quorum_documents_examined_total"),
            results: line("refuge_find_results_total"),
        }
    }
}

/// Whether a code has a name of its own in HTTP; the others share a line.
fn is_known(code: u16) -> bool {
    StatusCode::from_u16(code).is_ok_and(|code| code.canonical_reason().is_some())
}
