//! `GET` and `POST /{db}/_all_docs`: all documents by id, a range of them, or those of listed ids
//! (CouchDB documentation, "api/database/bulk-api"). This page reads the request; the answers are
//! written in `listing` and `keyed`.

mod keyed;
mod listing;
mod parameters;
mod row;

use std::sync::Arc;

use hyper::Method;
use serde_json::{Map, Value};

use self::keyed::Keyed;
use self::listing::Listing;
use self::parameters::Parameters;
use crate::failure::Failure;
use crate::node::Database;
use crate::reply::{self, Reply};
use crate::request::Request;

/// Answers with the rows that are asked for.
pub(crate) async fn all_documents(
    request: &mut Request,
    database: &Arc<dyn Database>,
) -> Result<Reply, Failure> {
    reply::allow(&request.method, &[Method::GET, Method::HEAD, Method::POST], "GET,HEAD,POST")?;
    let body = if request.method == Method::POST { read_body(request).await? } else { Map::new() };
    let mut parameters = Parameters::parse(&body, &request.query)?;
    let database = database.clone();
    match parameters.keys.take() {
        Some(keys) => {
            let answer = Keyed::begin(database, parameters, keys).await?;
            Ok(reply::json_stream(|sender| answer.run(sender)))
        }
        None => {
            let answer = Listing::begin(database, parameters).await?;
            Ok(reply::json_stream(|sender| answer.run(sender)))
        }
    }
}

async fn read_body(request: &mut Request) -> Result<Map<String, Value>, Failure> {
    let bytes = request.json_bytes(request.limits().max_json_size).await?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(body)) => Ok(body),
        Ok(_) => Err(Failure::BadRequest("Request body must be a JSON object".to_owned())),
        Err(_) => Err(Failure::BadRequest("invalid UTF-8 JSON".to_owned())),
    }
}
