//! The errors of opening, reading and committing.

use std::path::PathBuf;

/// Why a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another engine holds the directory.
    #[error(
        "the data directory {path} is in use by another process{holder}; stop it or choose another directory",
        path = .path.display(),
        holder = .holder.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// The process that wrote its id into the lock file, where it can be read.
        holder: Option<u32>,
    },
    /// The directory was written by a newer version.
    #[error(
        "the data directory {path} has format {found}, and this version knows up to {known}; start the version that wrote it",
        path = .path.display()
    )]
    NewerFormat {
        /// The data directory.
        path: PathBuf,
        /// The format found there.
        found: u32,
        /// The newest format that this version reads.
        known: u32,
    },
    /// The file that tells the format cannot be understood.
    #[error(
        "{path} does not hold a format number; restore the file from a backup",
        path = .path.display()
    )]
    UnreadableFormat {
        /// The format file.
        path: PathBuf,
    },
    /// A journal holds a damaged entry that was whole once: opening would drop it, and all good ones
    /// after it, in silence.
    #[error(
        "the journal {file} is damaged at byte {offset}, and to open it would lose acknowledged writes; restore it from a backup",
        file = .file.display()
    )]
    Corrupt {
        /// The journal file.
        file: PathBuf,
        /// Where the damaged batch begins, in bytes from the start of the file.
        offset: u64,
    },
    /// A file of the tables is damaged or missing.
    #[error(
        "{file} {reason}{place}; restore the data directory from a backup",
        file = .file.display(),
        place = .offset.map(|offset| format!(" (damaged at or behind byte {offset})")).unwrap_or_default()
    )]
    Damaged {
        /// The damaged or missing file.
        file: PathBuf,
        /// The damage is in the block that begins here or behind it, in bytes from the start of the
        /// file; `None` where that is not known.
        offset: Option<u64>,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file operation failed.
    #[error("cannot open the data directory {path}: {source}", path = .path.display())]
    Io {
        /// The file or directory concerned.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The storage engine refused.
    #[error("the storage engine cannot open the data directory: {0}")]
    Engine(#[from] fjall::Error),
    /// A record of the registry cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The engine that this store belonged to is gone; ask for the new one.
    #[error("the storage engine is closed; ask for the present one")]
    Closed,
    /// The storage engine failed.
    #[error("the storage engine failed: {0}")]
    Engine(#[from] fjall::Error),
    /// A stored record cannot be read.
    #[error("a stored record of {keyspace} cannot be read ({reason}); check the disk")]
    Record {
        /// The keyspace.
        keyspace: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A stored revision tree cannot be read.
    #[error("a stored revision tree cannot be read: {0}")]
    Tree(#[from] refuge_document::DecodeError),
}

/// Why a group was not committed. Whether its operations reached the disk is unknown, and the
/// engine takes no more: drop it and open another.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// An earlier commit failed.
    #[error("an earlier commit failed; reopen the storage engine")]
    Poisoned,
    /// The storage engine failed to write or to sync.
    #[error("the storage engine failed to commit: {0}")]
    Engine(#[from] fjall::Error),
    /// A record that the commit leans on cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The background flusher made no room in time.
    #[error(
        "memory tables were not flushed within {seconds} s; check the disk and reopen the storage engine"
    )]
    Stalled {
        /// How long the writer waited, in seconds.
        seconds: u64,
    },
}
