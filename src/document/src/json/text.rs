//! Strings: their escapes, and where they end.

use std::borrow::Cow;

use super::JsonFault;
use super::cursor::Cursor;

/// Which escapes a string holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Escapes {
    /// None: the text between the quotes is the string.
    None,
    /// Only such as `write_string` makes too.
    Short,
    /// Also others, which are written differently in normal form.
    Long,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The first place from `from` on that holds a quote, a backslash or a control character; the end
/// of the text if none does. Eight bytes are looked at in one step.
#[inline]
pub fn find_special(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let found = special_bytes(u64::from_le_bytes(*chunk));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while text.get(at).is_some_and(|byte| !is_special(*byte)) {
        at += 1;
    }
    at
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The high bit of every byte that is special. Bits above the lowest one may be wrong (a borrow
/// runs upwards), so only that one counts.
#[inline]
fn special_bytes(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    let is_control = word.wrapping_sub(ONES * 0x20) & !word;
    (is_quote | is_backslash | is_control) & HIGH_BITS
}

/// Checks the escape at the beginning of `text` (a surrogate pair counts as one) and tells its
/// length in bytes.
pub(crate) fn check_escapes(text: &[u8]) -> Result<(usize, Escapes), JsonFault> {
    match text.get(1) {
        Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') => Ok((2, Escapes::Short)),
        Some(b'/') => Ok((2, Escapes::Long)),
        Some(b'u') => unicode_escape(text).map(|(_, length)| (length, Escapes::Long)),
        _ => Err(JsonFault::Escape),
    }
}

/// The character of a `\uXXXX` escape or of a pair of them, and its length in bytes.
fn unicode_escape(text: &[u8]) -> Result<(char, usize), JsonFault> {
    let unit = hexadecimal(text.get(2..6)).ok_or(JsonFault::Escape)?;
    if let Some(character) = char::from_u32(unit) {
        return Ok((character, 6));
    }
    if unit >= 0xDC00 || text.get(6..8) != Some(b"\\u") {
        return Err(JsonFault::Surrogate);
    }
    let low = hexadecimal(text.get(8..12)).ok_or(JsonFault::Escape)?;
    if !(0xDC00..0xE000).contains(&low) {
        return Err(JsonFault::Surrogate);
    }
    char::from_u32(0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
        .map(|character| (character, 12))
        .ok_or(JsonFault::Surrogate)
}

fn hexadecimal(digits: Option<&[u8]>) -> Option<u32> {
    digits?.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}

/// Appends what stands between the quotes of a checked string, its escapes resolved.
pub(crate) fn unescape_into(out: &mut Vec<u8>, mut inner: &[u8]) {
    while let Some(offset) = memchr::memchr(b'\\', inner) {
        let (plain, escape) = inner.split_at(offset);
        out.extend_from_slice(plain);
        let (character, length) = match escape.get(1) {
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'u') => unicode_escape(escape).unwrap_or((char::REPLACEMENT_CHARACTER, 6)),
            Some(other) => (char::from(*other), 2),
            None => (char::REPLACEMENT_CHARACTER, 1),
        };
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        inner = escape.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(inner);
}

/// The string that the JSON text `text` (white space around it allowed) is, unescaped; `None` if it
/// is something else.
pub fn string(text: &[u8]) -> Option<Cow<'_, str>> {
    let mut cursor = Cursor::checked(text).ok()?;
    cursor.white();
    let token = cursor.string().ok()?;
    let inner = cursor.slice(token.start + 1, token.end - 1);
    cursor.finish().ok()?;
    unescaped(inner, token.escapes)
}

/// What stands between the quotes of a checked string; `None` if it is not UTF-8.
pub(super) fn unescaped(inner: &[u8], escapes: Escapes) -> Option<Cow<'_, str>> {
    if escapes == Escapes::None {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    let mut out = Vec::with_capacity(inner.len());
    unescape_into(&mut out, inner);
    String::from_utf8(out).ok().map(Cow::Owned)
}

/// Appends `text` as a JSON string with its quotes, escaping only what has to be escaped.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut start = 0;
    loop {
        let end = find_special(bytes, start);
        out.extend_from_slice(bytes.get(start..end).unwrap_or_default());
        let Some(byte) = bytes.get(end) else { break };
        write_escape(out, *byte);
        start = end + 1;
    }
    out.push(b'"');
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
            out.extend_from_slice(b"\\u00");
            out.push(digit(byte >> 4));
            out.push(digit(byte & 15));
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
