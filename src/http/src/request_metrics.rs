//! What is counted of every request: its method, the code of its answer, the time until the answer's
//! head. The lines are registered once a node, so that counting one request looks nothing up.

use std::time::Duration;

use hyper::{Method, StatusCode};
use metrics::{Counter, Histogram, counter, histogram};

/// Methods that are told apart; all others count as one.
const METHODS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "COPY", "other"];

/// Codes are kept from here on.
const FIRST_CODE: usize = 200;
/// The first code that nobody answers with.
const BEYOND_CODES: usize = 512;

/// Handles of the lines of one node; cheap to use, and of no use before a recorder is installed.
pub struct RequestMetrics {
    methods: Vec<(&'static str, Counter)>,
    /// By code, from [`FIRST_CODE`] on; the last is for all others.
    codes: Vec<Counter>,
    seconds: Histogram,
}

impl RequestMetrics {
    /// The lines of the node with this label.
    #[must_use]
    pub fn of_node(node: &str) -> Self {
        let node = node.to_owned();
        let methods = METHODS.map(|method| {
            let labels = [("node", node.clone()), ("method", method.to_owned())];
            (method, counter!("refuge_http_requests_total", &labels))
        });
        let codes = (FIRST_CODE..=BEYOND_CODES).map(|code| {
            let known = u16::try_from(code).is_ok_and(is_known) && code < BEYOND_CODES;
            let code = if known { code.to_string() } else { "other".to_owned() };
            counter!("refuge_http_responses_total", &[("node", node.clone()), ("code", code)])
        });
        Self {
            methods: methods.into(),
            codes: codes.collect(),
            seconds: histogram!("refuge_http_request_seconds", &[("node", node.clone())]),
        }
    }

    /// Counts one request.
    pub(crate) fn count(&self, method: &Method, status: StatusCode, time: Duration) {
        let method = method.as_str();
        let line = self.methods.iter().find(|(name, _)| *name == method).or(self.methods.last());
        if let Some((_, line)) = line {
            line.increment(1);
        }
        let place = usize::from(status.as_u16()).wrapping_sub(FIRST_CODE);
        if let Some(line) = self.codes.get(place).or(self.codes.last()) {
            line.increment(1);
        }
        self.seconds.record(time.as_secs_f64());
    }
}

/// Whether a code has a name of its own in HTTP; the others share a line.
fn is_known(code: u16) -> bool {
    StatusCode::from_u16(code).is_ok_and(|code| code.canonical_reason().is_some())
}
