//! What the node tells of itself and of its databases without opening them, and what is done to it as a
//! whole: restart, a new admin.

use std::sync::Arc;

use refuge_http::{DatabaseDescription, DatabaseNamesRequest, Failure, Information, NodeReport};
use refuge_otp::Names;
use refuge_storage::{DatabaseRange, DatabaseRecord, StorageError, Store};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{options, with_store};
use crate::configuration::CurrentSettings;
use crate::metrics::MetricsMessage;
use crate::names;

/// Asks whoever runs the node to restart it in order.
#[derive(Clone, Default)]
pub struct RestartRequest(Arc<Notify>);

impl RestartRequest {
    /// Asks.
    pub fn ask(&self) {
        self.0.notify_one();
    }

    /// Waits until somebody asks.
    pub async fn asked(&self) {
        self.0.notified().await;
    }
}

/// The body of a report.
pub(super) async fn report(names: &Names, report: NodeReport) -> Result<Value, Failure> {
    match report {
        NodeReport::Versions => Ok(versions(&version(names))),
        NodeReport::Statistics => {
            crate::call(names, names::METRICS, MetricsMessage::Statistics).await
        }
        NodeReport::System => crate::call(names, names::METRICS, MetricsMessage::System).await,
    }
}

/// The version that runs: the release's, where one does.
pub(crate) fn version(names: &Names) -> String {
    let current = names.value::<CurrentSettings>(names::CONFIGURATION);
    current.map_or(env!("CARGO_PKG_VERSION").to_owned(), |current| {
        current.settings.version().to_owned()
    })
}

/// What CouchDB tells of the parts that it is made of, as far as such parts are here.
fn versions(refuge: &str) -> Value {
    let (collator, data) = refuge_query::collation::COLLATOR_VERSIONS;
    json!({
        "refuge": {"version": refuge},
        "couchdb": {"version": "3.5.0"},
        "collation_driver": {
            "name": "icu_collator",
            "library_version": collator,
            "collator_version": data,
        },
        "javascript_engine": {"name": "quickjs", "version": refuge_sandbox::ENGINE_VERSION},
        "storage_engine": {"name": "fjall", "version": refuge_storage::ENGINE_VERSION},
    })
}

/// A page of the names of databases.
pub(crate) async fn database_names(
    names: &Names,
    request: DatabaseNamesRequest,
) -> Result<Vec<String>, Failure> {
    let DatabaseNamesRequest { low, high, descending, limit } = request;
    let range = DatabaseRange { low, high, descending, limit };
    let records = with_store(names, move |store| store.databases(&range)).await?;
    Ok(records.into_iter().map(|record| record.name).collect())
}

/// What is told of databases, read from the storage alone.
pub(crate) async fn describe_databases(
    names: &Names,
    wanted: Vec<String>,
) -> Result<Vec<Option<DatabaseDescription>>, Failure> {
    with_store(names, move |store| wanted.iter().map(|name| describe(store, name)).collect()).await
}

fn describe(store: &Store, name: &str) -> Result<Option<DatabaseDescription>, StorageError> {
    let Some(record) = store.database(name)? else { return Ok(None) };
    let Some(stored) = store.information(record.id)? else { return Ok(None) };
    let file_bytes = store.file_bytes(&stored)?;
    Ok(Some(DatabaseDescription {
        instance: crate::hexadecimal(&record.instance),
        options: options::shown(store.snapshot()?.options(record.id)?),
        information: information(&record, &stored, file_bytes),
    }))
}

/// What is told of a database with this record and these counters.
pub(super) fn information(
    record: &DatabaseRecord,
    stored: &refuge_storage::DatabaseInformation,
    file_bytes: u64,
) -> Information {
    Information {
        update_sequence: stored.update_sequence,
        documents: stored.documents,
        deleted_documents: stored.deleted_documents,
        uncounted: false,
        file_bytes,
        compact_running: false,
        active_bytes: stored.active_bytes,
        external_bytes: stored.external_bytes,
        shards: record.shards,
        partitioned: record.partitioned,
        access: record.access,
        revisions_limit: stored.revisions_limit,
        purge_sequence: stored.purge_sequence,
        tombstone_floor: stored.tombstones.floor,
        tombstone_floor_ms: stored.tombstones.floor_time_ms,
        instance_start_seconds: record.created_unix_ms / 1000,
    }
}
