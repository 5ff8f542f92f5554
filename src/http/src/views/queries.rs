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
use crate::node::{Database, View, ViewRequest};
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
    views.open(first).await?;
    let mut questions = Vec::new();
    for parameters in all? {
        let view = views.open(&parameters).await?;
        // Whatever makes no sense is told before the answer begins.
        parameters.check(view.as_ref())?;
        questions.push(Question { database: database.clone(), view, parameters });
    }
    answers::several::<Found>(questions).await
}

/// The view as queries ask for it, opened once for each freshness and partition.
struct Views<'a> {
    database: &'a dyn Database,
    name: ViewName<'a>,
    opened: Vec<(ViewRequest, Arc<dyn View>)>,
}

impl Views<'_> {
    async fn open(&mut self, parameters: &Parameters) -> Result<Arc<dyn View>, Failure> {
        let partition = parameters.partition.clone();
        let asked = ViewRequest { partition, ..self.name.request(parameters.freshness) };
        if let Some((_, view)) = self.opened.iter().find(|(known, _)| *known == asked) {
            return Ok(view.clone());
        }
        let view = self.database.view(asked.clone()).await?;
        self.opened.push((asked, view.clone()));
        Ok(view)
    }
}
