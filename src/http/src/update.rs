//! From a document as a client sent it to an edit that the database takes: which revision it builds
//! on, and its attachments uploaded. Applying it is the database's.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use refuge_document::{
    Access, Attachment, BadDocument, Body, EditKind, Expiry, IdError, Incoming, IncomingAttachment,
    IncomingContent, parse_digest, parse_document,
};

use crate::attachments::begin_upload;
use crate::documents::check_digest;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::node::{
    Database, Update, UpdateAttachment, UpdateFailure, UploadOptions, UploadedContent,
};
use crate::peers::check_replicated;
use crate::user::User;
use crate::validated::update_as;

/// Bytes up to which a document is parsed at once instead of on a thread for slow work.
const PARSED_INLINE_BYTES: usize = 1024 * 1024;

/// Whether revisions are made here or kept from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edits {
    /// `new_edits=true`.
    New,
    /// `new_edits=false`.
    Replicated,
}

impl From<IdError> for Failure {
    fn from(error: IdError) -> Self {
        named(error.error(), error.to_string())
    }
}

impl From<BadDocument> for Failure {
    fn from(error: BadDocument) -> Self {
        named(error.error(), error.to_string())
    }
}

fn named(error: &'static str, reason: String) -> Failure {
    match error {
        "bad_request" => Failure::BadRequest(reason),
        error => Failure::Invalid { error, reason },
    }
}

impl From<UpdateFailure> for Failure {
    fn from(failure: UpdateFailure) -> Self {
        match failure {
            UpdateFailure::Conflict => Self::Conflict,
            UpdateFailure::NotFound => Self::NotFound("missing".to_owned()),
            UpdateFailure::MissingStub { id, name } => {
                Self::MissingStub(format!("Invalid attachment stub in {id} for {name}"))
            }
            UpdateFailure::Failed(failure) | UpdateFailure::Refused(failure) => {
                failure.as_ref().clone()
            }
        }
    }
}

/// Takes a document's text apart; a long one on a thread for slow work.
pub(crate) async fn parse(text: Bytes) -> Result<Incoming, Failure> {
    if text.len() <= PARSED_INLINE_BYTES {
        return Ok(parse_document(&text)?);
    }
    let parsed = tokio::task::spawn_blocking(move || parse_document(&text)).await;
    Ok(parsed.map_err(|error| Failure::Internal(format!("parsing failed: {error}")))??)
}

/// The edit that `incoming` stands for, as document `id`. Attachments with their bytes inside are
/// uploaded; `followed` are those that came behind the document, in the order in which it lists
/// them.
pub(crate) async fn prepare(
    database: &dyn Database,
    limits: &Limits,
    id: String,
    incoming: Incoming,
    edits: Edits,
    followed: Vec<UploadedContent>,
) -> Result<Update, Failure> {
    check_size(limits, &id, &incoming.body)?;
    if edits == Edits::Replicated {
        check_replicated(database)?;
    }
    let body = match &incoming.expires {
        Some(value) => expiring(database, &incoming.body, value)?,
        None => incoming.body,
    };
    let body = match &incoming.access {
        Some(value) => {
            let access = access(database, &id, value)?;
            // A deletion keeps that of what it deletes.
            let inherits = incoming.deleted && edits == Edits::New;
            if inherits { body } else { body.with_access(&access) }
        }
        None => body,
    };
    let kind = kind(incoming.revision, incoming.revisions, edits)?;
    let mut followed = followed.into_iter();
    let mut attachments = Vec::with_capacity(incoming.attachments.len());
    for attachment in incoming.attachments {
        attachments.push(resolve(database, limits, attachment, edits, &mut followed).await?);
    }
    Ok(Update { id, deleted: incoming.deleted, body, attachments, kind })
}

/// The body with its `_expires`, which is told as a moment from here on.
fn expiring(database: &dyn Database, body: &Body, value: &[u8]) -> Result<Body, Failure> {
    check_expiring(database)?;
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
    Ok(body.expiring(Expiry::read(value, now_ms)?))
}

/// Refuses `_expires` where the database does not know it, as CouchDB refuses any member that it does
/// not know.
fn check_expiring(database: &dyn Database) -> Result<(), Failure> {
    if database.options().ttl {
        return Ok(());
    }
    Err(BadDocument::SpecialMember("_expires".to_owned()).into())
}

/// The names and roles in `_access`, which belongs to databases that were made for it, and there to ordinary
/// documents.
pub(crate) fn access(database: &dyn Database, id: &str, value: &[u8]) -> Result<Access, Failure> {
    if !database.has_access() {
        return Err(BadDocument::SpecialMember("_access".to_owned()).into());
    }
    if id.starts_with("_design/") {
        let reason =
            "A design document has no `_access`: all members read it, and admins write it.";
        return Err(Failure::Forbidden(reason.to_owned()));
    }
    Ok(Access::read(value)?)
}

/// Refuses what is larger than the configuration allows.
pub(crate) fn check_size(limits: &Limits, id: &str, body: &Body) -> Result<(), Failure> {
    if body.as_bytes().len() > limits.max_document_size {
        return Err(Failure::TooLarge { error: "document_too_large", reason: id.to_owned() });
    }
    if id.len() > limits.max_document_id_length {
        return Err(named("illegal_docid", "Document id is too long".to_owned()));
    }
    Ok(())
}

fn kind(
    revision: Option<refuge_document::Revision>,
    revisions: Option<Vec<refuge_document::Revision>>,
    edits: Edits,
) -> Result<EditKind, Failure> {
    if edits == Edits::New {
        return Ok(EditKind::Interactive { parent: revision });
    }
    let path = revisions.filter(|path| !path.is_empty()).or_else(|| revision.map(|one| vec![one]));
    path.map(|path| EditKind::Replicated { path, beside: None }).ok_or_else(|| {
        Failure::BadRequest(
            "When `new_edits: false`, the document needs `_rev` or `_revisions` specified"
                .to_owned(),
        )
    })
}

async fn resolve(
    database: &dyn Database,
    limits: &Limits,
    attachment: IncomingAttachment,
    edits: Edits,
    followed: &mut impl Iterator<Item = UploadedContent>,
) -> Result<UpdateAttachment, Failure> {
    let IncomingAttachment {
        name, content_type, revpos, content, digest, length, encoding, ..
    } = attachment;
    let uploaded = match content {
        IncomingContent::Stub => {
            let digest = digest.as_deref().and_then(parse_digest);
            return Ok(UpdateAttachment::Stub { name, revpos, digest });
        }
        IncomingContent::Inline(bytes) => {
            let options =
                UploadOptions { content_type: content_type.clone(), already_gzipped: false };
            let mut upload = begin_upload(database, limits, &name, options).await?;
            upload.write(bytes.into()).await?;
            let uploaded = upload.finish().await?;
            // A replicated document tells the digest of what its origin stores, which another
            // compressor may have made of the same bytes.
            if edits == Edits::New {
                check_digest(digest.as_deref().and_then(parse_digest), &uploaded)?;
            }
            uploaded
        }
        IncomingContent::Follows => followed.next().map(|uploaded| UploadedContent {
            // Bytes that come packed do not tell how many they are unpacked.
            length: length.filter(|_| encoding.as_deref() == Some("gzip")).unwrap_or(uploaded.length),
            ..uploaded
        }).ok_or_else(|| {
            Failure::BadRequest(format!(
                "The bytes of attachment '{name}' are to follow, which only a multipart/related \
                 request can do"
            ))
        })?,
    };
    // Of an edit that is made here, new content belongs to the revision that it makes.
    let revpos = if edits == Edits::New { 0 } else { revpos.unwrap_or(0) };
    Ok(UpdateAttachment::New(described(name, content_type, revpos, uploaded)))
}

/// The description of an attachment from what its upload became.
pub(crate) fn described(
    name: String,
    content_type: String,
    revpos: u32,
    uploaded: UploadedContent,
) -> Attachment {
    Attachment {
        name,
        content_type,
        revpos,
        digest: uploaded.digest,
        content: uploaded.content,
        length: uploaded.length,
        stored_length: uploaded.stored_length,
        encoding: uploaded.encoding,
    }
}

/// Applies one edit that `user` makes.
pub(crate) async fn apply(
    database: &dyn Database,
    user: &User,
    update: Update,
) -> Result<refuge_document::Revision, Failure> {
    let mut results = update_as(database, user, vec![update]).await?;
    match results.pop() {
        Some(result) => Ok(result?),
        None => Err(Failure::Internal("the database gave no answer to an edit".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replicated_edit_needs_revisions() {
        assert!(kind(None, None, Edits::Replicated).is_err());
        assert!(kind(None, Some(vec![]), Edits::Replicated).is_err());
        let revision: refuge_document::Revision = "1-a".parse().expect("a revision");
        assert_eq!(
            kind(Some(revision.clone()), None, Edits::Replicated),
            Ok(EditKind::Replicated { path: vec![revision.clone()], beside: None })
        );
        assert_eq!(
            kind(Some(revision.clone()), None, Edits::New),
            Ok(EditKind::Interactive { parent: Some(revision) })
        );
    }
}
