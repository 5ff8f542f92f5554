//! Documents as clients send them: one JSON object, taken apart into the members that CouchDB
//! keeps for itself and the body. What is done with them does not belong here.

mod attachments;
mod bulk;
mod special;

use crate::body::Body;
use crate::id::IdError;
use crate::json::JsonError;
use crate::revision::Revision;

/// A document as it came in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Incoming {
    /// `_id`, checked.
    pub id: Option<String>,
    /// `_rev`; where `_revisions` is given, its newest (`_rev` is then ignored, as in CouchDB).
    pub revision: Option<Revision>,
    /// `_revisions`, newest first.
    pub revisions: Option<Vec<Revision>>,
    /// `_deleted`.
    pub deleted: bool,
    /// `_attachments`, in listed order.
    pub attachments: Vec<IncomingAttachment>,
    /// `_expires` as it was given, in JSON; `Expiry::read` tells what it means. Most databases know
    /// no such member.
    pub expires: Option<Vec<u8>>,
    /// `_access` as it was given, in JSON; `Access::read` tells what it means. Most databases know no such
    /// member.
    pub access: Option<Vec<u8>>,
    /// Everything else.
    pub body: Body,
}

/// An attachment as it was listed in a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IncomingAttachment {
    /// Name, checked.
    pub name: String,
    /// MIME type; `application/octet-stream` where none was given.
    pub content_type: String,
    /// Depth of the revision that brought the content.
    pub revpos: Option<u32>,
    /// As given, `md5-<base64>`.
    pub digest: Option<String>,
    /// Length in bytes of the identity form.
    pub length: Option<u64>,
    /// `gzip`, where the content that follows is encoded.
    pub encoding: Option<String>,
    /// Length in bytes of the encoded form.
    pub encoded_length: Option<u64>,
    /// Where the bytes are.
    pub content: IncomingContent,
}

/// Where the bytes of a listed attachment are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IncomingContent {
    /// Here, out of their base64 form.
    Inline(Vec<u8>),
    /// With the parent revision.
    Stub,
    /// In a later part of the same multipart request.
    Follows,
}

/// Why a document or a bulk request was refused. `Display` is CouchDB's `reason`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadDocument {
    /// Not JSON, or JSON beyond what is accepted.
    #[error("invalid UTF-8 JSON")]
    Json(#[from] JsonError),
    /// JSON, but no object.
    #[error("Document must be a JSON object")]
    NotAnObject,
    /// A member that starts with `_` and is not known, or is not of its type.
    #[error("Bad special document member: {0}")]
    SpecialMember(String),
    /// `_id` cannot be an id, or an attachment's name cannot be one.
    #[error(transparent)]
    Id(#[from] IdError),
    /// `_expires` is no moment.
    #[error("`_expires` is an RFC 3339 time or a number of seconds from now")]
    Expiry,
    /// `_access` is no list of names and roles, or is there twice.
    #[error(
        "`_access` is one array of at most 64 names and roles, each a string of 1 to 256 bytes"
    )]
    Access,
    /// `_rev` is not a revision.
    #[error("Invalid rev format")]
    Revision,
    /// `_revisions` is not of its shape.
    #[error("{0}")]
    Revisions(&'static str),
    /// `data` of an attachment is not base64.
    #[error("Invalid attachment data for {0}")]
    AttachmentData(String),
    /// A listed attachment has a member of a wrong type.
    #[error("Invalid attachment description for {0}")]
    Attachment(String),
    /// A bulk request that is no object.
    #[error("Request body must be a JSON object")]
    BulkNotAnObject,
    /// A bulk request without `docs`.
    #[error("POST body must include `docs` parameter.")]
    DocsMissing,
    /// A bulk request whose `docs` is no array.
    #[error("`docs` parameter must be an array.")]
    DocsNotAnArray,
    /// A bulk request whose `new_edits` is neither true nor false.
    #[error("`new_edits` parameter must be a boolean.")]
    NewEditsNotABoolean,
}

impl BadDocument {
    /// CouchDB's name of the error; the status is 400 for all.
    pub fn error(&self) -> &'static str {
        match self {
            Self::SpecialMember(_) | Self::Revisions(_) | Self::Expiry | Self::Access => {
                "doc_validation"
            }
            Self::Id(error) => error.error(),
            _ => "bad_request",
        }
    }
}

/// A `_bulk_docs` request, split.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BulkRequest<'a> {
    /// The documents, each a slice of the request. They are not checked: each has to go through
    /// `parse_document`, and the request is JSON only if all of them are.
    pub documents: Vec<&'a [u8]>,
    /// Whether the edits are interactive (the default).
    pub new_edits: bool,
}

/// Takes one document apart. One pass over the text; the body comes out in normal form.
pub fn parse_document(text: &[u8]) -> Result<Incoming, BadDocument> {
    special::parse(text)
}

/// Splits a bulk request into its documents without looking into them.
pub fn parse_bulk(text: &[u8]) -> Result<BulkRequest<'_>, BadDocument> {
    bulk::parse(text)
}

#[cfg(test)]
mod tests;
