//! Reads a document and the bytes of its attachments out of a `multipart/related` body. The bytes go
//! into uploads as they arrive; the document alone is held.

use hyper::header::CONTENT_TYPE;
use refuge_document::{Incoming, IncomingAttachment, IncomingContent, parse_digest};

use crate::attachments::begin_upload;
use crate::body::RequestBody;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::multipart::{PartHeaders, PartReader};
use crate::node::{Database, UploadOptions, UploadedContent};
use crate::request::Request;
use crate::update;

/// Reads a request: the document first, then the bytes of each attachment that it announces with
/// `follows`. The contents come back in the order in which it lists them.
pub(crate) async fn read(
    request: &mut Request,
    database: &dyn Database,
) -> Result<(Incoming, Vec<UploadedContent>), Failure> {
    let content_type = request.header(CONTENT_TYPE).unwrap_or_default().to_owned();
    let rules = request.rules.clone();
    read_related(&mut request.body, &content_type, &rules.limits, database).await
}

/// [`read`] from any body with this `Content-Type`.
pub(crate) async fn read_related(
    body: &mut RequestBody,
    content_type: &str,
    limits: &Limits,
    database: &dyn Database,
) -> Result<(Incoming, Vec<UploadedContent>), Failure> {
    let mut parts = PartReader::new(body, content_type)?;
    let incoming = document(&mut parts, limits.max_json_size).await?;
    let mut waiting: Vec<Waiting> = announced(&incoming);
    let mut contents: Vec<Option<UploadedContent>> = waiting.iter().map(|_| None).collect();
    while let Some(headers) = parts.next_part().await? {
        let position = place(&waiting, &headers).ok_or_else(unannounced)?;
        let Some(attachment) = waiting.get_mut(position) else { continue };
        attachment.arrived = true;
        let content = upload(database, limits, &mut parts, attachment, &headers).await?;
        if let Some(slot) = contents.get_mut(position) {
            *slot = Some(content);
        }
    }
    let missing = waiting.iter().find(|attachment| !attachment.arrived);
    if let Some(missing) = missing {
        return Err(Failure::BadRequest(format!(
            "the bytes of attachment '{}' did not follow",
            missing.name
        )));
    }
    Ok((incoming, contents.into_iter().flatten().collect()))
}

async fn document(parts: &mut PartReader<'_>, limit: usize) -> Result<Incoming, Failure> {
    let headers = parts
        .next_part()
        .await?
        .ok_or_else(|| Failure::BadRequest("the multipart body has no document".to_owned()))?;
    if headers.media_type() != "application/json" {
        // CouchDB's words.
        return Err(Failure::BadContentType("Content-Type must be application/json".to_owned()));
    }
    let text = parts.whole(limit).await?;
    update::parse(text).await
}

/// An attachment whose bytes are to follow.
struct Waiting {
    name: String,
    content_type: String,
    gzipped: bool,
    digest: Option<[u8; 16]>,
    /// Bytes that are to come, where the document tells.
    length: Option<u64>,
    arrived: bool,
}

impl From<&IncomingAttachment> for Waiting {
    fn from(one: &IncomingAttachment) -> Self {
        let gzipped = one.encoding.as_deref() == Some("gzip");
        Self {
            name: one.name.clone(),
            content_type: one.content_type.clone(),
            gzipped,
            digest: one.digest.as_deref().and_then(parse_digest),
            length: if gzipped { one.encoded_length.or(one.length) } else { one.length },
            arrived: false,
        }
    }
}

fn announced(incoming: &Incoming) -> Vec<Waiting> {
    let follows = incoming.attachments.iter().filter(|one| one.content == IncomingContent::Follows);
    follows.map(Waiting::from).collect()
}

/// Which attachment a part is: the one it names, else the next that is waited for.
fn place(waiting: &[Waiting], headers: &PartHeaders) -> Option<usize> {
    let named = headers.file_name.as_ref().and_then(|name| {
        waiting.iter().position(|attachment| !attachment.arrived && attachment.name == *name)
    });
    named.or_else(|| waiting.iter().position(|attachment| !attachment.arrived))
}

fn unannounced() -> Failure {
    Failure::BadRequest(
        "more parts came than the document announces attachments with `follows`".to_owned(),
    )
}

async fn upload(
    database: &dyn Database,
    limits: &Limits,
    parts: &mut PartReader<'_>,
    attachment: &Waiting,
    headers: &PartHeaders,
) -> Result<UploadedContent, Failure> {
    let already_gzipped = attachment.gzipped || headers.encoding.as_deref() == Some("gzip");
    let options = UploadOptions { content_type: attachment.content_type.clone(), already_gzipped };
    let mut upload = begin_upload(database, limits, &attachment.name, options).await?;
    let mut received = 0;
    while let Some(bytes) = parts.data().await? {
        received += bytes.len() as u64;
        if attachment.length.is_some_and(|length| received > length) {
            return Err(Failure::BadRequest("attachment longer than expected".to_owned()));
        }
        upload.write(bytes).await?;
    }
    if attachment.length.is_some_and(|length| received < length) {
        return Err(Failure::BadRequest("attachment shorter than expected".to_owned()));
    }
    let content = upload.finish().await?;
    check_digest(attachment.digest, &content)?;
    Ok(content)
}

/// Refuses bytes that fit the digest neither as they came nor as they are stored.
pub(crate) fn check_digest(
    digest: Option<[u8; 16]>,
    content: &UploadedContent,
) -> Result<(), Failure> {
    match digest {
        Some(digest) if digest != content.received_digest && digest != content.digest => {
            Err(corrupted())
        }
        _ => Ok(()),
    }
}

/// What is said of bytes that do not fit the MD5 given with them.
pub(crate) fn corrupted() -> Failure {
    Failure::Invalid {
        error: "content_md5_mismatch",
        reason: "Possible message corruption.".to_owned(),
    }
}
