//! `/_scheduler/jobs` and `/_scheduler/docs`: which replications run, and what became of the documents
//! that ask for them (CouchDB documentation, "api/server/common"). Running them is the node's.

use hyper::{Method, StatusCode};
use serde_json::Value;

use crate::failure::Failure;
use crate::node::{Node, SchedulerRows};
use crate::query::Query;
use crate::reply::{self, Reply, allow};
use crate::request::Request;
use crate::router::SchedulerRoute;

/// Rows that are told where no other limit is asked for, as in CouchDB.
const USUAL_LIMIT: u64 = 100;
/// Rows of one answer, however many are asked for: about 10 MiB. `total_rows` tells whether there are more.
const MOST_ROWS: u64 = 10_000;

/// Answers with a page of all, or with one.
pub(crate) async fn answer(
    node: &dyn Node,
    request: &Request,
    route: &SchedulerRoute<'_>,
) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD")?;
    let query = &request.query;
    let answer = match route {
        SchedulerRoute::Jobs => {
            let SchedulerRows { skip, limit, .. } = asked(query, None)?;
            node.replication_jobs(skip, limit).await?
        }
        SchedulerRoute::Job { id } => {
            // Ids hold a plus, which clients leave as it is in a path, and no space.
            found(node.replication_job(&id.replace(' ', "+")).await?)?
        }
        SchedulerRoute::Documents => node.replication_documents(asked(query, None)?).await?,
        SchedulerRoute::DocumentsOf { database } => {
            let told = node.replication_documents(asked(query, Some(database))?).await?;
            if told.get("total_rows").is_some_and(|total| *total == 0) {
                // An unknown database is told from one without such documents.
                node.open(database).await?;
            }
            told
        }
        SchedulerRoute::Document { database, id } => {
            found(node.replication_document(database, id).await?)?
        }
    };
    reply::json_value(StatusCode::OK, &answer)
}

fn asked(query: &Query, database: Option<&str>) -> Result<SchedulerRows, Failure> {
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let states = query.text("states").unwrap_or_default().split(',').map(str::trim);
    Ok(SchedulerRows {
        database: database.map(str::to_owned),
        states: states.filter(|state| !state.is_empty()).map(str::to_owned).collect(),
        skip: count(query.count("skip")?.unwrap_or(0)),
        limit: count(query.count("limit")?.unwrap_or(USUAL_LIMIT).min(MOST_ROWS)),
    })
}

fn found(row: Option<Value>) -> Result<Value, Failure> {
    row.ok_or_else(|| Failure::NotFound("missing".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_some_states_may_be_asked_for() {
        let rows = asked(&Query::parse(Some("skip=1&limit=2&states=running,%20failed,")), None);
        let states = vec!["running".to_owned(), "failed".to_owned()];
        assert_eq!(rows, Ok(SchedulerRows { database: None, states, skip: 1, limit: 2 }));
        let rows = asked(&Query::parse(None), Some("a/_replicator"));
        assert_eq!(rows.map(|rows| (rows.states.len(), rows.skip, rows.limit)), Ok((0, 0, 100)));
        let rows = asked(&Query::parse(Some("limit=1000000")), None);
        assert_eq!(rows.map(|rows| rows.limit), Ok(10_000));
        assert!(asked(&Query::parse(Some("limit=x")), None).is_err());
    }
}
