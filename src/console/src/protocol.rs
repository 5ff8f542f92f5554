//! The lines that travel: `{"command": "kill", "arguments": ["NAME"]}` in, `{"ok": …}` or
//! `{"error": "…", "reason": "…"}` out, each on one line.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::control::ControlError;

/// Longest line that the node takes, in bytes without its end: names are short, all else is abuse.
pub const LINE_LIMIT_BYTES: usize = 64 * 1024;

/// The error where a snapshot is kept no more.
pub(crate) const GONE: &str = "gone";

/// One command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Its name.
    pub command: String,
    /// Its arguments.
    #[serde(default)]
    pub arguments: Vec<String>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reply {
    /// It was done.
    Ok {
        /// What came of it.
        ok: Value,
    },
    /// It was not done.
    Error {
        /// A name for programs.
        error: String,
        /// A sentence for people.
        reason: String,
    },
}

impl Reply {
    pub(crate) fn error(error: &str, reason: impl Into<String>) -> Self {
        Self::Error { error: error.to_owned(), reason: reason.into() }
    }

    /// As a line with its end.
    pub(crate) fn line(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }
}

impl From<Result<Value, ControlError>> for Reply {
    fn from(outcome: Result<Value, ControlError>) -> Self {
        match outcome {
            Ok(ok) => Self::Ok { ok },
            Err(
                error @ (ControlError::NotFound(_)
                | ControlError::NoDatabase(_)
                | ControlError::UnknownPeer(_)),
            ) => Self::error("not_found", error.to_string()),
            Err(error @ ControlError::Gone) => Self::error(GONE, error.to_string()),
            Err(error @ ControlError::Refused(_)) => Self::error("refused", error.to_string()),
            Err(ControlError::Replication { error, reason }) => Self::Error { error, reason },
            Err(error @ ControlError::Unavailable(_)) => {
                Self::error("unavailable", error.to_string())
            }
        }
    }
}
