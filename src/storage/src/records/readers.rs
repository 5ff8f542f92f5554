//! The rows of `readers`.
//!
//! A row by sequence, version 1: version, then 0 for a document that may be read, whose change stands in
//! `sequences` under the same sequence; or 1 for one that may not be read any more, and the change that
//! tells so as in `sequences`. A row by id, version 1: version, then 0 for a document, 1 for a tombstone
//! that may be read, or 2 and the sequence (8) of the row which tells that it may not be any more.

use refuge_document::{ChangeRow, LeafSummary};

use super::change;
use super::codec::Reader;
use super::{cut_short, unknown_version};
use crate::error::StorageError;

const KEYSPACE: &str = "readers";
const VERSION: u8 = 1;
const VISIBLE: u8 = 0;
const REMOVED: u8 = 1;
const LIVE: u8 = 0;
const DELETED: u8 = 1;
const LOST: u8 = 2;

/// How a document stands with a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderState {
    /// It may be read.
    Live,
    /// Its tombstone may be read.
    Deleted,
    /// It may not be read any more, which the reader's row at this sequence tells.
    Removed(u64),
}

/// Encodes a row by sequence of what may be read.
pub(crate) fn encode_visible(out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&[VERSION, VISIBLE]);
}

/// Encodes a row by sequence that tells that a document may not be read any more, with the leaf that was
/// seen last.
pub(crate) fn encode_removed(out: &mut Vec<u8>, leaves: &[LeafSummary], id: &str) {
    change::encode(out, 0, leaves, id);
    out.splice(..0, [VERSION, REMOVED]);
}

/// Reads a row by sequence: the change of a document that may not be read any more.
pub(crate) fn decode_reader_change(
    sequence: u64,
    row: &[u8],
) -> Result<Option<ChangeRow>, StorageError> {
    match row {
        [VERSION, VISIBLE] => Ok(None),
        [VERSION, REMOVED, change @ ..] => {
            let mut row = change::decode(sequence, change)?;
            row.removed = true;
            Ok(Some(row))
        }
        [VERSION, ..] => Err(cut_short(KEYSPACE)),
        _ => Err(unknown_version(KEYSPACE)),
    }
}

/// Encodes a row by id.
pub(crate) fn encode_reader_state(out: &mut Vec<u8>, state: ReaderState) {
    out.clear();
    out.push(VERSION);
    match state {
        ReaderState::Live => out.push(LIVE),
        ReaderState::Deleted => out.push(DELETED),
        ReaderState::Removed(sequence) => {
            out.push(LOST);
            out.extend_from_slice(&sequence.to_be_bytes());
        }
    }
}

/// Reads a row by id.
pub(crate) fn decode_reader_state(row: &[u8]) -> Result<ReaderState, StorageError> {
    let Some((&VERSION, rest)) = row.split_first() else {
        return Err(unknown_version(KEYSPACE));
    };
    let mut reader = Reader(rest);
    let state = match reader.byte() {
        Some(LIVE) => Some(ReaderState::Live),
        Some(DELETED) => Some(ReaderState::Deleted),
        Some(LOST) => reader.number64().map(ReaderState::Removed),
        _ => None,
    };
    state.filter(|_| reader.0.is_empty()).ok_or_else(|| cut_short(KEYSPACE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_back() {
        let mut row = Vec::new();
        for state in [ReaderState::Live, ReaderState::Deleted, ReaderState::Removed(300)] {
            encode_reader_state(&mut row, state);
            assert_eq!(decode_reader_state(&row).unwrap(), state);
            row.push(0);
            assert!(decode_reader_state(&row).is_err());
        }
        encode_visible(&mut row);
        assert_eq!(decode_reader_change(4, &row).unwrap(), None);
        let leaf = LeafSummary { revision: "2-b".parse().unwrap(), deleted: true };
        encode_removed(&mut row, std::slice::from_ref(&leaf), "x");
        let removed = decode_reader_change(4, &row).unwrap().unwrap();
        assert_eq!((removed.id.as_str(), removed.sequence, removed.removed), ("x", 4, true));
        assert_eq!(removed.leaves, [leaf]);
        assert!(decode_reader_change(4, &[2, 0]).is_err());
    }
}
