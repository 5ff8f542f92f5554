//! `GET` and `PUT /{db}/_on_demand`: whether a database asks other nodes for documents that it lacks, and
//! the reading of such a document. Which node is asked when, and when a function makes what no node has, is
//! decided behind the trait.
//!
//! `{"enabled": false, "nodes": "*", "timeout_ms": 2000, "function": "<design document's name>"}`; `PUT`
//! replaces the whole object. Without `function` nothing is made.

use std::sync::Arc;

use hyper::{Method, StatusCode};
use refuge_mesh::Selector;
use serde_json::Value;

use crate::access::check_write;
use crate::documents;
use crate::failure::Failure;
use crate::function_request::{self, Told};
use crate::limits;
use crate::node::{Database, Node, OnDemand};
use crate::origin;
use crate::reply::{self, Reply};
use crate::request::Request;

/// The longest that who asks for a document may be made to wait.
const LONGEST_TIMEOUT_MS: u64 = 60_000;
/// What the names of other nodes begin with, as users.
const NODE: &str = "node:";
/// How `function` is to be.
const FUNCTION: &str = "`function` is the name of a design document, without `_design/`, whose member \
                        `on_demand` is the source of a function; leave it out for none";

/// Answers with what is set, or replaces it; it is in force at once.
pub(crate) async fn on_demand(
    request: &mut Request,
    database: &dyn Database,
) -> Result<Reply, Failure> {
    match request.method {
        Method::GET | Method::HEAD => {
            reply::json_value(StatusCode::OK, &database.on_demand().await?)
        }
        Method::PUT => {
            request.check_json()?;
            let wish = parse(request.json(limits::SMALL_JSON_BYTES).await?)?;
            check(database.name(), &wish)?;
            database.set_on_demand(wish).await?;
            Ok(reply::ok(StatusCode::OK))
        }
        _ => Err(Failure::MethodNotAllowed("GET,HEAD,PUT")),
    }
}

fn parse(value: Value) -> Result<OnDemand, Failure> {
    // An array would be read as the members in their order.
    let Some(members) = value.as_object() else {
        return Err(Failure::BadRequest("Request body must be a JSON object".to_owned()));
    };
    let is_text = |function: &Value| function.is_string() || function.is_null();
    if !members.get("function").is_none_or(is_text) {
        return Err(Failure::BadRequest(FUNCTION.to_owned()));
    }
    serde_json::from_value(value).map_err(|error| Failure::BadRequest(error.to_string()))
}

fn check(database: &str, wish: &OnDemand) -> Result<(), Failure> {
    let is_system = |segment: &str| segment.starts_with('_');
    if database.split('/').any(is_system) {
        let reason = "documents of system databases are this node's own";
        return Err(Failure::Forbidden(reason.to_owned()));
    }
    if !(1..=LONGEST_TIMEOUT_MS).contains(&wish.timeout_ms) {
        let reason = format!("`timeout_ms` is a number from 1 to {LONGEST_TIMEOUT_MS}");
        return Err(Failure::BadRequest(reason));
    }
    let is_name = |name: &String| !name.is_empty() && !name.contains('/');
    if !wish.function.as_ref().is_none_or(is_name) {
        return Err(Failure::BadRequest(FUNCTION.to_owned()));
    }
    let selector = Selector::parse(&wish.nodes);
    selector.map(|_| ()).map_err(|error| Failure::BadRequest(error.to_string()))
}

/// Reads a document that is not here: other nodes are asked for it, where that is wanted. The answer without
/// them is `missing`.
pub(crate) async fn read(
    node: &dyn Node,
    request: &mut Request,
    database: &Arc<dyn Database>,
    id: &str,
) -> Result<Reply, Failure> {
    if !may_bring(request, database.as_ref(), id) {
        return Err(documents::missing());
    }
    let told = described(node, request, database.as_ref(), id).await?;
    if database.bring(&request.user, id, told).await? {
        return documents::read(request, database, id).await;
    }
    Err(documents::missing())
}

/// The request as the function sees it that may make the document; none where there is no such function. It
/// makes no design documents: these say what others may write.
async fn described(
    node: &dyn Node,
    request: &Request,
    database: &dyn Database,
    id: &str,
) -> Result<Option<String>, Failure> {
    // One from whom `validate_doc_read` hides documents has nobody asked.
    let wish = database.on_demand().await.unwrap_or_default();
    if !wish.enabled || wish.function.is_none() || id.starts_with("_design/") {
        return Ok(None);
    }
    // As functions of updates get one: what is made may need another id than its own, for a part of it.
    let uuid = node.new_identifiers(1).pop();
    let told = Told { id: Some(id), uuid: uuid.as_deref(), body: None };
    function_request::describe(request, database, told).await.map(Some)
}

/// Whoever makes this node store something has to be somebody who may write it, and to mean it: a link on a page
/// of another site stores nothing. Other nodes ask each other, not each other through this one.
fn may_bring(request: &Request, database: &dyn Database, id: &str) -> bool {
    let user = &request.user;
    let is_somebody = match &user.name {
        Some(name) => !name.starts_with(NODE),
        None => user.is_server_admin(),
    };
    let asks_for_winner = ["rev", "open_revs"].iter().all(|one| request.query.text(one).is_none());
    let means_it = !origin::is_led_here(request);
    is_somebody && asks_for_winner && means_it && check_write(database, user, id).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused() {
        let wish = OnDemand::default();
        assert_eq!(check("work", &wish), Ok(()));
        for database in ["_users", "team/_replicator"] {
            assert!(matches!(check(database, &wish), Err(Failure::Forbidden(_))), "{database}");
        }
        for timeout_ms in [0, 60_001] {
            let wrong = check("work", &OnDemand { timeout_ms, ..wish.clone() });
            assert!(matches!(wrong, Err(Failure::BadRequest(_))), "{timeout_ms}");
        }
        let nobody = OnDemand { nodes: "group:".to_owned(), ..wish };
        assert!(matches!(check("work", &nobody), Err(Failure::BadRequest(_))));
    }

    #[test]
    fn a_function_is_named_by_its_design_document_alone() {
        let set = |function: Value| {
            let wish = parse(serde_json::json!({ "function": function }))?;
            check("work", &wish).map(|()| wish.function)
        };
        assert_eq!(set("maker".into()), Ok(Some("maker".to_owned())));
        assert_eq!(set(Value::Null), Ok(None));
        let refused = Err(Failure::BadRequest(FUNCTION.to_owned()));
        for wrong in ["", "_design/maker", "maker/on_demand"] {
            assert_eq!(set(wrong.into()), refused, "{wrong}");
        }
        for wrong in [Value::from(5), Value::Bool(true), serde_json::json!(["maker"])] {
            assert_eq!(set(wrong), refused);
        }
        let absent = serde_json::to_value(OnDemand::default()).expect("JSON");
        assert_eq!(absent, serde_json::json!({"enabled": false, "nodes": "*", "timeout_ms": 2000}));
    }
}
