//! The lock on a data directory: one engine at a time, in this process or another.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::OpenError;

const FILE: &str = "refuge.lock";

/// How often a waiting engine looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Holds the directory until it is dropped. The file stays; its content is the holder's pid, for
/// people and for telling our own process from another.
pub(crate) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock. Where an earlier engine of this process still holds it (through a reader
    /// that has not ended), waits up to `wait`; another process is refused at once.
    pub(crate) fn acquire(directory: &Path, wait: Duration) -> Result<Self, OpenError> {
        let path = directory.join(FILE);
        let io = |source| OpenError::Io { path: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io)?;
        let started = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(error) => return Err(io(error.into())),
            }
            let holder = read_holder(&mut file);
            let another = holder.is_some_and(|pid| pid != std::process::id());
            if another || started.elapsed() >= wait {
                return Err(OpenError::Locked { path: directory.to_owned(), holder });
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        write_holder(&mut file).map_err(io)?;
        Ok(Self { _file: file })
    }
}

fn read_holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_held_by_one_engine_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let first = DirectoryLock::acquire(directory.path(), Duration::ZERO).unwrap();
        let second = DirectoryLock::acquire(directory.path(), Duration::ZERO);
        let Err(OpenError::Locked { holder, .. }) = second else {
            panic!("the second lock was given");
        };
        assert_eq!(holder, Some(std::process::id()));
        drop(first);
        DirectoryLock::acquire(directory.path(), Duration::ZERO).unwrap();
    }

    #[test]
    fn a_lock_given_back_while_we_wait_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let first = DirectoryLock::acquire(directory.path(), Duration::ZERO).unwrap();
        let path = directory.path().to_owned();
        let waiting =
            std::thread::spawn(move || DirectoryLock::acquire(&path, Duration::from_secs(10)));
        drop(first);
        assert!(waiting.join().unwrap().is_ok());
    }

    #[test]
    fn a_lock_of_another_process_is_refused_without_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let _first = DirectoryLock::acquire(directory.path(), Duration::ZERO).unwrap();
        let other = std::process::id() + 1;
        std::fs::write(directory.path().join(FILE), format!("{other}\n")).unwrap();
        let started = Instant::now();
        let refused = DirectoryLock::acquire(directory.path(), Duration::from_secs(10));
        assert!(
            matches!(refused, Err(OpenError::Locked { holder: Some(pid), .. }) if pid == other)
        );
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}
