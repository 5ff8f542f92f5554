//! What is set for a database as a whole: `_security`, `_revs_limit`; and `_ensure_full_commit`, with
//! which old clients ask for what is always so.

use hyper::{Method, StatusCode};
use refuge_document::json::write_string;

use crate::access::check_admin;
use crate::failure::Failure;
use crate::limits;
use crate::node::Database;
use crate::reply::{self, Reply, allow};
use crate::request::Request;
use crate::user::Security;
use refuge_document::USERS;

/// `GET` and `PUT /{db}/_security`.
pub(crate) async fn security(
    request: &mut Request,
    database: &dyn Database,
) -> Result<Reply, Failure> {
    match request.method {
        Method::GET | Method::HEAD => {
            reply::json_value(StatusCode::OK, database.security().as_ref())
        }
        Method::PUT => {
            if database.name() == USERS && !request.rules.users_security_editable {
                return Err(Failure::Forbidden(
                    "You can't edit the security object of the user database.".to_owned(),
                ));
            }
            check_admin(&database.security(), &request.user)?;
            let security: Security = request.json(limits::SMALL_JSON_BYTES).await?;
            database.set_security(security).await?;
            Ok(reply::ok(StatusCode::OK))
        }
        _ => Err(Failure::MethodNotAllowed("PUT,GET")),
    }
}

/// `GET` and `PUT /{db}/_revs_limit`.
pub(crate) async fn revisions_limit(
    request: &mut Request,
    database: &dyn Database,
) -> Result<Reply, Failure> {
    match request.method {
        Method::GET | Method::HEAD => {
            let limit = database.outline().await?.revisions_limit;
            Ok(reply::json(StatusCode::OK, limit.to_string().into_bytes()))
        }
        Method::PUT => {
            check_admin(&database.security(), &request.user)?;
            let limit: serde_json::Value = request.json(limits::SMALL_JSON_BYTES).await?;
            let limit = limit.as_u64().and_then(|limit| u32::try_from(limit).ok());
            let limit = limit.filter(|limit| *limit > 0).ok_or_else(|| {
                Failure::BadRequest("`_revs_limit` must be a positive integer".to_owned())
            })?;
            database.set_revisions_limit(limit).await?;
            Ok(reply::ok(StatusCode::OK))
        }
        _ => Err(Failure::MethodNotAllowed("PUT,GET")),
    }
}

/// `POST /{db}/_ensure_full_commit`: every write is durable when it is answered, but for those that
/// did not wait for their commit (`batch=ok`), which are waited for here.
pub(crate) async fn ensure_full_commit(
    request: &Request,
    database: &dyn Database,
) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::POST], "POST")?;
    request.check_json()?;
    database.settle().await?;
    // Replicators compare it with the one of `GET /{db}`.
    let start = database.outline().await?.instance_start_seconds;
    let mut text = b"{\"ok\":true,\"instance_start_time\":".to_vec();
    write_string(&mut text, &start.to_string());
    text.push(b'}');
    Ok(reply::json(StatusCode::CREATED, text))
}
