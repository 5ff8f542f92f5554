//! Who may do what, with CouchDB 3.5's words. Who somebody is was found out before.

use crate::failure::Failure;
use crate::node::{Database, Node};
use crate::security::Security;
use crate::user::User;

/// What a request needs before it is looked at more closely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing, not even an admin on the node.
    Nothing,
    /// An admin has to exist on the node; anybody may ask.
    Anybody,
    /// A server admin.
    ServerAdmin,
}

/// Checks what a request to the node itself needs.
pub(crate) fn check(node: &dyn Node, user: &User, need: Need) -> Result<(), Failure> {
    if need == Need::Nothing {
        return Ok(());
    }
    // A server admin that asks is one that exists.
    if !user.is_server_admin() && !node.has_admins() {
        return Err(Failure::Unauthorized(
            "No server admin exists yet: open the set-up link that the node printed.".to_owned(),
        ));
    }
    if need == Need::ServerAdmin && !user.is_server_admin() {
        return Err(Failure::Unauthorized("You are not a server admin.".to_owned()));
    }
    Ok(())
}

/// Checks that `user` may read and write documents of a database.
pub(crate) fn check_member(security: &Security, user: &User) -> Result<(), Failure> {
    if security.is_member(user) {
        return Ok(());
    }
    Err(if user.name.is_none() {
        Failure::Unauthorized("You are not authorized to access this db.".to_owned())
    } else {
        Failure::Forbidden("You are not allowed to access this db.".to_owned())
    })
}

/// Checks that `user` may change design documents and `_security`.
pub(crate) fn check_admin(security: &Security, user: &User) -> Result<(), Failure> {
    if security.is_admin(user) {
        return Ok(());
    }
    let reason = "You are not a db or server admin.".to_owned();
    Err(if user.name.is_none() {
        Failure::Unauthorized(reason)
    } else {
        Failure::Forbidden(reason)
    })
}

/// Checks that `user`, a member, may write the document of this id: design documents are for
/// admins.
pub(crate) fn check_write(database: &dyn Database, user: &User, id: &str) -> Result<(), Failure> {
    if id.starts_with("_design/") { check_admin(&database.security(), user) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::Principals;

    fn named(name: &str) -> User {
        User { name: Some(name.to_owned()), roles: Vec::new() }
    }

    #[test]
    fn members_read_and_admins_design() {
        let principals = |name: &str| Principals { names: vec![name.to_owned()], roles: vec![] };
        let security = Security::default().with(principals("ada"), principals("bob"));
        assert!(check_member(&security, &named("ada")).is_ok());
        assert!(check_member(&security, &named("bob")).is_ok());
        assert!(check_admin(&security, &named("ada")).is_ok());
        let status = |result: Result<(), Failure>| result.expect_err("refused").status().0.as_u16();
        assert_eq!(status(check_admin(&security, &named("bob"))), 403);
        assert_eq!(status(check_member(&security, &named("eve"))), 403);
        assert_eq!(status(check_member(&security, &User::default())), 401);
        assert_eq!(status(check_admin(&security, &User::default())), 401);
    }

    #[test]
    fn a_new_database_is_for_admins_and_an_empty_member_list_for_everybody() {
        let security = Security::for_new_databases();
        assert!(check_member(&security, &named("bob")).is_err());
        assert!(check_member(&Security::default(), &User::default()).is_ok());
        assert!(check_admin(&Security::default(), &User::default()).is_err());
    }
}
