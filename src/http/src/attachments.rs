//! `/{db}/{docid}/{attachment}`: attachments by themselves. Those inside documents are read and
//! written with them.

mod bounded;
mod checked;
pub(crate) mod range;
mod read;
mod write;

use std::sync::Arc;

use hyper::Method;

use crate::failure::Failure;
use crate::node::Database;
use crate::reply::Reply;
use crate::request::Request;

pub(crate) use self::bounded::{begin_checked_upload, begin_upload};

/// A request to one attachment.
pub(crate) async fn attachment(
    request: &mut Request,
    database: &Arc<dyn Database>,
    id: &str,
    name: &str,
) -> Result<Reply, Failure> {
    match request.method {
        Method::GET | Method::HEAD => read::read(request, database, id, name).await,
        Method::PUT => write::put(request, database.as_ref(), id, name).await,
        Method::DELETE => write::delete(request, database.as_ref(), id, name).await,
        _ => Err(Failure::MethodNotAllowed("DELETE,GET,HEAD,PUT")),
    }
}

/// What is said of an attachment that a document does not have.
fn missing() -> Failure {
    Failure::NotFound("Document is missing attachment".to_owned())
}
