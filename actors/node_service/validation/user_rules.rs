//! What a document of `_users` has to be like, and who may write it: CouchDB 3.5's rules, in its order and
//! with its words. Source: its function `_auth` of `_users`, and the CouchDB documentation,
//! "intro/security". Hashing does not belong here.

use refuge_http::User;
use serde_json::{Map, Value};

use refuge_document::USER_PREFIX;

/// Members that hold a hash.
pub(super) const HASHED: [&str; 8] = [
    "password_scheme",
    "password_sha",
    "pbkdf2_prf",
    "derived_key",
    "salt",
    "iterations",
    "memory_kib",
    "lanes",
];

/// Schemes that a document may name.
const SCHEMES: [&str; 4] = ["simple", "pbkdf2", "argon2id", "simple+pbkdf2"];

/// A document as it is to be.
pub(super) struct UserDocument<'a> {
    /// Its id.
    pub(super) id: &'a str,
    /// Whether it is to be deleted.
    pub(super) deleted: bool,
    /// Its members, without those of a hash where a password is to be hashed.
    pub(super) members: &'a Map<String, Value>,
    /// Whether a password is to be hashed.
    pub(super) hashes: bool,
}

/// Who writes it.
pub(super) struct Writer<'a> {
    /// Who.
    pub(super) user: &'a User,
    /// Whether they are an admin of the node or of `_users`.
    pub(super) is_admin: bool,
}

/// Why the document cannot be written; none where it can.
pub(super) fn check(
    new: &UserDocument<'_>,
    old: Option<&Map<String, Value>>,
    writer: &Writer<'_>,
) -> Result<(), String> {
    if new.deleted {
        let name = old.and_then(|old| text(old, "name"));
        let is_own = name.is_some() && name == writer.user.name.as_deref();
        return match writer.user.is_server_admin() || is_own {
            true => Ok(()),
            false => Err("Only admins may delete other user docs.".to_owned()),
        };
    }
    let (name, roles) = shape(new)?;
    if let Some(old) = old
        && old.get("name") != new.members.get("name")
    {
        return Err("Usernames can not be changed.".to_owned());
    }
    password(new.members)?;
    if !writer.is_admin {
        by_a_user(new, old, (name, &roles), writer)?;
    }
    names(name, &roles)
}

/// Type, name, roles and id.
fn shape<'a>(new: &UserDocument<'a>) -> Result<(&'a str, Vec<&'a str>), String> {
    if text(new.members, "type") != Some("user") {
        return Err("doc.type must be user".to_owned());
    }
    let name = text(new.members, "name").filter(|name| !name.is_empty());
    let name = name.ok_or("doc.name is required")?;
    let roles = new.members.get("roles").filter(|roles| is_truthy(roles));
    let roles = roles.ok_or("doc.roles must exist")?;
    let roles = roles.as_array().ok_or("doc.roles must be an array")?;
    let roles: Option<Vec<&str>> = roles.iter().map(Value::as_str).collect();
    let roles = roles.ok_or("doc.roles can only contain strings")?;
    if new.id.strip_prefix(USER_PREFIX) != Some(name) {
        return Err("Doc ID must be of the form org.couchdb.user:name".to_owned());
    }
    Ok((name, roles))
}

fn password(members: &Map<String, Value>) -> Result<(), String> {
    let set = |name: &str| members.get(name).filter(|value| is_truthy(value));
    if set("password_sha").is_some() && set("salt").is_none() {
        // The space that is missing is missing in CouchDB, too.
        return Err("Users with password_sha must have a salt.\
             See /_utils/script/couch.js for example code."
            .to_owned());
    }
    if let Some(scheme) = set("password_scheme") {
        let scheme = scheme.as_str().map_or_else(|| scheme.to_string(), str::to_owned);
        if !SCHEMES.contains(&scheme.as_str()) {
            return Err(format!("Password scheme `{scheme}` not supported."));
        }
        if ["pbkdf2", "argon2id"].contains(&scheme.as_str()) {
            if !members.get("iterations").is_some_and(Value::is_number) {
                return Err("iterations must be a number.".to_owned());
            }
            if !members.get("derived_key").is_some_and(Value::is_string) {
                return Err("derived_key must be a string.".to_owned());
            }
        }
    }
    Ok(())
}

/// What somebody who is no admin may not.
fn by_a_user(
    new: &UserDocument<'_>,
    old: Option<&Map<String, Value>>,
    (name, roles): (&str, &[&str]),
    writer: &Writer<'_>,
) -> Result<(), String> {
    match old {
        Some(old) => {
            if writer.user.name.as_deref() != Some(name) {
                return Err("You may only update your own user document.".to_owned());
            }
            let mut before: Vec<&str> = match old.get("roles").and_then(Value::as_array) {
                Some(roles) => roles.iter().filter_map(Value::as_str).collect(),
                None => Vec::new(),
            };
            let mut after = roles.to_vec();
            before.sort_unstable();
            after.sort_unstable();
            if before != after {
                return Err("Only _admin may edit roles".to_owned());
            }
        }
        None if !roles.is_empty() => return Err("Only _admin may set roles".to_owned()),
        None => {}
    }
    // CouchDB lets users set what they like here: a hash of their own that takes seconds to compare
    // would keep everybody else from signing in.
    let changed = |name: &&str| new.members.get(*name) != old.and_then(|old| old.get(*name));
    if !new.hashes && HASHED.iter().any(changed) {
        return Err("Only _admin may set the hash of a password: send the password".to_owned());
    }
    Ok(())
}

/// What nobody may be called, and roles that only the node gives.
fn names(name: &str, roles: &[&str]) -> Result<(), String> {
    if roles.iter().any(|role| role.starts_with('_')) {
        return Err("No system roles (starting with underscore) in users db.".to_owned());
    }
    if roles.iter().any(|role| role.starts_with("group:")) {
        return Err("No roles of groups of nodes (starting with group:) in users db.".to_owned());
    }
    if name.starts_with('_') {
        return Err("Username may not start with underscore.".to_owned());
    }
    if name.contains(':') {
        return Err("Character `:` is not allowed in usernames.".to_owned());
    }
    Ok(())
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

/// As JavaScript sees it.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(members) => members,
            _ => panic!("an object"),
        }
    }

    fn written(
        id: &str,
        new: Value,
        old: Option<Value>,
        by: (&str, &[&str]),
    ) -> Result<(), String> {
        let (new, old) = (members(new), old.map(members));
        let user = User {
            name: Some(by.0.to_owned()).filter(|name| !name.is_empty()),
            roles: by.1.iter().map(|role| (*role).to_owned()).collect(),
        };
        let writer = Writer { is_admin: user.is_server_admin(), user: &user };
        let deleted = new.contains_key("deleted");
        let document = UserDocument { id, deleted, members: &new, hashes: false };
        check(&document, old.as_ref(), &writer)
    }

    const ADMIN: (&str, &[&str]) = ("admin", &["_admin"]);
    const ANNA: (&str, &[&str]) = ("anna", &[]);
    const NOBODY: (&str, &[&str]) = ("", &[]);

    #[test]
    fn a_document_has_couchdbs_shape() {
        let id = "org.couchdb.user:anna";
        for (document, reason) in [
            (json!({}), "doc.type must be user"),
            (json!({"type": "user"}), "doc.name is required"),
            (json!({"type": "user", "name": ""}), "doc.name is required"),
            (json!({"type": "user", "name": "anna"}), "doc.roles must exist"),
            (json!({"type": "user", "name": "anna", "roles": "a"}), "doc.roles must be an array"),
            (
                json!({"type": "user", "name": "anna", "roles": ["a", 1]}),
                "doc.roles can only contain strings",
            ),
            (
                json!({"type": "user", "name": "bert", "roles": []}),
                "Doc ID must be of the form org.couchdb.user:name",
            ),
            (
                json!({"type": "user", "name": "anna", "roles": ["_admin"]}),
                "No system roles (starting with underscore) in users db.",
            ),
            (
                json!({"type": "user", "name": "anna", "roles": ["group:family"]}),
                "No roles of groups of nodes (starting with group:) in users db.",
            ),
            (
                json!({"type": "user", "name": "anna", "roles": [], "password_sha": "00"}),
                "Users with password_sha must have a salt.See /_utils/script/couch.js for example \
                 code.",
            ),
            (
                json!({"type": "user", "name": "anna", "roles": [], "password_scheme": "md5"}),
                "Password scheme `md5` not supported.",
            ),
            (
                json!({"type": "user", "name": "anna", "roles": [], "password_scheme": "pbkdf2"}),
                "iterations must be a number.",
            ),
            (
                json!({"type": "user", "name": "anna", "roles": [], "password_scheme": "pbkdf2",
                    "iterations": 1}),
                "derived_key must be a string.",
            ),
        ] {
            assert_eq!(written(id, document, None, ADMIN), Err(reason.to_owned()));
        }
        let good = json!({"type": "user", "name": "anna", "roles": ["a"]});
        assert_eq!(written(id, good, None, ADMIN), Ok(()));
        for (name, reason) in [
            ("_x", "Username may not start with underscore."),
            ("node:x", "Character `:` is not allowed in usernames."),
        ] {
            let document = json!({"type": "user", "name": name, "roles": []});
            let id = format!("org.couchdb.user:{name}");
            assert_eq!(written(&id, document, None, ADMIN), Err(reason.to_owned()));
        }
    }

    #[test]
    fn users_change_themselves_and_nothing_that_gives_them_more() {
        let id = "org.couchdb.user:anna";
        let document = |roles: Value| json!({"type": "user", "name": "anna", "roles": roles});
        let old = || Some(document(json!(["b", "a"])));
        let same = || document(json!(["a", "b"]));
        assert_eq!(written(id, same(), old(), ANNA), Ok(()));
        let roles = "Only _admin may edit roles".to_owned();
        assert_eq!(written(id, document(json!(["a"])), old(), ANNA), Err(roles));
        let other = "You may only update your own user document.".to_owned();
        assert_eq!(written(id, same(), old(), ("bert", &[])), Err(other.clone()));
        assert_eq!(written(id, same(), old(), NOBODY), Err(other));
        assert_eq!(written(id, document(json!([])), None, NOBODY), Ok(()));
        let set = "Only _admin may set roles".to_owned();
        assert_eq!(written(id, document(json!(["a"])), None, NOBODY), Err(set));
        let hashed = json!({"type": "user", "name": "anna", "roles": [], "salt": "x"});
        assert!(written(id, hashed.clone(), None, NOBODY).is_err());
        assert_eq!(written(id, hashed.clone(), Some(hashed.clone()), ANNA), Ok(()));
        assert_eq!(written(id, hashed, None, ADMIN), Ok(()));
        let renamed = "Usernames can not be changed.".to_owned();
        let other = Some(json!({"type": "user", "name": "bert", "roles": []}));
        assert_eq!(written(id, same(), other, ADMIN), Err(renamed));
    }

    #[test]
    fn users_leave_and_admins_remove_them() {
        let id = "org.couchdb.user:anna";
        let old = || Some(json!({"type": "user", "name": "anna", "roles": []}));
        let gone = || json!({"deleted": true});
        assert_eq!(written(id, gone(), old(), ANNA), Ok(()));
        assert_eq!(written(id, gone(), old(), ADMIN), Ok(()));
        let refused = "Only admins may delete other user docs.".to_owned();
        assert_eq!(written(id, gone(), old(), ("bert", &[])), Err(refused.clone()));
        assert_eq!(written(id, gone(), old(), NOBODY), Err(refused.clone()));
        assert_eq!(written(id, gone(), Some(json!({})), NOBODY), Err(refused));
    }
}
