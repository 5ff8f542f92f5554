//! The database of one user: made, let in or shut out. Doing it twice is the same as once.

use refuge_config::UserDatabases;
use refuge_document::check_database_name;
use refuge_http::{Failure, NewDatabase, Principals, Security};
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
    let security = let_in(&Security::for_new_databases(), &user.name);
    let new = NewDatabase { shards, security, ..NewDatabase::default() };
    match node_service::create_as(names, &database, new).await {
        Ok(()) => Ok(()),
        Err(Failure::DatabaseExists) => {
            let open = node_service::open(names, &database).await?;
            match let_in(&open.security, &user.name) {
                Some(security) => set_security(names, &database, security).await,
                None => Ok(()),
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
            Ok(open) => match shut_out(&open.security, user) {
                Some(security) => set_security(names, database, security).await,
                None => Ok(()),
            },
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

/// Names the user as admin and member; `None` where that changes nothing.
fn let_in(security: &Security, user: &str) -> Option<Security> {
    changed(security, |principals| {
        if !principals.names.iter().any(|name| name == user) {
            principals.names.push(user.to_owned());
        }
    })
}

/// Names the user no more; `None` where that changes nothing. Where nobody would be left, admins are, or
/// everybody could come in.
fn shut_out(security: &Security, user: &str) -> Option<Security> {
    changed(security, |principals| {
        principals.names.retain(|name| name != user);
        if principals.is_empty() {
            principals.roles.push(refuge_http::ADMIN_ROLE.to_owned());
        }
    })
}

/// The same with each line changed; `None` where it is the same.
fn changed(security: &Security, change: impl Fn(&mut Principals)) -> Option<Security> {
    let (mut admins, mut members) = (security.admins().clone(), security.members().clone());
    change(&mut admins);
    change(&mut members);
    let is_same = admins == *security.admins() && members == *security.members();
    (!is_same).then(|| security.clone().with(admins, members))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_comes_in_and_goes_and_nobody_else_comes() {
        let new = Security::for_new_databases();
        let with_user = let_in(&new, "anna").expect("a change");
        assert_eq!(let_in(&with_user, "anna"), None);
        assert_eq!(with_user.members().names, ["anna"]);
        let without = shut_out(&with_user, "anna").expect("a change");
        assert_eq!((without.admins(), without.members()), (new.admins(), new.members()));
        let only = let_in(&Security::default(), "anna").expect("a change");
        let without = shut_out(&only, "anna").expect("a change");
        assert!(!without.members().is_empty(), "an empty list would let everybody in");
    }
}
