//! What a path names. What is done there, and for whom, is not decided here.

mod design;
mod indexes;
mod partition;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use refuge_document::{REPLICATOR, USERS, is_replicator};

use crate::all_documents::Listed;
use crate::node::PeerStreamKind;
use crate::peers::PEERS;

pub(crate) use design::DesignPart;
pub(crate) use indexes::IndexesPart;

use super::endpoint::{
    ConfigurationPart, MeshRoute, NodeRoute, PairRoute, Part, Route, SchedulerRoute, ThisNodePart,
};

/// Endpoints of the node that are not built, or not all of them.
pub(super) const LATER_NODE: &[&str] =
    &["_mesh", "_node", "_reshard", "_search_analyze", "_nouveau_analyze", "_utils"];

/// Endpoints of CouchDB's databases that are not built.
const LATER_DATABASE: &[&str] = &["_auto_purge", "_time_seq"];

/// Databases whose names begin with `_`.
const SYSTEM_DATABASES: &[&str] = &["_global_changes", PEERS, REPLICATOR, USERS];

/// The endpoint of a decoded path.
pub(crate) fn find(path: Vec<Cow<'_, str>>) -> Route<'_> {
    let mut rest = path.into_iter();
    let Some(first) = rest.next() else { return Route::Welcome };
    if first.starts_with('_') && !SYSTEM_DATABASES.contains(&first.as_ref()) {
        return find_node(first, rest.as_slice());
    }
    match find_part(rest) {
        Ok(part) => Route::Database { name: first, part },
        Err(later) => Route::Later(later),
    }
}

fn find_node<'a>(first: Cow<'a, str>, rest: &[Cow<'a, str>]) -> Route<'a> {
    match (first.as_ref(), rest) {
        ("_up", []) => Route::Up,
        ("_setup", [token]) => Route::SetUp { token: token.clone() },
        ("_openapi.json", []) => Route::Node(NodeRoute::OpenApi),
        ("_uuids", []) => Route::Node(NodeRoute::Uuids),
        ("_all_dbs", []) => Route::Node(NodeRoute::AllDatabases),
        ("_session", []) => Route::Node(NodeRoute::Session),
        ("_replicate", []) => Route::Node(NodeRoute::Replicate),
        ("_db_updates", []) => Route::Node(NodeRoute::DatabaseUpdates),
        ("_dbs_info", []) => Route::Node(NodeRoute::DatabasesInformation),
        ("_membership", []) => Route::Node(NodeRoute::Membership),
        ("_cluster_setup", []) => Route::Node(NodeRoute::ClusterSetup),
        ("_node", [name, rest @ ..]) if rest.first().is_none_or(|part| part != "_config") => {
            Route::ThisNode { name: name.clone(), part: find_this_node(rest) }
        }
        ("_active_tasks", []) => Route::Node(NodeRoute::ActiveTasks),
        ("_scheduler", rest) => Route::Scheduler(find_scheduler(rest)),
        ("_node", [node, what, rest @ ..]) if what == "_config" => {
            Route::Configuration { node: node.clone(), part: find_configuration(rest) }
        }
        ("_mesh", rest) => find_mesh(rest),
        (name, _) if LATER_NODE.contains(&name) => Route::Later(first),
        // CouchDB takes it for a database, whose name is then found illegal or unknown.
        _ => Route::Database { name: first, part: Part::Whole },
    }
}

fn find_mesh<'a>(rest: &[Cow<'a, str>]) -> Route<'a> {
    let Some((what, rest)) = rest.split_first() else { return Route::Mesh(MeshRoute::Overview) };
    match (what.as_ref(), rest) {
        ("events", []) => Route::NodeEvents,
        ("hub", [nodes]) if nodes == "nodes" => Route::HubNodes,
        ("hub", [nodes, id]) if nodes == "nodes" => Route::HubNode { id: id.clone() },
        ("messages", []) => Route::Messages,
        ("link", []) => Route::PeerStream(PeerStreamKind::Link),
        ("reverse", []) => Route::PeerStream(PeerStreamKind::Reverse),
        ("pair", []) => Route::Pair(PairRoute::Invited),
        ("pair", [how]) if how == "request" => Route::Pair(PairRoute::Asking),
        ("pair", [how]) if how == "rotation" => Route::Pair(PairRoute::Rotated),
        ("pair", [how, id]) if how == "rotation" => Route::Rotations { id: id.clone() },
        ("peers", []) => Route::Mesh(MeshRoute::Peers),
        ("peers", [node]) => Route::Mesh(MeshRoute::Peer { node: node.clone() }),
        ("invitations", []) => Route::Mesh(MeshRoute::Invitations),
        ("invitations", [number]) => Route::Mesh(MeshRoute::Invitation { number: number.clone() }),
        ("introductions", []) => Route::Mesh(MeshRoute::Introductions),
        ("diagnose", [node]) => Route::Mesh(MeshRoute::Diagnose { node: node.clone() }),
        _ => Route::Later(Cow::Borrowed("_mesh")),
    }
}

fn find_configuration<'a>(rest: &[Cow<'a, str>]) -> ConfigurationPart<'a> {
    match rest {
        [] => ConfigurationPart::Whole,
        [reload] if reload == "_reload" => ConfigurationPart::Reload,
        [section] => ConfigurationPart::Section(section.clone()),
        [section, name] => ConfigurationPart::Key { section: section.clone(), name: name.clone() },
        _ => ConfigurationPart::Beyond,
    }
}

fn find_this_node<'a>(rest: &[Cow<'a, str>]) -> ThisNodePart<'a> {
    let Some((first, rest)) = rest.split_first() else { return ThisNodePart::Name };
    match (first.as_ref(), rest) {
        ("_stats", path) => ThisNodePart::Statistics { path: path.to_vec() },
        ("_versions", []) => ThisNodePart::Versions,
        ("_system", []) => ThisNodePart::System,
        ("_prometheus", []) => ThisNodePart::Prometheus,
        ("_restart", []) => ThisNodePart::Restart,
        _ => ThisNodePart::Unknown,
    }
}

fn find_scheduler<'a>(rest: &[Cow<'a, str>]) -> SchedulerRoute<'a> {
    let Some((what, rest)) = rest.split_first() else { return SchedulerRoute::Unknown };
    match (what.as_ref(), rest) {
        ("jobs", []) => SchedulerRoute::Jobs,
        ("jobs", [id]) => SchedulerRoute::Job { id: id.clone() },
        ("docs", []) => SchedulerRoute::Documents,
        ("docs", path) => find_replications(path),
        _ => SchedulerRoute::Unknown,
    }
}

/// A database of replications, or a document in it. The slash in the name of one may stand as it is, as in
/// CouchDB: no document is called `_replicator`.
fn find_replications<'a>(path: &[Cow<'a, str>]) -> SchedulerRoute<'a> {
    let is_last_of_name = |segment: &Cow<'a, str>| is_replicator(segment);
    let length = path.iter().position(is_last_of_name).map_or(1, |last| last + 1);
    let (name, id) = path.split_at(length.min(path.len()));
    let joined = |segments: &[Cow<'a, str>]| match segments {
        [one] => one.clone(),
        several => several.join("/").into(),
    };
    match id {
        [] => SchedulerRoute::DocumentsOf { database: joined(name) },
        id => SchedulerRoute::Document { database: joined(name), id: joined(id) },
    }
}

/// The part of a database that the rest of a path names, or the endpoint that is not built.
fn find_part<'a>(mut path: std::vec::IntoIter<Cow<'a, str>>) -> Result<Part<'a>, Cow<'a, str>> {
    let Some(first) = path.next() else { return Ok(Part::Whole) };
    let rest = path.as_slice();
    if !first.starts_with('_') {
        return Ok(document_or_attachment(first, rest));
    }
    let part = match (first.as_ref(), rest) {
        ("_all_docs" | "_design_docs" | "_local_docs", []) => Part::Listing(listed(&first)),
        ("_all_docs" | "_design_docs" | "_local_docs", [queries]) if queries == "queries" => {
            Part::ListingQueries(listed(&first))
        }
        ("_conflicts", []) => Part::Conflicts,
        ("_bulk_docs", []) => Part::BulkDocuments,
        ("_bulk_get", []) => Part::BulkGet,
        ("_changes", []) => Part::Changes,
        ("_revs_diff", []) => Part::RevisionsDifference,
        ("_missing_revs", []) => Part::MissingRevisions,
        ("_on_demand", []) => Part::OnDemand,
        ("_options", []) => Part::Options,
        ("_purge", []) => Part::Purge,
        ("_purged_infos", []) => Part::PurgedInfos,
        ("_purged_infos_limit", []) => Part::PurgedInfosLimit,
        ("_security", []) => Part::Security,
        ("_revs_limit", []) => Part::RevisionsLimit,
        ("_ensure_full_commit", []) => Part::EnsureFullCommit,
        ("_partition", rest) => return partition::find(rest),
        ("_shards", []) => Part::Shards,
        ("_shards", id) => Part::ShardOf { id: id.join("/").into() },
        ("_sync_shards", []) => Part::SyncShards,
        ("_random_doc", []) => Part::RandomDocument,
        ("_find", []) => Part::Find,
        ("_explain", []) => Part::Explain,
        ("_index", rest) => Part::Indexes(indexes::find(rest)),
        ("_view_cleanup", []) => Part::ViewCleanup,
        ("_temp_view", _) => Part::TemporaryView,
        ("_compact", []) => Part::Compact { design: None },
        ("_compact", [name, ..]) => Part::Compact { design: Some(name.clone()) },
        ("_uploads", []) => Part::Uploads { id: None },
        ("_uploads", [id]) => Part::Uploads { id: Some(id.clone()) },
        ("_local", [id]) => Part::Local { id: id.clone() },
        ("_local" | "_local/", _) => Part::Local { id: Cow::Borrowed("") },
        ("_design", [name, rest @ ..]) => return find_design(name, rest),
        (name, _) if LATER_DATABASE.contains(&name) => return Err(first),
        // Whole ids with their slash packed, as clients make them that know nothing of these.
        (name, rest) => match (name.strip_prefix("_local/"), name.strip_prefix("_design/")) {
            (Some(id), _) => Part::Local { id: id.to_owned().into() },
            (_, Some(name)) => return find_design(name, rest),
            _ => document_or_attachment(first, rest),
        },
    };
    Ok(part)
}

/// What a path lists.
fn listed(name: &str) -> Listed {
    match name {
        "_design_docs" => Listed::Design,
        "_local_docs" => Listed::Local,
        _ => Listed::All,
    }
}

fn find_design<'a>(name: &str, rest: &[Cow<'a, str>]) -> Result<Part<'a>, Cow<'a, str>> {
    if let Some(function) = rest.first().filter(|first| design::LATER.contains(&first.as_ref())) {
        return Err(format!("_design/…/{function}").into());
    }
    // What is none of its functions is an attachment, whatever its name.
    Ok(match design::find(rest) {
        Some(part) => Part::Design { name: name.to_owned().into(), part },
        None => document_or_attachment(format!("_design/{name}").into(), rest),
    })
}

fn document_or_attachment<'a>(id: Cow<'a, str>, rest: &[Cow<'a, str>]) -> Part<'a> {
    if rest.is_empty() {
        Part::Document { id }
    } else {
        Part::Attachment { id, name: rest.join("/").into() }
    }
}
