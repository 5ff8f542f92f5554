//! What is set for a database (a row of `databases`).
//!
//! Version 1: version, flags (1: time to live; 2: tombstones are purged), and for how long tombstones
//! are kept in milliseconds (8).

use super::codec::Reader;
use super::{cut_short, unknown_version};
use crate::database::DatabaseOptions;
use crate::error::StorageError;

const KEYSPACE: &str = "databases";
const VERSION: u8 = 1;
const TIME_TO_LIVE: u8 = 1;
const TOMBSTONES: u8 = 2;

/// Encodes options.
pub(crate) fn encode_options(out: &mut Vec<u8>, options: &DatabaseOptions) {
    out.clear();
    out.push(VERSION);
    let time_to_live = if options.time_to_live { TIME_TO_LIVE } else { 0 };
    let tombstones = if options.tombstone_ms.is_some() { TOMBSTONES } else { 0 };
    out.push(time_to_live | tombstones);
    out.extend_from_slice(&options.tombstone_ms.unwrap_or_default().to_be_bytes());
}

/// Reads options.
pub(crate) fn decode_options(row: &[u8]) -> Result<DatabaseOptions, StorageError> {
    let Some((&VERSION, rest)) = row.split_first() else {
        return Err(unknown_version(KEYSPACE));
    };
    let mut reader = Reader(rest);
    let mut read = || {
        let flags = reader.byte()?;
        let tombstone_ms = reader.number64()?;
        Some(DatabaseOptions {
            time_to_live: flags & TIME_TO_LIVE != 0,
            tombstone_ms: (flags & TOMBSTONES != 0).then_some(tombstone_ms),
        })
    };
    read().ok_or_else(|| cut_short(KEYSPACE))
}
