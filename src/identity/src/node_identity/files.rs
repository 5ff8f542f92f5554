//! Small files written whole or not at all, that their owner alone may read. What is in them is not
//! known here.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use tempfile::NamedTempFile;

use super::IdentityError;

/// The largest key has about 6,400 bytes of PEM, the largest certificate 11,200, ten rotations of such
/// keys 53,000.
const MOST_FILE_BYTES: u64 = 64 << 10;
/// The owner reads and writes, nobody else does anything.
const SECRET_FILE: u32 = 0o600;
/// The owner's own directory.
const SECRET_DIRECTORY: u32 = 0o700;
/// Bits of a mode that speak of anyone but the owner.
const OTHERS: u32 = 0o077;
/// Bits of a mode that speak of permissions.
const PERMISSIONS: u32 = 0o7777;

/// Makes the directory and those above it that are missing.
pub(super) fn make_directory(path: &Path) -> Result<(), IdentityError> {
    if path.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(SECRET_DIRECTORY).create(path);
    made.and_then(|()| sync_directory(parent(path))).map_err(|source| failed(path, source))
}

/// The file's bytes, `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, IdentityError> {
    let Some(file) = open(path)? else { return Ok(None) };
    read_whole(file).map(Some).map_err(|source| failed(path, source))
}

/// As [`read`], but refused where others may read it too.
pub(super) fn read_secret(path: &Path) -> Result<Option<Vec<u8>>, IdentityError> {
    let Some(file) = open(path)? else { return Ok(None) };
    let mode = file.metadata().map_err(|source| failed(path, source))?.permissions().mode();
    if mode & OTHERS != 0 {
        return Err(IdentityError::Exposed { path: path.to_owned(), mode: mode & PERMISSIONS });
    }
    read_whole(file).map(Some).map_err(|source| failed(path, source))
}

/// Writes a file that must not be there yet; `false` when it is, and it stays as it was.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<bool, IdentityError> {
    let written = || -> io::Result<bool> {
        match prepare(path, bytes)?.persist_noclobber(path) {
            Ok(_) => sync_directory(parent(path)).map(|()| true),
            Err(refused) if refused.error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(failed) => Err(failed.error),
        }
    };
    written().map_err(|source| failed(path, source))
}

/// Writes a file, in the place of one that may be there.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), IdentityError> {
    let written = || -> io::Result<()> {
        prepare(path, bytes)?.persist(path).map_err(|failed| failed.error)?;
        sync_directory(parent(path))
    };
    written().map_err(|source| failed(path, source))
}

/// Moves a file to the place of another; one that is not there was moved before.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), IdentityError> {
    match std::fs::rename(from, to) {
        Ok(()) => sync_directory(parent(to)).map_err(|source| failed(to, source)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(failed(from, source)),
    }
}

/// Puts files into a new directory beside `path`, all of them on the disk, and moves it to `path`, which is
/// not there. It goes away if that fails.
pub(super) fn write_directory(
    path: &Path,
    prefix: &str,
    contents: &[(&str, &[u8])],
) -> Result<(), IdentityError> {
    let written = || -> io::Result<()> {
        let made = tempfile::Builder::new()
            .prefix(prefix)
            .permissions(Permissions::from_mode(SECRET_DIRECTORY))
            .tempdir_in(parent(path))?;
        for (name, bytes) in contents {
            let file = made.path().join(name);
            prepare(&file, bytes)?.persist(&file).map_err(|failed| failed.error)?;
        }
        sync_directory(made.path())?;
        std::fs::rename(made.path(), path)?;
        sync_directory(parent(path))
    };
    written().map_err(|source| failed(path, source))
}

/// Removes the directories in `directory` whose names begin so.
pub(super) fn remove_directories(directory: &Path, prefix: &str) -> Result<(), IdentityError> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed(directory, source)),
    };
    for entry in entries {
        let entry = entry.map_err(|source| failed(directory, source))?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            remove_directory(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a file, where there is one.
pub(super) fn remove(path: &Path) -> Result<(), IdentityError> {
    match std::fs::remove_file(path) {
        Ok(()) => sync_directory(parent(path)).map_err(|source| failed(path, source)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(failed(path, source)),
    }
}

/// Removes a directory with all that is in it, where there is one.
pub(super) fn remove_directory(path: &Path) -> Result<(), IdentityError> {
    match std::fs::remove_dir_all(path) {
        Ok(()) => sync_directory(parent(path)).map_err(|source| failed(path, source)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(failed(path, source)),
    }
}

/// A file beside `path`, on the disk, that only has to be renamed. It goes away if it is not.
fn prepare(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(Permissions::from_mode(SECRET_FILE))
        .tempfile_in(parent(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn open(path: &Path) -> Result<Option<File>, IdentityError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed(path, source)),
    }
}

fn read_whole(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MOST_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_FILE_BYTES {
        return Err(io::Error::other(format!("more than {MOST_FILE_BYTES} bytes")));
    }
    Ok(bytes)
}

/// A rename is on the disk when its directory is.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn failed(path: &Path, source: io::Error) -> IdentityError {
    IdentityError::File { path: path.to_owned(), source }
}
