//! `/_cluster_setup`: whether a node is set up, and the one set-up there is here, that of a node that
//! stands alone (CouchDB documentation, "setup/cluster"). Clients use it to make the system databases.

use hyper::{Method, StatusCode};
use refuge_document::check_database_name;
use serde::Deserialize;
use serde_json::json;

use crate::failure::Failure;
use crate::limits;
use crate::node::{NewAdmin, NewDatabase, Node};
use crate::reply::{self, Reply, allow};
use crate::request::Request;
use crate::router::not_built;
use refuge_document::{REPLICATOR, USERS};

/// The databases that a finished set-up has. CouchDB's `_global_changes` is not needed here:
/// `_db_updates` has no database behind it.
const SYSTEM_DATABASES: [&str; 2] = [USERS, REPLICATOR];

/// Most databases that one set-up makes.
const MOST_DATABASES: usize = 16;

/// What clients send; addresses and ports are CouchDB's, and change nothing on a node that listens.
#[derive(Deserialize)]
struct SetUp {
    action: Option<String>,
    username: Option<String>,
    password: Option<String>,
    ensure_dbs_exist: Option<Vec<String>>,
}

/// Tells the state, or sets the node up.
pub(crate) async fn cluster_setup(
    node: &dyn Node,
    request: &mut Request,
) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::GET, Method::HEAD, Method::POST], "GET,POST")?;
    if request.method != Method::POST {
        let wanted = databases(request.query.json(&["ensure_dbs_exist"])?)?;
        let enabled = missing(node, wanted).await?.is_empty();
        let state = if enabled { "single_node_enabled" } else { "single_node_disabled" };
        return reply::json_value(StatusCode::OK, &json!({"state": state}));
    }
    request.check_json()?;
    let body: SetUp = request.json(limits::SMALL_JSON_BYTES).await?;
    match body.action.as_deref() {
        Some("enable_single_node" | "finish_cluster") => {}
        Some(action @ ("enable_cluster" | "add_node" | "remove_node" | "receive_cookie")) => {
            return Err(not_built(&format!("a cluster in CouchDB's sense ({action})")));
        }
        _ => return Err(Failure::BadRequest("Invalid Action'".to_owned())),
    }
    finish(node, body).await?;
    Ok(reply::ok(StatusCode::CREATED))
}

async fn finish(node: &dyn Node, body: SetUp) -> Result<(), Failure> {
    let missing = missing(node, databases(body.ensure_dbs_exist)?).await?;
    if missing.is_empty() {
        return Err(Failure::BadRequest("Cluster is already finished".to_owned()));
    }
    if body.action.as_deref() == Some("enable_single_node")
        && let (Some(name), Some(password)) = (body.username, body.password)
    {
        let admin = NewAdmin { name, password };
        admin.check()?;
        node.make_admin(admin).await?;
    }
    for name in missing {
        match node.create_database(&name, NewDatabase::default()).await {
            // Somebody else was quicker.
            Ok(()) | Err(Failure::DatabaseExists) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

fn databases(asked: Option<Vec<String>>) -> Result<Vec<String>, Failure> {
    let names = asked.unwrap_or_else(|| SYSTEM_DATABASES.map(str::to_owned).to_vec());
    if names.len() > MOST_DATABASES {
        let reason = format!("`ensure_dbs_exist` names more than {MOST_DATABASES} databases");
        return Err(Failure::BadRequest(reason));
    }
    for name in &names {
        check_database_name(name).map_err(|error| Failure::Invalid {
            error: "illegal_database_name",
            reason: error.to_string(),
        })?;
    }
    Ok(names)
}

/// Those of the databases that are not there.
async fn missing(node: &dyn Node, names: Vec<String>) -> Result<Vec<String>, Failure> {
    let described = node.describe_databases(names.clone()).await?;
    let absent = names.into_iter().zip(described).filter(|(_, there)| there.is_none());
    Ok(absent.map(|(name, _)| name).collect())
}
