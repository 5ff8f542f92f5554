//! The rows of `databases`: registry entries, counters, limits.
//!
//! Registry entry, version 2: version, number (4), shards (2), instance (16), created in
//! milliseconds (8), flags (1: partitioned; 2: permissions on documents). Version 1 had no flags.
//! Version 3 is the same for a database with permissions, so that a version which does not know them
//! does not show its documents to everybody. Counters, version 1: version, then five varints. Numbers: version, value (4).

use super::codec::{Reader, write_varint};
use super::{cut_short, unknown_version};
use crate::database::{Counters, DatabaseId, DatabaseRecord};
use crate::error::StorageError;

const KEYSPACE: &str = "databases";
const VERSION: u8 = 1;
/// Of registry entries.
const ENTRY_VERSION: u8 = 2;
/// Of those of databases with permissions on documents.
const ACCESS_ENTRY_VERSION: u8 = 3;
const PARTITIONED: u8 = 1;
const ACCESS: u8 = 2;

fn open(row: &[u8]) -> Result<Reader<'_>, StorageError> {
    match row.split_first() {
        Some((&VERSION, rest)) => Ok(Reader(rest)),
        _ => Err(unknown_version(KEYSPACE)),
    }
}

/// Encodes a registry entry (its name is the key).
pub(crate) fn encode_database(out: &mut Vec<u8>, record: &DatabaseRecord) {
    out.clear();
    out.push(if record.access { ACCESS_ENTRY_VERSION } else { ENTRY_VERSION });
    out.extend_from_slice(&record.id.0.to_be_bytes());
    out.extend_from_slice(&record.shards.to_be_bytes());
    out.extend_from_slice(&record.instance);
    out.extend_from_slice(&record.created_unix_ms.to_be_bytes());
    let partitioned = if record.partitioned { PARTITIONED } else { 0 };
    out.push(partitioned | if record.access { ACCESS } else { 0 });
}

/// Reads the registry entry that stands under `name`.
pub(crate) fn decode_database(name: &str, row: &[u8]) -> Result<DatabaseRecord, StorageError> {
    let (has_flags, mut reader) = match row.split_first() {
        Some((&(ENTRY_VERSION | ACCESS_ENTRY_VERSION), rest)) => (true, Reader(rest)),
        _ => (false, open(row)?),
    };
    let mut read = || {
        let (number, shards) = (reader.number32()?, reader.number16()?);
        let (instance, created_unix_ms) = (reader.array()?, reader.number64()?);
        let flags = if has_flags { reader.byte()? } else { 0 };
        Some(DatabaseRecord {
            id: DatabaseId(number),
            name: name.to_owned(),
            shards,
            instance,
            created_unix_ms,
            partitioned: flags & PARTITIONED != 0,
            access: flags & ACCESS != 0,
        })
    };
    read().ok_or_else(|| cut_short(KEYSPACE))
}

/// Encodes a database's counters.
pub(crate) fn encode_counters(out: &mut Vec<u8>, counters: &Counters) {
    out.clear();
    out.push(VERSION);
    for number in [
        counters.update_sequence,
        counters.documents,
        counters.deleted_documents,
        counters.active_bytes,
        counters.external_bytes,
    ] {
        write_varint(out, number);
    }
}

/// Reads a database's counters.
pub(crate) fn decode_counters(row: &[u8]) -> Result<Counters, StorageError> {
    let mut reader = open(row)?;
    let mut read = || {
        Some(Counters {
            update_sequence: reader.varint()?,
            documents: reader.varint()?,
            deleted_documents: reader.varint()?,
            active_bytes: reader.varint()?,
            external_bytes: reader.varint()?,
        })
    };
    read().ok_or_else(|| cut_short(KEYSPACE))
}

fn encode_number(out: &mut Vec<u8>, number: u32) {
    out.clear();
    out.push(VERSION);
    out.extend_from_slice(&number.to_be_bytes());
}

fn decode_number(row: &[u8]) -> Result<u32, StorageError> {
    open(row)?.number32().ok_or_else(|| cut_short(KEYSPACE))
}

/// Encodes a limit of revisions.
pub(crate) fn encode_revisions_limit(out: &mut Vec<u8>, limit: u32) {
    encode_number(out, limit);
}

/// Reads a limit of revisions.
pub(crate) fn decode_revisions_limit(row: &[u8]) -> Result<u32, StorageError> {
    decode_number(row)
}

/// Encodes the next number to give to a database.
pub(crate) fn encode_next_number(out: &mut Vec<u8>, number: u32) {
    encode_number(out, number);
}

/// Reads the next number to give to a database.
pub(crate) fn decode_next_number(row: &[u8]) -> Result<u32, StorageError> {
    decode_number(row)
}
