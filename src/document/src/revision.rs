//! Revision identifiers: `<depth>-<hash>`. How a hash is computed belongs to `hash`, how revisions
//! hang together to `tree`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Longest hash that is not 16 raw bytes, in bytes; its length must fit one byte when stored.
const TEXT_LIMIT_BYTES: usize = 255;

/// One revision of a document. Ordered by depth, then by the bytes of the hash, which is the order
/// that decides between conflicting leaves.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Revision {
    /// Generation: 1 for a first revision; `_local` documents have 0.
    pub depth: u32,
    /// What tells it from others of its generation.
    pub hash: RevisionHash,
}

/// The part of a revision behind the `-`.
///
/// 32 hexadecimal digits stand for 16 raw bytes. As in CouchDB any other text is accepted and kept
/// as its bytes; a text of exactly 16 bytes is therefore shown as hexadecimal digits afterwards.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RevisionHash(Bytes);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Bytes {
    Digest([u8; 16]),
    Text(Box<str>),
}

/// A text that is not a revision.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("Invalid rev format")]
pub struct BadRevision;

impl RevisionHash {
    /// The hash with these raw bytes.
    pub fn from_digest(digest: [u8; 16]) -> Self {
        Self(Bytes::Digest(digest))
    }

    /// Reads the text form.
    pub fn from_text(text: &str) -> Result<Self, BadRevision> {
        if text.len() == 32 {
            return parse_digits(text.as_bytes()).map(Self::from_digest).ok_or(BadRevision);
        }
        if text.is_empty() || text.len() > TEXT_LIMIT_BYTES {
            return Err(BadRevision);
        }
        Ok(match <[u8; 16]>::try_from(text.as_bytes()) {
            Ok(digest) => Self::from_digest(digest),
            Err(_) => Self(Bytes::Text(text.into())),
        })
    }

    /// Whether it is 16 raw bytes.
    pub(crate) fn is_digest(&self) -> bool {
        matches!(self.0, Bytes::Digest(_))
    }

    /// The hash that has this text as its bytes: what `as_bytes` once gave. `None` if there is none.
    pub(crate) fn from_stored_text(text: &str) -> Option<Self> {
        let possible = !matches!(text.len(), 0 | 16 | 32) && text.len() <= TEXT_LIMIT_BYTES;
        possible.then(|| Self(Bytes::Text(text.into())))
    }

    /// The raw bytes, by which hashes are ordered.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Digest(digest) => digest,
            Bytes::Text(text) => text.as_bytes(),
        }
    }

    /// Appends the text form.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Bytes::Digest(digest) => {
                out.extend_from_slice(&digits(digest));
            }
            Bytes::Text(text) => out.extend_from_slice(text.as_bytes()),
        }
    }
}

impl PartialOrd for RevisionHash {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RevisionHash {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl fmt::Display for RevisionHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Bytes::Digest(digest) => digits(digest)
                .iter()
                .try_for_each(|digit| fmt::Write::write_char(formatter, char::from(*digit))),
            Bytes::Text(text) => formatter.write_str(text),
        }
    }
}

impl fmt::Debug for RevisionHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Revision {
    /// Appends the text form `<depth>-<hash>`.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(itoa::Buffer::new().format(self.depth).as_bytes());
        out.push(b'-');
        self.hash.write_text(out);
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.depth, self.hash)
    }
}

impl FromStr for Revision {
    type Err = BadRevision;

    fn from_str(text: &str) -> Result<Self, BadRevision> {
        let (depth, hash) = text.split_once('-').ok_or(BadRevision)?;
        if depth.is_empty() || !depth.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(BadRevision);
        }
        Ok(Self {
            depth: depth.parse().map_err(|_| BadRevision)?,
            hash: RevisionHash::from_text(hash)?,
        })
    }
}

fn digits(digest: &[u8; 16]) -> [u8; 32] {
    let mut out = [0; 32];
    for (pair, byte) in out.chunks_exact_mut(2).zip(digest) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    out
}

fn digit(nibble: u8) -> u8 {
    nibble + if nibble < 10 { b'0' } else { b'a' - 10 }
}

fn parse_digits(text: &[u8]) -> Option<[u8; 16]> {
    let mut out = [0; 16];
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = nibble(high)? << 4 | nibble(low)?;
    }
    Some(out)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(text: &str) -> Revision {
        text.parse().unwrap()
    }

    #[test]
    fn text_forms_come_back_as_they_were() {
        for text in ["1-967a00dff5e02add41819138abb3284d", "1-a", "23-é", "0-5"] {
            assert_eq!(revision(text).to_string(), text);
            let mut out = Vec::new();
            revision(text).write_text(&mut out);
            assert_eq!(out, text.as_bytes());
        }
    }

    #[test]
    fn hexadecimal_digits_may_be_capitals() {
        assert_eq!(
            revision("1-967A00DFF5E02ADD41819138ABB3284D"),
            revision("1-967a00dff5e02add41819138abb3284d")
        );
    }

    #[test]
    fn a_text_of_sixteen_bytes_is_taken_as_raw_bytes_as_couchdb_does() {
        assert_eq!(
            revision("1-abcdefghijklmnop").to_string(),
            "1-6162636465666768696a6b6c6d6e6f70"
        );
    }

    #[test]
    fn what_is_no_revision_is_refused() {
        for text in [
            "",
            "1",
            "-",
            "1-",
            "-a",
            "x-a",
            "+1-a",
            "4294967296-a",
            "1-zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
        ] {
            assert!(text.parse::<Revision>().is_err(), "{text}");
        }
        assert!(format!("1-{}", "x".repeat(256)).parse::<Revision>().is_err());
    }

    #[test]
    fn depth_decides_before_the_bytes_of_the_hash() {
        assert!(revision("10-a") > revision("9-b"));
        assert!(revision("2-b") > revision("2-a"));
        assert!(revision("2-ab") > revision("2-a"));
    }
}
