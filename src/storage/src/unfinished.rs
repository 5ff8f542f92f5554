//! A store whose making was cut off. The engine makes its journal first and its marker last: without the marker
//! it would make the store, and stumbles over the journal that is there already. Nothing can have been stored.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The engine's marker of a store that was made.
const MARKER: &str = "version";
/// The engine's lock of it.
const LOCK: &str = "lock";
const KEYSPACES: &str = "keyspaces";
const JOURNAL: &str = "jnl";

/// Empties a place where a store was only begun; a store, or anything that may hold a row, stays as it is.
///
/// # Errors
/// What the file system says.
pub(crate) fn clear(directory: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    // Looked at first, since a journal is read whole.
    if fs::metadata(directory.join(MARKER)).is_ok_and(|marker| marker.len() > 0) {
        return Ok(());
    }
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
    for path in &paths {
        if !is_of_the_beginning(path)? {
            return Ok(());
        }
    }
    for path in paths {
        if path.is_dir() { fs::remove_dir(path)? } else { fs::remove_file(path)? }
    }
    Ok(())
}

/// Whether this stands in a store in which there is nothing yet.
fn is_of_the_beginning(path: &Path) -> io::Result<bool> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match name {
        LOCK => Ok(true),
        MARKER => Ok(path.metadata()?.len() == 0),
        KEYSPACES => Ok(path.is_dir() && fs::read_dir(path)?.next().is_none()),
        _ if path.extension().is_some_and(|extension| extension == JOURNAL) => is_blank(path),
        _ => Ok(false),
    }
}

/// Whether a journal holds nothing but the zeros that it is made with.
fn is_blank(journal: &Path) -> io::Result<bool> {
    let mut file = File::open(journal)?;
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(true),
            read if piece.iter().take(read).all(|byte| *byte == 0) => {}
            _ => return Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is there when the process is killed just before the marker.
    fn begun(directory: &Path) {
        fs::create_dir_all(directory.join(KEYSPACES)).unwrap();
        fs::write(directory.join(LOCK), "").unwrap();
        File::create(directory.join("0.jnl")).unwrap().set_len(1 << 20).unwrap();
    }

    #[test]
    fn what_was_only_begun_leaves() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("store");
        clear(&directory).unwrap();
        begun(&directory);
        clear(&directory).unwrap();
        assert!(fs::read_dir(&directory).unwrap().next().is_none());
        begun(&directory);
        fs::write(directory.join(MARKER), "").unwrap();
        clear(&directory).unwrap();
        assert!(fs::read_dir(&directory).unwrap().next().is_none());
    }

    #[test]
    fn whatever_may_hold_a_row_stays() {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in [(MARKER, "FJL"), ("1.jnl", "\0\0row"), ("note", "")] {
            let directory = root.path().join(name);
            begun(&directory);
            fs::write(directory.join(name), text).unwrap();
            clear(&directory).unwrap();
            assert!(directory.join("0.jnl").exists(), "{name}");
        }
        let directory = root.path().join("table");
        begun(&directory);
        fs::create_dir(directory.join(KEYSPACES).join("0")).unwrap();
        clear(&directory).unwrap();
        assert!(directory.join("0.jnl").exists());
    }
}
