//! What is told of an index, and the removal of those that nobody asks for any more (CouchDB documentation,
//! "api/ddoc/common" and "api/database/compact").

use hyper::{Method, StatusCode};
use refuge_document::sequence_text;
use serde_json::json;

use crate::access::check_admin;
use crate::failure::Failure;
use crate::node::Database;
use crate::reply::{self, Reply, allow};
use crate::request::Request;

/// Answers with what is known of the index of a design document, named without `_design/`.
pub(crate) async fn information(
    request: &Request,
    database: &dyn Database,
    design: &str,
) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD")?;
    let told = database.index_information(&format!("_design/{design}")).await?;
    let sizes = json!({
        "file": told.file_bytes,
        "external": told.active_bytes,
        "active": told.active_bytes,
    });
    let pending = json!({
        "minimum": told.pending,
        "preferred": told.pending,
        "total": told.pending,
    });
    let index = json!({
        "signature": told.signature,
        "language": told.language,
        "sizes": sizes,
        "update_seq": sequence_text(told.update_sequence, database.instance()),
        "purge_seq": told.purge_sequence,
        "updates_pending": pending,
        "updater_running": told.updating,
        "compact_running": false,
        "waiting_commit": false,
        "waiting_clients": told.waiting,
        "collator_versions": [told.collation],
    });
    reply::json_value(StatusCode::OK, &json!({"name": design, "view_index": index}))
}

/// Has indexes removed that no design document asks for any more.
pub(crate) async fn clean_up(request: &Request, database: &dyn Database) -> Result<Reply, Failure> {
    check_admin(&database.security(), &request.user)?;
    allow(&request.method, &[Method::POST], "POST")?;
    request.check_json()?;
    database.clean_views().await?;
    Ok(reply::ok(StatusCode::ACCEPTED))
}
