//! Keys of `outstanding`, where documents are noted that stand out from the others, so that they are found
//! without a walk over all.

use super::{database_prefix, sequence_of};
use crate::database::DatabaseId;

/// Tag of documents with conflicts.
const CONFLICT_TAG: u8 = 1;
/// Tag of tombstones with a body.
const TOMBSTONE_TAG: u8 = 2;

/// What stands under a key of `outstanding`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OutstandingKey {
    /// A document of this id with more than one live leaf.
    Conflict(String),
    /// A document whose last change has this sequence: its winner is deleted and has, or may have, a body.
    Tombstone(u64),
}

/// The prefix that all documents with conflicts of a database have.
pub(crate) fn conflicts_prefix(database: DatabaseId) -> [u8; 5] {
    let [a, b, c, d] = database_prefix(database);
    [a, b, c, d, CONFLICT_TAG]
}

/// Fills `key` with the key of a document with conflicts.
pub(crate) fn write_conflict_key(key: &mut Vec<u8>, database: DatabaseId, id: &str) {
    key.clear();
    key.extend_from_slice(&conflicts_prefix(database));
    key.extend_from_slice(id.as_bytes());
}

/// The key of a document with conflicts.
pub(crate) fn conflict_key(database: DatabaseId, id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(5 + id.len());
    write_conflict_key(&mut key, database, id);
    key
}

/// The key of a tombstone with a body, by the sequence of its document's last change.
pub(crate) fn tombstone_key(database: DatabaseId, sequence: u64) -> [u8; 13] {
    let mut key = [0; 13];
    let (prefix, place) = key.split_at_mut(5);
    prefix.copy_from_slice(&conflicts_prefix(database));
    if let Some(tag) = prefix.last_mut() {
        *tag = TOMBSTONE_TAG;
    }
    place.copy_from_slice(&sequence.to_be_bytes());
    key
}

/// Reads a key of `outstanding`.
pub(crate) fn outstanding_of(key: &[u8]) -> Option<OutstandingKey> {
    let (&tag, rest) = key.get(4..)?.split_first()?;
    match tag {
        CONFLICT_TAG => Some(OutstandingKey::Conflict(std::str::from_utf8(rest).ok()?.to_owned())),
        TOMBSTONE_TAG if rest.len() == 8 => Some(OutstandingKey::Tombstone(sequence_of(rest)?)),
        _ => None,
    }
}
