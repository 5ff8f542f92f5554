//! How a replication fails for good, with CouchDB's words for it.

use crate::crashes::CrashKind;
use crate::exchange::End;

/// Why a replication ended without success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// An end's database is not there.
    #[error("could not open {name}: there is no such database")]
    DatabaseMissing {
        /// Which end.
        end: End,
        /// Its name.
        name: String,
    },
    /// An end does not know our credentials.
    #[error("{name} wants other credentials: {reason}")]
    Unauthorized {
        /// Which end.
        end: End,
        /// Its name.
        name: String,
        /// What it said.
        reason: String,
    },
    /// An end forbids what we ask.
    #[error("{name} forbids it: {reason}")]
    Forbidden {
        /// Which end.
        end: End,
        /// Its name.
        name: String,
        /// What it said.
        reason: String,
    },
    /// The source lacks the function that is to filter.
    #[error("{name} has {reason}")]
    FilterMissing {
        /// The source's name.
        name: String,
        /// What it has not.
        reason: String,
    },
    /// A request failed as often as was allowed.
    #[error("{name} failed {attempts} times, last with: {reason}")]
    Exhausted {
        /// Which end.
        end: End,
        /// Its name.
        name: String,
        /// How often the request was sent.
        attempts: u32,
        /// The last failure.
        reason: String,
    },
    /// An end answered what no repetition mends.
    #[error("{name} cannot take part: {reason}")]
    Permanent {
        /// Which end.
        end: End,
        /// Its name.
        name: String,
        /// What it said.
        reason: String,
    },
}

impl Failure {
    /// CouchDB's `error` word.
    pub fn error(&self) -> &'static str {
        match self {
            Self::DatabaseMissing { .. } => "db_not_found",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::FilterMissing { .. } => "not_found",
            Self::Exhausted { .. } | Self::Permanent { .. } => "replication_error",
        }
    }

    /// As `_scheduler` tells it.
    pub fn told(&self) -> String {
        match self {
            Self::DatabaseMissing { name, .. } => {
                format!("{}: could not open {name}", self.error())
            }
            other => other.to_string(),
        }
    }

    /// HTTP status of the answer to `POST /_replicate`.
    pub fn status(&self) -> u16 {
        match self {
            Self::DatabaseMissing { .. } | Self::FilterMissing { .. } => 404,
            Self::Unauthorized { .. } => 401,
            Self::Forbidden { .. } => 403,
            Self::Exhausted { .. } | Self::Permanent { .. } => 500,
        }
    }

    /// How long whoever had it is to rest.
    pub fn crash(&self) -> CrashKind {
        match self {
            Self::Exhausted { .. } => CrashKind::Silence,
            Self::Unauthorized { .. } | Self::Forbidden { .. } => CrashKind::Refusal,
            Self::DatabaseMissing { .. } | Self::FilterMissing { .. } | Self::Permanent { .. } => {
                CrashKind::Other
            }
        }
    }

    /// Which end it was.
    pub fn end(&self) -> End {
        match self {
            Self::DatabaseMissing { end, .. }
            | Self::Unauthorized { end, .. }
            | Self::Forbidden { end, .. }
            | Self::Exhausted { end, .. }
            | Self::Permanent { end, .. } => *end,
            Self::FilterMissing { .. } => End::Source,
        }
    }
}
