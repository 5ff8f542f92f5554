//! Multipart bodies (RFC 2046): taking a request apart as it arrives, and the delimiters of answers.
//! What the parts mean is not known here.

mod split;

use bytes::Bytes;
use percent_encoding::percent_decode_str;

use crate::body::RequestBody;
use crate::failure::Failure;

#[cfg(feature = "fuzzing")]
pub(crate) use split::split;
use split::{Event, Splitter};

/// Most bytes of a boundary: RFC 2046 has 70, some clients take more.
const BOUNDARY_BYTES: usize = 200;

/// Parts of a request's body, one after the other.
pub(crate) struct PartReader<'a> {
    body: &'a mut RequestBody,
    splitter: Splitter,
    ended: bool,
}

/// The headers of one part that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartHeaders {
    /// The field of a form: the name in `Content-Disposition: form-data; name="…"`.
    pub(crate) field: Option<String>,
    /// The name in `Content-Disposition: …; filename="…"`.
    pub(crate) file_name: Option<String>,
    /// `Content-Encoding` in lower case.
    pub(crate) encoding: Option<String>,
    /// `Content-Type` as given.
    pub(crate) content_type: Option<String>,
}

impl PartHeaders {
    /// The media type in lower case, without its parameters; empty where none is told.
    pub(crate) fn media_type(&self) -> String {
        let text = self.content_type.as_deref().unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

impl<'a> PartReader<'a> {
    /// For a body with this `Content-Type`; 400 when it names no boundary, or one that is too long.
    pub(crate) fn new(body: &'a mut RequestBody, content_type: &str) -> Result<Self, Failure> {
        let boundary = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty());
        let boundary = boundary.ok_or_else(|| {
            Failure::BadRequest("the Content-Type has no boundary for its parts".to_owned())
        })?;
        if boundary.len() > BOUNDARY_BYTES {
            return Err(Failure::BadRequest(format!(
                "the boundary of the parts is too long, at most {BOUNDARY_BYTES} bytes are taken"
            )));
        }
        Ok(Self { body, splitter: Splitter::new(&boundary), ended: false })
    }

    /// Goes to the next part, over what is left of the one before; `None` behind the last.
    pub(crate) async fn next_part(&mut self) -> Result<Option<PartHeaders>, Failure> {
        loop {
            match self.event().await? {
                Event::Part(headers) => return Ok(Some(read_headers(&headers))),
                Event::Data(_) | Event::PartEnd => {}
                Event::End => return Ok(None),
                Event::NeedMore => return Err(broken_off()),
            }
        }
    }

    /// More bytes of the part; `None` at its end.
    pub(crate) async fn data(&mut self) -> Result<Option<Bytes>, Failure> {
        match self.event().await? {
            Event::Data(bytes) => Ok(Some(bytes)),
            Event::PartEnd => Ok(None),
            Event::Part(_) | Event::End | Event::NeedMore => Err(broken_off()),
        }
    }

    /// All bytes of the part; 413 beyond `limit`, 503 when the node holds too many bytes.
    pub(crate) async fn whole(&mut self, limit: usize) -> Result<Bytes, Failure> {
        let mut whole = Vec::new();
        while let Some(bytes) = self.data().await? {
            if whole.len().saturating_add(bytes.len()) > limit {
                return Err(Failure::TooLarge {
                    error: "too_large",
                    reason: format!("a part is too large, at most {limit} bytes are taken here"),
                });
            }
            self.body.hold(bytes.len()).await?;
            whole.extend_from_slice(&bytes);
        }
        Ok(whole.into())
    }

    async fn event(&mut self) -> Result<Event, Failure> {
        loop {
            match self.splitter.next()? {
                Event::NeedMore if self.ended => return Err(broken_off()),
                Event::NeedMore => match self.body.next().await? {
                    Some(bytes) => self.splitter.push(&bytes),
                    None => self.ended = true,
                },
                event => return Ok(event),
            }
        }
    }
}

fn broken_off() -> Failure {
    Failure::BadRequest("the multipart body ends before its last boundary".to_owned())
}

/// A parameter of a header value like `multipart/related; boundary="x"`.
pub(crate) fn parameter(value: &str, name: &str) -> Option<String> {
    let mut rest = value.split_once(';')?.1;
    loop {
        let (candidate, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (text, behind) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let end = after.find(';').unwrap_or(after.len());
                let (text, behind) = after.split_at(end);
                (text.trim().to_owned(), behind)
            }
        };
        if candidate.trim().eq_ignore_ascii_case(name) {
            return Some(text);
        }
        rest = behind.split_once(';')?.1;
    }
}

/// The text up to the closing quote, its escapes undone, and what stands behind it.
fn unquote(quoted: &str) -> (String, &str) {
    let mut text = String::new();
    let mut characters = quoted.char_indices();
    while let Some((position, character)) = characters.next() {
        match character {
            '"' => return (text, quoted.get(position + 1..).unwrap_or_default()),
            '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
            other => text.push(other),
        }
    }
    (text, "")
}

fn read_headers(block: &[u8]) -> PartHeaders {
    let mut headers = PartHeaders::default();
    for line in String::from_utf8_lossy(block).split("\r\n") {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "content-disposition" => {
                headers.file_name = file_name(value);
                headers.field = parameter(value, "name");
            }
            "content-encoding" => headers.encoding = Some(value.to_ascii_lowercase()),
            "content-type" => headers.content_type = Some(value.to_owned()),
            _ => {}
        }
    }
    headers
}

/// `filename*=UTF-8''…` (RFC 6266) before `filename="…"`.
fn file_name(value: &str) -> Option<String> {
    if let Some(extended) = parameter(value, "filename*")
        && let Some(encoded) = extended.strip_prefix("UTF-8''")
    {
        return Some(percent_decode_str(encoded).decode_utf8_lossy().into_owned());
    }
    parameter(value, "filename")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_with_and_without_quotes() {
        let value = "multipart/related; type=\"a;b\"; Boundary=\"x\\\"y\" ; z=1";
        assert_eq!(parameter(value, "boundary").as_deref(), Some("x\"y"));
        assert_eq!(parameter(value, "type").as_deref(), Some("a;b"));
        assert_eq!(parameter(value, "z").as_deref(), Some("1"));
        assert_eq!(parameter(value, "w"), None);
        assert_eq!(parameter("multipart/related", "boundary"), None);
    }

    #[test]
    fn a_file_name_may_be_extended() {
        let plain = "attachment; filename=\"a b.txt\"";
        assert_eq!(file_name(plain).as_deref(), Some("a b.txt"));
        let extended = "attachment; filename=\"x\"; filename*=UTF-8''%C3%A9";
        assert_eq!(file_name(extended).as_deref(), Some("é"));
    }

    #[test]
    fn a_field_and_its_file_have_names_of_their_own() {
        let text = "Content-Disposition: form-data; filename=\"f.txt\"; name=\"_attachments\"\r\n\
                    Content-Type: Text/Plain; charset=utf-8";
        let headers = read_headers(text.as_bytes());
        assert_eq!(headers.field.as_deref(), Some("_attachments"));
        assert_eq!(headers.file_name.as_deref(), Some("f.txt"));
        assert_eq!(headers.media_type(), "text/plain");
    }

    #[test]
    fn a_boundary_has_a_bound() {
        let mut body = RequestBody::from(Bytes::new());
        let content_type = format!("multipart/related; boundary={}", "x".repeat(201));
        assert!(PartReader::new(&mut body, &content_type).is_err());
    }

    #[tokio::test]
    async fn parts_are_read_one_after_the_other() {
        let text = "--x\r\nContent-Type: application/json\r\n\r\n{}\r\n--x\r\n\
                    Content-Disposition: attachment; filename=\"a\"\r\n\
                    Content-Encoding: gzip\r\n\r\nbytes\r\n--x--";
        let mut body = RequestBody::from(Bytes::from_static(text.as_bytes()));
        let mut parts =
            PartReader::new(&mut body, "multipart/related; boundary=x").expect("a boundary");
        let headers = parts.next_part().await.expect("good").expect("a part");
        assert_eq!(headers.content_type.as_deref(), Some("application/json"));
        assert_eq!(parts.whole(10).await.expect("small"), "{}");
        let headers = parts.next_part().await.expect("good").expect("a part");
        assert_eq!(headers.file_name.as_deref(), Some("a"));
        assert_eq!(headers.encoding.as_deref(), Some("gzip"));
        assert_eq!(parts.whole(10).await.expect("small"), "bytes");
        assert_eq!(parts.next_part().await, Ok(None));
    }
}
