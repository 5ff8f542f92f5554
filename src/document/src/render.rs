//! A document's JSON text for clients, put together from stored text. Which of its parts a client
//! asked for is decided elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::attachment::Attachment;
use crate::body::Body;
use crate::json::write_string;
use crate::revision::Revision;

/// What is to be shown of a document. Members come in CouchDB's order: `_id`, `_rev`, the body's,
/// `_deleted`, `_revisions`, `_revs_info`, `_conflicts`, `_deleted_conflicts`, `_local_seq`,
/// `_attachments`.
#[derive(Clone, Debug)]
pub struct Rendering<'a> {
    /// `_id`.
    pub id: &'a str,
    /// `_rev`.
    pub revision: &'a Revision,
    /// Shows `_deleted`.
    pub deleted: bool,
    /// Body whose members are shown.
    pub body: &'a Body,
    /// `_attachments`, in stored order.
    pub attachments: &'a [Attachment],
    /// In which form the attachment of the same position is shown; a stub where this is shorter.
    pub attachment_forms: &'a [AttachmentForm<'a>],
    /// Shows `encoding` and `encoded_length` of encoded attachments (`att_encoding_info=true`).
    pub encoding_info: bool,
    /// `_revisions`: the revision and its ancestors, newest first (`revs=true`).
    pub revisions: Option<&'a [Revision]>,
    /// `_revs_info`, newest first (`revs_info=true`).
    pub revs_info: Option<&'a [(Revision, RevisionStatus)]>,
    /// `_conflicts`: live leaves beside the winner; left out where empty.
    pub conflicts: &'a [Revision],
    /// `_deleted_conflicts`: deleted leaves beside the winner; left out where empty.
    pub deleted_conflicts: &'a [Revision],
    /// `_local_seq`.
    pub local_seq: Option<u64>,
}

/// How an attachment is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AttachmentForm<'a> {
    /// `"stub":true`.
    #[default]
    Stub,
    /// With its identity bytes, which are shown as base64.
    Data(&'a [u8]),
    /// `"follows":true`: the bytes are in a later part of the multipart answer.
    Follows,
}

/// What `_revs_info` says of a revision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RevisionStatus {
    /// Its body is stored.
    Available,
    /// Its body is not stored.
    Missing,
    /// It is a tombstone.
    Deleted,
}

impl RevisionStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Missing => "missing",
            Self::Deleted => "deleted",
        }
    }
}

impl<'a> Rendering<'a> {
    /// The document with nothing but what every answer shows.
    pub fn new(id: &'a str, revision: &'a Revision, body: &'a Body) -> Self {
        Self {
            id,
            revision,
            deleted: false,
            body,
            attachments: &[],
            attachment_forms: &[],
            encoding_info: false,
            revisions: None,
            revs_info: None,
            conflicts: &[],
            deleted_conflicts: &[],
            local_seq: None,
        }
    }
}

/// Appends the document's JSON text.
pub fn render_document(out: &mut Vec<u8>, document: &Rendering<'_>) {
    out.reserve(document.body.as_bytes().len() + document.id.len() + 128);
    out.extend_from_slice(b"{\"_id\":");
    write_string(out, document.id);
    out.extend_from_slice(b",\"_rev\":");
    write_revision(out, document.revision);
    if let [b'{', members @ .., b'}'] = document.body.as_bytes()
        && !members.is_empty()
    {
        out.push(b',');
        out.extend_from_slice(members);
    }
    if document.deleted {
        out.extend_from_slice(b",\"_deleted\":true");
    }
    if let Some(revisions) = document.revisions {
        write_revisions(out, revisions);
    }
    if let Some(revisions) = document.revs_info {
        write_revs_info(out, revisions);
    }
    write_list(out, "_conflicts", document.conflicts);
    write_list(out, "_deleted_conflicts", document.deleted_conflicts);
    if let Some(sequence) = document.local_seq {
        out.extend_from_slice(b",\"_local_seq\":");
        write_number(out, sequence);
    }
    write_attachments(out, document);
    out.push(b'}');
}

/// A revision as a JSON string; a hash that is text may need escapes.
fn write_revision(out: &mut Vec<u8>, revision: &Revision) {
    if revision.hash.is_digest() {
        out.push(b'"');
        revision.write_text(out);
        out.push(b'"');
    } else {
        write_string(out, &revision.to_string());
    }
}

fn write_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends items with commas between them.
fn write_separated<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    for (number, item) in items.into_iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write(out, item);
    }
}

fn write_revisions(out: &mut Vec<u8>, revisions: &[Revision]) {
    let Some(newest) = revisions.first() else {
        return;
    };
    out.extend_from_slice(b",\"_revisions\":{\"start\":");
    write_number(out, u64::from(newest.depth));
    out.extend_from_slice(b",\"ids\":[");
    write_separated(out, revisions, |out, revision| {
        write_string(out, &revision.hash.to_string());
    });
    out.extend_from_slice(b"]}");
}

fn write_revs_info(out: &mut Vec<u8>, revisions: &[(Revision, RevisionStatus)]) {
    out.extend_from_slice(b",\"_revs_info\":[");
    write_separated(out, revisions, |out, (revision, status)| {
        out.extend_from_slice(b"{\"rev\":");
        write_revision(out, revision);
        out.extend_from_slice(b",\"status\":");
        write_string(out, status.name());
        out.push(b'}');
    });
    out.push(b']');
}

fn write_list(out: &mut Vec<u8>, name: &str, revisions: &[Revision]) {
    if revisions.is_empty() {
        return;
    }
    out.push(b',');
    write_string(out, name);
    out.extend_from_slice(b":[");
    write_separated(out, revisions, write_revision);
    out.push(b']');
}

fn write_attachments(out: &mut Vec<u8>, document: &Rendering<'_>) {
    if document.attachments.is_empty() {
        return;
    }
    let forms =
        document.attachment_forms.iter().copied().chain(std::iter::repeat(AttachmentForm::Stub));
    out.extend_from_slice(b",\"_attachments\":{");
    write_separated(out, document.attachments.iter().zip(forms), |out, (attachment, form)| {
        write_string(out, &attachment.name);
        out.push(b':');
        write_attachment(out, attachment, form, document.encoding_info);
    });
    out.push(b'}');
}

fn write_attachment(
    out: &mut Vec<u8>,
    attachment: &Attachment,
    form: AttachmentForm<'_>,
    encoding_info: bool,
) {
    out.extend_from_slice(b"{\"content_type\":");
    write_string(out, &attachment.content_type);
    out.extend_from_slice(b",\"revpos\":");
    write_number(out, u64::from(attachment.revpos));
    out.extend_from_slice(b",\"digest\":\"md5-");
    write_base64(out, &attachment.digest);
    out.push(b'"');
    if let AttachmentForm::Data(bytes) = form {
        out.extend_from_slice(b",\"data\":\"");
        write_base64(out, bytes);
        out.push(b'"');
    } else {
        out.extend_from_slice(b",\"length\":");
        write_number(out, attachment.length);
        let mark: &[u8] = match form {
            AttachmentForm::Follows => b",\"follows\":true",
            _ => b",\"stub\":true",
        };
        out.extend_from_slice(mark);
    }
    if let (true, Some(name)) = (encoding_info, attachment.encoding.name()) {
        out.extend_from_slice(b",\"encoding\":");
        write_string(out, name);
        out.extend_from_slice(b",\"encoded_length\":");
        write_number(out, attachment.stored_length);
    }
    out.push(b'}');
}

/// How many bytes are turned into base64 in one step; a multiple of 3, so that no step but the last
/// pads.
const BASE64_STEP_BYTES: usize = 3 * 1024;

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    let mut text = [0; BASE64_STEP_BYTES / 3 * 4];
    for chunk in bytes.chunks(BASE64_STEP_BYTES) {
        if let Ok(length) = STANDARD.encode_slice(chunk, &mut text) {
            out.extend_from_slice(text.get(..length).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests;
