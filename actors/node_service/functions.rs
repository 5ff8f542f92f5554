//! Functions of design documents that answer requests: filters of changes, shows, updates, and what makes
//! documents on demand.

use std::sync::Arc;

use refuge_http::{
    Failure, FilterFunction, FunctionAnswer, FunctionCall, FunctionFilter, FunctionRewrite,
    FunctionUpdate,
};
use refuge_sandbox::{Error, Functions, Response, Rewrite};

use super::database::OpenDatabase;
use crate::designs::DesignReader;
use crate::indexer::function_failure;
use crate::javascript::JavaScript;
use crate::{names, published};

/// Documents after which a filter that failed is not asked further.
const FILTERED_DOCUMENTS: usize = 10;

/// Which documents pass a filter.
pub(super) async fn filter(
    database: &OpenDatabase,
    filter: &FunctionFilter,
    documents: Arc<Vec<String>>,
) -> Result<Vec<bool>, Failure> {
    let wanted = filter.clone();
    let job = move |functions: &mut Functions| pass(functions, &wanted, &documents);
    run(database, &filter.design, job).await
}

fn pass(
    functions: &mut Functions,
    filter: &FunctionFilter,
    documents: &[String],
) -> Result<Vec<bool>, Error> {
    let texts: Vec<&str> = documents.iter().map(String::as_str).collect();
    let ask = |functions: &mut Functions, some: &[&str]| match &filter.function {
        FilterFunction::Filter(name) => functions.filter(name, some, &filter.request),
        FilterFunction::View(name) => functions.filter_by_view(name, some),
    };
    // Without documents it is told whether there is such a function.
    ask(functions, &[])?;
    let mut passes = Vec::with_capacity(texts.len());
    for some in texts.chunks(FILTERED_DOCUMENTS) {
        for answer in ask(functions, some)? {
            passes.push(match (answer, &filter.function) {
                (Ok(passes), _) => passes,
                // As in an index, a document that the map function stumbles over has no rows.
                (Err(error), FilterFunction::View(_)) if !error.is_limit() => false,
                (Err(error), _) => return Err(error),
            });
        }
    }
    Ok(passes)
}

/// What a show makes of a document and a request.
pub(super) async fn show(
    database: &OpenDatabase,
    call: FunctionCall,
) -> Result<FunctionAnswer, Failure> {
    let design = call.design.clone();
    let job = move |functions: &mut Functions| {
        let shown = functions.show(&call.function, call.document.as_deref(), &call.request);
        thrown(shown).map(answer)
    };
    run(database, &design, job).await
}

/// What an update makes of a document and a request.
pub(super) async fn make_update(
    database: &OpenDatabase,
    call: FunctionCall,
) -> Result<FunctionUpdate, Failure> {
    let design = call.design.clone();
    let job = move |functions: &mut Functions| match functions.update(
        &call.function,
        call.document.as_deref(),
        &call.request,
    ) {
        Ok(made) => Ok(FunctionUpdate { document: made.document, answer: answer(made.response) }),
        Err(error) => {
            thrown(Err(error)).map(|one| FunctionUpdate { document: None, answer: answer(one) })
        }
    };
    run(database, &design, job).await
}

/// What `on_demand` makes of an id and a request, as JSON; none where it makes nothing.
///
/// # Errors
/// Where there is no such design document or function, what it throws, and where it cannot be run.
pub(crate) async fn make_document(
    database: &OpenDatabase,
    design: &str,
    (id, request): (&str, &str),
) -> Result<Option<String>, Failure> {
    let arguments = format!("[{},{request}]", serde_json::Value::from(id));
    let job = move |functions: &mut Functions| functions.call(&["on_demand"], &arguments);
    let made = run(database, design, job).await?;
    Ok((made != "null").then_some(made))
}

/// Where `rewrites` leads a request.
pub(super) async fn rewrite(
    database: &OpenDatabase,
    design: &str,
    request: String,
) -> Result<Option<FunctionRewrite>, Failure> {
    let job = move |functions: &mut Functions| match functions.rewrite(&request) {
        Err(Error::Http(response)) => {
            let Response { code, headers, body } = *response;
            let body = Some(String::from_utf8_lossy(&body).into_owned());
            Ok(Some(Rewrite { headers, body, code: Some(code), ..Rewrite::default() }))
        }
        made => made,
    };
    let made = run(database, design, job).await?;
    Ok(made.map(|made| {
        let Rewrite { path, method, query, headers, body, code } = made;
        FunctionRewrite { path, method, query, headers, body, code }
    }))
}

/// An answer that a function throws is one all the same.
fn thrown(result: Result<Response, Error>) -> Result<Response, Error> {
    match result {
        Err(Error::Http(response)) => Ok(*response),
        result => result,
    }
}

/// What a function answered, as HTTP takes it.
pub(super) fn answer(response: Response) -> FunctionAnswer {
    FunctionAnswer { status: response.code, headers: response.headers, body: response.body }
}

/// Runs a job with the functions of a design document as it is now.
async fn run<R: Send + 'static>(
    database: &OpenDatabase,
    design: &str,
    job: impl FnOnce(&mut Functions) -> Result<R, Error> + Send + 'static,
) -> Result<R, Failure> {
    let reader = published::<DesignReader>(&database.names, names::DESIGNS).await?;
    let source = reader.source(database.id(), design).await?;
    let javascript = published::<JavaScript>(&database.names, names::JAVASCRIPT).await?;
    let (name, id) = (database.record.name.clone(), design.to_owned());
    let job = move |functions: &mut Functions| {
        let done = job(functions);
        for line in functions.take_log() {
            tracing::info!(database = name, design = id, "log: {line}");
        }
        done
    };
    let done = javascript.with_functions(source, job).await?;
    done.and_then(|done| done).map_err(|error| told(&error))
}

/// What the client hears of a function's error.
pub(super) fn told(error: &Error) -> Failure {
    let refused = |status| Failure::Function {
        status,
        error: error.name().to_owned(),
        reason: error.reason(),
    };
    match error {
        Error::Named { name, .. } if name == "method_not_allowed" => refused(405),
        Error::Named { name, .. } if name == "not_acceptable" => refused(406),
        Error::Forbidden(reason) => Failure::Forbidden(reason.clone()),
        Error::Unauthorized(reason) => Failure::Unauthorized(reason.clone()),
        Error::Named { name, reason } if name == "not_found" => Failure::NotFound(reason.clone()),
        Error::Argument(reason) => Failure::BadRequest(reason.clone()),
        error => function_failure(error),
    }
}
