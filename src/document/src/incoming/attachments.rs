//! The `_attachments` of a document that came in. Source: CouchDB's `couch_att`, function
//! `from_json`.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

use crate::id::check_attachment_name;
use crate::json;

use super::{BadDocument, IncomingAttachment, IncomingContent};

/// What an attachment is that has no `content_type`.
const DEFAULT_CONTENT_TYPE: &str = "application/octet-stream";

/// Standard base64 with padding; like Erlang's decoder it does not look at unused bits.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Raw values of one listed attachment.
#[derive(Default)]
struct Listed<'a> {
    content_type: Option<&'a [u8]>,
    revpos: Option<&'a [u8]>,
    digest: Option<&'a [u8]>,
    length: Option<&'a [u8]>,
    encoding: Option<&'a [u8]>,
    encoded_length: Option<&'a [u8]>,
    data: Option<&'a [u8]>,
    stub: bool,
    follows: bool,
}

pub(super) fn parse(value: &[u8]) -> Result<Vec<IncomingAttachment>, BadDocument> {
    // Normal form drops repeated names, here and within.
    let normal = json::normalise(value)?;
    let members = json::members(&normal)
        .map_err(|_| BadDocument::SpecialMember("_attachments".to_owned()))?;
    let mut attachments = Vec::new();
    for member in members {
        let (name, value) = member?;
        check_attachment_name(&name)?;
        attachments.push(parse_one(name.into_owned(), value)?);
    }
    Ok(attachments)
}

fn parse_one(name: String, value: &[u8]) -> Result<IncomingAttachment, BadDocument> {
    let Ok(members) = json::members(value) else {
        return Err(BadDocument::Attachment(name));
    };
    let mut listed = Listed::default();
    for member in members {
        let (member, value) = member?;
        let value = Some(value).filter(|value| *value != b"null");
        match member.as_ref() {
            "content_type" => listed.content_type = value,
            "revpos" => listed.revpos = value,
            "digest" => listed.digest = value,
            "length" => listed.length = value,
            "encoding" => listed.encoding = value,
            "encoded_length" => listed.encoded_length = value,
            "data" => listed.data = value,
            "stub" => listed.stub = value == Some(b"true"),
            "follows" => listed.follows = value == Some(b"true"),
            _ => {}
        }
    }
    listed.resolve(name)
}

impl Listed<'_> {
    fn resolve(self, name: String) -> Result<IncomingAttachment, BadDocument> {
        let content = if self.stub {
            IncomingContent::Stub
        } else if self.follows {
            IncomingContent::Follows
        } else {
            match self.data.and_then(decode) {
                Some(bytes) => IncomingContent::Inline(bytes),
                None => return Err(BadDocument::AttachmentData(name)),
            }
        };
        let fields = (|| {
            Some(IncomingAttachment {
                name: String::new(),
                content_type: text(self.content_type)?
                    .unwrap_or_else(|| DEFAULT_CONTENT_TYPE.to_owned()),
                revpos: number(self.revpos)?,
                digest: text(self.digest)?,
                length: number(self.length)?,
                encoding: text(self.encoding)?,
                encoded_length: number(self.encoded_length)?,
                content,
            })
        })();
        match fields {
            Some(attachment) => Ok(IncomingAttachment { name, ..attachment }),
            None => Err(BadDocument::Attachment(name)),
        }
    }
}

/// An absent member is `Some(None)`, one of another type `None`.
fn text(value: Option<&[u8]>) -> Option<Option<String>> {
    let Some(value) = value else { return Some(None) };
    json::string(value).map(|text| Some(text.into_owned()))
}

/// An absent member is `Some(None)`, one of another type or beyond its range `None`.
fn number<N: std::str::FromStr>(value: Option<&[u8]>) -> Option<Option<N>> {
    let Some(value) = value else { return Some(None) };
    std::str::from_utf8(value).ok()?.parse().ok().map(Some)
}

/// Erlang's decoder passes over white space, so do we; it is rare.
fn decode(value: &[u8]) -> Option<Vec<u8>> {
    let text = json::string(value)?;
    BASE64.decode(text.as_bytes()).ok().or_else(|| {
        let dense: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        BASE64.decode(dense).ok()
    })
}
