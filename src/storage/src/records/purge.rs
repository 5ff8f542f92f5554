//! The rows of `purges`, and how a database stands with them (a row of `databases`).
//!
//! A record, version 1: version, time in milliseconds (8), uuid (16), id, number of revisions
//! (varint), and for each its depth (varint) and its hash. A name and a checkpoint, version 1:
//! version, purge sequence (8). A mark in time, version 1: version, update sequence (8). The state of
//! purges and that of tombstones, version 1: version, then three varints.

use refuge_document::{Revision, RevisionHash};

use super::codec::{Reader, write_block, write_varint};
use super::{cut_short, unknown_version};
use crate::error::StorageError;
use crate::purge::{PurgeRecord, PurgeState, TombstoneState};

const KEYSPACE: &str = "purges";
const VERSION: u8 = 1;

fn open(row: &[u8]) -> Result<Reader<'_>, StorageError> {
    match row.split_first() {
        Some((&VERSION, rest)) => Ok(Reader(rest)),
        _ => Err(unknown_version(KEYSPACE)),
    }
}

/// Encodes a record (its purge sequence is the key).
pub(crate) fn encode_purge(out: &mut Vec<u8>, record: &PurgeRecord) {
    out.clear();
    out.push(VERSION);
    out.extend_from_slice(&record.time_ms.to_be_bytes());
    out.extend_from_slice(&record.uuid);
    write_block(out, record.id.as_bytes());
    write_varint(out, record.revisions.len() as u64);
    for revision in &record.revisions {
        write_varint(out, u64::from(revision.depth));
        write_block(out, revision.hash.as_bytes());
    }
}

/// Reads the record that stands under a purge sequence.
pub(crate) fn decode_purge(sequence: u64, row: &[u8]) -> Result<PurgeRecord, StorageError> {
    let mut reader = open(row)?;
    let mut read = || {
        let time_ms = reader.number64()?;
        let uuid = reader.array()?;
        let id = reader.text()?.to_owned();
        let count = reader.varint()?;
        let revisions = (0..count).map(|_| read_revision(&mut reader)).collect::<Option<_>>()?;
        Some(PurgeRecord { sequence, time_ms, uuid, id, revisions })
    };
    read().ok_or_else(|| cut_short(KEYSPACE))
}

fn read_revision(reader: &mut Reader<'_>) -> Option<Revision> {
    let depth = u32::try_from(reader.varint()?).ok()?;
    let bytes = reader.block()?;
    let hash = match <[u8; 16]>::try_from(bytes) {
        Ok(digest) => RevisionHash::from_digest(digest),
        Err(_) => RevisionHash::from_text(std::str::from_utf8(bytes).ok()?).ok()?,
    };
    Some(Revision { depth, hash })
}

/// Encodes a purge sequence that stands under a name or an index.
pub(crate) fn encode_purge_sequence(out: &mut Vec<u8>, sequence: u64) {
    out.clear();
    out.push(VERSION);
    out.extend_from_slice(&sequence.to_be_bytes());
}

/// Reads a purge sequence.
pub(crate) fn decode_purge_sequence(row: &[u8]) -> Result<u64, StorageError> {
    open(row)?.number64().ok_or_else(|| cut_short(KEYSPACE))
}

/// Encodes how a database stands with its purges.
pub(crate) fn encode_purge_state(out: &mut Vec<u8>, state: &PurgeState) {
    out.clear();
    out.push(VERSION);
    for number in [state.sequence, state.forgotten, u64::from(state.records_limit)] {
        write_varint(out, number);
    }
}

/// Reads how a database stands with its purges.
pub(crate) fn decode_purge_state(row: &[u8]) -> Result<PurgeState, StorageError> {
    let mut reader = open(row)?;
    let mut read = || {
        Some(PurgeState {
            sequence: reader.varint()?,
            forgotten: reader.varint()?,
            records_limit: u32::try_from(reader.varint()?).ok()?,
        })
    };
    read().ok_or_else(|| cut_short(KEYSPACE))
}

/// Encodes how far a database's tombstones have been purged.
pub(crate) fn encode_tombstone_state(out: &mut Vec<u8>, state: &TombstoneState) {
    out.clear();
    out.push(VERSION);
    for number in [state.swept, state.floor, state.floor_time_ms] {
        write_varint(out, number);
    }
}

/// Reads how far a database's tombstones have been purged.
pub(crate) fn decode_tombstone_state(row: &[u8]) -> Result<TombstoneState, StorageError> {
    let mut reader = open(row)?;
    let mut read = || {
        Some(TombstoneState {
            swept: reader.varint()?,
            floor: reader.varint()?,
            floor_time_ms: reader.varint()?,
        })
    };
    read().ok_or_else(|| cut_short(KEYSPACE))
}
