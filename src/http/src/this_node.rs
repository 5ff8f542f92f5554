//! `/_node/{name}/…` beside the configuration: what this node is, what it counted, how it fares, and
//! its restart (CouchDB documentation, "api/server/common"). The numbers are the node's.

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::node::{NODE_NAME, Node, NodeReport};
use crate::reply::{self, Reply, allow};
use crate::request::Request;
use crate::router::ThisNodePart;

/// The names under which this node is asked for.
const NAMES: [&str; 2] = ["_local", NODE_NAME];

/// Media type of what Prometheus reads.
const PROMETHEUS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");

/// Answers for the node with this name, which must be this one.
pub(crate) async fn answer(
    node: &dyn Node,
    request: &Request,
    name: &str,
    part: &ThisNodePart<'_>,
) -> Result<Reply, Failure> {
    if !NAMES.contains(&name) {
        return Err(Failure::NotFound(format!("no such node: {name}")));
    }
    if *part == ThisNodePart::Restart {
        allow(&request.method, &[Method::POST], "POST")?;
        request.check_json()?;
        node.restart().await?;
        return Ok(reply::ok(StatusCode::OK));
    }
    allow(&request.method, &[Method::GET, Method::HEAD], "GET")?;
    let body = match part {
        ThisNodePart::Name => json!({"name": NODE_NAME}),
        ThisNodePart::Versions => node.report(NodeReport::Versions).await?,
        ThisNodePart::System => node.report(NodeReport::System).await?,
        ThisNodePart::Statistics { path } => {
            let all = node.report(NodeReport::Statistics).await?;
            path.iter().try_fold(all, |value, member| member_of(value, member))?
        }
        ThisNodePart::Prometheus => return Ok(prometheus(node.prometheus().await?)),
        ThisNodePart::Restart | ThisNodePart::Unknown => {
            return Err(Failure::NotFound("missing".to_owned()));
        }
    };
    reply::json_value(StatusCode::OK, &body)
}

fn member_of(mut value: Value, member: &str) -> Result<Value, Failure> {
    let found = value.get_mut(member).map(Value::take);
    found.ok_or_else(|| Failure::NotFound("missing".to_owned()))
}

fn prometheus(text: String) -> Reply {
    let mut reply = reply::json_bytes(StatusCode::OK, text.into());
    reply.headers_mut().insert(CONTENT_TYPE, PROMETHEUS);
    reply
}

/// `GET /_membership`: a node of refuge is a cluster of its own; the mesh is told at `/_mesh`.
pub(crate) fn membership(request: &Request) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD")?;
    let nodes = [NODE_NAME];
    reply::json_value(StatusCode::OK, &json!({"all_nodes": nodes, "cluster_nodes": nodes}))
}
