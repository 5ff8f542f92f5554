//! Walking through JSON text in normal form: where values end, and what stands inside them. Text is
//! trusted to be what a body is; other text is cut somewhere, never a panic. What values mean does
//! not belong here.

use std::borrow::Cow;

use refuge_document::json::{find_special, string};

/// The byte at a place; 0, which stands nowhere outside strings, behind the end.
#[inline]
pub(crate) fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

/// The place behind the string whose opening quote stands at `at`.
#[inline]
pub(crate) fn string_end(text: &[u8], at: usize) -> usize {
    let mut end = find_special(text, at + 1);
    while byte(text, end) == b'\\' {
        end = find_special(text, end + 2);
    }
    (end + 1).min(text.len())
}

/// The place behind the value that begins at `at`.
#[inline]
pub(crate) fn value_end(text: &[u8], at: usize) -> usize {
    match byte(text, at) {
        b'"' => string_end(text, at),
        b'{' | b'[' => container_end(text, at),
        _ => scalar_end(text, at),
    }
}

fn scalar_end(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let length = rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']'));
    at + length.unwrap_or(rest.len())
}

fn container_end(text: &[u8], mut at: usize) -> usize {
    let mut open = 0_usize;
    loop {
        match text.get(at) {
            Some(b'"') => {
                at = string_end(text, at);
                continue;
            }
            Some(b'{' | b'[') => open += 1,
            Some(b'}' | b']') => {
                open = open.saturating_sub(1);
                if open == 0 {
                    return at + 1;
                }
            }
            Some(_) => {}
            None => return text.len(),
        }
        at += 1;
    }
}

/// The members of an object: names as they are written, with their quotes, and values.
pub(crate) struct Members<'a> {
    text: &'a [u8],
    at: usize,
}

/// The members of the object that `text` is; none if it is something else.
pub(crate) fn members(text: &[u8]) -> Members<'_> {
    let at = if byte(text, 0) == b'{' { 1 } else { text.len() };
    Members { text, at }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if byte(self.text, self.at) != b'"' {
            return None;
        }
        let name_end = string_end(self.text, self.at);
        let end = value_end(self.text, name_end + 1);
        let name = self.text.get(self.at..name_end)?;
        let value = self.text.get(name_end + 1..end)?;
        self.at = end + 1;
        Some((name, value))
    }
}

/// The elements of an array.
pub(crate) struct Elements<'a> {
    text: &'a [u8],
    at: usize,
}

/// The elements of the array that `text` is; none if it is something else.
pub(crate) fn elements(text: &[u8]) -> Elements<'_> {
    let empty = byte(text, 0) != b'[' || byte(text, 1) == b']';
    Elements { text, at: if empty { text.len() } else { 1 } }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.text.len() {
            return None;
        }
        let end = value_end(self.text, self.at);
        let element = self.text.get(self.at..end)?;
        self.at = if byte(self.text, end) == b',' { end + 1 } else { self.text.len() };
        Some(element)
    }
}

/// What a string's text, quotes included, says.
#[inline]
pub(crate) fn unquoted(text: &[u8]) -> Cow<'_, str> {
    if let [b'"', inner @ .., b'"'] = text
        && memchr::memchr(b'\\', inner).is_none()
    {
        return String::from_utf8_lossy(inner);
    }
    string(text).unwrap_or(Cow::Borrowed(""))
}
