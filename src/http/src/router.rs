//! Which endpoint a path belongs to. The endpoints themselves are elsewhere; so are the reasons why
//! somebody may use them.

use std::sync::Arc;

use hyper::Method;

use crate::access::{self, Need};
use crate::failure::Failure;
use crate::node::Node;
use crate::reply::Reply;
use crate::request::Request;
use crate::{
    all_documents, attachments, bulk, changes, databases, documents, locals, server, settings,
};

/// The endpoint of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/`.
    Welcome,
    /// `/_up`.
    Up,
    /// `/_setup/<token>`.
    SetUp {
        /// The token.
        token: String,
    },
    /// Another endpoint of the node itself.
    Node(NodeRoute),
    /// A database or something in it.
    Database {
        /// Its name.
        name: String,
        /// What of it.
        part: Part,
    },
    /// An endpoint of CouchDB that is not built.
    Later(String),
}

/// An endpoint of the node itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeRoute {
    /// `/_uuids`.
    Uuids,
    /// `/_all_dbs`.
    AllDatabases,
    /// `/_session`.
    Session,
    /// `/_replicate`.
    Replicate,
}

/// Something in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The database itself.
    Whole,
    /// `_all_docs`.
    AllDocuments,
    /// `_bulk_docs`.
    BulkDocuments,
    /// `_bulk_get`.
    BulkGet,
    /// `_changes`.
    Changes,
    /// `_revs_diff`.
    RevisionsDifference,
    /// `_missing_revs`.
    MissingRevisions,
    /// `_security`.
    Security,
    /// `_revs_limit`.
    RevisionsLimit,
    /// `_ensure_full_commit`.
    EnsureFullCommit,
    /// A document, design documents included.
    Document {
        /// Its id.
        id: String,
    },
    /// A local document.
    Local {
        /// Its id without `_local/`.
        id: String,
    },
    /// An attachment.
    Attachment {
        /// The document's id.
        id: String,
        /// The attachment's name; slashes may be in it.
        name: String,
    },
}

/// Endpoints of CouchDB's node that are not built.
const LATER_NODE: &[&str] = &[
    "_active_tasks",
    "_cluster_setup",
    "_db_updates",
    "_dbs_info",
    "_membership",
    "_node",
    "_reshard",
    "_scheduler",
    "_search_analyze",
    "_nouveau_analyze",
    "_utils",
    "_prometheus",
];

/// Endpoints of CouchDB's databases that are not built.
const LATER_DATABASE: &[&str] = &[
    "_auto_purge",
    "_compact",
    "_design_docs",
    "_explain",
    "_find",
    "_index",
    "_local_docs",
    "_partition",
    "_purge",
    "_purged_infos",
    "_purged_infos_limit",
    "_shards",
    "_sync_shards",
    "_temp_view",
    "_time_seq",
    "_view_cleanup",
];

/// Databases whose names begin with `_`.
const SYSTEM_DATABASES: &[&str] = &["_global_changes", "_replicator", "_users"];

/// The endpoint of a decoded path.
pub(crate) fn find(path: &[String]) -> Route {
    let Some((first, rest)) = path.split_first() else { return Route::Welcome };
    if first.starts_with('_') && !SYSTEM_DATABASES.contains(&first.as_str()) {
        return find_node(first, rest);
    }
    match find_part(rest) {
        Ok(part) => Route::Database { name: first.clone(), part },
        Err(later) => Route::Later(later),
    }
}

fn find_node(first: &str, rest: &[String]) -> Route {
    match (first, rest) {
        ("_up", []) => Route::Up,
        ("_setup", [token]) => Route::SetUp { token: token.clone() },
        ("_uuids", []) => Route::Node(NodeRoute::Uuids),
        ("_all_dbs", []) => Route::Node(NodeRoute::AllDatabases),
        ("_session", []) => Route::Node(NodeRoute::Session),
        ("_replicate", []) => Route::Node(NodeRoute::Replicate),
        _ if LATER_NODE.contains(&first) => Route::Later(first.to_owned()),
        // CouchDB takes it for a database, whose name is then found illegal or unknown.
        _ => Route::Database { name: first.to_owned(), part: Part::Whole },
    }
}

/// The part of a database that the rest of a path names, or the endpoint that is not built.
fn find_part(rest: &[String]) -> Result<Part, String> {
    let Some((first, rest)) = rest.split_first() else { return Ok(Part::Whole) };
    if !first.starts_with('_') {
        return Ok(document_or_attachment(first.clone(), rest));
    }
    let part = match (first.as_str(), rest) {
        ("_all_docs", []) => Part::AllDocuments,
        ("_bulk_docs", []) => Part::BulkDocuments,
        ("_bulk_get", []) => Part::BulkGet,
        ("_changes", []) => Part::Changes,
        ("_revs_diff", []) => Part::RevisionsDifference,
        ("_missing_revs", []) => Part::MissingRevisions,
        ("_security", []) => Part::Security,
        ("_revs_limit", []) => Part::RevisionsLimit,
        ("_ensure_full_commit", []) => Part::EnsureFullCommit,
        ("_all_docs", [queries]) if queries == "queries" => {
            return Err("_all_docs/queries".to_owned());
        }
        ("_local", [id]) => Part::Local { id: id.clone() },
        ("_local" | "_local/", _) => Part::Local { id: String::new() },
        ("_design", [name, rest @ ..]) => return design(name, rest),
        (name, _) if LATER_DATABASE.contains(&name) => return Err(name.to_owned()),
        (name, _) => match name.strip_prefix("_local/") {
            Some(id) => Part::Local { id: id.to_owned() },
            None => document_or_attachment(first.clone(), rest),
        },
    };
    Ok(part)
}

fn design(name: &str, rest: &[String]) -> Result<Part, String> {
    match rest.first() {
        Some(function) if function.starts_with('_') => Err(format!("_design/…/{function}")),
        _ => Ok(document_or_attachment(format!("_design/{name}"), rest)),
    }
}

fn document_or_attachment(id: String, rest: &[String]) -> Part {
    if rest.is_empty() {
        Part::Document { id }
    } else {
        Part::Attachment { id, name: rest.join("/") }
    }
}

/// What a request needs before a database is opened.
pub(crate) fn need(route: &Route, method: &Method) -> Need {
    match route {
        Route::Welcome | Route::Up | Route::SetUp { .. } => Need::Nothing,
        Route::Node(NodeRoute::Uuids | NodeRoute::Session) => Need::Anybody,
        Route::Node(NodeRoute::AllDatabases | NodeRoute::Replicate) => Need::ServerAdmin,
        Route::Database { part: Part::Whole, .. }
            if *method == Method::PUT || *method == Method::DELETE =>
        {
            Need::ServerAdmin
        }
        Route::Later(name) if LATER_NODE.contains(&name.as_str()) => Need::ServerAdmin,
        Route::Database { .. } | Route::Later(_) => Need::Anybody,
    }
}

/// Answers a request whose sender is known.
pub(crate) async fn route(node: &Arc<dyn Node>, request: &mut Request) -> Result<Reply, Failure> {
    let route = find(&request.path);
    access::check(node.as_ref(), &request.user, need(&route, &request.method))?;
    if request.method.as_str() == "COPY" {
        return Err(not_built("COPY"));
    }
    match route {
        Route::Welcome => server::welcome(node.as_ref(), request),
        Route::Up => server::up(request),
        Route::SetUp { token } => server::set_up(node.as_ref(), request, &token).await,
        Route::Node(NodeRoute::Uuids) => server::uuids(node.as_ref(), request),
        Route::Node(NodeRoute::AllDatabases) => databases::names(node.as_ref(), request).await,
        Route::Node(NodeRoute::Session) => server::session(request),
        Route::Node(NodeRoute::Replicate) => server::replicate(node.as_ref(), request).await,
        Route::Database { name, part } => route_database(node, request, &name, part).await,
        Route::Later(name) => Err(not_built(&name)),
    }
}

async fn route_database(
    node: &Arc<dyn Node>,
    request: &mut Request,
    name: &str,
    part: Part,
) -> Result<Reply, Failure> {
    if part == Part::Whole && matches!(request.method, Method::PUT | Method::DELETE) {
        return databases::create_or_delete(node.as_ref(), request, name).await;
    }
    let database = databases::open(node.as_ref(), name).await?;
    access::check_member(&database.security(), &request.user)?;
    match part {
        Part::Whole => databases::whole(node.as_ref(), request, &database).await,
        Part::AllDocuments => all_documents::all_documents(request, &database).await,
        Part::BulkDocuments => bulk::bulk_documents(node, request, &database).await,
        Part::BulkGet => bulk::bulk_get(request, &database).await,
        Part::Changes => changes::changes(request, &database).await,
        Part::RevisionsDifference => bulk::revisions_difference(request, &database).await,
        Part::MissingRevisions => bulk::missing_revisions(request, &database).await,
        Part::Security => settings::security(request, database.as_ref()).await,
        Part::RevisionsLimit => settings::revisions_limit(request, database.as_ref()).await,
        Part::EnsureFullCommit => settings::ensure_full_commit(request, database.as_ref()).await,
        Part::Document { id } => documents::document(request, &database, &id).await,
        Part::Local { id } => locals::local(request, database.as_ref(), &id).await,
        Part::Attachment { id, name } => {
            attachments::attachment(request, &database, &id, &name).await
        }
    }
}

/// What is said of later work.
pub(crate) fn not_built(what: &str) -> Failure {
    Failure::NotImplemented(format!("{what} is not built in this version of refuge"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &[&str]) -> Route {
        find(&path.iter().map(|&segment| segment.to_owned()).collect::<Vec<_>>())
    }

    fn part(path: &[&str]) -> Part {
        match found(path) {
            Route::Database { part, .. } => part,
            other => panic!("not in a database: {other:?}"),
        }
    }

    #[test]
    fn paths_lead_to_their_endpoints() {
        assert_eq!(found(&[]), Route::Welcome);
        assert_eq!(found(&["_all_dbs"]), Route::Node(NodeRoute::AllDatabases));
        assert_eq!(part(&["db", "_changes"]), Part::Changes);
        assert_eq!(part(&["_users", "x"]), Part::Document { id: "x".into() });
        assert_eq!(part(&["db", "_local", "x/y"]), Part::Local { id: "x/y".into() });
        assert_eq!(part(&["db", "_local/x"]), Part::Local { id: "x".into() });
        assert_eq!(part(&["db", "_design", "a"]), Part::Document { id: "_design/a".into() });
        assert_eq!(part(&["db", "_design/a"]), Part::Document { id: "_design/a".into() });
        assert_eq!(
            part(&["db", "d", "a", "b.txt"]),
            Part::Attachment { id: "d".into(), name: "a/b.txt".into() }
        );
        assert_eq!(
            part(&["db", "_design", "d", "a.js"]),
            Part::Attachment { id: "_design/d".into(), name: "a.js".into() }
        );
    }

    #[test]
    fn later_endpoints_are_known_by_name() {
        assert_eq!(found(&["_node", "_local", "_config"]), Route::Later("_node".into()));
        assert_eq!(found(&["db", "_find"]), Route::Later("_find".into()));
        assert_eq!(
            found(&["db", "_design", "d", "_view", "v"]),
            Route::Later("_design/…/_view".into())
        );
    }

    #[test]
    fn making_databases_and_replicating_is_for_admins() {
        assert_eq!(need(&found(&["db"]), &Method::PUT), Need::ServerAdmin);
        assert_eq!(need(&found(&["db"]), &Method::GET), Need::Anybody);
        assert_eq!(need(&found(&["db", "d"]), &Method::PUT), Need::Anybody);
        assert_eq!(need(&found(&["_replicate"]), &Method::POST), Need::ServerAdmin);
        assert_eq!(need(&found(&["_node", "x"]), &Method::GET), Need::ServerAdmin);
        assert_eq!(need(&found(&[]), &Method::GET), Need::Nothing);
    }
}
