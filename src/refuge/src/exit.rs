//! Why a command ended, and the exit code (sysexits.h) that tells a program so.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use refuge_config::ConfigurationError;
use refuge_console::{ClientError, PromptError, SocketError, TopError};
use refuge_storage::RestoreError;
use refuge_supervisors::{OpenError, StartFailure};

use crate::command::BackupError;

/// `EX_USAGE`: the command line is wrong, or names what is not there.
pub(crate) const USAGE: u8 = 64;
/// `EX_DATAERR`: what is on disk is damaged, or of a newer version.
const DATA: u8 = 65;
/// `EX_NOINPUT`: a file is not there.
const NO_INPUT: u8 = 66;
/// `EX_UNAVAILABLE`: no node is running, or what it needs is taken.
const UNAVAILABLE: u8 = 69;
/// `EX_SOFTWARE`: the root supervisor gave up, or something that should not happen did.
const SOFTWARE: u8 = 70;
/// `EX_CANTCREAT`: a directory or file cannot be made.
const CANNOT_CREATE: u8 = 73;
/// `EX_IOERR`: reading or writing failed.
const IO: u8 = 74;
/// `EX_TEMPFAIL`: try again.
const TRY_AGAIN: u8 = 75;
/// `EX_NOPERM`.
const NO_PERMISSION: u8 = 77;
/// `EX_CONFIG`.
const CONFIGURATION: u8 = 78;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error("{}: cannot be made: {source}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("the runtime does not start: {0}")]
    Runtime(#[source] io::Error),
    #[error(transparent)]
    Start(#[from] StartFailure),
    #[error("the root supervisor gave up: {0}")]
    GaveUp(String),
    #[error("the node was not shut down within {0:?}; what it had answered is on disk")]
    ShutdownTooSlow(Duration),
    #[error(transparent)]
    Console(#[from] ClientError),
    #[error("there is no data in {}: {source}; name the node's root with --root", path.display())]
    NoData { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Check(#[from] OpenError),
    #[error("{}: {source}", path.display())]
    NoBackup { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(
        "{why}; what came so far is in {}: the same command goes on with it within {} minutes, and begins anew after that",
        part.display(), kept_seconds / 60
    )]
    BrokeOff { why: Box<Failure>, part: PathBuf, kept_seconds: u64 },
    #[error("{}: another refuge backup is writing it; wait for it, or name another file", .0.display())]
    BackupUnderWay(PathBuf),
    #[error("the backup was stopped")]
    Stopped,
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error(
        "{}: a backup was not put back to its end: run refuge restore again, or remove {} to start without data",
        data.display(), beside.display()
    )]
    Unrestored { data: PathBuf, beside: PathBuf },
    #[error("{0}")]
    Upgrade(String),
    #[error("{0} problems were found; restore the data directory from a backup")]
    Damaged(u64),
    #[error("the node did not answer within {0:?}")]
    NoAnswer(Duration),
    #[error("the node has not done it within {0:?}; `refuge status` and the log tell why")]
    NotDone(Duration),
    #[error("a node runs under {}: stop it first (refuge stop), or name another root with --root", .0.display())]
    Running(PathBuf),
    #[error("the node did not start: {reason}")]
    DidNotStart { reason: String, code: Option<u8> },
    #[error(transparent)]
    Prompt(#[from] PromptError),
    #[error(transparent)]
    Top(#[from] TopError),
    #[error("{0}")]
    Usage(String),
    #[error("the replication was stopped; started again it goes on where it was")]
    Interrupted,
}

impl Failure {
    /// What happened and what to do, on one line.
    pub(crate) fn sentence(&self) -> String {
        self.to_string().replace('\n', " ")
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Configuration(_)
            | Self::Start(
                StartFailure::Configuration(_) | StartFailure::Admin(_) | StartFailure::Tls(_),
            ) => CONFIGURATION,
            Self::Directory { source, .. } => by_kind(source).unwrap_or(CANNOT_CREATE),
            Self::Runtime(_) | Self::GaveUp(_) | Self::ShutdownTooSlow(_) => SOFTWARE,
            Self::NoData { .. } => USAGE,
            Self::NoBackup { source, .. } => by_kind(source).unwrap_or(NO_INPUT),
            Self::Backup(BackupError::Io(source)) => by_kind(source).unwrap_or(IO),
            Self::Backup(
                BackupError::NoBackup(_)
                | BackupError::NewerFormat { .. }
                | BackupError::Damaged(_),
            ) => DATA,
            Self::BrokeOff { why, .. } => why.code(),
            Self::BackupUnderWay(_) => CANNOT_CREATE,
            Self::Restore(error) => by_restore(error),
            Self::Upgrade(_) => UNAVAILABLE,
            Self::Check(error) => by_cause(error).unwrap_or(SOFTWARE),
            Self::Damaged(_) | Self::Unrestored { .. } => DATA,
            Self::Start(StartFailure::Address(_)) => UNAVAILABLE,
            Self::Start(failure) => by_cause(failure).unwrap_or(SOFTWARE),
            Self::Console(error)
            | Self::Prompt(PromptError::Node(error))
            | Self::Top(TopError::Node(error)) => by_client(error),
            Self::Prompt(PromptError::Terminal(_)) | Self::Top(TopError::Terminal(_)) => {
                UNAVAILABLE
            }
            Self::Running(_) => UNAVAILABLE,
            Self::DidNotStart { code, .. } => code.filter(|code| *code != 0).unwrap_or(SOFTWARE),
            Self::NoAnswer(_) | Self::NotDone(_) | Self::Interrupted | Self::Stopped => TRY_AGAIN,
            Self::Usage(_) => USAGE,
        }
    }
}

/// The code for a backup that was not put back.
fn by_restore(error: &RestoreError) -> u8 {
    match error {
        RestoreError::NotEmpty(_) => CANNOT_CREATE,
        RestoreError::UnderWay(_) => UNAVAILABLE,
        RestoreError::Open(error) => by_cause(error).unwrap_or(SOFTWARE),
        RestoreError::Io { source, .. } => by_kind(source).unwrap_or(CANNOT_CREATE),
        RestoreError::Engine(_) => IO,
        RestoreError::Damaged(_) => DATA,
    }
}

/// The code for what a session with a node came to.
fn by_client(error: &ClientError) -> u8 {
    match error {
        ClientError::NotRunning(_) | ClientError::Lost(_) => UNAVAILABLE,
        ClientError::Denied(_) => NO_PERMISSION,
        ClientError::Socket(_) => CANNOT_CREATE,
        ClientError::Refused { error, .. } => by_word(error),
    }
}

/// The code for a word of the node's.
fn by_word(error: &str) -> u8 {
    match error {
        "gone" | "unavailable" | "service_unavailable" | "too_many_requests" => TRY_AGAIN,
        "unauthorized" | "forbidden" => NO_PERMISSION,
        "replication_error" => UNAVAILABLE,
        _ => USAGE,
    }
}

/// The code that the cause of `failure` asks for: the first error in its chain that says something.
fn by_cause(failure: &(dyn Error + 'static)) -> Option<u8> {
    std::iter::successors(Some(failure), |error| (*error).source()).find_map(|error| {
        if let Some(SocketError::InUse(_)) = error.downcast_ref() {
            return Some(UNAVAILABLE);
        }
        match error.downcast_ref() {
            Some(OpenError::Locked { .. }) => return Some(UNAVAILABLE),
            Some(
                OpenError::Corrupt { .. }
                | OpenError::Damaged { .. }
                | OpenError::NewerFormat { .. }
                | OpenError::UnreadableFormat { .. },
            ) => return Some(DATA),
            _ => {}
        }
        error.downcast_ref().and_then(by_kind)
    })
}

fn by_kind(error: &io::Error) -> Option<u8> {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Some(NO_PERMISSION),
        io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable => Some(UNAVAILABLE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_sysexits() {
        let directory = |kind: io::ErrorKind| Failure::Directory {
            path: "/x".into(),
            source: io::Error::from(kind),
        };
        assert_eq!(Failure::from(ConfigurationError::WrongOverride).code(), 78);
        assert_eq!(directory(io::ErrorKind::PermissionDenied).code(), 77);
        assert_eq!(directory(io::ErrorKind::StorageFull).code(), 73);
        assert_eq!(Failure::GaveUp(String::new()).code(), 70);
        assert_eq!(Failure::from(ClientError::NotRunning("/x".into())).code(), 69);
        assert_eq!(Failure::NoAnswer(Duration::ZERO).code(), 75);
        assert_eq!(Failure::Damaged(1).code(), 65);
        assert_eq!(Failure::Interrupted.code(), 75);
        let words = ["unavailable", "forbidden", "replication_error", "db_not_found"];
        assert_eq!(words.map(by_word), [75, 77, 69, 64]);
    }
}
