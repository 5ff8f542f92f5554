//! fjall 3's journal format, read only. A batch is a start, its items, an end:
//!
//! | entry | bytes, numbers little-endian |
//! |---|---|
//! | start | 1, number of items (4), batch number (8) |
//! | item | 2, kind of value, compression, keyspace (8), length of the key (2), of the value (4), of the value as stored (4), key, stored value |
//! | clear | 4, keyspace (8) |
//! | end | 3, XXH3-64 over all items' bytes (8), `FJL` 3 |

use xxhash_rust::xxh3::Xxh3;

use crate::journal::source::Source;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
/// Ends every batch.
pub(super) const TRAILER: [u8; 4] = [b'F', b'J', b'L', 3];

/// Length of a start entry and the tag behind it.
pub(super) const HEAD_BYTES: usize = 14;

/// What stands at an offset.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A whole batch whose checksum is right.
    Batch {
        /// Offset behind it.
        end: u64,
        /// Its number; later batches have higher ones.
        sequence: u64,
    },
    /// The end of the file.
    Nothing,
    /// Something else.
    Bad,
}

/// Whether these first bytes could begin a batch whose number is in `numbers`.
pub(super) fn could_begin(head: &[u8; HEAD_BYTES], numbers: std::ops::RangeInclusive<u64>) -> bool {
    let &[start, a, b, c, d, s0, s1, s2, s3, s4, s5, s6, s7, tag] = head;
    start == START
        && u32::from_le_bytes([a, b, c, d]) > 0
        && matches!(tag, ITEM | CLEAR)
        && numbers.contains(&u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]))
}

/// Reads the batch at an offset.
pub(super) fn read_batch(source: &mut Source, offset: u64) -> std::io::Result<Found> {
    source.seek(offset);
    if source.look(1)?.is_empty() {
        return Ok(Found::Nothing);
    }
    let Some([START]) = source.array()? else {
        return Ok(Found::Bad);
    };
    let (Some(items), Some(sequence)) = (source.array()?, source.array()?) else {
        return Ok(Found::Bad);
    };
    let items = u32::from_le_bytes(items);
    if items == 0 {
        return Ok(Found::Bad);
    }
    let mut checksum = Xxh3::new();
    for _ in 0..items {
        if !read_item(source, &mut checksum)? {
            return Ok(Found::Bad);
        }
    }
    if !ends_with(source, checksum.digest())? {
        return Ok(Found::Bad);
    }
    Ok(Found::Batch { end: source.position(), sequence: u64::from_le_bytes(sequence) })
}

fn read_item(source: &mut Source, checksum: &mut Xxh3) -> std::io::Result<bool> {
    let Some(tag) = source.array::<1>()? else {
        return Ok(false);
    };
    checksum.update(&tag);
    match tag {
        [CLEAR] => source.hash(8, checksum),
        [ITEM] => {
            let Some(head) = source.array::<20>()? else {
                return Ok(false);
            };
            checksum.update(&head);
            let [kind, compression, middle @ .., a, b, c, d] = head;
            let [.., k0, k1, _, _, _, _] = middle;
            if !matches!(kind, 0..=2) || compression > 1 {
                return Ok(false);
            }
            let key = u64::from(u16::from_le_bytes([k0, k1]));
            let stored = u64::from(u32::from_le_bytes([a, b, c, d]));
            source.hash(key + stored, checksum)
        }
        _ => Ok(false),
    }
}

fn ends_with(source: &mut Source, checksum: u64) -> std::io::Result<bool> {
    let (Some([END]), Some(found), Some(trailer)) =
        (source.array()?, source.array()?, source.array::<4>()?)
    else {
        return Ok(false);
    };
    Ok(u64::from_le_bytes(found) == checksum && trailer == TRAILER)
}
