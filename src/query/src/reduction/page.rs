//! Pages and the root, as values and as bytes.
//!
//! Version 1, numbers as LEB128. A page: version, reducers' count, then for each entry: bytes shared
//! with the start before, length of the others, those; count; 0, or 1 + the length of the key's JSON
//! and that; the reductions. The root: version, level, count, reducers' count, the reductions. A
//! reduction: 0 none; 1, length, bytes; 2, the error and the reason, each a length and text.

use super::shape::LOWEST_PAGE;
use crate::FormatError;
use crate::format::{Reader, shared_prefix, write_bytes, write_varint};

const VERSION: u8 = 1;

/// Longest JSON of an emitted key that is kept in a page, in bytes; a longer one is read from its row.
const KEY_LIMIT_BYTES: usize = 256;

/// Most reduce functions of one view.
const REDUCER_LIMIT: usize = 1000;

const NONE: u8 = 0;
const VALUE: u8 = 1;
const FAILED: u8 = 2;

/// What rows come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reduction {
    /// There are no rows.
    None,
    /// A reduction, in its reducer's form.
    Value(Vec<u8>),
    /// The function failed on these rows or some of them.
    Failed {
        /// The kind of error, one word.
        error: String,
        /// What is wrong.
        reason: String,
    },
}

/// A node as its parent's page knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The row key at which it begins; empty for the first of its level.
    pub start: Vec<u8>,
    /// The JSON of the key that the row at `start` was emitted with, if it is short.
    pub key: Option<Vec<u8>>,
    /// How many rows it has.
    pub count: u64,
    /// What they come to, by each reducer.
    pub reductions: Vec<Reduction>,
}

impl Entry {
    /// The JSON of an emitted key where it is short enough for a page.
    pub(super) fn short_key(key: &[u8]) -> Option<Vec<u8>> {
        (key.len() <= KEY_LIMIT_BYTES).then(|| key.to_vec())
    }
}

/// The root's record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Root {
    /// The level of the topmost node, which has a page.
    pub(super) level: u8,
    pub(super) count: u64,
    pub(super) reductions: Vec<Reduction>,
}

impl Root {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION, self.level];
        write_varint(&mut out, self.count);
        write_varint(&mut out, self.reductions.len() as u64);
        write_reductions(&mut out, &self.reductions);
        out
    }

    pub(super) fn decode(record: &[u8]) -> Result<Self, FormatError> {
        let mut reader = Reader::new(record, VERSION)?;
        let level = reader.byte()?;
        let count = reader.varint()?;
        let reducers = reader.length()?;
        let reductions = read_reductions(&mut reader, reducers)?;
        // Levels are counted from a hash's 64 bits.
        match level {
            LOWEST_PAGE..=65 => Ok(Self { level, count, reductions }),
            _ => Err(FormatError::Damaged),
        }
    }
}

/// The bytes of a page with these entries.
pub(super) fn encode_page(entries: &[Entry]) -> Vec<u8> {
    let mut out = vec![VERSION];
    write_varint(&mut out, entries.first().map_or(0, |entry| entry.reductions.len() as u64));
    let mut before: &[u8] = &[];
    for entry in entries {
        let shared = shared_prefix(before, &entry.start);
        write_varint(&mut out, shared as u64);
        write_bytes(&mut out, entry.start.get(shared..).unwrap_or_default());
        write_varint(&mut out, entry.count);
        match &entry.key {
            None => out.push(0),
            Some(key) => {
                write_varint(&mut out, key.len() as u64 + 1);
                out.extend_from_slice(key);
            }
        }
        write_reductions(&mut out, &entry.reductions);
        before = &entry.start;
    }
    out
}

/// The entries of a page.
pub(super) fn decode_page(record: &[u8]) -> Result<Vec<Entry>, FormatError> {
    let mut reader = Reader::new(record, VERSION)?;
    let reducers = usize::try_from(reader.varint()?).map_err(|_| FormatError::Damaged)?;
    if reducers > REDUCER_LIMIT {
        return Err(FormatError::Damaged);
    }
    let mut entries: Vec<Entry> = Vec::with_capacity(24);
    while !reader.is_empty() {
        let shared = usize::try_from(reader.varint()?).map_err(|_| FormatError::Damaged)?;
        let before = entries.last().map_or(&[][..], |entry| &entry.start);
        let mut start = before.get(..shared).ok_or(FormatError::Damaged)?.to_vec();
        start.extend_from_slice(reader.bytes()?);
        let count = reader.varint()?;
        // One more than the length: of the last entry it may reach beyond the record.
        let key = match usize::try_from(reader.varint()?).map_err(|_| FormatError::Damaged)? {
            0 => None,
            length => Some(reader.take(length - 1)?.to_vec()),
        };
        let reductions = read_reductions(&mut reader, reducers)?;
        entries.push(Entry { start, key, count, reductions });
    }
    Ok(entries)
}

fn write_reductions(out: &mut Vec<u8>, reductions: &[Reduction]) {
    for reduction in reductions {
        match reduction {
            Reduction::None => out.push(NONE),
            Reduction::Value(bytes) => {
                out.push(VALUE);
                write_bytes(out, bytes);
            }
            Reduction::Failed { error, reason } => {
                out.push(FAILED);
                write_bytes(out, error.as_bytes());
                write_bytes(out, reason.as_bytes());
            }
        }
    }
}

fn read_reductions(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Reduction>, FormatError> {
    (0..count).map(|_| read_reduction(reader)).collect()
}

fn read_reduction(reader: &mut Reader<'_>) -> Result<Reduction, FormatError> {
    match reader.byte()? {
        NONE => Ok(Reduction::None),
        VALUE => Ok(Reduction::Value(reader.bytes()?.to_vec())),
        FAILED => {
            let mut text = || {
                let bytes = reader.bytes()?.to_vec();
                String::from_utf8(bytes).map_err(|_| FormatError::Damaged)
            };
            Ok(Reduction::Failed { error: text()?, reason: text()? })
        }
        _ => Err(FormatError::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_end_a_page_of_a_view_without_reduce_functions() {
        let entry = |start: &[u8]| Entry {
            start: start.to_vec(),
            key: Some(b"1".to_vec()),
            count: 1,
            reductions: Vec::new(),
        };
        let entries = vec![entry(b""), entry(b"a")];
        assert_eq!(decode_page(&encode_page(&entries)), Ok(entries));
    }
}
