//! A database's `_security`: kept as it was put, and what it lets people do (CouchDB documentation,
//! "api/database/security"). Who somebody is was found out before.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::user::{ADMIN_ROLE, User};

/// Names and roles of one line of `_security`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principals {
    /// User names.
    pub names: Vec<String>,
    /// Roles.
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

    /// Reads a line; what is wrong with it, in CouchDB's words.
    fn parse(line: Option<&Value>) -> Result<Self, &'static str> {
        let Some(line) = line else { return Ok(Self::default()) };
        let line = line.as_object().ok_or("admins or members must be a JSON list of strings")?;
        Ok(Self {
            names: texts(line.get("names")).ok_or("names must be a JSON list of strings")?,
            roles: texts(line.get("roles")).ok_or("roles must be a JSON list of strings")?,
        })
    }
}

/// A list of texts, empty where there is none; `None` where it is something else.
fn texts(list: Option<&Value>) -> Option<Vec<String>> {
    let Some(list) = list else { return Some(Vec::new()) };
    list.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

/// A database's `_security` object. It is given back as it was put.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct Security {
    given: Map<String, Value>,
    admins: Principals,
    members: Principals,
}

impl Security {
    /// What a new database has: admins only, as in CouchDB 3.
    pub fn for_new_databases() -> Self {
        let admins = || Principals { names: Vec::new(), roles: vec![ADMIN_ROLE.to_owned()] };
        let line = json!({"roles": [ADMIN_ROLE]});
        let given = ["members", "admins"].map(|name| (name.to_owned(), line.clone()));
        Self { given: given.into_iter().collect(), admins: admins(), members: admins() }
    }

    /// Reads a request's body.
    ///
    /// # Errors
    /// What is wrong with it, in CouchDB's words.
    pub fn parse(given: Value) -> Result<Self, &'static str> {
        match given {
            Value::Object(given) => Self::try_from(given),
            _ => Err("Request body must be a JSON object"),
        }
    }

    /// Who may change design documents and `_security`.
    pub fn admins(&self) -> &Principals {
        &self.admins
    }

    /// Who may read and write; everybody when nobody is named.
    pub fn members(&self) -> &Principals {
        &self.members
    }

    /// The same with other people; what else it says stays.
    #[must_use]
    pub fn with(mut self, admins: Principals, members: Principals) -> Self {
        // They take the place of members of old, which would count no more.
        self.given.shift_remove("readers");
        for (name, principals) in [("admins", &admins), ("members", &members)] {
            let line = self.given.entry(name).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(line) = line {
                line.insert("names".to_owned(), json!(principals.names));
                line.insert("roles".to_owned(), json!(principals.roles));
            }
        }
        Self { given: self.given, admins, members }
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

impl TryFrom<Map<String, Value>> for Security {
    type Error = &'static str;

    fn try_from(given: Map<String, Value>) -> Result<Self, Self::Error> {
        let admins = Principals::parse(given.get("admins"))?;
        // What databases of CouchDB before 1.2 have for members.
        let members = Principals::parse(given.get("members").or_else(|| given.get("readers")))?;
        Ok(Self { given, admins, members })
    }
}

impl From<Security> for Map<String, Value> {
    fn from(security: Security) -> Self {
        security.given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> User {
        User { name: Some(name.to_owned()), roles: Vec::new() }
    }

    fn parsed(text: &str) -> Security {
        Security::parse(serde_json::from_str(text).expect("JSON")).expect("an object of security")
    }

    #[test]
    fn it_is_given_back_as_it_was_put() {
        for text in [
            "{}",
            r#"{"members":{"roles":["b"],"since":3},"cloudant":{"nobody":[]},"admins":{}}"#,
            r#"{"readers":{"names":["bob"]}}"#,
        ] {
            assert_eq!(serde_json::to_string(&parsed(text)).expect("JSON"), text);
        }
    }

    #[test]
    fn readers_are_members_where_there_are_none() {
        let old = parsed(r#"{"readers":{"names":["bob"]}}"#);
        assert!(old.is_member(&named("bob")) && !old.is_member(&named("eve")));
        assert!(!old.is_member(&User::default()));
        let both = parsed(r#"{"readers":{"names":["bob"]},"members":{"names":["eve"]}}"#);
        assert!(both.is_member(&named("eve")) && !both.is_member(&named("bob")));
        let emptied = parsed(r#"{"readers":{"names":["bob"]},"members":{}}"#);
        assert!(emptied.is_member(&User::default()));
    }

    #[test]
    fn people_are_changed_and_the_rest_stays() {
        let old = parsed(r#"{"readers":{"names":["bob"]},"x":1,"admins":{"y":2}}"#);
        let (admins, mut members) = (old.admins().clone(), old.members().clone());
        members.names.push("eve".to_owned());
        let new = old.with(admins, members);
        let text = serde_json::to_string(&new).expect("JSON");
        let expected = r#"{"x":1,"admins":{"y":2,"names":[],"roles":[]},"#.to_owned()
            + r#""members":{"names":["bob","eve"],"roles":[]}}"#;
        assert_eq!(text, expected);
        assert_eq!(parsed(&text), new);
    }

    #[test]
    fn what_is_wrong_is_said_in_words() {
        for (text, reason) in [
            ("[]", "Request body must be a JSON object"),
            (r#"{"admins":1}"#, "admins or members must be a JSON list of strings"),
            (r#"{"admins":{"names":"bob"}}"#, "names must be a JSON list of strings"),
            (r#"{"readers":{"roles":[1]}}"#, "roles must be a JSON list of strings"),
        ] {
            let given = serde_json::from_str(text).expect("JSON");
            assert_eq!(Security::parse(given), Err(reason), "{text}");
        }
    }
}
