//! A new data directory filled with the rows of a backup. Nothing is there until all of it is: it is made
//! beside its place and moved there at the end, so a crash leaves an empty place and what was made beside it.
//! Then the same restore begins anew, and a node that would be a new one in the empty place does not start.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::rows;
use crate::engine::Engine;
use crate::error::OpenError;
use crate::lock::DirectoryLock;
use crate::options::Options;

/// Why a backup was not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is data already.
    #[error("{}: there is data already; move it away, or name another root with --root", .0.display())]
    NotEmpty(PathBuf),
    /// Another restore is at it.
    #[error("{}: another refuge restore is making it; wait for it", .0.display())]
    UnderWay(PathBuf),
    /// The new directory cannot be made.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new directory cannot be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The engine refused.
    #[error("the rows could not be written: {0}")]
    Engine(#[from] fjall::Error),
    /// The backup holds what no backup holds.
    #[error("block {0} of the backup is damaged or of another version")]
    Damaged(u64),
}

/// A restore under way; dropped before its end it leaves what is beside the place, which the next one
/// removes. The next one waits for nobody: while one is at it, it is refused.
pub struct Restoring {
    engine: Engine,
    /// Where the data is to be.
    place: PathBuf,
    /// Where it is made.
    beside: PathBuf,
    blocks: u64,
    /// The keyspace of the last block, and its last key.
    last: Option<(u8, Vec<u8>)>,
    /// Rows of one keyspace, until the next one begins.
    pending: Vec<u8>,
}

/// In data that was put back, as long as the restore did not end and no node has opened it: what it was put
/// back from.
const RESTORED: &str = "restored-from";

/// Bytes of one keyspace that are written at once: each writing makes tables, which are merged later.
const PENDING_BYTES: usize = 64 * 1024 * 1024;

impl Restoring {
    /// Begins: the place must be empty or not be there.
    ///
    /// # Errors
    /// [`RestoreError`].
    pub fn begin(options: Options) -> Result<Self, RestoreError> {
        let place = options.path.clone();
        match is_empty(&place) {
            Ok(true) => {}
            Ok(false) => return Err(RestoreError::NotEmpty(place)),
            Err(source) => return Err(RestoreError::Io { path: place, source }),
        }
        let beside = beside(&place);
        remove_unfinished(&beside, options.lock_wait)?;
        let engine = Engine::open(Options { path: beside.clone(), ..options })?;
        Ok(Self { engine, place, beside, blocks: 0, last: None, pending: Vec::new() })
    }

    /// Takes the next block.
    ///
    /// # Errors
    /// [`RestoreError`].
    pub fn block(&mut self, bytes: &[u8]) -> Result<(), RestoreError> {
        self.blocks += 1;
        let damaged = || RestoreError::Damaged(self.blocks);
        let (&keyspace, rows) = bytes.split_first().ok_or_else(damaged)?;
        let keyspaces = self.engine.shared.keyspaces.all().len();
        if usize::from(keyspace) >= keyspaces {
            return Err(damaged());
        }
        // Keys ascend from row to row and from block to block; else the engine would end the process.
        let before = self.last.take().filter(|(of, _)| *of == keyspace).map(|(_, key)| key);
        let last = check(rows, before.as_deref()).ok_or_else(damaged)?;
        let other = self.pending.first().is_some_and(|of| *of != keyspace);
        if other || self.pending.len() >= PENDING_BYTES {
            self.write()?;
        }
        if self.pending.is_empty() {
            self.pending.push(keyspace);
        }
        self.pending.extend_from_slice(rows);
        self.last = Some((keyspace, last));
        Ok(())
    }

    /// Writes what is pending, as tables.
    fn write(&mut self) -> Result<(), RestoreError> {
        let pending = std::mem::take(&mut self.pending);
        let Some((&place, mut rest)) = pending.split_first() else { return Ok(()) };
        let all = self.engine.shared.keyspaces.all();
        let damaged = RestoreError::Damaged(self.blocks);
        let Some(keyspace) = all.get(usize::from(place)) else { return Err(damaged) };
        let mut ingestion = keyspace.start_ingestion()?;
        while let Some((key, value)) = rows::take(&mut rest) {
            ingestion.write(key, value)?;
        }
        Ok(ingestion.finish()?)
    }

    /// All blocks have come: the data is put in its place. [`settle`] of the same name is the last step.
    ///
    /// # Errors
    /// [`RestoreError`].
    pub fn finish(mut self, from: &str) -> Result<(), RestoreError> {
        self.write()?;
        let Self { engine, place, beside, .. } = self;
        // The directory can be moved when nobody holds it.
        drop(engine);
        let mark = beside.join(RESTORED);
        let marked = File::create(&mark).and_then(|mut file| {
            file.write_all(from.as_bytes())?;
            file.sync_all()
        });
        marked.map_err(|source| RestoreError::Io { path: mark, source })?;
        let io = |source| RestoreError::Io { path: place.clone(), source };
        match fs::remove_dir(&place) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(io(source)),
            _ => {}
        }
        fs::rename(&beside, &place).map_err(io)?;
        let above = place.parent().unwrap_or(Path::new("."));
        File::open(above).and_then(|above| above.sync_all()).map_err(io)
    }
}

/// Ends a restore whose data is in its place; whether there is one, from what is called so. One that was killed
/// there is whole, and the same restore has nothing else to do.
///
/// # Errors
/// What the file system says.
pub fn settle(place: &Path, from: &str) -> io::Result<bool> {
    let mark = place.join(RESTORED);
    match fs::read(&mark) {
        Ok(found) if found == from.as_bytes() => fs::remove_file(&mark).map(|()| true),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(false),
    }
}

/// A node goes on with data that was put back: from now on it is its own.
pub(crate) fn forget(place: &Path) -> io::Result<()> {
    match fs::remove_file(place.join(RESTORED)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What a restore that was cut off has made, where there is no data yet: to open the place would make an empty
/// node of one that has data in a backup.
#[must_use]
pub fn unfinished_restore(place: &Path) -> Option<PathBuf> {
    let beside = beside(place);
    (beside.exists() && is_empty(place).unwrap_or(false)).then_some(beside)
}

fn beside(place: &Path) -> PathBuf {
    place.with_extension("restoring")
}

fn is_empty(place: &Path) -> io::Result<bool> {
    match fs::read_dir(place) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Removes what an earlier restore has made, unless it is still at it.
fn remove_unfinished(beside: &Path, wait: Duration) -> Result<(), RestoreError> {
    if !beside.exists() {
        return Ok(());
    }
    // Another process is not waited for; threads of this one may still let go of what they had.
    let lock = DirectoryLock::acquire(beside, wait);
    if matches!(lock, Err(OpenError::Locked { .. })) {
        return Err(RestoreError::UnderWay(beside.to_owned()));
    }
    fs::remove_dir_all(beside)
        .map_err(|source| RestoreError::Io { path: beside.to_owned(), source })
}

/// Whether all of these bytes are rows with keys above `before` and above one another; the last key.
fn check(mut rest: &[u8], before: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut last = before;
    while !rest.is_empty() {
        let (key, _) = rows::take(&mut rest)?;
        if key.is_empty() || last.is_some_and(|last| key <= last) {
            return None;
        }
        last = Some(key);
    }
    last.map(<[u8]>::to_vec)
}
