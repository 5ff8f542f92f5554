//! The whole answer to one request, and what a test asks of it.

use bytes::Bytes;
use hyper::HeaderMap;
use serde_json::Value;

/// An answer whose body has been read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    /// `METHOD /path`, for messages.
    pub asked: String,
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, as it came.
    pub body: Bytes,
}

impl Reply {
    /// The same answer, once its status is `status`.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} answered {}", self.asked, self.text());
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{} answered no JSON ({error}): {}", self.asked, self.text())
        })
    }

    /// The body as text; for people where it is not UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// A member of the JSON body that is text: `rev`, `id`, `last_seq`.
    #[track_caller]
    pub fn member(&self, name: &str) -> String {
        match self.json().get(name).and_then(Value::as_str) {
            Some(text) => text.to_owned(),
            None => panic!("{} answered no text under {name}: {}", self.asked, self.text()),
        }
    }

    /// Checks status and CouchDB's error body.
    #[track_caller]
    pub fn error(&self, status: u16, error: &str, reason: &str) {
        assert_eq!(
            (self.status, self.json()),
            (status, serde_json::json!({"error": error, "reason": reason})),
            "{}",
            self.asked
        );
    }

    /// Checks status and the error's name, and that some reason is given.
    #[track_caller]
    pub fn error_named(&self, status: u16, error: &str) {
        let told = self.json();
        assert_eq!(
            (self.status, &told["error"]),
            (status, &error.into()),
            "{}: {told}",
            self.asked
        );
        assert!(told["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{told}");
    }

    /// Checks that the node says, with a reason, that this is later work.
    #[track_caller]
    pub fn not_implemented(&self) {
        self.error_named(501, "not_implemented");
    }
}
