//! `POST …/_view/{view}/queries`: several questions to one view in one answer. What each tells is not decided
//! here.

use std::sync::Arc;

use hyper::Method;
use serde_json::Map;

use super::parameters::Parameters;
use super::{Found, Question, ViewName};
use crate::answers;
use crate::failure::Failure;
use crate::given::parameters_body;
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
    let posted = parameters_body(request).await?;
    let common = Parameters::parse(&Map::new(), &request.query)?;
    // The URL's parameters hold where a query does not name its own.
    let all = answers::queries(posted, |members| common.refined(members));
    let mut views = Views { database: database.as_ref(), name, opened: Vec::new() };
    // A view that is not there is told before what is wrong with a query.
    let first = all.as_ref().ok().and_then(|all| all.first()).unwrap_or(&common);
    views.open(first.freshness).await?;
    let mut questions = Vec::new();
    for parameters in all? {
        let view = views.open(parameters.freshness).await?;
        // Whatever makes no sense is told before the answer begins.
        parameters.check(view.as_ref())?;
        questions.push(Question { database: database.clone(), view, parameters });
    }
    answers::several::<Found>(questions).await
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
