//! How each record is laid out in bytes. Every record begins with the version of its layout, and
//! every version ever written stays readable here.
//!
//! Numbers of fixed width are big-endian; `varint` is LEB128 (seven bits a byte, least first).

mod body;
mod change;
pub(crate) mod codec;
mod content;
mod document;
mod garbage;
mod options;
mod purge;
mod readers;
mod registry;
mod resumable;

pub(crate) use body::{decode as decode_body, encode as encode_body};
pub(crate) use change::{decode as decode_change, encode as encode_change};
pub(crate) use content::encode as encode_content;
pub(crate) use document::{Sizes, encode as encode_document};
pub(crate) use options::{decode_options, encode_options};
pub(crate) use purge::{
    decode_purge, decode_purge_sequence, decode_purge_state, decode_tombstone_state, encode_purge,
    encode_purge_sequence, encode_purge_state, encode_tombstone_state,
};
pub(crate) use registry::{
    decode_counters, decode_database, decode_next_number, decode_revisions_limit, encode_counters,
    encode_database, encode_next_number, encode_revisions_limit,
};

pub(crate) use garbage::{
    UploadState, decode_id as decode_garbage, decode_upload, encode_id as encode_garbage,
    encode_upload,
};

pub(crate) use readers::{
    decode_reader_change, decode_reader_state, encode_reader_state, encode_removed, encode_visible,
};

pub use content::ContentRecord;
pub use document::DocumentRecord;
pub use readers::ReaderState;

use bytes::Bytes;
use fjall::UserValue;

use crate::error::StorageError;

/// Version of records that are nothing but bytes of somebody else.
const OPAQUE_VERSION: u8 = 1;

/// A stored value as shared bytes, without a copy.
pub(crate) fn bytes_of(value: UserValue) -> Bytes {
    Bytes::from_owner(value)
}

/// Encodes a record of bytes that are not ours to read.
pub(crate) fn encode_opaque(out: &mut Vec<u8>, bytes: &[u8]) {
    out.clear();
    out.push(OPAQUE_VERSION);
    out.extend_from_slice(bytes);
}

/// Reads a record of bytes that are not ours to read.
pub(crate) fn opaque<'a>(keyspace: &'static str, row: &'a [u8]) -> Result<&'a [u8], StorageError> {
    match row.split_first() {
        Some((&OPAQUE_VERSION, bytes)) => Ok(bytes),
        _ => Err(unknown_version(keyspace)),
    }
}

/// As [`opaque`], for shared bytes.
pub(crate) fn opaque_bytes(keyspace: &'static str, row: Bytes) -> Result<Bytes, StorageError> {
    opaque(keyspace, &row)?;
    Ok(row.slice(1..))
}

pub(crate) fn unknown_version(keyspace: &'static str) -> StorageError {
    StorageError::Record { keyspace, reason: "its version is unknown" }
}

pub(crate) fn cut_short(keyspace: &'static str) -> StorageError {
    StorageError::Record { keyspace, reason: "it is cut short or holds a bad value" }
}

#[cfg(test)]
mod tests;
