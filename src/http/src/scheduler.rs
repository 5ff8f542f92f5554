//! `/_scheduler/jobs` and `/_scheduler/docs`: which replications run, and what became of the documents
//! that ask for them (CouchDB documentation, "api/server/common"). Running them is the node's.

use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::node::Node;
use crate::query::Query;
use crate::reply::{self, Reply, allow};
use crate::request::Request;
use crate::router::SchedulerRoute;

/// Rows that are told where no other limit is asked for, as in CouchDB.
const USUAL_LIMIT: u64 = 100;

/// Answers with all or with one.
pub(crate) async fn answer(
    node: &dyn Node,
    request: &Request,
    route: &SchedulerRoute<'_>,
) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD")?;
    let query = &request.query;
    let answer = match route {
        SchedulerRoute::Jobs => page("jobs", rows(node.replication_jobs().await?, "jobs"), query)?,
        SchedulerRoute::Job { id } => {
            one(rows(node.replication_jobs().await?, "jobs"), |job| is(job, "id", id))?
        }
        SchedulerRoute::Documents => page("docs", documents(node, query).await?, query)?,
        SchedulerRoute::DocumentsOf { database } => {
            let mut found = documents(node, query).await?;
            found.retain(|document| is(document, "database", database));
            if found.is_empty() {
                // An unknown database is told from one without such documents.
                node.open(database).await?;
            }
            page("docs", found, query)?
        }
        SchedulerRoute::Document { database, id } => {
            let found = rows(node.replication_documents().await?, "docs");
            one(found, |document| is(document, "database", database) && is(document, "doc_id", id))?
        }
    };
    reply::json_value(StatusCode::OK, &answer)
}

/// Documents in one of the states that are asked for.
async fn documents(node: &dyn Node, query: &Query) -> Result<Vec<Value>, Failure> {
    let mut found = rows(node.replication_documents().await?, "docs");
    if let Some(states) = query.text("states").filter(|states| !states.is_empty()) {
        let states: Vec<&str> = states.split(',').map(str::trim).collect();
        found.retain(|document| states.iter().any(|state| is(document, "state", state)));
    }
    Ok(found)
}

fn is(row: &Value, member: &str, wanted: &str) -> bool {
    row.get(member).and_then(Value::as_str) == Some(wanted)
}

/// The rows of the node's answer.
fn rows(mut all: Value, member: &str) -> Vec<Value> {
    match all.get_mut(member).map(Value::take) {
        Some(Value::Array(rows)) => rows,
        _ => Vec::new(),
    }
}

fn one(rows: Vec<Value>, wanted: impl Fn(&Value) -> bool) -> Result<Value, Failure> {
    let found = rows.into_iter().find(wanted);
    found.ok_or_else(|| Failure::NotFound("missing".to_owned()))
}

/// The part of the rows that `skip` and `limit` ask for, under `member`.
fn page(member: &str, rows: Vec<Value>, query: &Query) -> Result<Value, Failure> {
    let skip = query.count("skip")?.unwrap_or(0);
    let limit = query.count("limit")?.unwrap_or(USUAL_LIMIT);
    let total = rows.len();
    let beginning = usize::try_from(skip).unwrap_or(usize::MAX);
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let told: Vec<Value> = rows.into_iter().skip(beginning).take(most).collect();
    let mut page = Map::new();
    page.insert("total_rows".to_owned(), json!(total));
    page.insert("offset".to_owned(), json!(skip.min(total as u64)));
    page.insert(member.to_owned(), Value::Array(told));
    Ok(Value::Object(page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_a_part_of_all_rows() {
        let query = Query::parse(Some("skip=1&limit=1"));
        let told = page("docs", vec![json!(1), json!(2), json!(3)], &query);
        assert_eq!(told, Ok(json!({"total_rows": 3, "offset": 1, "docs": [2]})));
        let told = page("jobs", Vec::new(), &Query::parse(Some("skip=5")));
        assert_eq!(told, Ok(json!({"total_rows": 0, "offset": 0, "jobs": []})));
    }
}
