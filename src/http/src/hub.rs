//! `/_mesh/hub/nodes`: where nodes are, as they stated themselves. On the mesh port alone, where a
//! certificate tells who asks. Whether this node is a hub, and for whom, is decided behind the trait.

use hyper::{Method, StatusCode};
use refuge_mesh::{NodeId, Statement};
use serde_json::Value;

use crate::failure::Failure;
use crate::node::{HubQuestion, Node};
use crate::reply::{self, Reply, allow};
use crate::request::Request;

/// Bytes of a record: one with all its addresses and the largest key has about 6 KiB.
const RECORD_BYTES: usize = 8 * 1024;
/// Records of a page, where nobody says otherwise and at most.
const PAGE: usize = 100;

/// The list: `{"nodes": [statement, …]}`, behind the id `after`.
pub(crate) async fn nodes(node: &dyn Node, request: &Request) -> Result<Reply, Failure> {
    let visitor = visitor(request)?;
    allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD")?;
    let bad = |name: &str| Failure::BadRequest(format!("`{name}` is wrong"));
    let after = request.query.text("after").map(NodeId::from_canonical).transpose();
    let limit = request.query.text("limit").map_or(Ok(PAGE), str::parse);
    let question = HubQuestion::List {
        after: after.map_err(|_| bad("after"))?,
        limit: limit.map_err(|_| bad("limit"))?.min(PAGE),
    };
    told(node.hub(visitor, question).await?)
}

/// The record of one node; its own one replaces it.
pub(crate) async fn one(
    node: &dyn Node,
    request: &mut Request,
    id: &str,
) -> Result<Reply, Failure> {
    let visitor = visitor(request)?;
    let id = NodeId::from_canonical(id).map_err(|_| missing())?;
    if matches!(request.method, Method::GET | Method::HEAD) {
        return told(node.hub(visitor, HubQuestion::Read(id)).await?);
    }
    allow(&request.method, &[Method::PUT], "GET,HEAD,PUT")?;
    if id != visitor {
        return Err(Failure::Forbidden("a node registers itself alone".to_owned()));
    }
    request.check_json()?;
    let value: Value = request.json(RECORD_BYTES).await?;
    let record =
        Statement::from_json(&value).map_err(|error| Failure::BadRequest(error.to_string()))?;
    let kept = node.hub(visitor, HubQuestion::Register(Box::new(record))).await?;
    reply::json_value(StatusCode::CREATED, &kept)
}

/// Who asks. Without a certificate there is no such path.
fn visitor(request: &Request) -> Result<NodeId, Failure> {
    request.session.peer().certificate.ok_or_else(missing)
}

fn missing() -> Failure {
    Failure::NotFound("missing".to_owned())
}

fn told(value: Value) -> Result<Reply, Failure> {
    reply::json_value(StatusCode::OK, &value)
}
