//! What is known of a user by name: a line of `[admins]`, a document of `_users`, or both.

use refuge_config::Settings;
use refuge_document::{Revision, USER_PREFIX, USERS};
use refuge_http::{ADMIN_ROLE, Database, Failure};
use refuge_identity::password::{self, PasswordMembers, StoredPassword};
use refuge_otp::Names;
use serde_json::{Map, Value};

use super::{granted, is_name_of_somebody};
use crate::node_service;

/// A user.
pub(crate) struct Account {
    /// What a password is compared with; none where nobody can sign in by one.
    pub(crate) secret: Option<AccountSecret>,
    /// Roles, `_admin` among them where `[admins]` has the name.
    pub(crate) roles: Vec<String>,
    /// The revision of the document that the password stands in; none for admins.
    pub(crate) revision: Option<Revision>,
    /// Whether a second factor is wanted, which is not built.
    pub(crate) second_factor: bool,
}

/// What a password is compared with. No `Debug`: it is a secret.
pub(crate) enum AccountSecret {
    /// A hash.
    Hashed(StoredPassword),
    /// The password in clear, as somebody wrote it into a file that is not the node's.
    Clear(String),
}

impl Account {
    /// The salt of the password's hash: what a cookie is signed with beside the node's secret, so that
    /// it ends with the password.
    pub(crate) fn salt(&self) -> &str {
        match &self.secret {
            Some(AccountSecret::Hashed(stored)) => stored.salt(),
            _ => "",
        }
    }

    /// What is stored, as one text: another one with every change.
    pub(crate) fn fingerprint(&self) -> String {
        match &self.secret {
            None => String::new(),
            Some(AccountSecret::Clear(text)) => format!("clear {text}"),
            Some(AccountSecret::Hashed(stored)) => {
                let members = stored.members();
                format!("{} {} {}", members.scheme, members.derived_key, members.salt)
            }
        }
    }
}

/// Finds a user.
///
/// # Errors
/// Where `_users` cannot be read, and where the user's document has conflicts.
pub(crate) async fn find(
    names: &Names,
    settings: &Settings,
    name: &str,
) -> Result<Option<Account>, Failure> {
    if !is_name_of_somebody(name) {
        return Ok(None);
    }
    let admin = settings.admins.get(name);
    let document = match document(names, name).await {
        Err(_) if admin.is_some() => None,
        document => document?,
    };
    let Some(admin) = admin else { return Ok(document.map(|(found, at)| read(&found, at))) };
    let mut roles = vec![ADMIN_ROLE.to_owned()];
    if let Some((found, _)) = &document {
        roles.extend(roles_of(found));
    }
    let secret = match password::is_hash(admin) {
        true => StoredPassword::from_text(admin).map(AccountSecret::Hashed),
        false => Some(AccountSecret::Clear(admin.clone())),
    };
    Ok(Some(Account { secret, roles, revision: None, second_factor: false }))
}

/// The members of a user's document, with its revision.
async fn document(
    names: &Names,
    name: &str,
) -> Result<Option<(Map<String, Value>, Revision)>, Failure> {
    let database = match node_service::open(names, USERS).await {
        Err(Failure::NoDatabase) => return Ok(None),
        opened => opened?,
    };
    let tree = database.trees(vec![format!("{USER_PREFIX}{name}")]).await?.pop().flatten();
    let Some(tree) = tree else { return Ok(None) };
    let mut leaves = tree.tree.leaves().into_iter().filter(|leaf| !leaf.deleted);
    let Some(leaf) = leaves.next() else { return Ok(None) };
    if leaves.next().is_some() {
        return Err(Failure::Unauthorized(
            "User document conflicts must be resolved before the document is used for \
             authentication purposes."
                .to_owned(),
        ));
    }
    let body = database.bodies(vec![leaf.place]).await?.pop().flatten();
    let Some(body) = body else { return Ok(None) };
    let members: Map<String, Value> =
        serde_json::from_slice(body.body.as_bytes()).map_err(super::failed)?;
    let is_user = members.get("type").and_then(Value::as_str) == Some("user")
        && members.get("name").and_then(Value::as_str) == Some(name);
    Ok(is_user.then_some((members, leaf.revision)))
}

fn read(members: &Map<String, Value>, revision: Revision) -> Account {
    let secret = StoredPassword::from_members(&password_members(members));
    Account {
        secret: secret.map(AccountSecret::Hashed),
        roles: roles_of(members),
        revision: Some(revision),
        second_factor: members.contains_key("totp"),
    }
}

fn roles_of(members: &Map<String, Value>) -> Vec<String> {
    let roles = members.get("roles").and_then(Value::as_array);
    granted(roles.into_iter().flatten().filter_map(|role| role.as_str().map(str::to_owned)))
}

/// What a document says of its password.
pub(crate) fn password_members(members: &Map<String, Value>) -> PasswordMembers {
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| {
        let number = members.get(name).and_then(Value::as_u64);
        number.map(|number| u32::try_from(number).unwrap_or(u32::MAX))
    };
    let scheme = text("password_scheme").unwrap_or_else(|| "simple".to_owned());
    let derived = if scheme == "simple" { "password_sha" } else { "derived_key" };
    PasswordMembers {
        function: text("pbkdf2_prf"),
        iterations: number("iterations"),
        memory_kib: number("memory_kib"),
        lanes: number("lanes"),
        derived_key: text(derived).unwrap_or_default(),
        salt: text("salt").unwrap_or_default(),
        scheme,
    }
}
