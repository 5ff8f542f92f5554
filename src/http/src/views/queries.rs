//! `POST …/_view/{view}/queries`: several questions to one view in one answer. What each tells is not decided
//! here.

use std::sync::Arc;

use hyper::Method;
use serde_json::{Map, Value};

use super::parameters::Parameters;
use super::{Answer, ViewName, read_body};
use crate::failure::Failure;
use crate::node::Database;
use crate::reply::{self, Reply};
use crate::request::Request;

/// Answers each of the posted queries, in their order.
pub(crate) async fn queries(
    request: &mut Request,
    database: &Arc<dyn Database>,
    name: ViewName<'_>,
) -> Result<Reply, Failure> {
    reply::allow(&request.method, &[Method::POST], "POST")?;
    let posted = read_body(request).await?;
    let common = Parameters::parse(&Map::new(), &request.query)?;
    let view = database.view(name.request(common.freshness)).await?;
    let all = parse(posted, &common)?;
    for parameters in &all {
        // Whatever makes no sense is told before the answer begins.
        parameters.check(view.as_ref())?;
    }
    let mut waiting = all.into_iter();
    let database = database.clone();
    let mut next = match waiting.next() {
        Some(first) => Some(Answer::begin(database.clone(), view.clone(), first).await?),
        None => None,
    };
    Ok(reply::json_stream(|mut sender| async move {
        sender.buffer().extend_from_slice(b"{\"results\":[");
        let mut separator: &[u8] = b"\r\n";
        while let Some(answer) = next.take() {
            sender.buffer().extend_from_slice(separator);
            separator = b",\r\n";
            answer.run(&mut sender).await?;
            if let Some(parameters) = waiting.next() {
                next = Some(Answer::begin(database.clone(), view.clone(), parameters).await?);
            }
        }
        sender.buffer().extend_from_slice(b"\r\n]}\n");
        sender.flush().await
    }))
}

/// The parameters of each query: those of the URL where it does not name its own.
fn parse(mut posted: Map<String, Value>, common: &Parameters) -> Result<Vec<Parameters>, Failure> {
    let bad = |reason: &str| Failure::BadRequest(reason.to_owned());
    let queries = match posted.remove("queries") {
        Some(Value::Array(queries)) => queries,
        Some(_) => return Err(bad("`queries` member must be an array.")),
        None => return Err(bad("POST body must include `queries` parameter.")),
    };
    let parameters = queries.into_iter().map(|one| match one {
        Value::Object(members) => common.refined(&members),
        _ => Err(bad("a query must be a JSON object")),
    });
    parameters.collect()
}
