//! What can be wrong with a configuration, each in one clear sentence. Admins' passwords never
//! appear in one.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file that a person writes.
    File {
        /// Its path.
        path: PathBuf,
        /// Line, from 1; 0 when unknown.
        line: usize,
    },
    /// `etc/local.toml`, which the node writes.
    Local {
        /// Its path.
        path: PathBuf,
        /// Line, from 1; 0 when unknown.
        line: usize,
    },
    /// Set over HTTP for this run of the node alone.
    Unpersisted,
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// `--set` on the command line.
    CommandLine,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: 0 } | Self::Local { path, line: 0 } => {
                write!(formatter, "{}", path.display())
            }
            Self::File { path, line } | Self::Local { path, line } => {
                write!(formatter, "{}, line {line}", path.display())
            }
            Self::Unpersisted => formatter.write_str("over HTTP"),
            Self::Environment { variable } => write!(formatter, "environment variable {variable}"),
            Self::CommandLine => formatter.write_str("--set"),
        }
    }
}

impl Place {
    /// Whether what stands here beats what the node writes into `etc/local.toml`.
    #[must_use]
    pub fn beats_local(&self) -> bool {
        matches!(self, Self::Environment { .. } | Self::CommandLine)
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// A file could not be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not TOML.
    #[error("{place}: this is not TOML: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser says, on one line.
        message: String,
    },
    /// A key that does not exist.
    #[error("{place}: there is no setting \"{key}\"; the nearest is \"{nearest}\"")]
    UnknownKey {
        /// Where.
        place: Place,
        /// As it was written.
        key: String,
        /// The key whose name is closest.
        nearest: String,
    },
    /// A section's name with something else than a table.
    #[error("{place}: \"{section}\" is a section: write its settings as {section}.NAME = VALUE")]
    NotASection {
        /// Where.
        place: Place,
        /// The section.
        section: String,
    },
    /// A value of the wrong kind or out of range.
    #[error("{place}: {key} must be {expected}, not {found}")]
    WrongValue {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// What it takes.
        expected: String,
        /// What was found.
        found: String,
    },
    /// An admin that cannot be one.
    #[error("{place}: {problem}")]
    WrongAdmin {
        /// Where.
        place: Place,
        /// In words, without the password.
        problem: String,
    },
    /// `--set` without `section.key=value`.
    #[error("--set takes section.key=value, for example --set http.port=5985")]
    WrongOverride,
    /// The node would be open to a network while nobody guards it.
    #[error(
        "{key} is {bind}, but the node listens on loopback only while no admin exists: make one \
         (set admins.NAME = \"PASSWORD\" in etc/local.toml, or REFUGE_ADMINS__NAME in the environment) \
         or set {key} to 127.0.0.1"
    )]
    NoAdmin {
        /// The key that asks for it.
        key: &'static str,
        /// The address asked for.
        bind: IpAddr,
    },
    /// The listener for TLS cannot be as it is asked for.
    #[error("{problem}")]
    Tls {
        /// In words.
        problem: &'static str,
    },
}

/// Why `etc/local.toml` was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The setting, or what stands in the file already, is wrong.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The file system said no; the file is as it was before.
    #[error("{}: cannot be written: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
