//! What a directory takes on disk.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Outcome;

/// What `st_blocks` counts (POSIX).
const BLOCK_BYTES: u64 = 512;
/// The journals of refuge's engine; CouchDB has none.
const JOURNAL: &str = "jnl";
/// A disk that has not changed for so long is at rest.
const REST: Duration = Duration::from_secs(10);
/// How long it is given for that: an engine flushes and compacts by itself, but not at once.
const MOST_REST: Duration = Duration::from_secs(90);

/// Bytes that are allocated: holes left out, blocks whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allocated {
    /// In journals.
    pub(crate) journal: u64,
    /// In all other files.
    pub(crate) rest: u64,
}

impl Allocated {
    pub(crate) fn mebibytes(self) -> f64 {
        (self.journal + self.rest) as f64 / f64::from(1 << 20)
    }

    pub(crate) fn mebibytes_of_journal(self) -> f64 {
        self.journal as f64 / f64::from(1 << 20)
    }

    pub(crate) fn mebibytes_without_journal(self) -> f64 {
        self.rest as f64 / f64::from(1 << 20)
    }
}

/// What the files below a directory take. Those that vanish meanwhile take nothing.
pub(crate) fn allocated(directory: &Path) -> Outcome<Allocated> {
    let mut sum = Allocated::default();
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(sum),
        entries => entries.map_err(|error| format!("{}: {error}", directory.display()))?,
    };
    for entry in entries {
        let entry = entry?;
        let metadata = match entry.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        if metadata.is_dir() {
            let inside = allocated(&entry.path())?;
            sum.journal += inside.journal;
            sum.rest += inside.rest;
        } else if entry.path().extension() == Some(OsStr::new(JOURNAL)) {
            sum.journal += metadata.blocks() * BLOCK_BYTES;
        } else {
            sum.rest += metadata.blocks() * BLOCK_BYTES;
        }
    }
    Ok(sum)
}

/// Waits until the directory takes what it took a while ago, and tells how much that is.
pub(crate) async fn allocated_at_rest(directory: &Path) -> Outcome<Allocated> {
    let begun = Instant::now();
    let (mut last, mut since) = (allocated(directory)?, Instant::now());
    while since.elapsed() < REST && begun.elapsed() < MOST_REST {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = allocated(directory)?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    Ok(last)
}
