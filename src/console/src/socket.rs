//! Where the socket lies and how it is made: `<root>/var/run/console.sock`, for its owner alone.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Longest path that fits a socket address with its closing zero: 108 bytes on Linux, 104 elsewhere.
const PATH_LIMIT_BYTES: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

const FILE_NAME: &str = "console.sock";

/// The socket's place under a root.
pub fn socket_path(root: &Path) -> PathBuf {
    directory(root).join(FILE_NAME)
}

fn directory(root: &Path) -> PathBuf {
    root.join("var/run")
}

/// Why the socket could not be made or reached.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another node answers there.
    #[error("{}: another node is running under this root", .0.display())]
    InUse(PathBuf),
    /// The path does not fit a socket address, and this system knows no way around.
    #[error("{}: this path is too long for a socket; use a root with a shorter path", .0.display())]
    TooLong(PathBuf),
    /// The system said no.
    #[error("{}: {source}", path.display())]
    System {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Makes the socket, in place of one that a crashed node left behind. It is ready for tokio
/// (non-blocking). Its directory is closed to others before it is there, so nobody else ever reaches
/// it. The file stays when the listener is dropped.
pub fn bind(root: &Path) -> Result<UnixListener, SocketError> {
    let path = socket_path(root);
    let system = |source| SocketError::System { path: path.clone(), source };
    let directory = directory(root);
    DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(system)?;
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).map_err(system)?;
    let address = Address::of(root)?;
    if UnixStream::connect(&address.path).is_ok() {
        return Err(SocketError::InUse(path));
    }
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(system(source)),
        _ => {}
    }
    let listener = UnixListener::bind(&address.path).map_err(system)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(system)?;
    listener.set_nonblocking(true).map_err(system)?;
    Ok(listener)
}

/// The socket's path in a form that fits a socket address. What a long one goes through stays open
/// as long as this lives.
pub(crate) struct Address {
    pub(crate) path: PathBuf,
    _directory: Option<File>,
}

impl Address {
    pub(crate) fn of(root: &Path) -> Result<Self, SocketError> {
        let path = socket_path(root);
        if path.as_os_str().len() <= PATH_LIMIT_BYTES {
            return Ok(Self { path, _directory: None });
        }
        if !cfg!(target_os = "linux") {
            return Err(SocketError::TooLong(path));
        }
        // Linux reaches any directory by a short path through a handle on it.
        let directory =
            File::open(directory(root)).map_err(|source| SocketError::System { path, source })?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{FILE_NAME}", directory.as_raw_fd()));
        Ok(Self { path, _directory: Some(directory) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_socket_is_its_owners_alone() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory(root.path())).unwrap();
        fs::set_permissions(directory(root.path()), fs::Permissions::from_mode(0o755)).unwrap();
        let _listener = bind(root.path()).unwrap();
        assert_eq!(mode(&socket_path(root.path())), 0o600);
        assert_eq!(mode(&directory(root.path())), 0o700);
    }

    #[test]
    fn a_socket_left_behind_is_replaced_and_a_living_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        let first = bind(root.path()).unwrap();
        assert!(matches!(bind(root.path()), Err(SocketError::InUse(_))));
        drop(first);
        bind(root.path()).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_root_with_a_long_path_has_its_socket_too() {
        let short = tempfile::tempdir().unwrap();
        let root = short.path().join("x".repeat(200));
        let _listener = bind(&root).unwrap();
        assert_eq!(mode(&socket_path(&root)), 0o600);
        let address = Address::of(&root).unwrap();
        UnixStream::connect(&address.path).unwrap();
        assert!(matches!(bind(&root), Err(SocketError::InUse(_))));
    }
}
