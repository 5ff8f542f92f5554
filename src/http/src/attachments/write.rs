//! Storing and removing one attachment: an edit of its document that keeps everything else.

use base64::Engine as _;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{HeaderMap, StatusCode};
use refuge_document::{Body, EditKind, Revision, check_attachment_name, check_document_id};

use super::{begin_checked_upload, missing};
use crate::access::check_write;
use crate::documents::{agreed_revision, corrupted, open_revision, stored_text};
use crate::failure::Failure;
use crate::location::set_location;
use crate::node::{Database, Update, UpdateAttachment, UploadOptions, UploadedContent};
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::update;
use crate::uploads::FinishedUpload;
use crate::user::User;

/// `PUT`: the body of the request becomes the attachment, or the upload that it names.
pub(super) async fn put(
    request: &mut Request,
    database: &dyn Database,
    id: &str,
    name: &str,
) -> Result<Reply, Failure> {
    check_attachment_name(name)?;
    check_document_id(id)?;
    check_write(database, &request.user, id)?;
    let parent = agreed_revision(request)?;
    let document = parent_of_edit(database, id, parent.as_ref()).await?;
    let finished = FinishedUpload::of(request, database).await?;
    let content_type = content_type(request, finished.as_ref());
    let already_gzipped = comes_gzipped(request)?;
    content_md5(&request.headers)?;
    let options = UploadOptions { content_type: content_type.clone(), already_gzipped };
    let content = match &finished {
        Some(finished) => finished.store(request, database, name, options).await?,
        None => upload(request, database, name, options).await?,
    };
    for headers in [Some(&request.headers), request.body.trailers()].into_iter().flatten() {
        if content_md5(headers)?.is_some_and(|expected| expected != content.received_digest) {
            return Err(corrupted());
        }
    }
    // As in CouchDB the new one stands first, which is part of the revision.
    let new = update::described(name.to_owned(), content_type, 0, content);
    let mut attachments = vec![UpdateAttachment::New(new)];
    attachments.extend(kept(&document, name));
    let revision = edit((database, &request.user), id, parent, document.body, attachments).await?;
    if let Some(finished) = finished {
        finished.end(database).await;
    }
    let mut reply = reply::json(StatusCode::CREATED, stored_text(id, Some(&revision)));
    set_location(&mut reply, request, &[database.name(), id, name]);
    Ok(reply)
}

/// `DELETE`: the document without the attachment.
pub(super) async fn delete(
    request: &mut Request,
    database: &dyn Database,
    id: &str,
    name: &str,
) -> Result<Reply, Failure> {
    check_write(database, &request.user, id)?;
    let parent = agreed_revision(request)?;
    let opened = open_revision(database, id, parent.as_ref()).await?.content;
    if !opened.attachments.iter().any(|attachment| attachment.name == name) {
        return Err(missing());
    }
    if parent.is_none() {
        // The document is there, so an edit has to say what it edits.
        return Err(Failure::Conflict);
    }
    let attachments = kept(&opened, name).collect();
    let revision = edit((database, &request.user), id, parent, opened.body, attachments).await?;
    Ok(reply::json(StatusCode::OK, stored_text(id, Some(&revision))))
}

/// The content of the revision that is edited; an empty one for a new document.
async fn parent_of_edit(
    database: &dyn Database,
    id: &str,
    parent: Option<&Revision>,
) -> Result<crate::node::StoredBody, Failure> {
    if parent.is_some() {
        return match open_revision(database, id, parent).await {
            Ok(opened) => Ok(opened.content),
            // CouchDB: 409 for a revision that is not there.
            Err(Failure::NotFound(_)) => Err(Failure::Conflict),
            Err(failure) => Err(failure),
        };
    }
    match database.winner(id).await? {
        // Known before the bytes come, instead of after.
        Some(winner) if !winner.leaf.deleted => Err(Failure::Conflict),
        _ => Ok(crate::node::StoredBody { body: Body::empty(), attachments: Vec::new() }),
    }
}

fn kept(document: &crate::node::StoredBody, name: &str) -> impl Iterator<Item = UpdateAttachment> {
    document.attachments.iter().filter(move |one| one.name != name).map(UpdateAttachment::kept)
}

async fn edit(
    (database, user): (&dyn Database, &User),
    id: &str,
    parent: Option<Revision>,
    body: Body,
    attachments: Vec<UpdateAttachment>,
) -> Result<Revision, Failure> {
    let kind = EditKind::Interactive { parent };
    let id = id.to_owned();
    update::apply(database, user, Update { id, deleted: false, body, attachments, kind }).await
}

async fn upload(
    request: &mut Request,
    database: &dyn Database,
    name: &str,
    options: UploadOptions,
) -> Result<UploadedContent, Failure> {
    let mut upload = begin_checked_upload(database, request.limits(), name, options).await?;
    while let Some(bytes) = request.body.next().await? {
        upload.write(bytes).await?;
    }
    upload.finish().await
}

/// What the request says, else what was told when the upload began.
fn content_type(request: &Request, finished: Option<&FinishedUpload>) -> String {
    let told = request.header(CONTENT_TYPE).map(str::to_owned);
    told.or_else(|| finished.and_then(FinishedUpload::content_type))
        .unwrap_or_else(|| "application/octet-stream".to_owned())
}

fn comes_gzipped(request: &Request) -> Result<bool, Failure> {
    let encoding = request.header(CONTENT_ENCODING).unwrap_or("identity").trim();
    match encoding.to_ascii_lowercase().as_str() {
        "identity" | "" => Ok(false),
        "gzip" => Ok(true),
        _ => Err(Failure::BadContentType(
            "Only gzip and identity content-encodings are supported".to_owned(),
        )),
    }
}

/// The digest of the `Content-MD5` header or trailer; 400 where it is none.
fn content_md5(headers: &HeaderMap) -> Result<Option<[u8; 16]>, Failure> {
    let Some(value) = headers.get("content-md5") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let decoded = base64::engine::general_purpose::STANDARD.decode(text.trim());
    let digest = decoded.ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    digest.map(Some).ok_or_else(|| {
        Failure::BadRequest("Content-MD5 is not the base64 form of an MD5 digest".to_owned())
    })
}
