//! `POST /{db}/_all_docs/queries` and its like: several lists in one answer. What each list tells is
//! not decided here.

use std::sync::Arc;

use hyper::Method;
use serde_json::Map;

use super::parameters::Parameters;
use super::{List, Listed, Question};
use crate::answers;
use crate::failure::Failure;
use crate::given;
use crate::locals;
use crate::node::Database;
use crate::query::Query;
use crate::reply::{self, Reply};
use crate::request::Request;

/// Answers each of the posted queries, in their order.
pub(crate) async fn queries(
    request: &mut Request,
    database: &Arc<dyn Database>,
    listed: Listed,
) -> Result<Reply, Failure> {
    reply::allow(&request.method, &[Method::POST], "POST")?;
    let bytes = request.json_bytes(request.limits().max_json_size).await?;
    let without = locals::kept_from(database.as_ref(), &request.user);
    let questions = parse(&bytes, &request.query)?.into_iter().map(|parameters| Question {
        database: database.clone(),
        listed,
        parameters,
        without,
    });
    answers::several::<List>(questions.collect()).await
}

/// The parameters of each query: those of the URL where it does not name its own.
fn parse(text: &[u8], query: &Query) -> Result<Vec<Parameters>, Failure> {
    let posted = given::object(text)?;
    let common = Parameters::parse(&Map::new(), query)?;
    answers::queries(posted, |members| common.refined(members))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, query: &str) -> Result<Vec<Parameters>, Failure> {
        parse(text.as_bytes(), &Query::parse(Some(query)))
    }

    #[test]
    fn a_query_beats_the_url() {
        let found = parsed(r#"{"queries": [{"limit": 3}, {"keys": ["a"]}]}"#, "limit=7&skip=1");
        let found = found.expect("good");
        let limits: Vec<usize> = found.iter().map(|one| one.limit).collect();
        assert_eq!(limits, [3, 7]);
        assert!(found.iter().all(|one| one.skip == 1));
        assert!(found.iter().map(|one| one.keys.is_some()).eq([false, true]));
    }

    #[test]
    fn a_body_without_queries_is_refused() {
        let reason = |text: &str| parsed(text, "").expect_err(text).to_string();
        assert_eq!(reason("{}"), "POST body must include `queries` parameter.");
        assert_eq!(reason(r#"{"queries": 1}"#), "`queries` member must be an array.");
        assert_eq!(reason(r#"{"queries": [1]}"#), "a query must be a JSON object");
        assert_eq!(reason("["), "invalid UTF-8 JSON");
        assert_eq!(reason("[]"), "Request body must be a JSON object");
        assert!(parsed(r#"{"queries": [{"limit": "x"}]}"#, "").is_err());
        assert!(parsed(r#"{"queries": []}"#, "").expect("none").is_empty());
    }
}
