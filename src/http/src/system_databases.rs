//! What users who are no admins see of `_users` and `_replicator`, once `_security` lets them in: their
//! own documents; of others' what is public, and no credentials. What they may write is decided by the
//! database.

use hyper::{Method, StatusCode};
use refuge_document::json::write_string;
use refuge_document::{REPLICATOR, USER_PREFIX, USERS};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::node::{Database, StoredDocument};
use crate::reply::{self, Reply, set_revision_tag};
use crate::request::Request;
use crate::router::Part;
use crate::user::User;

/// Refuses what is not for this user, or answers what is shown otherwise than to admins; none where the
/// endpoint may go on.
pub(crate) async fn enter(
    request: &Request,
    database: &dyn Database,
    part: &Part<'_>,
) -> Result<Option<Reply>, Failure> {
    if ![USERS, REPLICATOR].contains(&database.name())
        || database.security().is_admin(&request.user)
    {
        return Ok(None);
    }
    // On the heap: few requests need it.
    Box::pin(enter_as_user(request, database, part)).await
}

async fn enter_as_user(
    request: &Request,
    database: &dyn Database,
    part: &Part<'_>,
) -> Result<Option<Reply>, Failure> {
    let name = database.name();
    match part {
        Part::Document { id } if name == USERS => user_document(request, database, id).await,
        Part::Document { id } => replication_document(request, database, id).await,
        Part::Attachment { id, .. } if name == USERS && is_own(&request.user, id) => Ok(None),
        Part::Attachment { .. } => Err(missing()),
        Part::Whole | Part::BulkDocuments | Part::Security | Part::EnsureFullCommit => Ok(None),
        Part::Listing(_) if name == USERS && lists(request) => Ok(None),
        Part::Design { .. } => Err(refused(&request.user, "design document actions")),
        _ => Err(refused(&request.user, "lists")),
    }
}

/// Whether this user may have a list of `_users`: ids and revisions, no documents.
fn lists(request: &Request) -> bool {
    let rules = &request.rules.authentication;
    rules.users_are_public
        && request.method == Method::GET
        && !request.query.is_true("include_docs")
}

fn is_own(user: &User, id: &str) -> bool {
    let named = id.strip_prefix(USER_PREFIX);
    named.is_some() && named == user.name.as_deref()
}

fn missing() -> Failure {
    Failure::NotFound("missing".to_owned())
}

/// As everywhere, whoever told no name is asked for one.
fn refused(user: &User, what: &str) -> Failure {
    let reason = format!("Only admins can access {what} of system databases.");
    if user.name.is_none() { Failure::Unauthorized(reason) } else { Failure::Forbidden(reason) }
}

async fn user_document(
    request: &Request,
    database: &dyn Database,
    id: &str,
) -> Result<Option<Reply>, Failure> {
    let reads = matches!(request.method, Method::GET | Method::HEAD);
    if id.starts_with("_design/") && reads {
        return Err(Failure::Forbidden(
            "Only administrators can view design docs in the users database.".to_owned(),
        ));
    }
    if is_own(&request.user, id) {
        return Ok(None);
    }
    if !reads {
        // Whoever has no name yet may make a user; all else about writing is the database's.
        return if request.method.as_str() == "COPY" { Err(missing()) } else { Ok(None) };
    }
    let public = &request.rules.authentication.public_fields;
    let (document, members) = winner(database, id).await?;
    let mut shown = members;
    shown.retain(|name, _| public.contains(name));
    if shown.is_empty() {
        return Err(missing());
    }
    Ok(Some(show(id, &document, &shown)))
}

async fn replication_document(
    request: &Request,
    database: &dyn Database,
    id: &str,
) -> Result<Option<Reply>, Failure> {
    let reads = matches!(request.method, Method::GET | Method::HEAD);
    if id.starts_with("_design/") || (!reads && request.method.as_str() != "COPY") {
        return Ok(None);
    }
    let (document, mut members) = winner(database, id).await?;
    let owner = members.get("owner").and_then(Value::as_str);
    if owner.is_some() && owner == request.user.name.as_deref() {
        // Other revisions may have been somebody else's.
        let winner = document.leaf.revision.to_string();
        let asks_for_others = request.query.text("open_revs").is_some()
            || request.query.text("rev").is_some_and(|revision| revision != winner);
        return if asks_for_others { Err(missing()) } else { Ok(None) };
    }
    if !reads {
        return Err(missing());
    }
    for end in ["source", "target", "proxy", "source_proxy", "target_proxy"] {
        if let Some(end) = members.get_mut(end) {
            strip_credentials(end);
        }
    }
    Ok(Some(show(id, &document, &members)))
}

/// The live winner with its members.
async fn winner(
    database: &dyn Database,
    id: &str,
) -> Result<(StoredDocument, Map<String, Value>), Failure> {
    let document = database.winner(id).await?.ok_or_else(missing)?;
    if document.leaf.deleted {
        return Err(missing());
    }
    let content = document.content.as_ref().ok_or_else(missing)?;
    let members = serde_json::from_slice(content.body.as_bytes())
        .map_err(|error| Failure::Internal(error.to_string()))?;
    Ok((document, members))
}

fn show(id: &str, document: &StoredDocument, members: &Map<String, Value>) -> Reply {
    let mut text = b"{\"_id\":".to_vec();
    write_string(&mut text, id);
    text.extend_from_slice(b",\"_rev\":");
    write_string(&mut text, &document.leaf.revision.to_string());
    for (name, value) in members {
        text.push(b',');
        write_string(&mut text, name);
        text.push(b':');
        text.extend_from_slice(value.to_string().as_bytes());
    }
    text.push(b'}');
    let mut reply = reply::json(StatusCode::OK, text);
    set_revision_tag(&mut reply, &document.leaf.revision);
    reply
}

/// Takes out what would let others speak as the owner: user and password of a URL, headers, `auth`.
fn strip_credentials(end: &mut Value) {
    match end {
        Value::String(url) => *url = without_user(url),
        Value::Object(members) => {
            members.shift_remove("headers");
            members.shift_remove("auth");
            if let Some(Value::String(url)) = members.get_mut("url") {
                *url = without_user(url);
            }
        }
        _ => {}
    }
}

/// A URL without what stands before the `@` of its host.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let host_ends = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(host_ends);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn urls_lose_their_users_alone() {
        for (url, bare) in [
            ("http://anna:secret@a.org/db", "http://a.org/db"),
            ("https://anna@a.org:6984/db?x=@", "https://a.org:6984/db?x=@"),
            ("http://a@b:c@a.org", "http://a.org"),
            ("http://a.org/@", "http://a.org/@"),
            ("db", "db"),
        ] {
            assert_eq!(without_user(url), bare);
        }
        let mut end =
            json!({"url": "http://a:b@c/d", "headers": {"authorization": "x"}, "auth": 1});
        strip_credentials(&mut end);
        assert_eq!(end, json!({"url": "http://c/d"}));
    }

    #[test]
    fn a_users_own_document_has_the_users_name() {
        let anna = User { name: Some("anna".to_owned()), roles: Vec::new() };
        assert!(is_own(&anna, "org.couchdb.user:anna"));
        assert!(!is_own(&anna, "org.couchdb.user:annabel"));
        assert!(!is_own(&anna, "anna"));
        assert!(!is_own(&User::default(), "org.couchdb.user:"));
    }
}
