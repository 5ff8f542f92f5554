//! How sort keys are laid out: tags, ends, limits, and what can be told of a key without the value.

use std::borrow::Cow;

use memchr::memchr;

use super::Collation;

/// Longest sort key, in bytes, that is kept whole. Keys of the store end at 65,536 bytes, and up to 32 KiB of document
/// id, the row's end and the store's own prefix stand beside it.
pub const SORT_KEY_LIMIT_BYTES: usize = 32_000;

/// Longest collation key of one string, in bytes, that is kept whole.
pub const STRING_LIMIT_BYTES: usize = 8 * 1024;

/// Ends strings, arrays and objects.
pub(super) const END: u8 = 0x00;

/// Follows no key.
const BEHIND: u8 = 0xFF;

/// The two that stand for a zero byte and for themselves.
const ESCAPE: u8 = 0x01;

pub(super) const NULL: u8 = 0x10;
pub(super) const FALSE: u8 = 0x20;
pub(super) const TRUE: u8 = 0x30;
pub(super) const NUMBER: u8 = 0x40;
pub(super) const STRING: u8 = 0x50;
pub(super) const ARRAY: u8 = 0x60;
pub(super) const OBJECT: u8 = 0x70;

// Raw order; other numbers, so that every tag says what follows it.
pub(super) const RAW_NUMBER: u8 = 0x81;
pub(super) const RAW_FALSE: u8 = 0x82;
pub(super) const RAW_NULL: u8 = 0x83;
pub(super) const RAW_TRUE: u8 = 0x84;
pub(super) const RAW_OBJECT: u8 = 0x85;
pub(super) const RAW_ARRAY: u8 = 0x86;
pub(super) const RAW_STRING: u8 = 0x87;

/// Not a value: the hash of all that is cut off a key, at the end of each array and object that it is cut off
/// in. Behind every value.
pub(super) const CUT: u8 = 0xE0;
/// The bytes of that mark and its hash.
pub(super) const CUT_BYTES: usize = 33;

/// Not a value: the partition that stands before a key.
const PARTITION: u8 = 0x90;

/// The tags of one order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tags {
    pub(super) null: u8,
    pub(super) booleans: [u8; 2],
    pub(super) number: u8,
    pub(super) string: u8,
    pub(super) array: u8,
    pub(super) object: u8,
}

impl Tags {
    pub(super) const fn of(collation: Collation) -> Self {
        match collation {
            Collation::Unicode => Self {
                null: NULL,
                booleans: [FALSE, TRUE],
                number: NUMBER,
                string: STRING,
                array: ARRAY,
                object: OBJECT,
            },
            Collation::Raw => Self {
                null: RAW_NULL,
                booleans: [RAW_FALSE, RAW_TRUE],
                number: RAW_NUMBER,
                string: RAW_STRING,
                array: RAW_ARRAY,
                object: RAW_OBJECT,
            },
        }
    }
}

/// The double as bytes that sort as numbers do. Source: the usual transform of IEEE 754 bits to an
/// unsigned integer.
pub(super) fn number_bytes(number: f64) -> [u8; 8] {
    // Minus zero plus zero is zero.
    let bits = (number + 0.0).to_bits();
    let negative = bits >> 63 == 1;
    (if negative { !bits } else { bits | 1 << 63 }).to_be_bytes()
}

/// Appends bytes that may hold zeros so that a zero can end them and the order stays.
pub(crate) fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.iter().all(|byte| *byte > ESCAPE) {
        out.extend_from_slice(bytes);
        return;
    }
    for byte in bytes {
        match *byte {
            END => out.extend_from_slice(&[ESCAPE, 1]),
            ESCAPE => out.extend_from_slice(&[ESCAPE, 2]),
            other => out.push(other),
        }
    }
}

/// What [`escape`] made, as it was.
pub(crate) fn unescape(escaped: &[u8]) -> Cow<'_, [u8]> {
    if !escaped.contains(&ESCAPE) {
        return Cow::Borrowed(escaped);
    }
    let mut out = Vec::with_capacity(escaped.len());
    let mut bytes = escaped.iter();
    while let Some(byte) = bytes.next() {
        if *byte == ESCAPE {
            out.push(bytes.next().map_or(0, |second| second.saturating_sub(1)));
        } else {
            out.push(*byte);
        }
    }
    Cow::Owned(out)
}

/// What stands before the sort keys of a partition's rows.
#[must_use]
pub fn partition_prefix(partition: &str) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(partition.len() + 2);
    prefix.push(PARTITION);
    escape(&mut prefix, partition.as_bytes());
    prefix.push(END);
    prefix
}

/// How many bytes the partition takes with which `bytes` begins: none where there is none.
fn partition_length(bytes: &[u8]) -> Option<usize> {
    match bytes.split_first() {
        Some((&PARTITION, name)) => Some(memchr(END, name)? + 2),
        _ => Some(0),
    }
}

/// How many bytes the sort key takes with which `bytes` begins, its partition included; `None` if it
/// begins with none.
#[must_use]
pub fn sort_key_length(bytes: &[u8]) -> Option<usize> {
    let mut at = partition_length(bytes)?;
    let mut open = 0_usize;
    loop {
        let tag = *bytes.get(at)?;
        at += 1;
        match tag {
            NULL | FALSE | TRUE | RAW_FALSE | RAW_NULL | RAW_TRUE => {}
            NUMBER | RAW_NUMBER => at += 8,
            CUT => at += CUT_BYTES - 1,
            STRING | RAW_STRING => at += memchr(END, bytes.get(at..)?)? + 1,
            ARRAY | OBJECT | RAW_ARRAY | RAW_OBJECT => open += 1,
            END if open > 0 => open -= 1,
            _ => return None,
        }
        if open == 0 {
            return (at <= bytes.len()).then_some(at);
        }
    }
}

/// How many bytes of the sort key with which `key` begins stand for the group that it belongs to at
/// a `group_level` of `elements`: an array's first elements, without the array's end; else, and for
/// arrays with fewer elements, the whole key. `None` if `key` begins with no sort key.
#[must_use]
pub fn array_prefix(key: &[u8], elements: usize) -> Option<usize> {
    let start = partition_length(key)?;
    if !matches!(key.get(start), Some(&(ARRAY | RAW_ARRAY))) {
        return sort_key_length(key);
    }
    let mut at = start + 1;
    for _ in 0..elements {
        if key.get(at) == Some(&END) {
            return Some(at + 1);
        }
        at += sort_key_length(key.get(at..)?)?;
    }
    Some(at)
}

/// The first place behind everything that begins with `prefix`, a sort key or an [`array_prefix`].
#[must_use]
pub fn behind(prefix: &[u8]) -> Vec<u8> {
    let mut place = Vec::with_capacity(prefix.len() + 1);
    place.extend_from_slice(prefix);
    place.push(BEHIND);
    place
}
