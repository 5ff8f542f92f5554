//! `GET /_active_tasks`: what runs on the node for long (CouchDB documentation, "api/server/common").
//! What runs is the node's business.

use hyper::{Method, StatusCode};

use crate::failure::Failure;
use crate::node::Node;
use crate::reply::{self, Reply, allow};
use crate::request::Request;

/// Answers with all tasks; they are few, and each is small.
pub(crate) async fn active_tasks(node: &dyn Node, request: &Request) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD")?;
    reply::json_value(StatusCode::OK, &node.active_tasks().await?)
}
