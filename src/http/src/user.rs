//! Who speaks, and what a database's `_security` lets them do. No hashing and no parsing of headers
//! here.

use serde::{Deserialize, Serialize};

/// The role that only `[admins]` gives.
pub const ADMIN_ROLE: &str = "_admin";

/// What a client sent to say who it is.
#[derive(Clone)]
pub struct Credentials {
    /// User name.
    pub name: String,
    /// Password in clear; never logged, so there is no `Debug`.
    pub password: String,
}

/// Somebody, or nobody in particular.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Name; none for anonymous requests.
    pub name: Option<String>,
    /// Roles.
    pub roles: Vec<String>,
}

impl User {
    /// Whether this is a server admin.
    pub fn is_server_admin(&self) -> bool {
        self.roles.iter().any(|role| role == ADMIN_ROLE)
    }
}

/// Names and roles of one line of `_security`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principals {
    /// User names.
    #[serde(default)]
    pub names: Vec<String>,
    /// Roles.
    #[serde(default)]
    pub roles: Vec<String>,
}

impl Principals {
    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.roles.is_empty()
    }

    /// Whether `user` is among them.
    pub fn hold(&self, user: &User) -> bool {
        user.name.as_ref().is_some_and(|name| self.names.contains(name))
            || user.roles.iter().any(|role| self.roles.contains(role))
    }
}

/// A database's `_security` object; members that CouchDB does not know are kept as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Security {
    /// Who may change design documents and `_security`.
    #[serde(default)]
    pub admins: Principals,
    /// Who may read and write; everybody when nobody is named.
    #[serde(default)]
    pub members: Principals,
    /// All else that was put there.
    #[serde(flatten)]
    pub others: serde_json::Map<String, serde_json::Value>,
}

impl Security {
    /// What a new database has: admins only, as in CouchDB 3.
    pub fn for_new_databases() -> Self {
        let admins = || Principals { names: Vec::new(), roles: vec![ADMIN_ROLE.to_owned()] };
        Self { admins: admins(), members: admins(), others: serde_json::Map::new() }
    }

    /// Whether `user` may change design documents and `_security`.
    pub fn is_admin(&self, user: &User) -> bool {
        user.is_server_admin() || self.admins.hold(user)
    }

    /// Whether `user` may read and write documents.
    pub fn is_member(&self, user: &User) -> bool {
        self.is_admin(user) || self.members.is_empty() || self.members.hold(user)
    }
}
