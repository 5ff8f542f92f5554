//! What can go wrong in a call, in the terms of CouchDB's query server.

use std::time::Duration;

use crate::response::Response;

/// What can go wrong in a call. [`Error::name`] and [`Error::reason`] are `error` and `reason` of
/// CouchDB's answers.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The source is no function, or a module that it requires is none.
    #[error("the function does not compile: {0}")]
    Compilation(String),
    /// The design document's `language` is not `javascript`.
    #[error("functions in {0} cannot be run; write them in javascript")]
    Language(String),
    /// `throw {forbidden: reason}`: 403.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// `throw {unauthorized: reason}`: 401.
    #[error("unauthorized: {0}")]
    Unauthorized(String),
    /// `throw {http: response}`: the function answers the request with this.
    #[error("the function answers with status {}", .0.code)]
    Http(Box<Response>),
    /// `throw ["error", name, reason]`, `throw {error: name, reason: reason}`, or what CouchDB says
    /// in such a case itself: `not_found`, `method_not_allowed`, `not_acceptable`, `render_error`,
    /// `invalid_require_path`, `reduce_overflow_error`.
    #[error("{name}: {reason}")]
    Named {
        /// CouchDB's `error`.
        name: String,
        /// CouchDB's `reason`.
        reason: String,
    },
    /// `throw ["fatal", name, reason]`: the same, and the index is not to be built further.
    #[error("fatal: {name}: {reason}")]
    Fatal {
        /// CouchDB's `error`.
        name: String,
        /// CouchDB's `reason`.
        reason: String,
    },
    /// The function threw something else: the name of the JavaScript error, and its message.
    #[error("the function threw {name}: {reason}")]
    Exception {
        /// `TypeError`, `RangeError`, …, or `unnamed_error` for what is no error object.
        name: String,
        /// The message, or the thrown value as JSON.
        reason: String,
    },
    /// The call took longer than [`crate::Limits::call`].
    #[error("the function ran longer than {0:?}; make it do less per call")]
    Time(Duration),
    /// The call took longer than it may by the clock, and the thread did not even run for a quarter of
    /// [`crate::Limits::call`]: the machine has too much to do, or stood still. Tried again it may succeed.
    #[error(
        "the function did not come to run for {0:?}; try again when the machine has less to do"
    )]
    Stalled(Duration),
    /// The runtime needed more than [`crate::Limits::memory_bytes`].
    #[error("the function needed more than {0} bytes of memory; make it hold less at a time")]
    Memory(usize),
    /// The answer was longer than [`crate::Limits::output_bytes`].
    #[error("the function answered more than {0} bytes; make it emit or return less")]
    Output(usize),
    /// An argument is not JSON.
    #[error("an argument of the function is not json: {0}")]
    Argument(String),
    /// The other side of a list went away.
    #[error("nobody reads the list any more")]
    Gone,
    /// QuickJS failed in a way that is no fault of the function.
    #[error("javascript cannot be run: {0}")]
    Engine(String),
}

impl Error {
    /// CouchDB's `error` for this.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Error::Compilation(_) => "compilation_error",
            Error::Language(_) => "unknown_query_language",
            Error::Forbidden(_) => "forbidden",
            Error::Unauthorized(_) => "unauthorized",
            Error::Http(_) => "http",
            Error::Named { name, .. }
            | Error::Fatal { name, .. }
            | Error::Exception { name, .. } => name,
            Error::Time(_) | Error::Stalled(_) => "timeout",
            Error::Memory(_) | Error::Output(_) | Error::Engine(_) => "InternalError",
            Error::Argument(_) => "bad_request",
            Error::Gone => "closed",
        }
    }

    /// CouchDB's `reason` for this.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Error::Compilation(reason)
            | Error::Forbidden(reason)
            | Error::Unauthorized(reason)
            | Error::Named { reason, .. }
            | Error::Fatal { reason, .. }
            | Error::Exception { reason, .. } => reason.clone(),
            other => other.to_string(),
        }
    }

    /// Whether a limit of the sandbox was met, rather than something thrown.
    #[must_use]
    pub fn is_limit(&self) -> bool {
        matches!(self, Error::Memory(_) | Error::Output(_)) || self.is_time()
    }

    /// Whether it would be so again: not where the machine alone was too slow.
    #[must_use]
    pub fn is_lasting_limit(&self) -> bool {
        self.is_limit() && !matches!(self, Error::Stalled(_))
    }

    fn is_time(&self) -> bool {
        matches!(self, Error::Time(_) | Error::Stalled(_))
    }

    /// Whether the runtime may hold half of something after this.
    pub(crate) fn is_poison(&self) -> bool {
        matches!(self, Error::Memory(_) | Error::Engine(_) | Error::Gone) || self.is_time()
    }
}
