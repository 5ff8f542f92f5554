//! `POST /{db}/{docid}` of an HTML form (`multipart/form-data`): a document in the field `_doc`, or
//! the revision that is edited in `_rev`, and files in fields `_attachments`. Source: CouchDB's
//! `chttpd_db`, `db_doc_req` of `POST`.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HOST, REFERER};
use refuge_document::{EditKind, Revision, check_attachment_name, check_document_id};

use super::revisions::{agree, if_match};
use super::write::stored;
use crate::access::check_write;
use crate::attachments::begin_upload;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::multipart::{PartHeaders, PartReader};
use crate::node::{Database, Update, UpdateAttachment, UploadOptions};
use crate::reply::Reply;
use crate::request::Request;
use crate::update::{self, Edits};

/// Most bytes of the field `_rev`.
const REVISION_BYTES: usize = 1024;

/// Stores what the form holds.
pub(super) async fn post(
    request: &mut Request,
    database: &dyn Database,
    id: &str,
) -> Result<Reply, Failure> {
    check_referer(request)?;
    check_document_id(id)?;
    check_write(database, &request.user, id)?;
    if request.content_type() != "multipart/form-data" {
        let reason = "Content-Type must be multipart/form-data";
        return Err(Failure::BadContentType(reason.to_owned()));
    }
    let form = read(request, database).await?;
    let edit = edit(request, database, id, form).await?;
    let revision = update::apply(database, &request.user, edit).await?;
    Ok(stored(StatusCode::CREATED, id, &revision))
}

/// A form of another site must not write with the credentials that a browser keeps for this one.
fn check_referer(request: &Request) -> Result<(), Failure> {
    let refused = |reason: &str| Err(Failure::BadRequest(reason.to_owned()));
    let Some(referer) = request.header(REFERER) else {
        return refused("Referer header required.");
    };
    let authority = referer.split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let host = request.header(HOST).or_else(|| request.uri.authority().map(|one| one.as_str()));
    if host.is_some_and(|host| host.eq_ignore_ascii_case(authority)) {
        return Ok(());
    }
    refused("Referer header must match host.")
}

/// What came in the fields that are known.
#[derive(Default)]
struct Form {
    document: Option<Bytes>,
    revision: Option<Revision>,
    files: Vec<UpdateAttachment>,
}

async fn read(request: &mut Request, database: &dyn Database) -> Result<Form, Failure> {
    let content_type = request.header(CONTENT_TYPE).unwrap_or_default().to_owned();
    let rules = request.rules.clone();
    let mut parts = PartReader::new(&mut request.body, &content_type)?;
    let mut form = Form::default();
    while let Some(headers) = parts.next_part().await? {
        match headers.field.as_deref() {
            Some("_doc") => form.document = Some(parts.whole(rules.limits.max_json_size).await?),
            Some("_rev") => {
                let text = parts.whole(REVISION_BYTES).await?;
                form.revision = revision(&text)?;
            }
            // A browser sends a field without a file as a file without a name.
            Some("_attachments") if headers.file_name.as_deref() != Some("") => {
                form.files.push(file(database, &rules.limits, &mut parts, headers).await?);
            }
            _ => {}
        }
    }
    Ok(form)
}

fn revision(text: &[u8]) -> Result<Option<Revision>, Failure> {
    let text = std::str::from_utf8(text).unwrap_or("?").trim();
    if text.is_empty() {
        return Ok(None);
    }
    let revision = text.parse::<Revision>();
    revision.map(Some).map_err(|_| Failure::BadRequest("Invalid rev format".to_owned()))
}

async fn file(
    database: &dyn Database,
    limits: &Limits,
    parts: &mut PartReader<'_>,
    headers: PartHeaders,
) -> Result<UpdateAttachment, Failure> {
    let name = headers.file_name.ok_or_else(|| {
        Failure::BadRequest("a file in the field `_attachments` has no name".to_owned())
    })?;
    check_attachment_name(&name)?;
    let content_type =
        headers.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    let options = UploadOptions { content_type: content_type.clone(), already_gzipped: false };
    let mut upload = begin_upload(database, limits, &name, options).await?;
    while let Some(bytes) = parts.data().await? {
        upload.write(bytes).await?;
    }
    let content = upload.finish().await?;
    Ok(UpdateAttachment::New(update::described(name, content_type, 0, content)))
}

/// The document of the form, or the revision it names, with the files in front of what it had.
async fn edit(
    request: &Request,
    database: &dyn Database,
    id: &str,
    form: Form,
) -> Result<Update, Failure> {
    let Form { document, revision, files } = form;
    let mut edit = match (document, revision) {
        (Some(text), _) => {
            let mut incoming = update::parse(text).await?;
            let parameter = request.query.revision("rev")?;
            incoming.revision = agree(incoming.revision.take(), parameter, if_match(request)?)?;
            update::prepare(
                database,
                request.limits(),
                id.to_owned(),
                incoming,
                Edits::New,
                Vec::new(),
            )
            .await?
        }
        (None, Some(revision)) => {
            let opened = super::open_revision(database, id, Some(&revision)).await?.content;
            let kept = opened.attachments.iter().map(UpdateAttachment::kept);
            Update {
                id: id.to_owned(),
                deleted: false,
                body: opened.body,
                attachments: kept.collect(),
                kind: EditKind::Interactive { parent: Some(revision) },
            }
        }
        (None, None) => {
            let reason = "the form needs a field `_doc` with a document, or `_rev`";
            return Err(Failure::BadRequest(reason.to_owned()));
        }
    };
    edit.attachments.retain(|old| !files.iter().any(|new| name_of(new) == name_of(old)));
    edit.attachments.splice(0..0, files);
    Ok(edit)
}

fn name_of(attachment: &UpdateAttachment) -> &str {
    match attachment {
        UpdateAttachment::New(attachment) => &attachment.name,
        UpdateAttachment::Stub { name, .. } => name,
    }
}
