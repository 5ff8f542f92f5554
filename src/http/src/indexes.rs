//! `/{db}/_index`: Mango's indexes, which are design documents (CouchDB documentation, "api/database/find").
//! Design documents are changed in `indexes/changing.rs`; indexes are built elsewhere.

mod changing;

use hyper::{Method, StatusCode};
use refuge_query::mango::{Index, IndexRequest, MangoError, parse_bulk_delete};
use serde_json::{Value, json};

use self::changing::{add, remove, remove_all};
use crate::access::check_admin;
use crate::failure::Failure;
use crate::given::json_body;
use crate::node::Database;
use crate::reply::{self, Reply, allow};
use crate::request::Request;
use crate::router::IndexesPart;

/// Design documents that one bulk deletion may name.
const MOST_DELETED: usize = 1_000;

/// Answers a request to the indexes or to one of them.
pub(crate) async fn answer(
    request: &mut Request,
    database: &dyn Database,
    part: IndexesPart<'_>,
) -> Result<Reply, Failure> {
    match part {
        IndexesPart::All if request.method == Method::POST => create(request, database).await,
        IndexesPart::All => {
            allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD,POST")?;
            list(request, database).await
        }
        IndexesPart::BulkDelete => {
            allow(&request.method, &[Method::POST], "POST")?;
            bulk_delete(request, database).await
        }
        IndexesPart::One { design, kind, name } => {
            allow(&request.method, &[Method::DELETE], "DELETE")?;
            check_admin(&database.security(), &request.user)?;
            if kind != "json" {
                return Err(missing());
            }
            remove(request, database, &format!("_design/{design}"), &name).await?;
            Ok(reply::ok(StatusCode::OK))
        }
        IndexesPart::Unknown => Err(missing()),
    }
}

/// What is said of an index that is not there.
fn missing() -> Failure {
    Failure::NotFound("missing".to_owned())
}

async fn create(request: &mut Request, database: &dyn Database) -> Result<Reply, Failure> {
    check_admin(&database.security(), &request.user)?;
    let wanted = IndexRequest::parse(&json_body(request).await?)?;
    let result = if add(request, database, &wanted).await? { "created" } else { "exists" };
    let told = json!({ "result": result, "id": wanted.design_document, "name": wanted.name });
    reply::json_value(StatusCode::OK, &told)
}

/// `limit` and `skip` choose among the indexes; `total_rows` counts all.
async fn list(request: &Request, database: &dyn Database) -> Result<Reply, Failure> {
    let number = |name: &'static str| match request.query.text(name) {
        None => Ok(None),
        Some(text) => text
            .parse::<usize>()
            .map(Some)
            .map_err(|_| Failure::from(MangoError::InvalidInteger(Value::String(text.to_owned())))),
    };
    let (limit, skip) = (number("limit")?, number("skip")?);
    let indexes = database.find_indexes().await?;
    let shown = indexes.iter().skip(skip.unwrap_or(0)).take(limit.unwrap_or(usize::MAX));
    let shown: Vec<Value> = shown.map(Index::to_json).collect();
    reply::json_value(StatusCode::OK, &json!({ "total_rows": indexes.len(), "indexes": shown }))
}

/// Removes all indexes of several design documents; each succeeds or fails by itself.
async fn bulk_delete(request: &mut Request, database: &dyn Database) -> Result<Reply, Failure> {
    check_admin(&database.security(), &request.user)?;
    let ids = parse_bulk_delete(&json_body(request).await?)?;
    if ids.len() > MOST_DELETED {
        return Err(Failure::BadRequest(format!(
            "{} design documents are named, and one request may name {MOST_DELETED}: ask in parts",
            ids.len()
        )));
    }
    let (mut success, mut fail) = (Vec::new(), Vec::new());
    for id in ids {
        match remove_all(request, database, &id).await {
            Ok(()) => success.push(json!({ "id": id, "ok": true })),
            Err(failure) => fail.push(json!({ "id": id, "error": failure.status().1 })),
        }
    }
    reply::json_value(StatusCode::OK, &json!({ "success": success, "fail": fail }))
}
