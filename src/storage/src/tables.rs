//! The look at fjall's tables before fjall opens them, and the whole of it for `refuge check`.
//!
//! Each keyspace has a file `current`, which names its present version `v<number>` and holds that
//! file's checksum; the version lists the tables and blob files with the checksum of each. fjall
//! checks neither: it takes a version that lists fewer tables for the truth and removes the others.
//! It notices damage within a table only where it happens to read. Here `current` and the version
//! are always checked, every file must be there, and files are read whole as far as a budget goes.
//!
//! What must not live here: anything that writes.

mod archive;
mod version;
mod whole;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::OpenError;
use crate::tables::version::{Listed, listed};

/// Where fjall keeps its keyspaces.
const KEYSPACES: &str = "keyspaces";

/// Names of the present version and of the directories beside it.
const CURRENT: &str = "current";
const TABLES: &str = "tables";
const BLOBS: &str = "blobs";

/// What is said of a file whose bytes are others than were written.
const MISMATCH: &str = "does not match its checksum";

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Looked {
    /// Tables and blob files that are listed.
    pub(crate) files: u64,
    /// Bytes of them that were read and compared with their checksums.
    pub(crate) verified_bytes: u64,
}

/// Checks all keyspaces of a fjall directory; the first damage is the error. Tables are read whole,
/// the smallest first, while they come to at most `budget_bytes` together.
pub(crate) fn check(directory: &Path, budget_bytes: u64) -> Result<Looked, OpenError> {
    let mut first = None;
    let looked = walk(directory, budget_bytes, &mut |damage| {
        first.get_or_insert(damage);
    })?;
    match first {
        Some(damage) => Err(damage),
        None => Ok(looked),
    }
}

/// As [`check`], telling every damage.
pub(crate) fn walk(
    directory: &Path,
    budget_bytes: u64,
    damage: &mut dyn FnMut(OpenError),
) -> Result<Looked, OpenError> {
    let mut files = Vec::new();
    for keyspace in keyspaces(&directory.join(KEYSPACES))? {
        match listed(&keyspace) {
            Ok(found) => files.extend(found),
            Err(error @ OpenError::Damaged { .. }) => damage(error),
            Err(error) => return Err(error),
        }
    }
    let mut sized = Vec::with_capacity(files.len());
    for file in files {
        match fs::metadata(&file.path) {
            Ok(metadata) => sized.push((metadata.len(), file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                damage(OpenError::Damaged { file: file.path, offset: None, reason: "is missing" });
            }
            Err(source) => return Err(OpenError::Io { path: file.path, source }),
        }
    }
    sized.sort_unstable_by_key(|(length, _)| *length);
    let mut looked = Looked { files: sized.len() as u64, verified_bytes: 0 };
    for (length, file) in sized {
        if looked.verified_bytes.saturating_add(length) > budget_bytes {
            break;
        }
        looked.verified_bytes += length;
        verify(&file, damage)?;
    }
    Ok(looked)
}

/// Whether what is damaged is the content of a table or of a blob file alone, so that the engine opens it and
/// finds the other rows.
pub(crate) fn is_within_table(damage: &OpenError) -> bool {
    let OpenError::Damaged { file, reason: MISMATCH, .. } = damage else { return false };
    let directory = file.parent().and_then(Path::file_name);
    directory.is_some_and(|name| name == TABLES || name == BLOBS)
}

fn verify(file: &Listed, damage: &mut dyn FnMut(OpenError)) -> Result<(), OpenError> {
    let io = |source| OpenError::Io { path: file.path.clone(), source };
    if whole::checksum(&file.path).map_err(io)? != file.checksum {
        let offset = whole::first_bad_block(&file.path).map_err(io)?;
        damage(OpenError::Damaged { file: file.path.clone(), offset, reason: MISMATCH });
    }
    Ok(())
}

/// The directories of the keyspaces, in order. A database that does not exist yet has none.
fn keyspaces(directory: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let mut found = Vec::new();
    for path in entries(directory)? {
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let io = |source| OpenError::Io { path: directory.to_owned(), source };
    if !directory.try_exists().map_err(io)? {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(directory).map_err(io)?;
    entries.map(|entry| Ok(entry.map_err(io)?.path())).collect()
}
