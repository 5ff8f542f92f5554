//! Documents of `_users` on their way to their shards: who may see them at all, the rules, and passwords
//! that are hashed before anything is stored.

use refuge_document::{Body, EditKind, Revision, USER_PREFIX, USERS};
use refuge_http::{
    Database, Failure, Update, UpdateAttachment, UpdateFailure, UpdateVerdicts, User,
};
use refuge_identity::password::{Recipe, StoredPassword};
use refuge_otp::Names;
use serde_json::{Map, Value};

use super::members::with_members;
use super::questions::{self, Ask, Before, Question};
use super::refused;
use super::user_rules::{self, HASHED, UserDocument, Writer};
use crate::authentication::hashing::{self, Waiting};
use crate::configuration::CurrentSettings;
use crate::node_service::database::OpenDatabase;
use crate::{names, node_service, unavailable};

/// The member with a password in clear, which is never stored.
const PASSWORD: &str = "password";

/// Whether each edit may be made; passwords in those that may are hashed.
pub(super) async fn complete(
    database: &OpenDatabase,
    user: &User,
    (updates, before): (&mut [Update], Before),
) -> Result<UpdateVerdicts, Failure> {
    let asks = questions::all(database, updates.to_vec(), before).await?;
    let writer = Writer { user, is_admin: database.security.is_admin(user) };
    let mut verdicts = Vec::with_capacity(updates.len());
    for (update, ask) in updates.iter_mut().zip(asks) {
        verdicts.push(match one(&writer, update, ask) {
            Ok(Some(password)) => {
                let stored = hash(&database.names, password, before).await?;
                update.body = with_password(&update.body, &stored)?;
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(failure) => Err(failure),
        });
    }
    Ok(verdicts)
}

/// Whether one edit may be made; the password that is to be hashed, where there is one.
fn one(writer: &Writer<'_>, update: &Update, ask: Ask) -> Result<Option<String>, UpdateFailure> {
    if super::is_design(update) {
        return Ok(None);
    }
    // Whoever may not see a document is told nothing of it, not even by a conflict.
    let own = update.id.strip_prefix(USER_PREFIX);
    let visible = writer.is_admin
        || writer.user.name.is_none()
        || (own.is_some() && own == writer.user.name.as_deref());
    if !visible {
        return Err(refused(Failure::NotFound("missing".to_owned())));
    }
    let Question { old, branches, .. } = match ask {
        Ask::Nothing => return Ok(None),
        Ask::Refuse(failure) => return Err(failure),
        Ask::Question(question) => question,
    };
    if branches && !writer.is_admin {
        return Err(refused(Failure::Forbidden(questions::BRANCH.to_owned())));
    }
    let old = old.as_deref().map(|text| members(text.as_bytes())).transpose()?;
    let mut new = members(update.body.as_bytes())?;
    let password = match new.get(PASSWORD) {
        Some(Value::String(password)) if !update.deleted => Some(password.clone()),
        None | Some(Value::Null) => None,
        Some(_) if update.deleted => {
            let reason = "a user who is deleted has no password".to_owned();
            return Err(refused(Failure::Forbidden(reason)));
        }
        Some(_) => return Err(refused(Failure::Forbidden("password must be a string".to_owned()))),
    };
    if password.is_some() {
        // They are replaced by those of the password.
        new.retain(|name, _| !HASHED.contains(&name.as_str()));
    }
    let document = UserDocument {
        id: &update.id,
        deleted: update.deleted,
        members: &new,
        hashes: password.is_some(),
    };
    user_rules::check(&document, old.as_ref(), writer)
        .map_err(|reason| refused(Failure::Forbidden(reason)))?;
    Ok(password)
}

fn members(text: &[u8]) -> Result<Map<String, Value>, UpdateFailure> {
    serde_json::from_slice(text).map_err(|error| refused(Failure::Internal(error.to_string())))
}

async fn hash(names: &Names, password: String, before: Before) -> Result<StoredPassword, Failure> {
    let current = names.value::<CurrentSettings>(names::CONFIGURATION).ok_or_else(unavailable)?;
    let recipe = hashing::recipe(&current.settings.authentication);
    if before == Before::Nothing {
        // What is judged as new is never stored: functions are shown the members alone.
        return StoredPassword::new("", least(recipe))
            .map_err(|error| Failure::Internal(error.to_string()));
    }
    // Requests and their documents are bounded by those who send them.
    let job = move || StoredPassword::new(&password, recipe);
    hashing::hashing(names, Waiting::Any, recipe.memory_kib(), job).await
}

/// The same recipe with the least work.
fn least(recipe: Recipe) -> Recipe {
    match recipe {
        Recipe::Simple => Recipe::Simple,
        Recipe::Pbkdf2 { function, .. } => Recipe::Pbkdf2 { function, iterations: 1 },
        Recipe::Argon2id { .. } => Recipe::Argon2id { memory_kib: 8, iterations: 1, lanes: 1 },
    }
}

/// The body with a hash instead of a password; all else is as it was written.
fn with_password(body: &Body, stored: &StoredPassword) -> Result<Body, Failure> {
    let replaced = |name: &str| name == PASSWORD || HASHED.contains(&name);
    with_members(body, replaced, &hash_members(stored))
}

/// The members of a hash, as CouchDB 3.5 writes them.
fn hash_members(stored: &StoredPassword) -> Vec<(&'static str, Value)> {
    let members = stored.members();
    let derived = if members.scheme == "simple" { "password_sha" } else { "derived_key" };
    let mut listed = vec![("password_scheme", Value::from(members.scheme))];
    listed.extend(members.function.map(|name| ("pbkdf2_prf", name.into())));
    listed.push(("salt", members.salt.into()));
    listed.extend(members.iterations.map(|number| ("iterations", number.into())));
    listed.extend(members.memory_kib.map(|number| ("memory_kib", number.into())));
    listed.extend(members.lanes.map(|number| ("lanes", number.into())));
    listed.push((derived, members.derived_key.into()));
    listed
}

/// Writes another hash of the same password into a user's document, where that is still of this revision.
///
/// # Errors
/// When the document cannot be read or written.
pub(crate) async fn upgrade_password(
    names: &Names,
    name: &str,
    revision: Revision,
    stored: &StoredPassword,
) -> Result<bool, Failure> {
    let database = node_service::open(names, USERS).await?;
    let id = format!("{USER_PREFIX}{name}");
    let Some(document) = database.winner(&id).await? else { return Ok(false) };
    let Some(content) = document.content else { return Ok(false) };
    if document.leaf.deleted || document.leaf.revision != revision {
        return Ok(false);
    }
    let update = Update {
        id,
        deleted: false,
        body: with_password(&content.body, stored)?,
        attachments: content.attachments.iter().map(UpdateAttachment::kept).collect(),
        kind: EditKind::Interactive { parent: Some(revision) },
    };
    match database.update(vec![update]).await?.pop() {
        Some(Ok(_)) => Ok(true),
        Some(Err(UpdateFailure::Conflict)) | None => Ok(false),
        Some(Err(failure)) => Err(failure.into()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_hash_takes_the_place_of_a_password_and_numbers_stay_as_written() {
        let body = br#"{"name":"anna","password":"x","salt":"old","n":1.50,"_expires":"2030"}"#;
        let body = Body::from_stored(Bytes::from_static(body));
        let stored = StoredPassword::new("x", Recipe::Simple).unwrap();
        let text = with_password(&body, &stored).unwrap();
        let text = std::str::from_utf8(text.as_bytes()).unwrap();
        assert!(text.starts_with(r#"{"name":"anna","n":1.50,"password_scheme":"simple","salt":""#));
        assert!(text.ends_with(r#"","_expires":"2030"}"#), "{text}");
        assert!(!text.contains("password\"") && !text.contains("old"), "{text}");
    }
}
