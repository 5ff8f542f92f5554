//! `POST /{db}/_find` and `_explain`: Mango's questions (CouchDB documentation, "api/database/find"). This
//! page reads the question and chooses the index; the answer is written in `find/answer.rs`.

mod answer;

use std::sync::Arc;

use hyper::{Method, StatusCode};
use refuge_query::mango::{self, Find, Range, explain as explained, plan};

use self::answer::Answer;
use crate::failure::Failure;
use crate::given::json_body;
use crate::node::{Database, FindQuestion};
use crate::reply::{self, Reply, allow};
use crate::request::Request;

/// The answer where the selector contradicts itself, as CouchDB has it.
const NOTHING: &[u8] = b"{\"docs\":[\r\n]}";

/// Answers with the documents that match.
pub(crate) async fn find(
    request: &mut Request,
    database: &Arc<dyn Database>,
) -> Result<Reply, Failure> {
    let find = read(request, database.as_ref()).await?;
    let mut indexes = database.find_indexes().await?;
    let plan = plan(&find, &indexes, &facts(database.as_ref()))?;
    if plan.range == Range::Empty {
        return Ok(reply::json(StatusCode::OK, NOTHING.to_vec()));
    }
    if plan.index >= indexes.len() {
        return Err(Failure::Internal("the chosen index is not among the known ones".to_owned()));
    }
    let index = indexes.swap_remove(plan.index);
    let question = FindQuestion { find: Arc::new(find), index, plan, each: false };
    let metrics = request.session.metrics().cloned();
    let answer = Answer::begin(database.as_ref(), question, metrics).await?;
    Ok(reply::json_stream(|sender| answer.run(sender)))
}

/// Answers with the choice of the index.
pub(crate) async fn explain(
    request: &mut Request,
    database: &dyn Database,
) -> Result<Reply, Failure> {
    let find = read(request, database).await?;
    let indexes = database.find_indexes().await?;
    reply::json_value(StatusCode::OK, &explained(&find, &indexes, &facts(database))?)
}

async fn read(request: &mut Request, database: &dyn Database) -> Result<Find, Failure> {
    allow(&request.method, &[Method::POST], "POST")?;
    let question = json_body(request).await?;
    let find = Find::parse(&question, request.query.text("partition"))?;
    match find.partition {
        Some(_) if !database.is_partitioned() => Err(Failure::BadRequest(
            "`partition` is asked for, and the database is not partitioned: leave it out"
                .to_owned(),
        )),
        _ => Ok(find),
    }
}

/// What a choice depends on.
fn facts(database: &dyn Database) -> mango::Database<'_> {
    mango::Database { name: database.name(), partitioned: database.is_partitioned() }
}
