//! How an engine is opened: its directory and its budget of memory and disk.

use std::path::PathBuf;
use std::time::Duration;

/// Cache of table blocks. Reads that miss it are served by the page cache, which costs a copy and
/// a decompression, so a small one is enough on a small machine.
pub(crate) const DEFAULT_CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// Largest active memtable of one keyspace before it is sealed and flushed. Larger ones make
/// fewer tables and cost resident memory: three keyspaces fill at the speed of the writes.
pub(crate) const DEFAULT_MEMTABLE_BYTES: u64 = 6 * 1024 * 1024;

/// Active and sealed memtables together: above it the writer waits for the flusher, so that a
/// load faster than the disk cannot take memory without bound.
pub(crate) const DEFAULT_WRITE_BUFFER_BYTES: u64 = 28 * 1024 * 1024;

/// Bytes that all journals together may take. fjall accepts no less.
pub(crate) const DEFAULT_JOURNAL_BYTES: u64 = 64 * 1024 * 1024;

/// How long opening waits for readers of an earlier engine of the same process to let go of the
/// directory: a snapshot lives at most 10 s.
pub(crate) const DEFAULT_LOCK_WAIT: Duration = Duration::from_secs(10);

/// Bytes of tables that are read whole and compared with their checksums before they are opened: a
/// small node is checked wholly, a large one does not start later for it. What is left is compared
/// block by block when it is read, and by `refuge check`.
pub(crate) const DEFAULT_VERIFIED_BYTES: u64 = 64 * 1024 * 1024;

/// How long data of an earlier version stays in its format once it is open: a new version has to answer within 30 s
/// of an upgrade, and for a minute after that the former one goes on with exactly what it left.
pub(crate) const DEFAULT_RAISE_FORMAT_AFTER: Duration = Duration::from_secs(90);

/// How [`Engine::open`](crate::Engine::open) opens a data directory.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data directory (`var/data`); made if it is missing.
    pub path: PathBuf,
    /// Block cache, in bytes.
    pub cache_bytes: u64,
    /// Size at which a keyspace's memtable is sealed, in bytes.
    pub memtable_bytes: u64,
    /// All memtables together, sealed ones included, in bytes: the writer waits above it.
    pub write_buffer_bytes: u64,
    /// All journals together, in bytes; less than 64 MiB counts as 64 MiB.
    pub journal_bytes: u64,
    /// Bytes of tables that opening compares with their checksums, the smallest tables first.
    pub verified_bytes: u64,
    /// Memory against which the data is judged small or large, in bytes; `None` asks the machine.
    pub memory_bytes: Option<u64>,
    /// How long to wait while another engine of this process still holds the directory. A
    /// directory held by another process is refused at once.
    pub lock_wait: Duration,
    /// How long data of an earlier version keeps its format, so that this version can go on with it.
    pub raise_format_after: Duration,
}

impl Options {
    /// The defaults of a small node, for the data directory `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            cache_bytes: DEFAULT_CACHE_BYTES,
            memtable_bytes: DEFAULT_MEMTABLE_BYTES,
            write_buffer_bytes: DEFAULT_WRITE_BUFFER_BYTES,
            journal_bytes: DEFAULT_JOURNAL_BYTES,
            verified_bytes: DEFAULT_VERIFIED_BYTES,
            memory_bytes: None,
            lock_wait: DEFAULT_LOCK_WAIT,
            raise_format_after: DEFAULT_RAISE_FORMAT_AFTER,
        }
    }
}
