//! How much room is left on the file system of the data directory. Below the reserve, writes that
//! take room are refused, so that flushes and compactions (which give room back in the end) never
//! meet a full disk. What is refused stands in `operation`; who answers it is not decided here.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Least reserve that is chosen for a node: what a few flushes and compactions take at a time.
const LEAST_RESERVE_BYTES: u64 = 256 * 1024 * 1024;

/// What the last commits before a look may take, and what else the file system needs.
const EXHAUSTED_BYTES: u64 = 8 * 1024 * 1024;

/// The reserve holds so many journals at least: one is filled while another waits to leave.
const RESERVED_JOURNALS: u64 = 2;

/// A look at the file system is good for so long.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Bytes written after which it is looked at earlier: far less than any reserve, and with what the
/// tables add still less.
const LOOK_EVERY_BYTES: u64 = 16 * 1024 * 1024;

/// What is left and what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeSpace {
    /// Bytes that this process may still take.
    pub available_bytes: u64,
    /// Bytes that are kept: with fewer, writes that take room are refused.
    pub least_bytes: u64,
}

impl FreeSpace {
    /// Whether nothing at all is to be written any more, not even what gives room back: a commit
    /// that met the end of the disk would take the engine down, and reads with it.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.available_bytes < self.least_bytes.min(EXHAUSTED_BYTES)
    }

    /// Bytes that may be taken before it is [exhausted](Self::is_exhausted).
    pub(crate) fn spare_bytes(&self) -> u64 {
        self.available_bytes.saturating_sub(self.least_bytes.min(EXHAUSTED_BYTES))
    }

    /// Whether there is less than is kept.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.available_bytes < self.least_bytes
    }
}

/// The reserve for a journal of so many bytes, where nobody chose another.
pub(crate) fn chosen_reserve(journal_bytes: u64) -> u64 {
    LEAST_RESERVE_BYTES.max(journal_bytes.saturating_mul(RESERVED_JOURNALS))
}

/// Looks at the file system now and then and remembers what it saw.
pub(crate) struct Space {
    directory: PathBuf,
    state: Mutex<State>,
}

struct State {
    seen: FreeSpace,
    looked: Instant,
    written_since: u64,
}

impl Space {
    pub(crate) fn new(directory: &Path, least_bytes: u64) -> Self {
        let available_bytes = available(directory);
        let seen = FreeSpace { available_bytes, least_bytes };
        let state = State { seen, looked: Instant::now(), written_since: 0 };
        Self { directory: directory.to_owned(), state: Mutex::new(state) }
    }

    /// What is left, seen at most a second ago.
    pub(crate) fn seen(&self) -> FreeSpace {
        let mut state = self.lock();
        if state.looked.elapsed() >= LOOK_EVERY || state.written_since >= LOOK_EVERY_BYTES {
            state.look(&self.directory);
        }
        state.seen
    }

    /// Keeps so many bytes from now on.
    pub(crate) fn keep(&self, least_bytes: u64) {
        let mut state = self.lock();
        if state.seen.least_bytes != least_bytes {
            state.seen.least_bytes = least_bytes;
            state.look(&self.directory);
        }
    }

    /// Notes that so many bytes were written.
    pub(crate) fn wrote(&self, bytes: u64) {
        let mut state = self.lock();
        state.written_since = state.written_since.saturating_add(bytes);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Numbers alone: what a panicking thread left is as good as any.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    fn look(&mut self, directory: &Path) {
        let before = self.seen.is_short();
        self.seen.available_bytes = available(directory);
        self.looked = Instant::now();
        self.written_since = 0;
        let FreeSpace { available_bytes, least_bytes } = self.seen;
        match (before, self.seen.is_short()) {
            (false, true) => tracing::warn!(
                available_bytes,
                least_bytes,
                "the disk is nearly full: writes are refused until there is more room"
            ),
            (true, false) => {
                tracing::info!(available_bytes, "the disk has room again: writes go on");
            }
            _ => {}
        }
    }
}

/// Bytes that are left for us on the file system of a directory. Where it cannot tell, writes go on
/// until it refuses them itself.
fn available(directory: &Path) -> u64 {
    match rustix::fs::statvfs(directory) {
        Ok(file_system) => file_system.f_bavail.saturating_mul(file_system.f_frsize),
        Err(error) => {
            tracing::warn!(%error, directory = %directory.display(), "cannot tell the room left");
            u64::MAX
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_grows_with_the_journal() {
        const MIB: u64 = 1024 * 1024;
        assert_eq!(chosen_reserve(64 * MIB), 256 * MIB);
        assert_eq!(chosen_reserve(200 * MIB), 400 * MIB);
        assert_eq!(chosen_reserve(u64::MAX), u64::MAX);
    }

    #[test]
    fn what_is_spare_ends_where_nothing_is_written_any_more() {
        let left = |available_bytes, least_bytes| FreeSpace { available_bytes, least_bytes };
        assert_eq!(left(EXHAUSTED_BYTES + 5, 1 << 30).spare_bytes(), 5);
        assert_eq!(left(EXHAUSTED_BYTES - 1, 1 << 30).spare_bytes(), 0);
        assert_eq!(left(1_000, 1).spare_bytes(), 999, "nothing is kept");
    }

    #[test]
    fn another_reserve_counts_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let space = Space::new(directory.path(), 0);
        assert!(!space.seen().is_short());
        space.keep(u64::MAX);
        assert!(space.seen().is_short());
        space.keep(0);
        assert!(!space.seen().is_short());
    }

    #[test]
    fn much_written_makes_it_look_again() {
        let directory = tempfile::tempdir().unwrap();
        let space = Space::new(directory.path(), 0);
        space.lock().seen.available_bytes = 7;
        space.wrote(LOOK_EVERY_BYTES - 1);
        assert_eq!(space.seen().available_bytes, 7, "a look is good for a while");
        space.wrote(1);
        assert!(space.seen().available_bytes > 7);
    }

    #[test]
    fn a_directory_that_is_gone_stops_no_write() {
        let directory = tempfile::tempdir().unwrap();
        let gone = directory.path().join("gone");
        assert!(!Space::new(&gone, 1024).seen().is_short());
    }
}
