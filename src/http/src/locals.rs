//! `_local` documents: they stay on this node, have no history, and their revision is `0-N`, where N
//! counts on from what the writer names; nobody's edit conflicts with another's. Ids that begin with `readers/` are
//! the node's: under them stand the local documents of those who do not see all of a database.

use bytes::Bytes;
use hyper::{Method, StatusCode};
use refuge_document::json::write_string;
use refuge_document::{BadDocument, Body, Incoming, Revision};

use crate::documents::{self, agreed_revision};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::location::set_location;
use crate::node::{Database, LocalDocument};
use crate::peers::check_replicated;
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::user::User;
use crate::{tags, update};

/// What the ids begin with under which local documents are stored of those who do not see all of a database. They
/// stay there when the database hides nothing any more.
pub const READERS: &str = "readers/";

/// What the ids of local documents begin with that a user does not see, whether they are there or not: those of
/// other readers. Admins of the database see all.
pub(crate) fn kept_from(database: &dyn Database, user: &User) -> Option<&'static str> {
    (!database.security().is_admin(user)).then_some(READERS)
}

/// A local document as a user may see it.
pub(crate) async fn find(
    database: &dyn Database,
    user: &User,
    id: &str,
) -> Result<LocalDocument, Failure> {
    let is_kept = kept_from(database, user).is_some_and(|prefix| id.starts_with(prefix));
    let found = if is_kept { None } else { database.local(id).await? };
    found.ok_or_else(|| Failure::NotFound("missing".to_owned()))
}

/// Refuses to write what is the node's; admins of the database may delete it.
fn check_write(
    database: &dyn Database,
    user: &User,
    id: &str,
    deleted: bool,
) -> Result<(), Failure> {
    check_replicated(database)?;
    if !id.starts_with(READERS) || (deleted && database.security().is_admin(user)) {
        return Ok(());
    }
    Err(Failure::Forbidden(format!(
        "Ids of local documents that begin with `{READERS}` are the node's own: choose another."
    )))
}

/// A request to `/{db}/_local/{id}`.
pub(crate) async fn local(
    request: &mut Request,
    database: &dyn Database,
    id: &str,
) -> Result<Reply, Failure> {
    if id.is_empty() {
        return Err(Failure::BadRequest("Invalid _local document id.".to_owned()));
    }
    match request.method {
        Method::GET | Method::HEAD => {
            let document = find(database, &request.user, id).await?;
            let mut text = Vec::with_capacity(document.body.as_bytes().len() + 96);
            render(&mut text, id, &document);
            let tag = tags::of_text(&text);
            if tags::is_known(request, &tag) {
                return Ok(tags::tagged(reply::empty(StatusCode::NOT_MODIFIED), &tag));
            }
            Ok(tags::tagged(reply::json(StatusCode::OK, text), &tag))
        }
        Method::PUT => {
            let text = request.bytes(request.limits().max_json_size).await?;
            store(request, database, id, &text).await
        }
        Method::DELETE => delete(database, &request.user, id).await,
        ref method if method.as_str() == "COPY" => {
            documents::copy(request, database, &format!("_local/{id}")).await
        }
        _ => Err(Failure::MethodNotAllowed("DELETE,GET,HEAD,POST,PUT,COPY")),
    }
}

/// Appends a local document's JSON text.
pub(crate) fn render(out: &mut Vec<u8>, id: &str, document: &LocalDocument) {
    out.extend_from_slice(b"{\"_id\":");
    write_string(out, &format!("_local/{id}"));
    out.extend_from_slice(format!(",\"_rev\":\"0-{}\"", document.revision).as_bytes());
    // The body is an object: what stands behind its first brace goes on in ours.
    let members = document.body.as_bytes().get(1..).unwrap_or(b"}");
    if members != b"}" {
        out.push(b',');
    }
    out.extend_from_slice(members);
}

/// Stores a local document from its JSON text, and answers as for any document.
pub(crate) async fn store(
    request: &Request,
    database: &dyn Database,
    id: &str,
    text: &Bytes,
) -> Result<Reply, Failure> {
    let mut incoming = update::parse(text.clone()).await?;
    if incoming.revision.is_none() {
        incoming.revision = agreed_revision(request)?;
    }
    let deleted = incoming.deleted;
    let revision = write(database, (&request.user, request.limits()), id, incoming).await?;
    let status = if deleted { StatusCode::OK } else { StatusCode::CREATED };
    let mut reply = reply::json(status, stored_text(id, revision));
    set_location(&mut reply, request, &[database.name(), &format!("_local/{id}")]);
    Ok(reply)
}

/// Stores (or deletes) one local document; the `N` of its new revision `0-N`.
pub(crate) async fn write(
    database: &dyn Database,
    (user, limits): (&User, &Limits),
    id: &str,
    incoming: Incoming,
) -> Result<u64, Failure> {
    check_write(database, user, id, incoming.deleted)?;
    if id.is_empty() {
        return Err(Failure::BadRequest("Invalid _local document id.".to_owned()));
    }
    if incoming.expires.is_some() {
        return Err(BadDocument::SpecialMember("_expires".to_owned()).into());
    }
    if incoming.access.is_some() {
        return Err(BadDocument::SpecialMember("_access".to_owned()).into());
    }
    if !incoming.attachments.is_empty() {
        return Err(Failure::BadRequest("_local documents do not accept attachments.".to_owned()));
    }
    if incoming.body.as_bytes().len() > limits.max_document_size {
        return Err(Failure::TooLarge {
            error: "document_too_large",
            reason: format!("_local/{id}"),
        });
    }
    if incoming.deleted {
        database.write_local(id, None).await?;
        return Ok(0);
    }
    put_body(database, user, id, (incoming.revision.as_ref(), incoming.body)).await
}

/// Stores the body of a local document; the `N` of its new revision `0-N`, which counts on from
/// `given`.
pub(crate) async fn put_body(
    database: &dyn Database,
    user: &User,
    id: &str,
    (given, body): (Option<&Revision>, Body),
) -> Result<u64, Failure> {
    check_write(database, user, id, false)?;
    let revision = next_revision(given)?;
    database.write_local(id, Some(LocalDocument { revision, body })).await?;
    Ok(revision)
}

fn next_revision(given: Option<&Revision>) -> Result<u64, Failure> {
    let Some(given) = given else { return Ok(1) };
    let bad = || Failure::BadRequest("Invalid rev format".to_owned());
    if given.depth != 0 {
        return Err(bad());
    }
    let number: u64 = given.hash.to_string().parse().map_err(|_| bad())?;
    number.checked_add(1).ok_or_else(bad)
}

async fn delete(database: &dyn Database, user: &User, id: &str) -> Result<Reply, Failure> {
    find(database, user, id).await?;
    database.write_local(id, None).await?;
    Ok(reply::json(StatusCode::OK, stored_text(id, 0)))
}

/// `{"ok":true,"id":"_local/…","rev":"0-…"}`.
pub(crate) fn stored_text(id: &str, revision: u64) -> Vec<u8> {
    let mut text = b"{\"ok\":true,\"id\":".to_vec();
    write_string(&mut text, &format!("_local/{id}"));
    text.extend_from_slice(format!(",\"rev\":\"0-{revision}\"}}").as_bytes());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_document_is_its_body_with_id_and_revision() {
        let mut text = Vec::new();
        let body = Body::from_stored(Bytes::from_static(b"{\"a\":1}"));
        render(&mut text, "x", &LocalDocument { revision: 2, body });
        assert_eq!(text, br#"{"_id":"_local/x","_rev":"0-2","a":1}"#);
        text.clear();
        render(&mut text, "x", &LocalDocument { revision: 1, body: Body::empty() });
        assert_eq!(text, br#"{"_id":"_local/x","_rev":"0-1"}"#);
    }

    #[test]
    fn revisions_count_on_from_what_is_given() {
        let next = |text: &str| next_revision(Some(&text.parse().expect("a revision")));
        assert_eq!(next_revision(None), Ok(1));
        assert_eq!(next("0-41"), Ok(42));
        assert!(next("1-abc").is_err());
        assert!(next("0-x").is_err());
    }
}
