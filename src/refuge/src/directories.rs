//! The directories under a root, made where they are missing.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;

use refuge_config::Layout;

use crate::exit::Failure;

/// Everybody may look: what is secret in `etc` protects itself.
const OPEN: u32 = 0o755;
/// The node's user alone.
const CLOSED: u32 = 0o700;

/// Makes what is missing. The directories that hold secrets or open doors (`var/data`, `var/run`,
/// `var/identity`) are closed to others, also where they were open.
pub(crate) fn make(layout: &Layout) -> Result<(), Failure> {
    let directories = [
        (layout.root().to_owned(), OPEN),
        (layout.etc(), OPEN),
        (layout.log(), OPEN),
        (layout.data(), CLOSED),
        (layout.run(), CLOSED),
        (layout.identity(), CLOSED),
    ];
    for (path, mode) in directories {
        make_one(&path, mode).map_err(|source| Failure::Directory { path, source })?;
    }
    Ok(())
}

fn make_one(path: &PathBuf, mode: u32) -> io::Result<()> {
    // The mode is for the last part alone; parts above it are made with the usual one.
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(OPEN).create(parent)?;
    }
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let now = fs::metadata(path)?;
    if !now.is_dir() {
        return Err(io::Error::from(io::ErrorKind::NotADirectory));
    }
    if mode == CLOSED && now.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &PathBuf) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn everything_is_made_and_what_is_secret_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("deep/root"));
        make(&layout).unwrap();
        fs::set_permissions(layout.identity(), Permissions::from_mode(0o755)).unwrap();
        make(&layout).unwrap();
        for closed in [layout.data(), layout.run(), layout.identity()] {
            assert_eq!(mode(&closed), 0o700, "{}", closed.display());
        }
        assert!(layout.etc().is_dir() && layout.log().is_dir());
    }

    #[test]
    fn a_file_in_the_way_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("var"), "").unwrap();
        let failure = make(&Layout::new(folder.path())).unwrap_err();
        assert_eq!(failure.code(), 73);
        assert!(failure.sentence().contains("/var"), "{}", failure.sentence());
    }
}
