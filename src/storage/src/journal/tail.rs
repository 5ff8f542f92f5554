//! Whether a bad end of a journal is a write that a crash cut short, or a whole one that was damaged
//! later. Of an unfinished write some bytes never reached the disk: its end, or whole sectors of it,
//! which are still the zeros with which the file was made. A damaged one has its trailer and no
//! such hole.

use crate::journal::batch::TRAILER;
use crate::journal::source::Source;

/// What a disk writes at once at the least.
const SECTOR_BYTES: u64 = 512;

/// Whether what begins at `offset` can be the rest of a write that was never finished.
pub(super) fn is_unfinished(source: &mut Source, offset: u64) -> std::io::Result<bool> {
    let end = end_of_data(source, offset)?;
    Ok(!ends_with_trailer(source, offset, end)? || lacks_a_sector(source, offset, end)?)
}

/// The offset behind the last byte that is not zero.
fn end_of_data(source: &mut Source, offset: u64) -> std::io::Result<u64> {
    let (mut from, mut end) = (offset, offset);
    while let Some(data) = source.next_data(from)? {
        let window = source.window_at(data)?;
        if let Some(last) = window.iter().rposition(|byte| *byte != 0) {
            end = data + last as u64 + 1;
        }
        from = data + window.len() as u64;
    }
    Ok(end)
}

/// Whether a batch's trailer stands before `end`, one damaged byte forgiven.
fn ends_with_trailer(source: &mut Source, offset: u64, end: u64) -> std::io::Result<bool> {
    let length = TRAILER.len() as u64;
    if end < offset + length {
        return Ok(false);
    }
    source.seek(end - length);
    let found = source.array::<{ TRAILER.len() }>()?.unwrap_or_default();
    let right = found.iter().zip(TRAILER).filter(|(found, expected)| **found == *expected);
    Ok(right.count() + 1 >= TRAILER.len())
}

/// Whether all that a sector holds of these bytes is zeros.
fn lacks_a_sector(source: &mut Source, offset: u64, end: u64) -> std::io::Result<bool> {
    let mut from = offset;
    while from < end {
        let until = (from - from % SECTOR_BYTES + SECTOR_BYTES).min(end);
        if only_zeros(source, from, until)? {
            return Ok(true);
        }
        from = until;
    }
    Ok(false)
}

fn only_zeros(source: &mut Source, from: u64, until: u64) -> std::io::Result<bool> {
    let mut from = from;
    while from < until {
        source.seek(from);
        let bytes = source.look((until - from) as usize)?;
        if bytes.is_empty() || bytes.iter().any(|byte| *byte != 0) {
            return Ok(bytes.is_empty());
        }
        from += bytes.len() as u64;
    }
    Ok(true)
}
