//! The database of one user: made, let in or shut out. Doing it twice is the same as once.

use refuge_config::UserDatabases;
use refuge_document::check_database_name;
use refuge_http::{Failure, NewDatabase, Security};
use refuge_otp::Names;

use crate::database_directory::DatabaseDirectoryMessage;
use crate::{hexadecimal, names, node_service};

/// What became of a user.
pub(super) struct Wanted {
    /// The user's name.
    pub(super) name: String,
    /// Whether the user is gone.
    pub(super) deleted: bool,
}

/// Makes the database of a user as it has to be.
pub(super) async fn settle(
    names: &Names,
    settings: &UserDatabases,
    user: Wanted,
) -> Result<(), Failure> {
    let database = format!("{}{}", settings.prefix, hexadecimal(user.name.as_bytes()));
    if check_database_name(&database).is_err() {
        let user = user.name.escape_debug();
        tracing::warn!(%user, "no database is made for a user whose name is too long or wrong");
        return Ok(());
    }
    if user.deleted {
        return leave(names, settings, (&database, &user.name)).await;
    }
    let shards = Some(settings.shards).filter(|shards| *shards > 0);
    let new = NewDatabase { shards, ..NewDatabase::default() };
    match node_service::create_as(names, &database, new).await {
        Ok(()) => {
            let mut security = Security::for_new_databases();
            let _ = let_in(&mut security, &user.name);
            set_security(names, &database, security).await
        }
        Err(Failure::DatabaseExists) => {
            let open = node_service::open(names, &database).await?;
            let mut security = open.security.as_ref().clone();
            match let_in(&mut security, &user.name) {
                true => set_security(names, &database, security).await,
                false => Ok(()),
            }
        }
        Err(failure) => Err(failure),
    }
}

/// Removes the database of a user who is gone, or shuts the next of that name out.
async fn leave(
    names: &Names,
    settings: &UserDatabases,
    (database, user): (&str, &str),
) -> Result<(), Failure> {
    let done = match settings.delete {
        true => {
            let name = database.to_owned();
            crate::call(names, names::DATABASE_DIRECTORY, |reply| {
                DatabaseDirectoryMessage::Delete { name, reply }
            })
            .await?
        }
        false => match node_service::open(names, database).await {
            Ok(open) => {
                let mut security = open.security.as_ref().clone();
                match shut_out(&mut security, user) {
                    true => set_security(names, database, security).await,
                    false => Ok(()),
                }
            }
            Err(failure) => Err(failure),
        },
    };
    match done {
        Err(Failure::NoDatabase) => Ok(()),
        done => done,
    }
}

/// The directory sets it whether the database is open or not.
async fn set_security(names: &Names, database: &str, security: Security) -> Result<(), Failure> {
    let (name, security) = (database.to_owned(), Box::new(security));
    crate::call(names, names::DATABASE_DIRECTORY, |reply| DatabaseDirectoryMessage::SetSecurity {
        name,
        security,
        reply,
    })
    .await?
}

/// Names the user as admin and member; whether that changes anything.
fn let_in(security: &mut Security, user: &str) -> bool {
    let mut changed = false;
    for principals in [&mut security.admins, &mut security.members] {
        if !principals.names.iter().any(|name| name == user) {
            principals.names.push(user.to_owned());
            changed = true;
        }
    }
    changed
}

/// Names the user no more; whether that changes anything. Where nobody would be left, admins are, or
/// everybody could come in.
fn shut_out(security: &mut Security, user: &str) -> bool {
    let mut changed = false;
    for principals in [&mut security.admins, &mut security.members] {
        let before = principals.names.len();
        principals.names.retain(|name| name != user);
        changed |= principals.names.len() != before;
        if principals.is_empty() {
            principals.roles.push(refuge_http::ADMIN_ROLE.to_owned());
            changed = true;
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_comes_in_and_goes_and_nobody_else_comes() {
        let mut security = Security::for_new_databases();
        assert!(let_in(&mut security, "anna") && !let_in(&mut security, "anna"));
        assert_eq!(security.members.names, ["anna"]);
        assert!(shut_out(&mut security, "anna"));
        assert_eq!(security, Security::for_new_databases());
        let mut only = Security::default();
        let_in(&mut only, "anna");
        assert!(shut_out(&mut only, "anna"));
        assert!(!only.members.is_empty(), "an empty list would let everybody in");
    }
}
