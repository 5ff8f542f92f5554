//! Documents of `_replicator` on their way to their shards: whose they are, as in CouchDB, and what
//! somebody who is no admin may have replicated.

use refuge_document::{Body, EditKind, json};
use refuge_http::{Failure, Update, UpdateFailure, UpdateVerdicts, User};
use serde_json::{Map, Value};

use super::members::with_members;
use super::questions::{self, Ask, Before};
use super::refused;
use crate::node_service::database::OpenDatabase;

/// The member that tells whose a replication is.
const OWNER: &str = "owner";

/// Whether each edit may be made; those that name no owner are given the one who makes them.
pub(super) async fn complete(
    database: &OpenDatabase,
    user: &User,
    (updates, before): (&mut [Update], Before),
) -> Result<UpdateVerdicts, Failure> {
    let is_admin = database.security.is_admin(user);
    let mut verdicts: UpdateVerdicts = updates.iter().map(|_| Ok(())).collect();
    if !is_admin {
        let asks = questions::all(database, updates.to_vec(), before).await?;
        for ((update, verdict), ask) in updates.iter().zip(&mut verdicts).zip(asks) {
            *verdict = check(user, update, ask);
        }
    }
    for (update, verdict) in updates.iter_mut().zip(&verdicts) {
        let made_here = !matches!(update.kind, EditKind::Replicated { .. });
        let is_replication = made_here && !update.deleted && !super::is_design(update);
        if verdict.is_ok()
            && is_replication
            && let Some(body) = owned(&update.body, user)?
        {
            update.body = body;
        }
    }
    Ok(verdicts)
}

fn check(user: &User, update: &Update, ask: Ask) -> Result<(), UpdateFailure> {
    let question = match ask {
        Ask::Nothing => return Ok(()),
        Ask::Refuse(failure) => return Err(failure),
        Ask::Question(question) => question,
    };
    if super::is_design(update) {
        return Ok(());
    }
    let refuse = |reason: &str| Err(forbidden(reason.to_owned()));
    if question.branches {
        return refuse(questions::BRANCH);
    }
    let owner = |members: &Map<String, Value>| members.get(OWNER).cloned().unwrap_or(Value::Null);
    let own = Value::from(user.name.clone());
    let other = "Can't update replication documents from other users.";
    let old = question.old.map(|text| read(text.as_bytes())).transpose()?;
    if old.is_some_and(|old| owner(&old) != own) {
        return refuse(other);
    }
    if update.deleted {
        return Ok(());
    }
    let new = read(update.body.as_bytes())?;
    if new.contains_key(OWNER) && owner(&new) != own {
        return refuse(other);
    }
    // A name alone is a database of this node, which replications read and write as an admin does.
    if !["source", "target"].iter().all(|end| new.get(*end).is_none_or(is_elsewhere)) {
        return refuse(
            "Only admins may replicate databases by their names: give a URL, with credentials",
        );
    }
    Ok(())
}

/// Whether an end of a replication is asked over HTTP, where it decides itself who may.
fn is_elsewhere(end: &Value) -> bool {
    let is_url = |text: &str| text.starts_with("http://") || text.starts_with("https://");
    match end {
        Value::String(url) => is_url(url),
        Value::Object(members) => {
            !members.contains_key("node")
                && members.get("url").and_then(Value::as_str).is_some_and(is_url)
        }
        _ => false,
    }
}

fn read(text: &[u8]) -> Result<Map<String, Value>, UpdateFailure> {
    serde_json::from_slice(text)
        .map_err(|error| forbidden(format!("this replication cannot be read: {error}")))
}

fn forbidden(reason: String) -> UpdateFailure {
    refused(Failure::Forbidden(reason))
}

/// The body with its owner; none where it names one, and where whoever writes has no name.
fn owned(body: &Body, user: &User) -> Result<Option<Body>, Failure> {
    let Some(name) = &user.name else { return Ok(None) };
    let broken = |error: json::JsonError| Failure::Internal(error.to_string());
    for member in json::members(body.as_bytes()).map_err(broken)? {
        let (member, value) = member.map_err(broken)?;
        if member == OWNER && value != b"null" {
            return Ok(None);
        }
    }
    let owner = [(OWNER, Value::from(name.as_str()))];
    with_members(body, |member| member == OWNER, &owner).map(Some)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_replication_has_an_owner() {
        let body = |text: &'static str| Body::from_stored(Bytes::from_static(text.as_bytes()));
        let anna = User { name: Some("anna".to_owned()), roles: Vec::new() };
        let text = |body: Body| String::from_utf8(body.as_bytes().to_vec()).unwrap();
        let owned = |text: &'static str, user: &User| super::owned(&body(text), user).unwrap();
        assert_eq!(
            owned(r#"{"source":"a"}"#, &anna).map(text).as_deref(),
            Some(r#"{"source":"a","owner":"anna"}"#)
        );
        assert_eq!(owned("{}", &anna).map(text).as_deref(), Some(r#"{"owner":"anna"}"#));
        assert!(owned(r#"{"owner":"bert"}"#, &anna).is_none());
        assert!(owned("{}", &User::default()).is_none());
        // What was written stays as it was, and a moment of expiry at the end.
        assert_eq!(
            owned(r#"{"n":1.50,"owner":null,"_expires":"x"}"#, &anna).map(text).as_deref(),
            Some(r#"{"n":1.50,"owner":"anna","_expires":"x"}"#)
        );
    }

    #[test]
    fn names_of_databases_and_nodes_are_for_admins() {
        assert!(is_elsewhere(&json!("https://a:b@c.org/d")));
        assert!(is_elsewhere(&json!({"url": "http://c.org/d", "headers": {}})));
        for end in [
            json!("db"),
            json!("file:///x"),
            json!({"node": "*", "db": "x"}),
            json!({"node": "x", "url": "http://a"}),
            json!({}),
            json!(1),
        ] {
            assert!(!is_elsewhere(&end), "{end}");
        }
    }
}
