//! Which hooks an event has: the executables in its folder, in the order of their names.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Any of the three bits that make a file executable.
const EXECUTABLE: u32 = 0o111;
/// The bit that lets everybody write.
const WRITABLE_BY_ALL: u32 = 0o002;
/// Entries of a folder that are looked at; far more than anybody's hooks, and a bound on the work.
const MOST_ENTRIES: usize = 10_000;

/// A hook that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its file.
    pub(super) program: PathBuf,
    /// Why it is not run, if so.
    pub(super) refused: Option<&'static str>,
}

/// The hooks in a folder. A folder that is not there has none. Files that cannot be executed are no
/// hooks, nor are hidden ones, which editors leave behind.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn hooks(folder: &Path) -> io::Result<Vec<Found>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let open_folder = is_writable_by_all(&fs::metadata(folder)?);
    let mut found = Vec::new();
    for entry in entries.take(MOST_ENTRIES) {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let program = entry.path();
        // Follows symbolic links; one that leads nowhere is no hook.
        let Ok(metadata) = fs::metadata(&program) else { continue };
        if !metadata.is_file() || metadata.permissions().mode() & EXECUTABLE == 0 {
            continue;
        }
        let refused = if open_folder {
            Some("everybody may write to its folder; chmod o-w the folder")
        } else if is_writable_by_all(&metadata) {
            Some("everybody may write to it; chmod o-w it")
        } else {
            None
        };
        found.push(Found { program, refused });
    }
    found.sort_by(|one, other| one.program.cmp(&other.program));
    Ok(found)
}

fn is_writable_by_all(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & WRITABLE_BY_ALL != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path, name: &str, mode: u32) {
        let path = folder.join(name);
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn names(folder: &Path) -> Vec<(String, bool)> {
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        let found = hooks(folder).unwrap();
        found.iter().map(|hook| (name(&hook.program), hook.refused.is_none())).collect()
    }

    #[test]
    fn executables_come_in_order_of_their_names() {
        let root = tempfile::tempdir().unwrap();
        for (name, mode) in [("20-b", 0o755), ("10-a", 0o700), ("README", 0o644), (".swap", 0o755)]
        {
            file(root.path(), name, mode);
        }
        fs::create_dir(root.path().join("15-folder")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.path().join("16-broken")).unwrap();
        std::os::unix::fs::symlink("20-b", root.path().join("30-link")).unwrap();
        let expected = ["10-a", "20-b", "30-link"].map(|name| (name.to_owned(), true));
        assert_eq!(names(root.path()), expected);
    }

    #[test]
    fn no_folder_means_no_hooks() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(hooks(&root.path().join("nodeup.d")).unwrap(), []);
    }

    #[test]
    fn what_everybody_may_write_is_refused() {
        let root = tempfile::tempdir().unwrap();
        file(root.path(), "10-open", 0o757);
        file(root.path(), "20-group", 0o775);
        assert_eq!(
            names(root.path()),
            [("10-open".to_owned(), false), ("20-group".to_owned(), true)]
        );
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(names(root.path()).iter().all(|(_, runs)| !runs));
    }
}
