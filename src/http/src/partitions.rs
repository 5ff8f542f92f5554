//! `/{db}/_partition/{partition}`: what is known of a partition, and which endpoints may be asked of one
//! (CouchDB documentation, "api/partitioned-dbs"). Those read the partition from the parameter
//! `partition`, as CouchDB's do; how they answer is theirs.

use hyper::{Method, StatusCode};
use refuge_document::json::write_string;
use refuge_document::{check_partition, check_partitioned_id};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::node::Database;
use crate::reply::{self, Reply, allow};
use crate::request::Request;
use crate::router::Part;

/// The parameter that names the partition.
pub(crate) const PARAMETER: &str = "partition";

/// `/{db}/_partition` without a partition's name.
pub(crate) fn unnamed() -> Failure {
    Failure::BadRequest("invalid_partition_req".to_owned())
}

/// `GET /{db}/_partition/{partition}`.
pub(crate) async fn information(
    request: &Request,
    database: &dyn Database,
    partition: &str,
) -> Result<Reply, Failure> {
    let is_get = matches!(request.method, Method::GET | Method::HEAD);
    // `_find` and its like without a partition before them.
    if is_get || request.method == Method::POST && partition.starts_with('_') {
        check_partition(partition)?;
    }
    allow(&request.method, &[Method::GET, Method::HEAD], "GET")?;
    check_partitioned(database)?;
    let told = database.partition(partition).await?;
    let mut text = b"{\"db_name\":".to_vec();
    write_string(&mut text, database.name());
    let sizes = format!(
        ",\"sizes\":{{\"active\":{},\"external\":{}}},\"partition\":",
        told.active_bytes, told.external_bytes
    );
    text.extend_from_slice(sizes.as_bytes());
    write_string(&mut text, partition);
    let counts =
        format!(",\"doc_count\":{},\"doc_del_count\":{}}}", told.documents, told.deleted_documents);
    text.extend_from_slice(counts.as_bytes());
    Ok(reply::json(StatusCode::OK, text))
}

/// Where a partition is asked alone, `part` becomes what is asked of it, and the parameter says of which. A
/// document that can be in no partition is refused where every document is in one.
pub(crate) fn enter(
    request: &mut Request,
    database: &dyn Database,
    part: &mut Part<'_>,
) -> Result<(), Failure> {
    let Part::InPartition { name, part: below } = part else { return check_named(database, part) };
    let partition = name.as_ref();
    check_partitioned(database)?;
    check_partition(partition)?;
    if request.query.text(PARAMETER).is_some_and(|named| named != partition) {
        let reason = "Conflicting value for `partition` in query string";
        return Err(Failure::BadRequest(reason.to_owned()));
    }
    let below = below.take().ok_or_else(|| Failure::NotFound("missing".to_owned()))?;
    request.query.set(PARAMETER, partition);
    *part = *below;
    Ok(())
}

/// Refuses a body that names another partition than the address does.
pub(crate) fn check_agreement(
    asked: Option<&str>,
    body: &Map<String, Value>,
) -> Result<(), Failure> {
    let named = body.get(PARAMETER).and_then(Value::as_str);
    if asked.zip(named).is_some_and(|(asked, named)| asked != named) {
        let reason = "Conflicting value for `partition` in the body";
        return Err(Failure::BadRequest(reason.to_owned()));
    }
    Ok(())
}

fn check_named(database: &dyn Database, part: &Part<'_>) -> Result<(), Failure> {
    match part {
        Part::Document { id } | Part::Attachment { id, .. } | Part::ShardOf { id } => {
            check_id(database, id)
        }
        _ => Ok(()),
    }
}

/// Refuses the id of a document that can be in no partition, where every document is in one.
pub(crate) fn check_id(database: &dyn Database, id: &str) -> Result<(), Failure> {
    if database.is_partitioned() { Ok(check_partitioned_id(id)?) } else { Ok(()) }
}

fn check_partitioned(database: &dyn Database) -> Result<(), Failure> {
    if database.is_partitioned() {
        return Ok(());
    }
    Err(Failure::BadRequest("database is not partitioned".to_owned()))
}
