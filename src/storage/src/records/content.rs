//! What stands under the address of an attachment's content.
//!
//! Version 1: version, upload (16), chunks (varint), stored length (varint).

use super::codec::{Reader, write_varint};
use super::{cut_short, unknown_version};
use crate::error::StorageError;

const KEYSPACE: &str = "attachments";
const VERSION: u8 = 1;

/// Where the bytes of a content stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentRecord {
    /// The upload that brought them.
    pub upload: [u8; 16],
    /// Number of its chunks.
    pub chunks: u32,
    /// Bytes in all of them together.
    pub stored_length: u64,
}

impl ContentRecord {
    pub(crate) fn decode(row: &[u8]) -> Result<Self, StorageError> {
        let Some((&VERSION, rest)) = row.split_first() else {
            return Err(unknown_version(KEYSPACE));
        };
        let mut reader = Reader(rest);
        let mut read = || {
            Some(Self {
                upload: reader.array()?,
                chunks: u32::try_from(reader.varint()?).ok()?,
                stored_length: reader.varint()?,
            })
        };
        read().ok_or_else(|| cut_short(KEYSPACE))
    }
}

/// Encodes a content record.
pub(crate) fn encode(out: &mut Vec<u8>, record: &ContentRecord) {
    out.clear();
    out.push(VERSION);
    out.extend_from_slice(&record.upload);
    write_varint(out, u64::from(record.chunks));
    write_varint(out, record.stored_length);
}
