//! Indexes put into design documents and taken out of them. An edit that meets another one begins anew.

use bytes::Bytes;
use refuge_document::Revision;
use refuge_query::mango::{Index, IndexRequest, Removed, remove_index};
use serde_json::{Map, Value, json};

use super::missing;
use crate::failure::Failure;
use crate::node::Database;
use crate::request::Request;
use crate::update::{self, Edits};

/// How often an edit is begun that others come before.
const ATTEMPTS: usize = 5;

/// A design document as it stands.
struct Stored {
    revision: Revision,
    body: Value,
    /// Its `_expires`, kept apart: the document goes with its last index all the same.
    expires: Option<Value>,
    /// Names of its attachments, which an edit keeps.
    attachments: Vec<String>,
}

/// Puts an index into its design document; whether it was not there before.
pub(super) async fn add(
    request: &Request,
    database: &dyn Database,
    wanted: &IndexRequest,
) -> Result<bool, Failure> {
    for _ in 0..ATTEMPTS {
        let stored = read(database, &wanted.design_document).await?;
        let Some(body) =
            wanted.add_to(stored.as_ref().map(|one| &one.body), database.is_partitioned())?
        else {
            return Ok(false);
        };
        match write(request, database, &wanted.design_document, stored, Some(body)).await {
            Err(Failure::Conflict) => {}
            done => return done.map(|()| true),
        }
    }
    Err(Failure::Conflict)
}

/// Takes an index out of its design document, which goes with its last index.
pub(super) async fn remove(
    request: &Request,
    database: &dyn Database,
    id: &str,
    name: &str,
) -> Result<(), Failure> {
    change(request, database, id, |body| {
        remove_index(body, name).ok().filter(|_| names(id, body).iter().any(|known| known == name))
    })
    .await
}

/// Takes all indexes out of a design document.
pub(super) async fn remove_all(
    request: &Request,
    database: &dyn Database,
    id: &str,
) -> Result<(), Failure> {
    change(request, database, id, |body| {
        let mut left = None;
        for name in names(id, body) {
            match remove_index(left.as_ref().unwrap_or(body), &name).ok()? {
                Removed::Nothing => return Some(Removed::Nothing),
                Removed::Body(body) => left = Some(body),
            }
        }
        left.map(Removed::Body)
    })
    .await
}

/// The names of the indexes of a design document.
fn names(id: &str, body: &Value) -> Vec<String> {
    let indexes = Index::from_design_document(id, body, false);
    indexes.into_iter().map(|index| index.name).collect()
}

/// Changes a design document; `None` where there is nothing to change.
async fn change(
    request: &Request,
    database: &dyn Database,
    id: &str,
    changed: impl Fn(&Value) -> Option<Removed> + Send + Sync,
) -> Result<(), Failure> {
    for _ in 0..ATTEMPTS {
        let stored = read(database, id).await?.ok_or_else(missing)?;
        let body = match changed(&stored.body).ok_or_else(missing)? {
            Removed::Body(body) => Some(body),
            Removed::Nothing => None,
        };
        match write(request, database, id, Some(stored), body).await {
            Err(Failure::Conflict) => {}
            done => return done,
        }
    }
    Err(Failure::Conflict)
}

/// The design document; `None` where there is none or it is deleted.
async fn read(database: &dyn Database, id: &str) -> Result<Option<Stored>, Failure> {
    let Some(winner) = database.winner(id).await? else { return Ok(None) };
    let Some(content) = winner.content.filter(|_| !winner.leaf.deleted) else { return Ok(None) };
    let mut body: Value = serde_json::from_slice(content.body.as_bytes())
        .map_err(|error| Failure::Internal(format!("{id} cannot be read: {error}")))?;
    let expires = body.as_object_mut().and_then(|members| members.shift_remove("_expires"));
    let attachments = content.attachments.into_iter().map(|one| one.name).collect();
    Ok(Some(Stored { revision: winner.leaf.revision, body, expires, attachments }))
}

/// Stores another body of a design document, or deletes it, as if a client had sent it.
async fn write(
    request: &Request,
    database: &dyn Database,
    id: &str,
    stored: Option<Stored>,
    body: Option<Value>,
) -> Result<(), Failure> {
    let incoming = update::parse(Bytes::from(text(stored, body))).await?;
    let (limits, id) = (request.limits(), id.to_owned());
    let edit = update::prepare(database, limits, id, incoming, Edits::New, Vec::new()).await?;
    update::apply(database, &request.user, edit).await.map(drop)
}

/// The next revision of a design document as JSON; a deletion where there is no body.
fn text(stored: Option<Stored>, body: Option<Value>) -> String {
    let is_deletion = body.is_none();
    let mut members = match body {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    };
    if is_deletion {
        members.insert("_deleted".to_owned(), true.into());
    }
    if let Some(Stored { revision, expires, attachments, .. }) = stored {
        if !is_deletion {
            members.extend(expires.map(|expires| ("_expires".to_owned(), expires)));
            let stubs = attachments.into_iter().map(|name| (name, json!({"stub": true})));
            members.insert("_attachments".to_owned(), Value::Object(stubs.collect()));
        }
        members.insert("_rev".to_owned(), revision.to_string().into());
    }
    Value::Object(members).to_string()
}
