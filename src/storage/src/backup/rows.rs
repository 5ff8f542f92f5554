//! Rows as they stand in a block.

use crate::error::StorageError;

/// Key and value.
pub(super) type Row = (fjall::UserKey, fjall::UserValue);

/// The rows of a stretch that are still to be read.
pub(super) struct Rows {
    /// The place of their keyspace.
    pub(super) keyspace: usize,
    /// The rows; none for each that is not wanted.
    pub(super) iterator: Box<dyn Iterator<Item = Result<Option<Row>, StorageError>> + Send>,
}

/// Adds a row to a block. Keys have at most 64 KiB, values are bounded by what a request may hold.
pub(super) fn write(block: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    for part in [key, value] {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        block.extend_from_slice(&length.to_le_bytes());
    }
    block.extend_from_slice(key);
    block.extend_from_slice(value);
}

/// Takes the first row off the rest of a block; none where what is left is no row.
pub(super) fn take<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (key_length, after) = rest.split_first_chunk::<4>()?;
    let (value_length, after) = after.split_first_chunk::<4>()?;
    let length = |bytes: &[u8; 4]| usize::try_from(u32::from_le_bytes(*bytes)).ok();
    let (key, after) = after.split_at_checked(length(key_length)?)?;
    let (value, after) = after.split_at_checked(length(value_length)?)?;
    *rest = after;
    Some((key, value))
}
