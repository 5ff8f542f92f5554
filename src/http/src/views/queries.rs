//! `POST …/_view/{view}/queries`: several questions to one view in one answer. What each tells is not decided
//! here.

use std::sync::Arc;

use hyper::Method;
use serde_json::{Map, Value};

use super::parameters::Parameters;
use super::{Answer, ViewName, read_body};
use crate::failure::Failure;
use crate::node::{Database, Freshness, View};
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
    let all = parse(posted, &common);
    let mut views = Views { database: database.as_ref(), name, opened: Vec::new() };
    // A view that is not there is told before what is wrong with a query.
    let first = all.as_ref().ok().and_then(|all| all.first()).unwrap_or(&common);
    views.open(first.freshness).await?;
    let mut questions = Vec::new();
    for parameters in all? {
        let view = views.open(parameters.freshness).await?;
        // Whatever makes no sense is told before the answer begins.
        parameters.check(view.as_ref())?;
        questions.push((view, parameters));
    }
    let mut waiting = questions.into_iter();
    let database = database.clone();
    let mut next = match waiting.next() {
        Some((view, first)) => Some(Answer::begin(database.clone(), view, first).await?),
        None => None,
    };
    Ok(reply::json_stream(|mut sender| async move {
        sender.buffer().extend_from_slice(b"{\"results\":[");
        let mut separator: &[u8] = b"\r\n";
        while let Some(answer) = next.take() {
            sender.buffer().extend_from_slice(separator);
            separator = b",\r\n";
            answer.run(&mut sender).await?;
            if let Some((view, parameters)) = waiting.next() {
                next = Some(Answer::begin(database.clone(), view, parameters).await?);
            }
        }
        sender.buffer().extend_from_slice(b"\r\n]}\n");
        sender.flush().await
    }))
}

/// The view as fresh as queries ask for it, opened once for each freshness.
struct Views<'a> {
    database: &'a dyn Database,
    name: ViewName<'a>,
    opened: Vec<(Freshness, Arc<dyn View>)>,
}

impl Views<'_> {
    async fn open(&mut self, freshness: Freshness) -> Result<Arc<dyn View>, Failure> {
        if let Some((_, view)) = self.opened.iter().find(|(known, _)| *known == freshness) {
            return Ok(view.clone());
        }
        let view = self.database.view(self.name.request(freshness)).await?;
        self.opened.push((freshness, view.clone()));
        Ok(view)
    }
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
