//! Databases of this node by name: opening, making and deleting them, wherever that is asked from.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use refuge_document::REPLICATOR;
use refuge_failpoints::{Failpoint, pass};
use refuge_http::{Failure, NewDatabase, Security};
use refuge_otp::Names;
use refuge_storage::{Operation, Outcome};

use super::OpenDatabase;
use crate::configuration::CurrentSettings;
use crate::database_directory::DatabaseDirectoryMessage;
use crate::database_updates::DatabaseUpdatesMessage;
use crate::engine::StorageDoors;
use crate::{names, peer_directory, replicator_documents, unavailable};

/// Opens a database by name, wherever it is asked from.
pub(crate) async fn open(names: &Names, name: &str) -> Result<Arc<OpenDatabase>, Failure> {
    if let Some(open) = names.value::<OpenDatabase>(&names::database(name)) {
        open.used.store(true, Ordering::Relaxed);
        return Ok(open);
    }
    let name = name.to_owned();
    crate::call(names, names::DATABASE_DIRECTORY, |reply| DatabaseDirectoryMessage::Open {
        name,
        reply,
    })
    .await?
}

/// Makes a database as the settings want it.
pub(crate) async fn create(names: &Names, name: &str) -> Result<(), Failure> {
    create_as(names, name, NewDatabase::default()).await
}

/// Makes a database. The writer is asked directly, so that those who make databases at the same time
/// share a sync; the directory opens it when it is first asked for.
pub(crate) async fn create_as(
    names: &Names,
    name: &str,
    options: NewDatabase,
) -> Result<(), Failure> {
    let current = names.value::<CurrentSettings>(names::CONFIGURATION).ok_or_else(unavailable)?;
    let security = options.security.unwrap_or_else(|| default_security(&current, name));
    let security =
        serde_json::to_vec(&security).map_err(|error| Failure::Internal(error.to_string()))?;
    let operation = Operation::CreateDatabase(refuge_storage::NewDatabase {
        name: name.to_owned(),
        shards: options.shards.unwrap_or(current.settings.databases.shards),
        created_unix_ms: crate::now_ms(),
        instance: rand::random(),
        partitioned: options.partitioned,
        access: options.access,
        options: refuge_storage::DatabaseOptions {
            time_to_live: options.ttl,
            ..refuge_storage::DatabaseOptions::default()
        },
        security: Some(security),
    });
    let doors = names.value::<StorageDoors>(names::ENGINE).ok_or_else(unavailable)?;
    match doors.writer.commit(operation).await? {
        Outcome::AlreadyExists => Err(Failure::DatabaseExists),
        _ => {
            pass(Failpoint::DatabaseCreated);
            // A log that is being restarted finds it by itself.
            let created = DatabaseUpdatesMessage::Created(name.to_owned());
            let _ = names.cast(names::DATABASE_UPDATES, created);
            replicator_documents::made(names, name);
            Ok(())
        }
    }
}

/// What a database has from its beginning where nobody says anything else. It is stored, so that another
/// default changes no database that is there. Replications are for admins in any case: they run for
/// whoever writes their documents.
fn default_security(current: &CurrentSettings, name: &str) -> Security {
    if current.settings.databases.default_security == "admin_only" || name == REPLICATOR {
        Security::for_new_databases()
    } else {
        Security::default()
    }
}

/// Deletes a database that is not the node's own.
pub(super) async fn delete(names: &Names, name: &str) -> Result<(), Failure> {
    if name == peer_directory::DATABASE {
        return Err(Failure::Forbidden(
            "_peers belongs to the node: delete the documents of peers instead".to_owned(),
        ));
    }
    let name = name.to_owned();
    crate::call(names, names::DATABASE_DIRECTORY, |reply| DatabaseDirectoryMessage::Delete {
        name,
        reply,
    })
    .await?
}

/// Whether writes are refused because the disk is nearly full.
pub(crate) fn disk_is_nearly_full(names: &Names) -> bool {
    let doors = names.value::<StorageDoors>(names::ENGINE);
    let left = doors.and_then(|doors| doors.store.free_space());
    left.is_some_and(|left| left.is_short())
}
