//! `COPY /{db}/{docid}`: a revision of a document becomes a new revision of another one, with its
//! attachments (CouchDB documentation, "api/document/common").

use hyper::StatusCode;
use percent_encoding::percent_decode_str;
use refuge_document::{Attachment, Body, EditKind, Revision, check_document_id};

use super::agreed_revision;
use super::read::open_revision;
use super::write::stored;
use crate::access::check_write;
use crate::failure::Failure;
use crate::locals;
use crate::location::set_location;
use crate::node::{Database, Update, UpdateAttachment};
use crate::query::parse_revision;
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::update;

/// What is copied.
struct Source {
    body: Body,
    attachments: Vec<Attachment>,
    deleted: bool,
}

/// Where it is copied to.
#[derive(Debug, PartialEq, Eq)]
struct Destination {
    id: String,
    /// The revision that the copy builds on.
    parent: Option<Revision>,
}

/// `COPY` of the document `id`, which may be a local one.
pub(crate) async fn copy(
    request: &Request,
    database: &dyn Database,
    id: &str,
) -> Result<Reply, Failure> {
    let destination = destination(request.header("destination"))?;
    let source = open(request, database, id).await?;
    if let Some(local) = destination.id.strip_prefix("_local/") {
        let edit = (destination.parent.as_ref(), source.body);
        let revision = locals::put_body(database, &request.user, local, edit).await?;
        let mut reply = reply::json(StatusCode::CREATED, locals::stored_text(local, revision));
        set_location(&mut reply, request, &[database.name(), &destination.id]);
        return Ok(reply);
    }
    let id = destination.id;
    check_document_id(&id)?;
    crate::partitions::check_id(database, &id)?;
    check_write(database, &request.user, &id)?;
    update::check_size(request.limits(), &id, &source.body)?;
    let attachments = source.attachments.into_iter();
    // The bytes are there already; as attachments of this document they are new.
    let new = attachments.map(|one| UpdateAttachment::New(Attachment { revpos: 0, ..one }));
    let edit = Update {
        id: id.clone(),
        deleted: source.deleted,
        body: source.body,
        attachments: new.collect(),
        kind: EditKind::Interactive { parent: destination.parent },
    };
    let revision = update::apply(database, &request.user, edit).await?;
    let mut reply = stored(StatusCode::CREATED, &id, &revision);
    set_location(&mut reply, request, &[database.name(), &id]);
    Ok(reply)
}

async fn open(request: &Request, database: &dyn Database, id: &str) -> Result<Source, Failure> {
    if let Some(local) = id.strip_prefix("_local/") {
        let found = locals::find(database, &request.user, local).await?;
        return Ok(Source { body: found.body, attachments: Vec::new(), deleted: false });
    }
    let revision = agreed_revision(request)?;
    let opened = open_revision(database, id, revision.as_ref()).await?;
    let deleted = opened.leaf.deleted;
    Ok(Source { body: opened.content.body, attachments: opened.content.attachments, deleted })
}

/// Reads `Destination: id`, or `id?rev=…`; the id may be percent-encoded.
fn destination(header: Option<&str>) -> Result<Destination, Failure> {
    let bad = |reason: &str| Failure::BadRequest(reason.to_owned());
    let header = header.ok_or_else(|| bad("Destination header is mandatory for COPY."))?.trim();
    if header.starts_with("http://") || header.starts_with("https://") {
        return Err(bad("Destination URL must be relative."));
    }
    let (id, query) = header.split_once('?').unwrap_or((header, ""));
    let parent = match query {
        "" => None,
        query => {
            let (_, revision) = query.split_once('=').unwrap_or_default();
            Some(parse_revision(revision)?)
        }
    };
    let id = percent_decode_str(id).decode_utf8();
    let id = id.map_err(|_| bad("the id in the Destination header is not UTF-8"))?.into_owned();
    Ok(Destination { id, parent })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_an_id_with_or_without_its_revision() {
        let read = |text| destination(Some(text)).expect(text);
        let revision = || Some("1-a".parse().expect("a revision"));
        assert_eq!(read("b"), Destination { id: "b".into(), parent: None });
        assert_eq!(read("b?rev=1-a"), Destination { id: "b".into(), parent: revision() });
        assert_eq!(read("a%2Fb%20c").id, "a/b c");
        assert_eq!(read("_design/b").id, "_design/b");
    }

    #[test]
    fn other_destinations_are_refused() {
        for text in [None, Some("http://host/db/b"), Some("b?rev=x"), Some("b?rev"), Some("%ff")] {
            assert_eq!(destination(text).expect_err("refused").status().0.as_u16(), 400);
        }
    }
}
