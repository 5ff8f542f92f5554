//! What the console tells of databases, and what it does to them.

use std::ops::Bound;

use refuge_console::ControlError;
use refuge_http::{Database, DatabaseDescription, DatabaseNamesRequest, Failure};
use refuge_otp::Names;
use serde_json::{Value, json};

use super::control::{Answer, shown, unavailable};
use crate::names;
use crate::node_service::{self, OpenDatabase, report};

/// Databases that are listed at once; a prefix chooses others.
const LISTED: usize = 1_000;

/// Those whose names begin with `prefix`.
pub(super) async fn list(names: &Names, prefix: String) -> Answer {
    let request = DatabaseNamesRequest {
        low: Bound::Included(prefix.clone()),
        high: Bound::Unbounded,
        descending: false,
        limit: LISTED + 1,
    };
    let mut found = report::database_names(names, request).await.map_err(unavailable)?;
    found.retain(|name| name.starts_with(&prefix));
    let more = found.len() > LISTED;
    found.truncate(LISTED);
    let told = report::describe_databases(names, found.clone()).await.map_err(unavailable)?;
    let rows: Vec<Value> =
        found.iter().zip(told).filter_map(|(name, told)| Some(row(names, name, &told?))).collect();
    Ok(json!({"databases": rows, "more": more}))
}

fn row(names: &Names, name: &str, told: &DatabaseDescription) -> Value {
    let information = &told.information;
    json!({
        "name": name,
        "documents": information.documents,
        "deleted": information.deleted_documents,
        "bytes": information.file_bytes,
        "sequence": information.update_sequence,
        "open": names.value::<OpenDatabase>(&names::database(name)).is_some(),
    })
}

/// One of them; it is opened for that.
pub(super) async fn show(names: &Names, name: &str) -> Answer {
    let database = open(names, name).await?;
    let information = database.information().await.map_err(unavailable)?;
    let security = database.security();
    Ok(json!({
        "name": name,
        "documents": information.documents,
        "deleted": information.deleted_documents,
        "sequence": information.update_sequence,
        "purge_sequence": information.purge_sequence,
        "file_bytes": information.file_bytes,
        "active_bytes": information.active_bytes,
        "external_bytes": information.external_bytes,
        "shards": information.shards,
        "partitioned": information.partitioned,
        "revisions_limit": information.revisions_limit,
        "compact_running": information.compact_running,
        "security": shown(&*security)?,
    }))
}

/// Gives back what it does not need.
pub(super) async fn compact(names: &Names, name: &str) -> Answer {
    open(names, name).await?.compact().await.map_err(unavailable)?;
    Ok(json!({ "compacting": name }))
}

async fn open(names: &Names, name: &str) -> Result<std::sync::Arc<OpenDatabase>, ControlError> {
    node_service::open(names, name).await.map_err(|failure| match failure {
        Failure::NoDatabase => ControlError::NoDatabase(name.to_owned()),
        failure => unavailable(failure),
    })
}
