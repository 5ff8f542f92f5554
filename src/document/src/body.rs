//! The stored text of a document's body.

use bytes::Bytes;

use crate::incoming::BadDocument;

/// Normalised text of one JSON object without the members that CouchDB keeps apart (`_id`, `_rev`,
/// …): no insignificant white space, hence no newline; strings in their shortest escaping; numbers
/// as the client wrote them; of members with one name the last, at every depth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body(Bytes);

impl Body {
    /// `{}`.
    pub fn empty() -> Self {
        Self(Bytes::from_static(b"{}"))
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, shared.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Takes text that `as_bytes` once gave; it is not checked.
    pub fn from_stored(text: Bytes) -> Self {
        Self(text)
    }

    /// Takes an object's text that is in normal form.
    pub(crate) fn from_normal(text: Vec<u8>) -> Self {
        Self(text.into())
    }

    /// Whether it is `{}`.
    pub fn is_empty_object(&self) -> bool {
        self.as_bytes() == b"{}"
    }

    /// The body of a document's text; its special members are checked and left out.
    pub fn parse(text: &[u8]) -> Result<Self, BadDocument> {
        let incoming = crate::incoming::parse_document(text)?;
        match (incoming.expires, incoming.access) {
            (Some(_), _) => Err(BadDocument::SpecialMember(crate::expiry::EXPIRES.to_owned())),
            (_, Some(_)) => Err(BadDocument::SpecialMember(crate::access::ACCESS.to_owned())),
            (None, None) => Ok(incoming.body),
        }
    }
}
