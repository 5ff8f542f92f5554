//! What a status code, a broken connection or a deadline means for a replication.

use std::error::Error;
use std::time::{Duration, SystemTime};

use hyper::header::{LOCATION, RETRY_AFTER};
use hyper::{HeaderMap, StatusCode};
use refuge_identity::tls::TlsError;
use refuge_replication::{EndFailure, EndFailureKind};
use serde::Deserialize;

/// CouchDB's error body.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ErrorBody {
    #[serde(default)]
    pub(crate) error: String,
    #[serde(default)]
    pub(crate) reason: String,
}

/// An answer whose status is not a success.
#[derive(Debug)]
pub(crate) struct ErrorAnswer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    /// Where else it says that something is.
    pub(crate) location: Option<String>,
    pub(crate) body: ErrorBody,
}

impl ErrorAnswer {
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let retry_after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
        Self {
            status,
            location: location.map(str::to_owned),
            retry_after: retry_after.and_then(|text| pause(text, SystemTime::now())),
            body: serde_json::from_slice(body).unwrap_or_default(),
        }
    }

    /// Whether it says that the database itself is not there.
    pub(crate) fn tells_of_missing_database(&self) -> bool {
        let reasons = ["no_db_file", "Database does not exist.", "missing_database"];
        self.status == StatusCode::NOT_FOUND
            && (reasons.contains(&self.body.reason.as_str()) || self.body.error == "db_not_found")
    }

    /// For requests that only a missing database can answer with 404.
    pub(crate) fn of_database(self) -> EndFailure {
        if self.status == StatusCode::NOT_FOUND {
            return EndFailure::of(EndFailureKind::DatabaseMissing, self.reason());
        }
        self.into()
    }

    pub(crate) fn reason(&self) -> String {
        let status = self.status.as_u16();
        let ErrorBody { error, reason } = &self.body;
        match (error.is_empty(), reason.is_empty()) {
            (true, true) => format!("it answered {status}"),
            (false, true) => format!("it answered {status} {error}"),
            _ => format!("it answered {status} {error}: {reason}"),
        }
    }

    fn kind(&self) -> EndFailureKind {
        if self.tells_of_missing_database() {
            return EndFailureKind::DatabaseMissing;
        }
        match self.status.as_u16() {
            401 => EndFailureKind::Unauthorized,
            403 => EndFailureKind::Forbidden,
            409 if self.body.error == "checkpoint_too_old" => EndFailureKind::CheckpointTooOld,
            409 => EndFailureKind::Conflict,
            // 408 and 425 say "again", 429 "slower"; 500 of CouchDB is most often overload, and room is made on
            // a disk that is full (507).
            408 | 425 | 429 | 500 | 502..=504 | 507 => {
                EndFailureKind::Transient { retry_after_ms: self.retry_after.map(milliseconds) }
            }
            _ => EndFailureKind::Permanent,
        }
    }
}

impl From<ErrorAnswer> for EndFailure {
    fn from(answer: ErrorAnswer) -> Self {
        Self::of(answer.kind(), answer.reason())
    }
}

/// How long `Retry-After` says to wait: a number of seconds, or until a date, which may be past.
fn pause(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A request that got no answer. Connections break and come back; only a certificate that is not
/// trusted will not mend itself.
pub(crate) fn unanswered(error: &(dyn Error + 'static)) -> EndFailure {
    let mut reason = String::new();
    let mut untrusted = false;
    let mut cause = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        // Wrappers repeat what they wrap.
        if !reason.ends_with(&text) {
            if !reason.is_empty() {
                reason.push_str(": ");
            }
            reason.push_str(&text);
        }
        untrusted |= error
            .downcast_ref::<TlsError>()
            .is_some_and(|error| matches!(error, TlsError::Untrusted { .. }));
        untrusted |= error.downcast_ref::<crate::connector::ConnectError>().is_some_and(|error| {
            matches!(error, crate::connector::ConnectError::Tls(TlsError::Untrusted { .. }))
        });
        cause = error.source();
    }
    if untrusted { EndFailure::permanent(reason) } else { EndFailure::transient(reason) }
}

/// An answer that is not what it should be.
pub(crate) fn unreadable(what: &str, error: impl std::fmt::Display) -> EndFailure {
    EndFailure::transient(format!("its answer to {what} cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> ErrorAnswer {
        let status = StatusCode::from_u16(status).unwrap();
        ErrorAnswer::new(status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn a_status_means_what_couchdb_means_by_it() {
        let missing = r#"{"error":"not_found","reason":"Database does not exist."}"#;
        let table = [
            (answer(404, missing), EndFailureKind::DatabaseMissing),
            (answer(404, r#"{"error":"not_found","reason":"missing"}"#), EndFailureKind::Permanent),
            (answer(401, "{}"), EndFailureKind::Unauthorized),
            (answer(403, "<html>"), EndFailureKind::Forbidden),
            (answer(409, "{}"), EndFailureKind::Conflict),
            (answer(409, r#"{"error":"checkpoint_too_old"}"#), EndFailureKind::CheckpointTooOld),
            (answer(302, ""), EndFailureKind::Permanent),
            (answer(503, ""), EndFailureKind::Transient { retry_after_ms: None }),
            (answer(507, ""), EndFailureKind::Transient { retry_after_ms: None }),
        ];
        for (answer, kind) in table {
            let failure = EndFailure::from(answer);
            assert_eq!(failure.kind, kind, "{failure}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let pause = |text| pause(text, now);
        assert_eq!(pause(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(pause("Sun, 06 Nov 1994 08:50:07 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(pause("Sun, 06 Nov 1994 08:49:07 GMT"), Some(Duration::ZERO));
        assert_eq!(pause("soon"), None);
        assert_eq!(pause("-1"), None);
    }

    #[test]
    fn retry_after_is_obeyed() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "7".parse().unwrap());
        let answer = ErrorAnswer::new(StatusCode::TOO_MANY_REQUESTS, &headers, b"");
        let kind = EndFailureKind::Transient { retry_after_ms: Some(7_000) };
        assert_eq!(EndFailure::from(answer).kind, kind);
    }
}
