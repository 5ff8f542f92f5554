//! `/{db}/{docid}` and `POST /{db}`: which method leads where, and what is common to them. Local
//! documents and attachments are elsewhere.

mod copy;
mod form;
mod random;
mod read;
mod related;
mod revisions;
mod write;

use std::sync::Arc;

use hyper::Method;

use crate::failure::Failure;
use crate::node::{Database, Node};
use crate::on_demand;
use crate::reply::Reply;
use crate::request::Request;

pub(crate) use copy::copy;
pub(crate) use random::random;
pub(crate) use read::{missing, open_revision, read};
pub(crate) use related::{
    Related, boundary, check_digest, corrupted, header, read_related, related_stream,
};
pub(crate) use revisions::agreed_revision;
pub(crate) use write::{create, stored_text};

/// A request to one document, design documents included.
pub(crate) async fn document(
    node: &dyn Node,
    request: &mut Request,
    database: &Arc<dyn Database>,
    id: &str,
) -> Result<Reply, Failure> {
    match request.method {
        Method::GET | Method::HEAD => {
            if let Some(read) = unless_missing(read::read(request, database, id).await) {
                return read;
            }
            Box::pin(on_demand::read(node, request, database, id)).await
        }
        Method::PUT => Box::pin(write::put(request, database, id)).await,
        Method::DELETE => Box::pin(write::delete(request, database.as_ref(), id)).await,
        Method::POST => Box::pin(form::post(request, database.as_ref(), id)).await,
        ref method if method.as_str() == "COPY" => {
            Box::pin(copy::copy(request, database.as_ref(), id)).await
        }
        _ => Err(Failure::MethodNotAllowed("DELETE,GET,HEAD,POST,PUT,COPY")),
    }
}

/// The answer; none where nothing is known of the document or the revision. A function of its own, so that
/// what waits for other nodes does not hold it.
fn unless_missing(read: Result<Reply, Failure>) -> Option<Result<Reply, Failure>> {
    match read {
        Err(Failure::NotFound(reason)) if reason == read::MISSING => None,
        read => Some(read),
    }
}
