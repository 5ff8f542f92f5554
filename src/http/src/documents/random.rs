//! `GET /{db}/_random_doc`: one live document, picked at random, as `GET /{db}/{docid}` shows it (the
//! path is rcouch's). Picking it is the database's.

use std::sync::Arc;

use hyper::Method;

use super::read;
use crate::failure::Failure;
use crate::node::Database;
use crate::reply::{self, Reply};
use crate::request::Request;

/// How often another document is picked where the one that was picked is deleted meanwhile.
const PICKS: usize = 3;

/// Answers with a random document; 404 where there is none.
pub(crate) async fn random(
    request: &Request,
    database: &Arc<dyn Database>,
) -> Result<Reply, Failure> {
    reply::allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD")?;
    if request.query.text("filter").is_some_and(|filter| !filter.is_empty()) {
        return Err(crate::router::not_built("a filter of random documents"));
    }
    if request.query.text("rev").is_some() || request.query.text("open_revs").is_some() {
        return Err(Failure::BadRequest("a random document has no `rev` to ask for".to_owned()));
    }
    for _ in 0..PICKS {
        let Some(id) = database.random_document().await? else { break };
        match read::read(request, database, &id).await {
            Err(Failure::NotFound(_)) => {}
            answer => return answer,
        }
    }
    Err(Failure::NotFound("missing".to_owned()))
}
