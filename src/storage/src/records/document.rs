//! A document's row.
//!
//! Version 1: version, sequence (8), active bytes (varint), external bytes (varint), the encoded
//! revision tree.

use bytes::Bytes;
use refuge_document::{Leaf, RevisionTree};

use super::codec::{Reader, write_varint};
use super::{cut_short, unknown_version};
use crate::error::StorageError;
use crate::operation::Previous;

const KEYSPACE: &str = "documents";
const VERSION: u8 = 1;

/// A document's row: the sequence of its last change and its revision tree, still encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRecord {
    /// The sequence of its by-sequence row.
    pub sequence: u64,
    active_bytes: u64,
    external_bytes: u64,
    tree: Bytes,
}

impl DocumentRecord {
    pub(crate) fn decode(row: Bytes) -> Result<Self, StorageError> {
        let Some((&VERSION, rest)) = row.split_first() else {
            return Err(unknown_version(KEYSPACE));
        };
        let mut reader = Reader(rest);
        let mut read = || Some((reader.number64()?, reader.varint()?, reader.varint()?));
        let (sequence, active_bytes, external_bytes) = read().ok_or_else(|| cut_short(KEYSPACE))?;
        let start = row.len() - reader.0.len();
        Ok(Self { sequence, active_bytes, external_bytes, tree: row.slice(start..) })
    }

    /// The encoded revision tree.
    #[must_use]
    pub fn encoded_tree(&self) -> &Bytes {
        &self.tree
    }

    /// The revision tree.
    ///
    /// # Errors
    /// [`StorageError::Tree`].
    pub fn tree(&self) -> Result<RevisionTree, StorageError> {
        Ok(RevisionTree::decode(&self.tree)?)
    }

    /// The winning leaf, read without decoding the tree.
    ///
    /// # Errors
    /// [`StorageError::Tree`].
    pub fn winner(&self) -> Result<Leaf, StorageError> {
        Ok(RevisionTree::decode_winner(&self.tree)?)
    }

    /// What a write that replaces this row must tell the writer; `deleted` is whether this row's
    /// winner is deleted, `conflicted` whether it has more than one live leaf.
    #[must_use]
    pub fn previous(&self, deleted: bool, conflicted: bool) -> Previous {
        Previous {
            sequence: self.sequence,
            deleted,
            conflicted,
            active_bytes: self.active_bytes,
            external_bytes: self.external_bytes,
        }
    }
}

/// Encodes a document's row around its tree, whose places are already filled in.
pub(crate) fn encode(out: &mut Vec<u8>, sequence: u64, sizes: Sizes, tree: &[u8]) {
    out.clear();
    out.push(VERSION);
    out.extend_from_slice(&sequence.to_be_bytes());
    write_varint(out, sizes.active_bytes);
    write_varint(out, sizes.external_bytes);
    out.extend_from_slice(tree);
}

/// What a document counts for in its database's sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) active_bytes: u64,
    pub(crate) external_bytes: u64,
}
