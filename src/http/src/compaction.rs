//! `POST /{db}/_compact` and `POST /{db}/_compact/{ddoc}`: what leaves by itself in the background
//! leaves now. There is nothing of a design document to compact yet beside its database's rows.

use hyper::{Method, StatusCode};

use crate::access::check_admin;
use crate::failure::Failure;
use crate::node::Database;
use crate::reply::{self, Reply, allow};
use crate::request::Request;

/// Answers a request to compact a database, or the indexes of one design document (its name).
pub(crate) async fn compact(
    request: &Request,
    database: &dyn Database,
    design: Option<&str>,
) -> Result<Reply, Failure> {
    check_admin(&database.security(), &request.user)?;
    allow(&request.method, &[Method::POST], "POST")?;
    request.demand_json()?;
    match design {
        None => database.compact().await?,
        Some(name) => {
            let winner = database.winner(&format!("_design/{name}")).await?;
            let winner = winner.ok_or_else(|| Failure::NotFound("missing".to_owned()))?;
            if winner.leaf.deleted {
                return Err(Failure::NotFound("deleted".to_owned()));
            }
        }
    }
    Ok(reply::ok(StatusCode::ACCEPTED))
}
