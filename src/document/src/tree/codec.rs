//! The stored form of a tree. Version 1, integers as LEB128 unless said otherwise:
//!
//! ```text
//! version 1, number of leaves,
//! for each leaf, winner first:  flags, depth, hash, place
//! for each leaf:                number of further ancestors,
//!                               for each, newest first: flags, hash, place if it has one
//!                               0, or 1 + the number of the node that the last descends from
//! ```
//!
//! Flags are one byte: 1 deleted, 2 the hash is a length byte and text (else 16 bytes), 4 has a
//! place. A place is 8 bytes, big-endian, 0 for none; leaves always have one, so that it can be
//! written later. Nodes are numbered as they come. Leaves stand first so that whoever needs only
//! them reads no further.

use crate::revision::RevisionHash;

use super::{BodyPlace, Leaf, NO_PARENT, Node, RevisionTree};

const VERSION: u8 = 1;
const DELETED: u8 = 1;
const TEXT_HASH: u8 = 2;
const HAS_PLACE: u8 = 4;

/// Fewest bytes that a node takes; no more nodes than fit are believed.
const NODE_BYTES: usize = 3;

/// Where in an encoded tree the engine has to write a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PendingPlace {
    /// Offset in bytes of the place (8 bytes, big-endian) in the buffer that was written to.
    pub offset: usize,
    /// Which new body of the write belongs there.
    pub ordinal: u16,
}

/// Encoded bytes that are not a revision tree of a known version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer version of refuge.
    #[error("the revision tree has format version {0}: use the version of refuge that wrote it")]
    Version(u8),
    /// Damaged, or not a tree.
    #[error("the revision tree is damaged: restore the database from a replica or a backup")]
    Damaged,
}

impl RevisionTree {
    /// Appends the encoded form. Places that are pending are written as 0 and reported, with their
    /// offsets in `out`.
    pub fn encode(&self, out: &mut Vec<u8>, pending: &mut Vec<PendingPlace>) {
        let canonical = self.canonical_order();
        let leaves = canonical.branches.len();
        let mut nodes = canonical.order.iter().filter_map(|index| self.node(*index));
        out.push(VERSION);
        write_number(out, leaves as u64);
        for node in nodes.by_ref().take(leaves) {
            out.push(flags_of(node) | HAS_PLACE);
            write_number(out, u64::from(node.depth));
            write_hash(out, &node.hash);
            write_place(out, node.place, pending);
        }
        for branch in &canonical.branches {
            write_number(out, branch.ancestors as u64);
            for node in nodes.by_ref().take(branch.ancestors) {
                out.push(flags_of(node));
                write_hash(out, &node.hash);
                if node.place != BodyPlace::Missing {
                    write_place(out, node.place, pending);
                }
            }
            write_number(out, branch.attached.map_or(0, |number| u64::from(number) + 1));
        }
    }

    /// Reads the encoded form.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader { bytes };
        let leaves = reader.head()?;
        let mut nodes = Vec::with_capacity(bytes.len() / 17 + 1);
        for _ in 0..leaves {
            nodes.push(reader.leaf()?);
        }
        for leaf in 0..leaves {
            reader.branch(&mut nodes, leaf)?;
        }
        if !reader.bytes.is_empty() {
            return Err(DecodeError::Damaged);
        }
        Ok(Self { nodes })
    }

    /// The winner of an encoded tree, without building the tree.
    pub fn decode_winner(bytes: &[u8]) -> Result<Leaf, DecodeError> {
        let mut reader = Reader { bytes };
        match reader.head()? {
            0 => Err(DecodeError::Damaged),
            _ => reader.leaf().map(|node| node.to_leaf()),
        }
    }

    /// The leaves of an encoded tree, winner first, without building the tree.
    pub fn decode_leaves(bytes: &[u8]) -> Result<Vec<Leaf>, DecodeError> {
        let mut reader = Reader { bytes };
        let leaves = reader.head()?;
        (0..leaves).map(|_| reader.leaf().map(|node| node.to_leaf())).collect()
    }
}

fn flags_of(node: &Node) -> u8 {
    let deleted = if node.deleted { DELETED } else { 0 };
    let text = if node.hash.is_digest() { 0 } else { TEXT_HASH };
    let place = match node.place {
        BodyPlace::Missing => 0,
        _ => HAS_PLACE,
    };
    deleted | text | place
}

fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn write_hash(out: &mut Vec<u8>, hash: &RevisionHash) {
    if !hash.is_digest() {
        // A hash that is text has at most 255 bytes.
        out.push(hash.as_bytes().len() as u8);
    }
    out.extend_from_slice(hash.as_bytes());
}

fn write_place(out: &mut Vec<u8>, place: BodyPlace, pending: &mut Vec<PendingPlace>) {
    let number = match place {
        BodyPlace::At(sequence) => sequence,
        BodyPlace::Missing => 0,
        BodyPlace::Pending(ordinal) => {
            pending.push(PendingPlace { offset: out.len(), ordinal });
            0
        }
    };
    out.extend_from_slice(&number.to_be_bytes());
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The version, and the number of leaves.
    fn head(&mut self) -> Result<u32, DecodeError> {
        match self.byte()? {
            VERSION => {}
            0 => return Err(DecodeError::Damaged),
            other => return Err(DecodeError::Version(other)),
        }
        self.count()
    }

    fn leaf(&mut self) -> Result<Node, DecodeError> {
        let flags = self.byte()?;
        let depth = u32::try_from(self.number()?).map_err(|_| DecodeError::Damaged)?;
        self.rest_of_node(flags, depth)
    }

    /// What hangs above the node `leaf`.
    fn branch(&mut self, nodes: &mut Vec<Node>, leaf: u32) -> Result<(), DecodeError> {
        let mut below = leaf as usize;
        for _ in 0..self.count()? {
            let child = nodes.get(below).ok_or(DecodeError::Damaged)?;
            let depth = child.depth.checked_sub(1).ok_or(DecodeError::Damaged)?;
            let flags = self.byte()?;
            let node = self.rest_of_node(flags, depth)?;
            let index = nodes.len();
            set_parent(nodes, below, index as u32);
            nodes.push(node);
            below = index;
        }
        let Some(attached) = self.number()?.checked_sub(1) else {
            return Ok(());
        };
        let parent = u32::try_from(attached).map_err(|_| DecodeError::Damaged)?;
        let depth = |index: usize| nodes.get(index).map(|node| node.depth);
        // Parents are one less deep: so there is no circle.
        match (depth(below), depth(parent as usize)) {
            (Some(child), Some(depth)) if depth.checked_add(1) == Some(child) => {}
            _ => return Err(DecodeError::Damaged),
        }
        set_parent(nodes, below, parent);
        Ok(())
    }

    fn rest_of_node(&mut self, flags: u8, depth: u32) -> Result<Node, DecodeError> {
        let hash = if flags & TEXT_HASH == 0 {
            RevisionHash::from_digest(self.array()?)
        } else {
            let length = self.byte()?;
            let text = self.take(usize::from(length))?;
            std::str::from_utf8(text)
                .ok()
                .and_then(RevisionHash::from_stored_text)
                .ok_or(DecodeError::Damaged)?
        };
        let place = if flags & HAS_PLACE == 0 { 0 } else { u64::from_be_bytes(self.array()?) };
        Ok(Node {
            hash,
            depth,
            parent: NO_PARENT,
            deleted: flags & DELETED != 0,
            place: match place {
                0 => BodyPlace::Missing,
                sequence => BodyPlace::At(sequence),
            },
        })
    }

    /// A number of nodes, which have to fit into the bytes that are left.
    fn count(&mut self) -> Result<u32, DecodeError> {
        let number = self.number()?;
        if number > (self.bytes.len() / NODE_BYTES) as u64 {
            return Err(DecodeError::Damaged);
        }
        u32::try_from(number).map_err(|_| DecodeError::Damaged)
    }

    fn number(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(DecodeError::Damaged)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.bytes.split_first_chunk().ok_or(DecodeError::Damaged)?;
        self.bytes = rest;
        Ok(*head)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.bytes.split_at_checked(length).ok_or(DecodeError::Damaged)?;
        self.bytes = rest;
        Ok(head)
    }
}

fn set_parent(nodes: &mut [Node], index: usize, parent: u32) {
    if let Some(node) = nodes.get_mut(index) {
        node.parent = parent;
    }
}
