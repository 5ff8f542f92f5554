//! Writing one document: `PUT`, `DELETE`, and `POST` to its database.

use std::sync::Arc;

use hyper::StatusCode;
use refuge_document::json::write_string;
use refuge_document::{Body, EditKind, Incoming, Revision, check_document_id};

use super::related;
use super::revisions::{agree, if_match};
use crate::access::check_write;
use crate::failure::Failure;
use crate::locals;
use crate::location::set_location;
use crate::node::{Database, Node, Update, UploadedContent};
use crate::partitions::check_id;
use crate::query::Query;
use crate::reply::{self, Reply, set_revision_tag};
use crate::request::Request;
use crate::update::{self, Edits};
use crate::uploads::FinishedUpload;
use crate::validated::update_later_as;

/// `PUT /{db}/{docid}`. The id of the address counts, whatever `_id` says. The body may have come before,
/// as an upload that is named.
pub(super) async fn put(
    request: &mut Request,
    shared: &Arc<dyn Database>,
    id: &str,
) -> Result<Reply, Failure> {
    let database = shared.as_ref();
    check_document_id(id)?;
    check_write(database, &request.user, id)?;
    let finished = FinishedUpload::of(request, database).await?;
    if let Some(finished) = &finished {
        request.body = finished.as_body(request, shared);
    }
    let edits = edits(&request.query);
    let parameter = request.query.revision("rev")?;
    let header = if_match(request)?;
    let (mut incoming, followed) = read(request, database).await?;
    let named = incoming.revision.take();
    incoming.revision = agree(named, parameter, header)?;
    let deleted = incoming.deleted;
    let edit =
        update::prepare(database, request.limits(), id.to_owned(), incoming, edits, followed)
            .await?;
    if is_batched(request) {
        update_later_as(database, &request.user, edit).await?;
        return Ok(accepted(id));
    }
    let revision = update::apply(database, &request.user, edit).await?;
    if let Some(finished) = finished {
        finished.end(database).await;
    }
    let status = if deleted { StatusCode::OK } else { StatusCode::CREATED };
    let mut reply = stored(status, id, &revision);
    set_location(&mut reply, request, &[database.name(), id]);
    Ok(reply)
}

fn edits(query: &Query) -> Edits {
    if query.text("new_edits") == Some("false") { Edits::Replicated } else { Edits::New }
}

/// The document in a request's body, with the contents that came behind it.
async fn read(
    request: &mut Request,
    database: &dyn Database,
) -> Result<(Incoming, Vec<UploadedContent>), Failure> {
    if request.content_type() == "multipart/related" {
        return related::read(request, database).await;
    }
    let text = request.bytes(request.limits().max_json_size).await?;
    Ok((update::parse(text).await?, Vec::new()))
}

/// `POST /{db}`: a new document whose id may be in it.
pub(crate) async fn create(
    node: &dyn Node,
    request: &mut Request,
    database: &dyn Database,
) -> Result<Reply, Failure> {
    let text = request.json_bytes(request.limits().max_json_size).await?;
    let mut incoming = update::parse(text.clone()).await?;
    let id = match incoming.id.take() {
        Some(id) => id,
        None => node.new_identifiers(1).pop().unwrap_or_default(),
    };
    if let Some(local) = id.strip_prefix("_local/") {
        return locals::store(request, database, local, &text).await;
    }
    check_document_id(&id)?;
    check_id(database, &id)?;
    check_write(database, &request.user, &id)?;
    let edit =
        update::prepare(database, request.limits(), id.clone(), incoming, Edits::New, Vec::new())
            .await?;
    if is_batched(request) {
        update_later_as(database, &request.user, edit).await?;
        return Ok(accepted(&id));
    }
    let revision = update::apply(database, &request.user, edit).await?;
    let mut reply = stored(StatusCode::CREATED, &id, &revision);
    set_location(&mut reply, request, &[database.name(), &id]);
    Ok(reply)
}

/// `DELETE /{db}/{docid}`.
pub(super) async fn delete(
    request: &mut Request,
    database: &dyn Database,
    id: &str,
) -> Result<Reply, Failure> {
    check_write(database, &request.user, id)?;
    let parent = super::agreed_revision(request)?;
    match database.winner(id).await? {
        None => return Err(Failure::NotFound("missing".to_owned())),
        Some(winner) if winner.leaf.deleted => {
            return Err(Failure::NotFound("deleted".to_owned()));
        }
        Some(_) => {}
    }
    let edit = Update {
        id: id.to_owned(),
        deleted: true,
        body: Body::empty(),
        attachments: Vec::new(),
        kind: EditKind::Interactive { parent },
    };
    if is_batched(request) {
        update_later_as(database, &request.user, edit).await?;
        return Ok(accepted(id));
    }
    let revision = update::apply(database, &request.user, edit).await?;
    Ok(stored(StatusCode::OK, id, &revision))
}

/// What a writer hears after the commit.
pub(super) fn stored(status: StatusCode, id: &str, revision: &Revision) -> Reply {
    let mut reply = reply::json(status, stored_text(id, Some(revision)));
    set_revision_tag(&mut reply, revision);
    reply
}

/// What a writer hears that does not wait (`batch=ok`).
fn accepted(id: &str) -> Reply {
    reply::json(StatusCode::ACCEPTED, stored_text(id, None))
}

/// Whether the client does not want to wait for the commit.
fn is_batched(request: &Request) -> bool {
    request.query.text("batch") == Some("ok")
}

/// `{"ok":true,"id":…,"rev":…}`.
pub(crate) fn stored_text(id: &str, revision: Option<&Revision>) -> Vec<u8> {
    let mut text = Vec::with_capacity(96);
    text.extend_from_slice(b"{\"ok\":true,\"id\":");
    write_string(&mut text, id);
    if let Some(revision) = revision {
        text.extend_from_slice(b",\"rev\":\"");
        revision.write_text(&mut text);
        text.push(b'"');
    }
    text.push(b'}');
    text
}
