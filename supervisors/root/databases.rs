//! Databases: the directory first, then those it has opened. Without a directory nobody would know
//! what is open, so the open ones go down with it and are opened again on demand.

mod open_databases;

use std::sync::Arc;
use std::time::Duration;

use refuge_actors::database_directory::{DatabaseDirectoryActor, DatabaseDirectoryArguments};
use refuge_actors::database_updates::DatabaseUpdatesActor;
use refuge_actors::expiry::ExpiryActor;
use refuge_actors::merger::MergerActor;
use refuge_actors::names;
use refuge_actors::tombstones::TombstonesActor;
use refuge_actors::user_databases::UserDatabasesActor;
use refuge_otp::{Restart, Shutdown, SupervisorSpecification, supervisor, worker};

pub(super) fn specification() -> SupervisorSpecification {
    SupervisorSpecification::rest_for_one("databases")
        .child(
            worker::<DatabaseDirectoryActor>(
                names::DATABASE_DIRECTORY,
                Restart::Permanent,
                Shutdown::Timeout(Duration::from_millis(200)),
                |context| DatabaseDirectoryArguments {
                    names: context.names,
                    child: Arc::new(open_databases::child),
                },
            )
            .because("opens databases by name"),
        )
        .child(supervisor(open_databases::specification()).because("those that are in use"))
        .child(
            worker::<DatabaseUpdatesActor>(
                names::DATABASE_UPDATES,
                Restart::Permanent,
                Shutdown::Timeout(Duration::from_millis(200)),
                |context| context.names,
            )
            .because("numbers what happens to databases; a crash of it closes none"),
        )
        .child(
            worker::<ExpiryActor>(
                names::EXPIRY,
                Restart::Permanent,
                Shutdown::Timeout(Duration::from_millis(200)),
                |context| context.names,
            )
            .because("deletes documents whose time is up; nobody stands on it"),
        )
        .child(
            worker::<TombstonesActor>(
                names::TOMBSTONES,
                Restart::Permanent,
                Shutdown::Timeout(Duration::from_millis(200)),
                |context| context.names,
            )
            .because("purges tombstones that were kept long enough"),
        )
        .child(
            worker::<MergerActor>(
                names::MERGER,
                Restart::Permanent,
                Shutdown::Timeout(Duration::from_millis(200)),
                |context| context.names,
            )
            .because("merges conflicts where a design document says how; nobody stands on it"),
        )
        .child(
            worker::<UserDatabasesActor>(
                names::USER_DATABASES,
                Restart::Permanent,
                Shutdown::Timeout(Duration::from_millis(200)),
                |context| context.names,
            )
            .because("makes a database for each user where it is wanted; nobody stands on it"),
        )
}
