//! Every way in which a request can fail, as CouchDB names it, and its one mapping to status codes
//! and error bodies. Where failures come from does not belong here.

use std::time::Duration;

use hyper::StatusCode;
use refuge_query::mango::MangoError;

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// 400 `bad_request`.
    #[error("{0}")]
    BadRequest(String),
    /// 400 with an error name of its own (`doc_validation`, `illegal_docid`, `query_parse_error`, …).
    #[error("{reason}")]
    Invalid {
        /// CouchDB's name of the error.
        error: &'static str,
        /// In words.
        reason: String,
    },
    /// 401 `unauthorized`.
    #[error("{0}")]
    Unauthorized(String),
    /// 403 `forbidden`.
    #[error("{0}")]
    Forbidden(String),
    /// 404 `not_found` with its reason (`missing`, `deleted`, …).
    #[error("{0}")]
    NotFound(String),
    /// 404 for a database.
    #[error("Database does not exist.")]
    NoDatabase,
    /// 404 `db_not_found` for an end of a replication.
    #[error("{0}")]
    ReplicationEndMissing(String),
    /// 405, with the methods that are allowed.
    #[error("Only {0} allowed")]
    MethodNotAllowed(&'static str),
    /// 408 `timeout`: nothing of the request's body came for long.
    #[error("{0}")]
    BodyTimeout(String),
    /// 409 `conflict`.
    #[error("Document update conflict.")]
    Conflict,
    /// 409 `conflict` with a reason of its own: somebody else decides this.
    #[error("{0}")]
    Overruled(String),
    /// 409 `checkpoint_too_old`: tombstones behind it have been purged.
    #[error(
        "deletions up to sequence {floor} are not told any more, since their tombstones have been \
         purged: begin again at since=0 and compare the ids of all documents"
    )]
    CheckpointTooOld {
        /// The sequence that a checkpoint has to have reached.
        floor: u64,
    },
    /// 412 `file_exists`.
    #[error("The database could not be created, the file already exists.")]
    DatabaseExists,
    /// 412 with its error name: what the request builds on is not so.
    #[error("{reason}")]
    PreconditionFailed {
        /// Name of the error.
        error: &'static str,
        /// In words.
        reason: String,
    },
    /// 412 `missing_stub`.
    #[error("{0}")]
    MissingStub(String),
    /// 413 with its error name.
    #[error("{reason}")]
    TooLarge {
        /// CouchDB's name of the error.
        error: &'static str,
        /// In words, with the limit.
        reason: String,
    },
    /// 415 `bad_content_type`.
    #[error("{0}")]
    BadContentType(String),
    /// 416 `requested_range_not_satisfiable`.
    #[error("Requested range not satisfiable")]
    RangeNotSatisfiable,
    /// 423 `locked`: another request is at it.
    #[error("{0}")]
    Locked(String),
    /// 429 with its error name: the client has or wants too much at once.
    #[error("{reason}")]
    TooMany {
        /// Name of the error.
        error: &'static str,
        /// In words, with the limit.
        reason: String,
        /// When to try again, where that is known.
        retry_after: Option<Duration>,
    },
    /// 460 `checksum_mismatch`, tus' own code: the bytes are not what their checksum says.
    #[error("the bytes do not have the checksum that came with them: nothing of them was kept")]
    ChecksumMismatch,
    /// 501: later work.
    #[error("{0}")]
    NotImplemented(String),
    /// 503: a queue is full; come back later.
    #[error("{reason}")]
    Busy {
        /// In words.
        reason: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// 503: a part of the node is being restarted; whether a write was stored is unknown.
    #[error("{0}")]
    Unavailable(String),
    /// 507: the disk is nearly full; nothing was written.
    #[error("{0}")]
    InsufficientStorage(String),
    /// Why a function of a design document cannot be run, what it refuses, or what Mango does: with a status
    /// and a name of the error of its own.
    #[error("{reason}")]
    Function {
        /// The status.
        status: u16,
        /// The name of the error.
        error: String,
        /// In words.
        reason: String,
    },
    /// 500.
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    /// Whether the same may go well in a moment, with nothing changed about what is asked: something is being
    /// restarted, too much is asked at once, or the disk is full.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Unavailable(_) | Self::InsufficientStorage(_))
    }

    /// 429 `too_many_requests`: more is taken after `wait`.
    pub fn too_many(reason: String, wait: Duration) -> Self {
        // Whole seconds are told, and it is not to come too early.
        let retry_after = Some(wait + Duration::from_millis(999));
        Self::TooMany { error: "too_many_requests", reason, retry_after }
    }

    /// Status code and CouchDB's error name.
    pub fn status(&self) -> (StatusCode, &str) {
        match self {
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::Invalid { error, .. } => (StatusCode::BAD_REQUEST, error),
            Self::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::NotFound(_) | Self::NoDatabase => (StatusCode::NOT_FOUND, "not_found"),
            Self::ReplicationEndMissing(_) => (StatusCode::NOT_FOUND, "db_not_found"),
            Self::MethodNotAllowed(_) => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::BodyTimeout(_) => (StatusCode::REQUEST_TIMEOUT, "timeout"),
            Self::Conflict | Self::Overruled(_) => (StatusCode::CONFLICT, "conflict"),
            Self::CheckpointTooOld { .. } => (StatusCode::CONFLICT, "checkpoint_too_old"),
            Self::DatabaseExists => (StatusCode::PRECONDITION_FAILED, "file_exists"),
            Self::PreconditionFailed { error, .. } => (StatusCode::PRECONDITION_FAILED, error),
            Self::MissingStub(_) => (StatusCode::PRECONDITION_FAILED, "missing_stub"),
            Self::TooLarge { error, .. } => (StatusCode::PAYLOAD_TOO_LARGE, error),
            Self::BadContentType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "bad_content_type"),
            Self::RangeNotSatisfiable => {
                (StatusCode::RANGE_NOT_SATISFIABLE, "requested_range_not_satisfiable")
            }
            Self::Locked(_) => (StatusCode::LOCKED, "locked"),
            Self::TooMany { error, .. } => (StatusCode::TOO_MANY_REQUESTS, error),
            Self::ChecksumMismatch => (checksum_mismatch(), "checksum_mismatch"),
            Self::NotImplemented(_) => (StatusCode::NOT_IMPLEMENTED, "not_implemented"),
            Self::Busy { .. } | Self::Unavailable(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "service_unavailable")
            }
            Self::InsufficientStorage(_) => {
                (StatusCode::INSUFFICIENT_STORAGE, "insufficient_storage")
            }
            Self::Function { status, error, .. } => {
                (StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error)
            }
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_server_error"),
        }
    }
}

impl From<MangoError> for Failure {
    fn from(error: MangoError) -> Self {
        Self::Function {
            status: error.status(),
            error: error.error().to_owned(),
            reason: error.to_string(),
        }
    }
}

/// The code that tus made for it.
fn checksum_mismatch() -> StatusCode {
    StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST)
}
