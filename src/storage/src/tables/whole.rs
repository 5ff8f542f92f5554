//! A table's file read from its first byte to its last.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::version::Reader;

/// Read at once, and held of a file.
const WINDOW_BYTES: usize = 256 * 1024;

/// Begins every block of a table.
const BLOCK_MAGIC: [u8; 4] = [b'L', b'S', b'M', 3];

/// A block's head: magic, kind (1), checksum of the data (16), its length (4), its length unpacked
/// (4), and the low half of a checksum of all that (4).
const HEAD_BYTES: usize = 33;
const CHECKED_HEAD_BYTES: usize = 29;

/// A block is never so long: fjall cuts them at some KiB, but a value stays whole.
const MOST_BLOCK_BYTES: u32 = 1 << 30;

/// XXH3-128 of the whole file.
pub(super) fn checksum(path: &Path) -> std::io::Result<u128> {
    let mut file = File::open(path)?;
    let mut hash = Xxh3::new();
    let mut window = vec![0; WINDOW_BYTES];
    loop {
        match file.read(&mut window)? {
            0 => return Ok(hash.digest128()),
            count => hash.update(window.get(..count).unwrap_or_default()),
        }
    }
}

/// Where the first block begins that is not whole: the damage is in it or behind it. `None` where
/// the file does not begin with blocks, as blob files do not.
pub(super) fn first_bad_block(path: &Path) -> std::io::Result<Option<u64>> {
    let mut file = BufReader::with_capacity(WINDOW_BYTES, File::open(path)?);
    let mut offset = 0;
    let mut data = Vec::new();
    loop {
        match read_block(&mut file, &mut data)? {
            Some(length) => offset += length,
            None if offset == 0 && !begins_with_block(path)? => return Ok(None),
            None => return Ok(Some(offset)),
        }
    }
}

/// Whether a file begins as a table does, but for one damaged byte.
fn begins_with_block(path: &Path) -> std::io::Result<bool> {
    let mut magic = [0; BLOCK_MAGIC.len()];
    File::open(path)?.read_exact(&mut magic)?;
    Ok(magic.iter().zip(BLOCK_MAGIC).filter(|(found, expected)| **found == *expected).count() >= 3)
}

/// Reads one block; its length, or `None` where there is no whole one.
fn read_block(file: &mut impl Read, data: &mut Vec<u8>) -> std::io::Result<Option<u64>> {
    let mut head = [0; HEAD_BYTES];
    match file.read_exact(&mut head) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let Some((checksum, length)) = checked(&head) else { return Ok(None) };
    data.clear();
    file.take(u64::from(length)).read_to_end(data)?;
    let whole = data.len() == length as usize && xxh3_128(data) == checksum;
    Ok(whole.then_some(HEAD_BYTES as u64 + u64::from(length)))
}

/// Checksum and length of the data behind a head that is right.
fn checked(head: &[u8; HEAD_BYTES]) -> Option<(u128, u32)> {
    let (front, own) = head.split_at_checked(CHECKED_HEAD_BYTES)?;
    let mut reader = Reader(front.strip_prefix(&BLOCK_MAGIC)?);
    reader.skip(1)?;
    let (checksum, length) = (reader.number128()?, reader.number32()?);
    // The low half is what fjall keeps.
    let expected = xxh3_128(front) as u32;
    let right = Reader(own).number32()? == expected && length <= MOST_BLOCK_BYTES;
    right.then_some((checksum, length))
}
