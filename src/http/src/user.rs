//! Who speaks, and what a database's `_security` lets them do. No hashing and no parsing of headers
//! here.

use std::time::Duration;

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

/// What a proxy says of the user whom it let in.
#[derive(Clone)]
pub struct ProxyClaim {
    /// The user's name.
    pub name: String,
    /// The user's roles.
    pub roles: Vec<String>,
    /// With what it proves that it may say so; no `Debug`, since it is as good as a password.
    pub token: Option<String>,
}

/// With what a client says who it is. No `Debug`: all of it is secret.
#[derive(Clone)]
pub enum Proof {
    /// Name and password.
    Password(Credentials),
    /// The value of a session's cookie.
    Cookie(String),
    /// A JSON web token.
    Token(String),
    /// What a proxy says.
    Proxy(ProxyClaim),
    /// The name in a certificate that the client proved to hold and that an authority vouches for.
    Certificate(String),
}

/// A way in which clients say who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    /// By the cookie of a session.
    Cookie,
    /// By name and password with each request.
    Default,
    /// By a JSON web token.
    Jwt,
    /// By what a proxy says.
    Proxy,
    /// By a certificate, where nothing else is said.
    Certificate,
}

impl Handler {
    /// Those that a setting may list.
    const ALL: [Self; 4] = [Self::Cookie, Self::Default, Self::Jwt, Self::Proxy];

    /// CouchDB's name, as `_session` tells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::Default => "default",
            Self::Jwt => "jwt",
            Self::Proxy => "proxy",
            Self::Certificate => "certificate",
        }
    }

    /// Those that a setting lists, in its order: by their names, or as CouchDB writes them
    /// (`{chttpd_auth, cookie_authentication_handler}`). What is none is passed over.
    #[must_use]
    pub fn list(text: &str) -> Vec<Self> {
        let words = text.split([',', '{', '}', ' ', '\t']);
        let mut listed = Vec::new();
        for word in words {
            let word = word.strip_suffix("_authentication_handler").unwrap_or(word);
            let found = Self::ALL.into_iter().find(|one| one.name() == word);
            listed.extend(found.filter(|one| !listed.contains(one)));
        }
        listed
    }
}

/// Somebody who proved who they are.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Who.
    pub user: User,
    /// For how long that needs no further look; none for as long as nobody's credentials change.
    pub holds: Option<Duration>,
    /// The value of the cookie that takes the place of the one that was shown.
    pub renewal: Option<String>,
}

impl Identity {
    /// Somebody of whom nothing runs out.
    #[must_use]
    pub fn lasting(user: User) -> Self {
        Self { user, holds: None, renewal: None }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_are_listed_by_their_names_and_by_couchdbs() {
        let all = vec![Handler::Jwt, Handler::Cookie, Handler::Default];
        assert_eq!(Handler::list("jwt, cookie,default, cookie, null"), all);
        let couchdbs = "{chttpd_auth, jwt_authentication_handler}, {chttpd_auth, \
             cookie_authentication_handler}, {chttpd_auth,default_authentication_handler}";
        assert_eq!(Handler::list(couchdbs), all);
        assert_eq!(Handler::list(""), []);
    }
}
