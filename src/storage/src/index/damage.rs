//! Which errors say that something on the disk cannot be read, so that it has to be built anew. All others
//! pass: there is no room, there are too many open files, somebody took the rights away.

use std::io::{Error as IoError, ErrorKind};

use fjall::Error;
use lsm_tree::Error as TreeError;

use crate::error::{CommitError, OpenError, StorageError};

/// Whether opening failed over what lies on the disk.
pub(super) fn is_in_open(error: &OpenError) -> bool {
    match error {
        OpenError::Corrupt { .. } | OpenError::Damaged { .. } => true,
        OpenError::Engine(error) => is_in_engine(error),
        OpenError::Storage(error) => is_in_storage(error),
        OpenError::Io { source, .. } => is_in_file(source),
        OpenError::Locked { .. }
        | OpenError::NewerFormat { .. }
        | OpenError::UnreadableFormat { .. } => false,
    }
}

/// Whether a write failed over what lies on the disk.
pub(super) fn is_in_commit(error: &CommitError) -> bool {
    match error {
        CommitError::Engine(error) => is_in_engine(error),
        CommitError::Storage(error) => is_in_storage(error),
        CommitError::Poisoned | CommitError::Stalled { .. } => false,
    }
}

fn is_in_storage(error: &StorageError) -> bool {
    match error {
        StorageError::Engine(error) => is_in_engine(error),
        StorageError::Record { .. } | StorageError::Tree(_) => true,
        StorageError::Closed => false,
    }
}

fn is_in_engine(error: &Error) -> bool {
    match error {
        Error::Io(error) | Error::Storage(TreeError::Io(error)) => is_in_file(error),
        Error::Poisoned | Error::Locked | Error::KeyspaceDeleted => false,
        _ => true,
    }
}

/// A file that ends too early, holds nonsense or is not there. What the system could not do is none of it.
fn is_in_file(error: &IoError) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_no_damage_and_a_short_file_is() {
        let engine = |kind: ErrorKind| OpenError::Engine(Error::Io(kind.into()));
        assert!(!is_in_open(&engine(ErrorKind::StorageFull)));
        assert!(!is_in_open(&engine(ErrorKind::PermissionDenied)));
        assert!(!is_in_open(&OpenError::Engine(Error::Io(IoError::from_raw_os_error(24)))));
        assert!(is_in_open(&engine(ErrorKind::UnexpectedEof)));
        assert!(is_in_open(&OpenError::Engine(Error::Unrecoverable)));
        assert!(!is_in_commit(&CommitError::Engine(Error::Poisoned)));
    }
}
