//! A `multipart/related` document on its way, followed so far that it is known which attachment it is in, and
//! how deep: where a source cannot go on in the midst of the whole, the rest is put together from its attachments.
//! What passes is not changed; only the headers of a part are held back until they are whole.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;
use refuge_document::json;
use serde::Deserialize;

/// A document's text that is longer is not followed: it would have to be held.
const MOST_DOCUMENT_BYTES: usize = 16 << 20;
/// Headers of a part are a few hundred bytes.
const MOST_HEADER_BYTES: usize = 16 << 10;

/// An attachment behind the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Following {
    pub(crate) name: String,
    content_type: String,
    /// Bytes of its part.
    pub(crate) length: u64,
    /// `md5-` and base64, of the bytes of its part.
    pub(crate) digest: String,
    /// Its part is gzipped.
    pub(crate) gzipped: bool,
}

#[derive(Deserialize)]
struct Stub {
    #[serde(default)]
    follows: bool,
    #[serde(default)]
    content_type: String,
    #[serde(default)]
    length: u64,
    encoded_length: Option<u64>,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    encoding: Option<String>,
}

/// Where a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// In its text.
    Document,
    /// Behind a part, the next not begun.
    Between,
    /// In the part of this attachment, behind so many of its bytes.
    Inside { number: usize, offset: u64 },
    /// Behind its last delimiter.
    Ended,
    /// Not known: it is otherwise than documents are.
    Lost,
}

/// Follows a document.
#[derive(Debug)]
pub(crate) struct Related {
    /// What stands before each part but the first.
    delimiter: Vec<u8>,
    position: Position,
    /// Held back until it is whole: the text, or a delimiter with headers.
    held: BytesMut,
    /// So many bytes of it were looked through already.
    searched: usize,
    following: Vec<Following>,
    /// Which of them were begun.
    begun: Vec<bool>,
}

impl Related {
    /// Of this `Content-Type`; `None` where it is no such document.
    pub(crate) fn of(content_type: &str) -> Option<Self> {
        let parameters = content_type.strip_prefix("multipart/related")?;
        let boundary =
            parameters.split(';').find_map(|one| one.trim().strip_prefix("boundary="))?;
        let boundary = boundary.trim().trim_matches('"');
        Some(Self {
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            position: Position::Document,
            held: BytesMut::new(),
            searched: 0,
            following: Vec::new(),
            begun: Vec::new(),
        })
    }

    pub(crate) fn position(&self) -> Position {
        self.position
    }

    pub(crate) fn following(&self, number: usize) -> Option<&Following> {
        self.following.get(number)
    }

    /// Bytes that are still to come of the attachment that it is in.
    pub(crate) fn left(&self) -> u64 {
        match self.position {
            Position::Inside { number, offset } => {
                self.following.get(number).map_or(0, |one| one.length.saturating_sub(offset))
            }
            _ => 0,
        }
    }

    /// Whether bytes came that did not pass on yet.
    pub(crate) fn holds_any(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes the next bytes; what of them, and of those held back, passes on.
    pub(crate) fn take(&mut self, mut bytes: Bytes) -> Vec<Bytes> {
        let mut passed = Vec::new();
        while !bytes.is_empty() {
            match self.position {
                Position::Inside { number, offset } => {
                    let left = usize::try_from(self.left()).unwrap_or(usize::MAX);
                    let piece = bytes.split_to(left.min(bytes.len()));
                    self.enter(number, offset + piece.len() as u64);
                    passed.push(piece);
                }
                Position::Document | Position::Between => {
                    self.held.extend_from_slice(&bytes);
                    bytes.advance(bytes.len());
                    let whole = match self.position {
                        Position::Document => self.document(),
                        _ => self.headers(),
                    };
                    // What stands behind it is looked at by itself.
                    if let Some(whole) = whole {
                        self.searched = 0;
                        bytes = self.held.split().freeze();
                        passed.push(whole);
                    }
                }
                Position::Ended | Position::Lost => passed.push(std::mem::take(&mut bytes)),
            }
        }
        passed
    }

    /// Begins the part of the next attachment that was not begun, or ends the document: the bytes for that.
    pub(crate) fn begin_next(&mut self) -> Bytes {
        self.held.clear();
        self.searched = 0;
        let mut out = self.delimiter.clone();
        match self.begun.iter().position(|begun| !begun) {
            Some(number) => {
                if let Some(one) = self.following.get(number) {
                    out.extend_from_slice(headers_of(one).as_bytes());
                }
                self.enter(number, 0);
            }
            None => {
                out.extend_from_slice(b"--");
                self.position = Position::Ended;
            }
        }
        out.into()
    }

    /// The document's text, once it is whole.
    fn document(&mut self) -> Option<Bytes> {
        let Some(end) = self.found(&self.delimiter, 0) else {
            self.searched = self.held.len();
            return (self.held.len() > MOST_DOCUMENT_BYTES).then(|| self.lose());
        };
        let whole = self.held.split_to(end).freeze();
        let text = memmem::find(&whole, b"\r\n\r\n").and_then(|head| whole.get(head + 4..));
        match text.and_then(following) {
            Some(following) => {
                self.begun = vec![false; following.len()];
                self.following = following;
                self.position = Position::Between;
            }
            None => self.position = Position::Lost,
        }
        Some(whole)
    }

    /// A delimiter with the headers behind it, once they are whole.
    fn headers(&mut self) -> Option<Bytes> {
        // A part that is longer than was told, or what else nobody expects.
        if !self.held.iter().zip(&self.delimiter).all(|(held, expected)| held == expected) {
            return Some(self.lose());
        }
        let behind = self.held.get(self.delimiter.len()..)?;
        if behind.starts_with(b"--") {
            self.position = Position::Ended;
            return Some(self.held.split().freeze());
        }
        let Some(end) = self.found(b"\r\n\r\n", self.delimiter.len()) else {
            self.searched = self.held.len();
            return (behind.len() > MOST_HEADER_BYTES).then(|| self.lose());
        };
        let headers = self.held.get(self.delimiter.len()..end)?;
        let headers = String::from_utf8_lossy(headers).into_owned();
        let number = match name_in(&headers) {
            Some(name) => self.following.iter().position(|one| one.name == name),
            None => self.begun.iter().position(|begun| !begun),
        };
        let whole = self.held.split_to(end + 4).freeze();
        match number {
            Some(number) => self.enter(number, 0),
            None => self.position = Position::Lost,
        }
        Some(whole)
    }

    /// Where this stands in what is held, from `least` on; what was looked through is not again.
    fn found(&self, text: &[u8], least: usize) -> Option<usize> {
        let begin = self.searched.saturating_sub(text.len() - 1).max(least);
        Some(begin + memmem::find(self.held.get(begin..)?, text)?)
    }

    fn enter(&mut self, number: usize, offset: u64) {
        if let Some(begun) = self.begun.get_mut(number) {
            *begun = true;
        }
        let is_over = self.following.get(number).is_none_or(|one| offset >= one.length);
        self.position = match is_over {
            true => Position::Between,
            false => Position::Inside { number, offset },
        };
    }

    /// It is followed no longer: what was held back.
    pub(crate) fn lose(&mut self) -> Bytes {
        self.position = Position::Lost;
        self.held.split().freeze()
    }
}

/// The attachments that follow a document's text, in their order.
fn following(text: &[u8]) -> Option<Vec<Following>> {
    let members = json::members(text).ok()?;
    let attachments = members.flatten().find(|(name, _)| name == "_attachments")?.1;
    let mut following = Vec::new();
    for member in json::members(attachments).ok()? {
        let (name, value) = member.ok()?;
        let stub: Stub = serde_json::from_slice(value).ok()?;
        if !stub.follows {
            continue;
        }
        let gzipped = match stub.encoding.as_deref() {
            None | Some("identity") => false,
            Some("gzip") => true,
            Some(_) => return None,
        };
        let length = match gzipped {
            // Of a gzipped part nobody knows the end without it.
            true => stub.encoded_length?,
            false => stub.length,
        };
        following.push(Following {
            name: name.into_owned(),
            content_type: stub.content_type,
            length,
            digest: stub.digest,
            gzipped,
        });
    }
    Some(following)
}

/// The name of the attachment, as its part's headers tell it.
fn name_in(headers: &str) -> Option<String> {
    let told = headers.split_once("filename=\"")?.1;
    let mut name = String::new();
    let mut characters = told.chars();
    loop {
        match characters.next()? {
            '"' => return Some(name),
            '\\' => name.push(characters.next()?),
            other => name.push(other),
        }
    }
}

fn headers_of(one: &Following) -> String {
    let name = one.name.replace('\\', "\\\\").replace('"', "\\\"").replace(['\r', '\n'], " ");
    let encoding = if one.gzipped { "Content-Encoding: gzip\r\n" } else { "" };
    format!(
        "\r\nContent-Disposition: attachment; filename=\"{name}\"\r\nContent-Type: {}\r\n\
         Content-Length: {}\r\n{encoding}\r\n",
        one.content_type.replace(['\r', '\n'], " "),
        one.length
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"_id":"a","_attachments":{"z \"1\"":{"follows":true,"length":5,"digest":"md5-x","content_type":"image/png"},"old":{"stub":true,"length":7},"b":{"follows":true,"length":90,"encoded_length":3,"encoding":"gzip","content_type":"text/plain"},"none":{"follows":true,"length":0}}}"#;

    fn whole() -> String {
        let part = |headers: &str, bytes: &str| format!("\r\n--xyz\r\n{headers}\r\n\r\n{bytes}");
        let named = |name: &str| format!("Content-Disposition: attachment; filename=\"{name}\"");
        [
            format!("--xyz\r\nContent-Type: application/json\r\n\r\n{TEXT}"),
            part(&named("z \\\"1\\\""), "\r\n--x"),
            part("Content-Length: 3", "gzi"),
            part(&named("none"), ""),
            "\r\n--xyz--".to_owned(),
        ]
        .concat()
    }

    fn related() -> Related {
        Related::of("multipart/related; boundary=\"xyz\"").unwrap()
    }

    #[test]
    fn a_document_passes_unchanged_wherever_its_pieces_end() {
        let whole = whole();
        for piece_bytes in 1..whole.len() {
            let mut related = related();
            let mut passed = Vec::new();
            for piece in whole.as_bytes().chunks(piece_bytes) {
                passed.extend(related.take(Bytes::copy_from_slice(piece)).concat());
            }
            assert_eq!(String::from_utf8(passed).unwrap(), whole);
            assert_eq!(related.position(), Position::Ended);
        }
    }

    #[test]
    fn wherever_it_breaks_off_the_rest_is_known() {
        let whole = whole();
        let attachments = [(r#"z "1""#, "\r\n--x"), ("b", "gzi"), ("none", "")];
        for end in 0..whole.len() {
            let mut related = related();
            let mut passed =
                related.take(Bytes::copy_from_slice(&whole.as_bytes()[..end])).concat();
            loop {
                match related.position() {
                    Position::Document => break,
                    Position::Between => passed.extend(related.begin_next()),
                    Position::Inside { number, offset } => {
                        let one = related.following(number).unwrap().clone();
                        assert_eq!(
                            (one.name.as_str(), one.gzipped),
                            (attachments[number].0, number == 1)
                        );
                        let bytes = &attachments[number].1.as_bytes()[offset as usize..];
                        passed.extend(related.take(Bytes::copy_from_slice(bytes)).concat());
                    }
                    Position::Ended => break,
                    Position::Lost => panic!("lost at {end}"),
                }
            }
            if related.position() == Position::Document {
                assert!(end < TEXT.len() + 60, "{end}");
                continue;
            }
            let passed = String::from_utf8(passed).unwrap();
            for (name, bytes) in attachments {
                let name = name.replace('"', "\\\"");
                // The part without a name was begun by its source.
                let named = passed.contains(&format!("filename=\"{name}\""));
                assert!(named || name == "b", "{end}: {passed}");
                assert!(passed.contains(&format!("\r\n\r\n{bytes}\r\n--xyz")), "{end}: {passed}");
            }
            assert!(passed.ends_with("\r\n--xyz--"));
        }
    }

    #[test]
    fn what_is_no_such_document_passes_all_the_same() {
        assert!(Related::of("application/json").is_none());
        let mut related = related();
        let strange = "--xyz\r\nContent-Type: application/json\r\n\r\nno JSON\r\n--xyz\r\nmore";
        assert_eq!(related.take(Bytes::from(strange)).concat(), strange.as_bytes());
        assert_eq!(related.position(), Position::Lost);
    }

    #[test]
    fn a_part_that_is_longer_than_was_told_is_not_followed() {
        let whole = whole().replace("\r\n\r\ngzi", "\r\n\r\ngzip");
        for piece_bytes in 1..whole.len() {
            let mut related = related();
            let mut passed = Vec::new();
            for piece in whole.as_bytes().chunks(piece_bytes) {
                passed.extend(related.take(Bytes::copy_from_slice(piece)).concat());
            }
            assert_eq!(String::from_utf8(passed).unwrap(), whole);
            assert_eq!(related.position(), Position::Lost);
        }
    }

    #[test]
    fn a_gzipped_part_of_a_length_that_is_not_told_is_not_followed() {
        let whole = whole().replace(r#""encoded_length":3,"#, "");
        let mut related = related();
        assert_eq!(related.take(Bytes::from(whole.clone())).concat(), whole.as_bytes());
        assert_eq!(related.position(), Position::Lost);
    }
}
