//! The look at fjall's journals before fjall opens them.
//!
//! fjall takes the first entry that it cannot read for the end of a journal and cuts the rest
//! off, so that one flipped bit would silently drop every acknowledged write behind it. Here the
//! journals are walked first, without changing anything: a bad batch is let pass only at the very
//! end of the newest journal, and only where it looks as a crash in the middle of a write leaves it.
//!
//! What must not live here: anything that writes a journal, beside cutting off such an end.

mod batch;
mod search;
mod source;
mod tail;

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use refuge_failpoints::{Failpoint, pass};

use crate::error::OpenError;
use crate::journal::batch::{Found, read_batch};
use crate::journal::source::Source;

/// What the name of a journal ends with; before it stands its number.
const EXTENSION: &str = "jnl";

/// How far the number of a batch may lie above that of the one before it: fjall gives numbers
/// between them to its own work, a few for each flush and compaction.
const MOST_NUMBERS_BETWEEN: u64 = 1 << 24;

/// How a journal ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// With its last whole batch (zeros may follow: fjall makes journals longer than they are).
    Clean,
    /// With a batch that is not whole, beginning at this offset; nothing valid follows.
    Torn(u64),
    /// A bad batch at this offset has a valid one after it, or was whole before it was damaged.
    Damaged(u64),
}

/// Checks all journals of a fjall directory, then cuts off a torn end of the newest. A directory
/// that does not exist yet has none.
pub(crate) fn check(directory: &Path) -> Result<(), OpenError> {
    let journals = list(directory)?;
    let mut numbers = Numbers::default();
    for (place, path) in journals.iter().enumerate() {
        let io = |source| OpenError::Io { path: path.clone(), source };
        let newest = place + 1 == journals.len();
        match walk(path, &mut numbers).map_err(io)? {
            End::Clean => {}
            End::Torn(offset) if newest => {
                tracing::warn!(
                    journal = %path.display(),
                    offset,
                    "cutting off the unfinished end of a journal, as a crash leaves it"
                );
                cut(path, offset).map_err(io)?;
            }
            // An older journal was synced whole before the next one was begun.
            End::Torn(offset) | End::Damaged(offset) => {
                return Err(OpenError::Corrupt { file: path.clone(), offset });
            }
        }
    }
    Ok(())
}

/// Empties the journals of a closed database whose memtables were all flushed, so that the next
/// start has nothing to replay. A journal that stays full is replayed and does no harm.
pub(crate) fn clear(directory: &Path) {
    for path in list(directory).unwrap_or_default() {
        if let Err(error) = cut(&path, 0) {
            tracing::warn!(journal = %path.display(), %error, "cannot empty a journal");
        }
        pass(Failpoint::JournalEmptied);
    }
}

/// The journals of a directory, oldest first.
fn list(directory: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let io = |source| OpenError::Io { path: directory.to_owned(), source };
    if !directory.try_exists().map_err(io)? {
        return Ok(Vec::new());
    }
    let mut journals = Vec::new();
    for entry in fs::read_dir(directory).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let is_journal = path.extension().is_some_and(|one| one == EXTENSION);
        let number = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .and_then(|stem| stem.parse::<u64>().ok());
        if let (true, Some(number)) = (is_journal, number) {
            journals.push((number, path));
        }
    }
    journals.sort_unstable();
    Ok(journals.into_iter().map(|(_, path)| path).collect())
}

/// The numbers of the batches seen so far. A batch's own checksum does not cover its number, but
/// numbers rise from batch to batch, from journal to journal.
#[derive(Default)]
struct Numbers {
    last: Option<u64>,
    before_last: Option<u64>,
}

/// Whose number is wrong.
enum Wrong {
    /// That of the batch before this one.
    Last,
    /// That of this one.
    This,
}

impl Numbers {
    fn add(&mut self, number: u64) -> Result<(), Wrong> {
        if let Some(last) = self.last {
            if number > last.saturating_add(MOST_NUMBERS_BETWEEN) {
                return Err(Wrong::This);
            }
            if number <= last {
                let fits_before = self.before_last.is_none_or(|before| before < number);
                return Err(if fits_before { Wrong::Last } else { Wrong::This });
            }
        }
        self.before_last = self.last.replace(number);
        Ok(())
    }
}

/// Walks one journal from its start.
fn walk(path: &Path, numbers: &mut Numbers) -> std::io::Result<End> {
    let mut source = Source::open(path)?;
    let mut last_offset = 0;
    let mut offset = 0;
    loop {
        match read_batch(&mut source, offset)? {
            Found::Batch { end, sequence } => {
                match numbers.add(sequence) {
                    Ok(()) => {}
                    Err(Wrong::Last) => return Ok(End::Damaged(last_offset)),
                    Err(Wrong::This) => return Ok(End::Damaged(offset)),
                }
                last_offset = offset;
                offset = end;
            }
            Found::Nothing => return Ok(End::Clean),
            Found::Bad if source.only_zeros_from(offset)? => return Ok(End::Clean),
            Found::Bad => {
                let followed = search::any_batch(&mut source, offset + 1, numbers.last)?;
                let damaged = followed || !tail::is_unfinished(&mut source, offset)?;
                return Ok(if damaged { End::Damaged(offset) } else { End::Torn(offset) });
            }
        }
    }
}

fn cut(path: &Path, length_bytes: u64) -> std::io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length_bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
