//! One row as it is stored.

use std::borrow::Cow;

use crate::collation::{escape, sort_key_length, unescape};
use crate::format::{FormatError, Reader, write_bytes};

/// Longest row key, in bytes: keys of the store end at 65,536 bytes, and the store's own prefix
/// stands before it.
pub const ROW_KEY_LIMIT_BYTES: usize = 65_000;

/// Values from this many bytes on stand apart from their rows, so that whoever needs only keys and
/// counts does not read them.
pub const LARGE_VALUE_BYTES: usize = 4096;

const VERSION_WHOLE: u8 = 1;
const VERSION_APART: u8 = 2;

/// Ends the document id.
const END: u8 = 0;

/// Bytes behind the document id: its end and the ordinal.
const TAIL_BYTES: usize = 3;

/// A row to be stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRow {
    /// Its key.
    pub key: Vec<u8>,
    /// The row's record.
    pub row: Vec<u8>,
    /// The value's JSON, to be stored as a record of its own, if it is large.
    pub apart: Option<Vec<u8>>,
    /// A keyed hash of the key's and value's JSON, by which an unchanged row is known.
    pub fingerprint: u64,
}

impl NewRow {
    /// What was emitted: the JSON of the key and of the value, wherever that stands.
    ///
    /// # Errors
    /// [`FormatError`] where the record was not made here.
    pub fn emitted(&self) -> Result<(&[u8], &[u8]), FormatError> {
        let stored = StoredRow::decode(&self.row)?;
        match stored.value {
            PlacedValue::Here(value) => Ok((stored.key, value)),
            PlacedValue::Apart => {
                Ok((stored.key, self.apart.as_deref().ok_or(FormatError::Damaged)?))
            }
        }
    }
}

/// Appends a row's key.
pub fn write_row_key(out: &mut Vec<u8>, sort_key: &[u8], document: &str, ordinal: u16) {
    out.extend_from_slice(sort_key);
    escape(out, document.as_bytes());
    out.push(END);
    out.extend_from_slice(&ordinal.to_be_bytes());
}

/// The parts of a row's key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RowKey<'a> {
    /// The sort key of what was emitted.
    pub sort_key: &'a [u8],
    /// The document's id.
    pub document: Cow<'a, str>,
    /// Which of the document's rows with an equal key.
    pub ordinal: u16,
}

impl<'a> RowKey<'a> {
    /// Takes a row's key apart.
    ///
    /// # Errors
    /// [`FormatError::Damaged`].
    pub fn parse(key: &'a [u8]) -> Result<Self, FormatError> {
        Self::split(key).ok_or(FormatError::Damaged)
    }

    fn split(key: &'a [u8]) -> Option<Self> {
        let (sort_key, rest) = key.split_at_checked(sort_key_length(key)?)?;
        let (document, tail) = rest.split_at_checked(rest.len().checked_sub(TAIL_BYTES)?)?;
        let [END, high, low] = *tail else { return None };
        let document = match unescape(document) {
            Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).ok()?),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
        };
        Some(Self { sort_key, document, ordinal: u16::from_be_bytes([high, low]) })
    }
}

/// A row's record, read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoredRow<'a> {
    /// The JSON that was emitted as key.
    pub key: &'a [u8],
    /// The JSON that was emitted as value.
    pub value: PlacedValue<'a>,
}

/// Where a row's value stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlacedValue<'a> {
    /// In the row.
    Here(&'a [u8]),
    /// In a record of its own under the row's key.
    Apart,
}

impl<'a> StoredRow<'a> {
    /// Reads a row's record.
    ///
    /// # Errors
    /// [`FormatError`].
    pub fn decode(row: &'a [u8]) -> Result<Self, FormatError> {
        if row.first() == Some(&VERSION_APART) {
            let reader = Reader::new(row, VERSION_APART)?;
            return Ok(Self { key: reader.rest(), value: PlacedValue::Apart });
        }
        let mut reader = Reader::new(row, VERSION_WHOLE)?;
        let key = reader.bytes()?;
        Ok(Self { key, value: PlacedValue::Here(reader.rest()) })
    }

    /// The record of a row, and the value where it has to stand apart.
    pub(super) fn encode(key: &[u8], value: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
        let apart = value.len() >= LARGE_VALUE_BYTES;
        let mut row = Vec::with_capacity(key.len() + if apart { 1 } else { value.len() + 3 });
        if apart {
            row.push(VERSION_APART);
            row.extend_from_slice(key);
            return (row, Some(value.to_vec()));
        }
        row.push(VERSION_WHOLE);
        write_bytes(&mut row, key);
        row.extend_from_slice(value);
        (row, None)
    }
}
