//! The registry's records of indexes.
//!
//! Definition, version 1: version, number (4), instance of the database (16), seed (8), milliseconds since
//! 1970 (8), number of views (varint), collation (block). State, version 2: version, flags (1: complete; 2: rows were
//! left out), position (8), purge position (8). Version 1 is the same and did not tell what was left out, so
//! it is taken for lacking some.

use super::IndexNumber;
use crate::database::DatabaseId;
use crate::error::StorageError;
use crate::records::codec::{Reader, write_block, write_varint};
use crate::records::{cut_short, unknown_version};

const KEYSPACE: &str = "indexes";
const DEFINITION_VERSION: u8 = 1;
const STATE_VERSION: u8 = 2;
const SILENT_STATE_VERSION: u8 = 1;
const COMPLETE: u8 = 1;
const LACKING: u8 = 2;

/// What an index is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexDefinition {
    /// The database whose documents it is made of.
    pub database: DatabaseId,
    /// Which making of that database: after its files were replaced by others the number may be another's.
    pub instance: [u8; 16],
    /// Names the functions and options that make its rows.
    pub signature: [u8; 16],
    /// How its keys are compared, with the version of the tables for it: an index with another version is
    /// built anew.
    pub collation: String,
    /// A secret that the shape of its tree depends on.
    pub seed: u64,
    /// How many views it has.
    pub views: u16,
    /// When it was made, in milliseconds since 1970 (UTC).
    pub made_ms: u64,
}

/// How far an index has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexState {
    /// The update sequence up to which it has followed its database.
    pub position: u64,
    /// The purge sequence up to which it has.
    pub purge_position: u64,
    /// Whether its first build is through: until then it answers nothing.
    pub complete: bool,
    /// Whether it may lack rows that were left out since their keys could not be stored.
    pub lacking: bool,
}

/// An index that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexRecord {
    /// Its number.
    pub number: IndexNumber,
    /// What it is made for.
    pub definition: IndexDefinition,
}

/// Encodes a definition; database and signature are in its key.
pub(super) fn encode_definition(number: IndexNumber, definition: &IndexDefinition) -> Vec<u8> {
    let mut out = vec![DEFINITION_VERSION];
    out.extend_from_slice(&number.0.to_be_bytes());
    out.extend_from_slice(&definition.instance);
    out.extend_from_slice(&definition.seed.to_be_bytes());
    out.extend_from_slice(&definition.made_ms.to_be_bytes());
    write_varint(&mut out, u64::from(definition.views));
    write_block(&mut out, definition.collation.as_bytes());
    out
}

/// Reads the definition that stands under a key.
pub(super) fn decode_definition(key: &[u8], row: &[u8]) -> Result<IndexRecord, StorageError> {
    let Some((&DEFINITION_VERSION, rest)) = row.split_first() else {
        return Err(unknown_version(KEYSPACE));
    };
    let mut reader = Reader(rest);
    let mut read = || {
        let (database, signature) = super::keys::definition_of(key)?;
        let number = IndexNumber(reader.number32()?);
        let instance = reader.array()?;
        let seed = reader.number64()?;
        let made_ms = reader.number64()?;
        let views = u16::try_from(reader.varint()?).ok()?;
        let collation = reader.text()?.to_owned();
        let definition =
            IndexDefinition { database, instance, signature, collation, seed, views, made_ms };
        Some(IndexRecord { number, definition })
    };
    read().ok_or_else(|| cut_short(KEYSPACE))
}

/// Encodes a state.
pub(super) fn encode_state(state: &IndexState) -> Vec<u8> {
    let complete = if state.complete { COMPLETE } else { 0 };
    let lacking = if state.lacking { LACKING } else { 0 };
    let mut out = vec![STATE_VERSION, complete | lacking];
    out.extend_from_slice(&state.position.to_be_bytes());
    out.extend_from_slice(&state.purge_position.to_be_bytes());
    out
}

/// Reads a state.
pub(super) fn decode_state(row: &[u8]) -> Result<IndexState, StorageError> {
    let Some((&version @ (STATE_VERSION | SILENT_STATE_VERSION), rest)) = row.split_first() else {
        return Err(unknown_version(KEYSPACE));
    };
    let mut reader = Reader(rest);
    let mut read = || {
        let flags = reader.byte()?;
        let position = reader.number64()?;
        let purge_position = reader.number64()?;
        let lacking = version == SILENT_STATE_VERSION || flags & LACKING != 0;
        Some(IndexState { position, purge_position, complete: flags & COMPLETE != 0, lacking })
    };
    read().ok_or_else(|| cut_short(KEYSPACE))
}

/// Reads a number that stands alone.
pub(super) fn decode_number(row: &[u8]) -> Result<IndexNumber, StorageError> {
    let bytes = crate::records::opaque(KEYSPACE, row)?;
    let bytes = <[u8; 4]>::try_from(bytes).map_err(|_| cut_short(KEYSPACE))?;
    Ok(IndexNumber(u32::from_be_bytes(bytes)))
}
