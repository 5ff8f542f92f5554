//! A row of `sequences`: one document's last change.
//!
//! Version 1: version, place of the winner's body (8, 0 = none), number of leaves (varint), each
//! leaf, then the document's id. A leaf: depth × 2 + 1 if deleted (varint), length of the hash
//! (one byte), the hash's bytes (16 raw ones, or another length of text).

use refuge_document::{ChangeRow, LeafSummary, Revision, RevisionHash};

use super::codec::{Reader, write_varint};
use super::{cut_short, unknown_version};
use crate::error::StorageError;

const KEYSPACE: &str = "sequences";
const VERSION: u8 = 1;

/// Leaves that a row is trusted to announce before they are read: a damaged count must not
/// reserve memory.
const TRUSTED_LEAVES: usize = 16;

/// Encodes a row; its sequence is the key.
pub(crate) fn encode(out: &mut Vec<u8>, body: u64, leaves: &[LeafSummary], id: &str) {
    out.clear();
    out.push(VERSION);
    out.extend_from_slice(&body.to_be_bytes());
    write_varint(out, leaves.len() as u64);
    for leaf in leaves {
        let hash = leaf.revision.hash.as_bytes();
        write_varint(out, u64::from(leaf.revision.depth) << 1 | u64::from(leaf.deleted));
        // A hash is at most 255 bytes long.
        out.push(hash.len() as u8);
        out.extend_from_slice(hash);
    }
    out.extend_from_slice(id.as_bytes());
}

/// Reads the row that stands under `sequence`.
pub(crate) fn decode(sequence: u64, row: &[u8]) -> Result<ChangeRow, StorageError> {
    let Some((&VERSION, rest)) = row.split_first() else {
        return Err(unknown_version(KEYSPACE));
    };
    read(sequence, Reader(rest)).ok_or_else(|| cut_short(KEYSPACE))
}

fn read(sequence: u64, mut reader: Reader<'_>) -> Option<ChangeRow> {
    let body = reader.number64()?;
    let count = usize::try_from(reader.varint()?).ok()?;
    let mut leaves = Vec::with_capacity(count.min(TRUSTED_LEAVES));
    for _ in 0..count {
        leaves.push(read_leaf(&mut reader)?);
    }
    Some(ChangeRow {
        sequence,
        id: std::str::from_utf8(reader.rest()).ok()?.to_owned(),
        leaves,
        body,
        removed: false,
    })
}

fn read_leaf(reader: &mut Reader<'_>) -> Option<LeafSummary> {
    let head = reader.varint()?;
    let length = usize::from(reader.byte()?);
    let bytes = reader.take(length)?;
    let hash = match <[u8; 16]>::try_from(bytes) {
        Ok(digest) => RevisionHash::from_digest(digest),
        Err(_) => RevisionHash::from_text(std::str::from_utf8(bytes).ok()?).ok()?,
    };
    Some(LeafSummary {
        revision: Revision { depth: u32::try_from(head >> 1).ok()?, hash },
        deleted: head & 1 == 1,
    })
}
