//! The file that tells which format a data directory has. It is read before anything else, so
//! that an older version never touches what a newer one wrote. Data of an older format is written in that format until
//! it is raised, so that until then the version that wrote it can go on with it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::error::OpenError;

/// The format that this version writes, and the newest that it reads. Format 2 notes documents that stand
/// out (`outstanding`): a version that does not keep these notes would leave them false.
pub const FORMAT: u32 = 2;

/// The first format that notes documents that stand out.
pub(crate) const NOTES_SINCE: u32 = 2;

const FILE: &str = "format";
const TEMPORARY_FILE: &str = "format.new";
const LABEL: &str = "refuge storage format ";

/// The format of a data directory; none where there is no data.
///
/// # Errors
/// [`OpenError`], where it is in no form that is known.
pub fn format_of(directory: &Path) -> Result<Option<u32>, OpenError> {
    let path = directory.join(FILE);
    match fs::read(&path) {
        Ok(text) => parse(&text).map(Some).ok_or(OpenError::UnreadableFormat { path }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(OpenError::Io { path, source }),
    }
}

fn parse(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.strip_prefix(LABEL)?.trim_end().parse().ok()
}

/// Checks the format of a data directory and tells it; a new one gets the newest.
pub(crate) fn check(directory: &Path) -> Result<u32, OpenError> {
    let Some(found) = format_of(directory)? else {
        raise(directory)?;
        return Ok(FORMAT);
    };
    if found > FORMAT {
        return Err(OpenError::NewerFormat { path: directory.to_owned(), found, known: FORMAT });
    }
    Ok(found)
}

/// Writes down that a data directory has the newest format: older versions leave it alone from now on.
pub(crate) fn raise(directory: &Path) -> Result<(), OpenError> {
    write(directory).map_err(|source| OpenError::Io { path: directory.join(FILE), source })
}

fn write(directory: &Path) -> std::io::Result<()> {
    let temporary = directory.join(TEMPORARY_FILE);
    let mut file = File::create(&temporary)?;
    writeln!(file, "{LABEL}{FORMAT}")?;
    file.sync_all()?;
    fs::rename(&temporary, directory.join(FILE))?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_directory_gets_a_format_and_is_known_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        check(directory.path()).unwrap();
        check(directory.path()).unwrap();
        let text = fs::read_to_string(directory.path().join(FILE)).unwrap();
        assert_eq!(text, "refuge storage format 2\n");
    }

    #[test]
    fn an_older_format_stays_until_it_is_raised() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(FILE);
        fs::write(&file, "refuge storage format 1\n").unwrap();
        assert_eq!(check(directory.path()).unwrap(), 1);
        assert_eq!(fs::read_to_string(&file).unwrap(), "refuge storage format 1\n");
        raise(directory.path()).unwrap();
        assert_eq!(fs::read_to_string(file).unwrap(), "refuge storage format 2\n");
    }

    #[test]
    fn a_newer_format_is_refused_in_one_sentence() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "refuge storage format 3\n").unwrap();
        let error = check(directory.path()).unwrap_err();
        assert!(matches!(error, OpenError::NewerFormat { found: 3, known: 2, .. }));
        assert!(error.to_string().ends_with("start the version that wrote it"));
    }

    #[test]
    fn a_file_that_holds_something_else_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "notes\n").unwrap();
        assert!(matches!(check(directory.path()), Err(OpenError::UnreadableFormat { .. })));
    }
}
