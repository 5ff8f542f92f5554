//! From a path to the endpoint that answers, and what a request needs to come there. The endpoints
//! themselves are elsewhere.

mod endpoint;
mod path;
#[cfg(test)]
mod surface_of;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use hyper::Method;

use self::endpoint::{NodeRoute, Route};
use self::path::LATER_NODE;
use crate::access::{self, Need};
use crate::failure::Failure;
use crate::functions::{self, FunctionPath};
use crate::lists::{self, ListPath};
use crate::node::{Database, Node};
use crate::peers::{self, PEERS};
use crate::reply::Reply;
use crate::request::{Request, path_segments};
use crate::rewriting::{self, RewritePath};
use crate::rules::{Rules, ValidUser};
use crate::views::ViewName;
use crate::{
    active_tasks, all_documents, attachments, bulk, changes, cluster_setup, compaction,
    configuration, database_updates, databases, documents, find, hub, indexes, locals, mesh,
    messages, node_events, on_demand, openapi, options, origin, partitions, peer_stream, purge,
    scheduler, server, settings, shards, sign_in, system_databases, this_node, uploads, views,
};

pub(crate) use self::endpoint::{
    ConfigurationPart, MeshRoute, PairRoute, Part, SchedulerRoute, ThisNodePart,
};
#[cfg(test)]
pub(crate) use self::path::find;
#[cfg(feature = "fuzzing")]
pub(crate) use self::path::find as find_for_fuzzing;
pub(crate) use self::path::{DesignPart, IndexesPart};
#[cfg(test)]
pub(crate) use self::surface_of::surface_of;

/// Databases that are read and written by server admins alone.
const ADMIN_DATABASES: &[&str] = &[PEERS];

/// Documents of such databases start replications, which run as the node: a database of this kind with
/// another name in front is as `_replicator` itself.
const REPLICATORS: &str = "/_replicator";

fn is_for_admins(database: &str) -> bool {
    ADMIN_DATABASES.contains(&database) || database.ends_with(REPLICATORS)
}

/// What a request needs before a database is opened.
pub(crate) fn need(route: &Route<'_>, method: &Method, rules: &Rules) -> Need {
    match route {
        Route::Welcome | Route::Up | Route::SetUp { .. } => Need::Nothing,
        // Who may open a stream, wants to be a peer, or asks a hub, is told by certificates alone.
        Route::PeerStream(_)
        | Route::Pair(_)
        | Route::Rotations { .. }
        | Route::HubNodes
        | Route::HubNode { .. } => Need::Nothing,
        Route::Node(NodeRoute::Uuids | NodeRoute::Session | NodeRoute::OpenApi) => Need::Anybody,
        Route::Node(NodeRoute::AllDatabases | NodeRoute::DatabasesInformation)
            if rules.databases_are_public =>
        {
            Need::Anybody
        }
        Route::Node(_) | Route::ThisNode { .. } => Need::ServerAdmin,
        Route::Database { part: Part::Whole, .. }
            if *method == Method::PUT || *method == Method::DELETE =>
        {
            Need::ServerAdmin
        }
        Route::Database {
            part: Part::Purge | Part::PurgedInfos | Part::PurgedInfosLimit | Part::SyncShards,
            ..
        } => Need::ServerAdmin,
        // The nodes are asked with this node's certificate, which a database's admins do not speak for.
        Route::Database { part: Part::OnDemand, .. } if *method == Method::PUT => Need::ServerAdmin,
        Route::Database { name, .. } if is_for_admins(name) => Need::ServerAdmin,
        Route::Scheduler(_) | Route::Mesh(_) | Route::NodeEvents | Route::Configuration { .. } => {
            Need::ServerAdmin
        }
        Route::Later(name) if LATER_NODE.contains(&name.as_ref()) => Need::ServerAdmin,
        // Roles of applications are looked at there.
        Route::Messages | Route::Database { .. } | Route::Later(_) => Need::Anybody,
    }
}

/// Whether the configuration lets nobody in without credentials, and there are none.
fn is_refused(route: &Route<'_>, request: &Request) -> bool {
    if request.rules.valid_user == ValidUser::NotRequired || request.user.name.is_some() {
        return false;
    }
    match route {
        // The first admin has no credentials yet; certificates tell who opens a stream or asks to be a peer.
        Route::SetUp { .. }
        | Route::PeerStream(_)
        | Route::Pair(_)
        | Route::Rotations { .. }
        | Route::HubNodes
        | Route::HubNode { .. } => false,
        Route::Up => request.rules.valid_user == ValidUser::Required,
        // Whoever wants to log in is nobody yet.
        Route::Node(NodeRoute::Session) => request.method != Method::POST,
        _ => true,
    }
}

/// Answers a request whose sender is known. The futures of all endpoints but the one that reads a
/// document are boxed, so that they do not make the future of every request as large as the largest.
pub(crate) async fn route(node: &Arc<dyn Node>, request: &mut Request) -> Result<Reply, Failure> {
    let uri = request.uri.clone();
    let route = path::find(path_segments(&uri, request.limits())?);
    check(node, request, &route)?;
    let known = node.as_ref();
    match route {
        Route::Welcome => server::welcome(known, request),
        Route::Up => server::up(known, request),
        Route::SetUp { token } => Box::pin(server::set_up(known, request, &token)).await,
        Route::Node(NodeRoute::OpenApi) => openapi::describe(known, request),
        Route::Node(NodeRoute::Uuids) => server::uuids(known, request),
        Route::Node(NodeRoute::AllDatabases) => Box::pin(databases::names(node, request)).await,
        Route::Node(NodeRoute::DatabaseUpdates) => {
            Box::pin(database_updates::database_updates(node, request)).await
        }
        Route::Node(NodeRoute::DatabasesInformation) => {
            Box::pin(databases::information(node, request)).await
        }
        Route::Node(NodeRoute::Membership) => this_node::membership(request),
        Route::Node(NodeRoute::ClusterSetup) => {
            Box::pin(cluster_setup::cluster_setup(known, request)).await
        }
        Route::ThisNode { name, part } => {
            Box::pin(this_node::answer(known, request, &name, &part)).await
        }
        Route::Node(NodeRoute::Session) => Box::pin(sign_in::session(known, request)).await,
        Route::Node(NodeRoute::Replicate) => Box::pin(server::replicate(known, request)).await,
        Route::Node(NodeRoute::ActiveTasks) => {
            Box::pin(active_tasks::active_tasks(known, request)).await
        }
        Route::Scheduler(route) => Box::pin(scheduler::answer(known, request, &route)).await,
        Route::Configuration { node: name, part } => {
            Box::pin(configuration::answer(known, request, &name, part)).await
        }
        Route::Mesh(route) => Box::pin(mesh::answer(known, request, route)).await,
        Route::Pair(how) => Box::pin(mesh::pair(known, request, how)).await,
        Route::Rotations { id } => mesh::rotations(known, request, &id),
        Route::HubNodes => Box::pin(hub::nodes(known, request)).await,
        Route::HubNode { id } => Box::pin(hub::one(known, request, &id)).await,
        Route::Messages => Box::pin(messages::messages(node, request)).await,
        Route::NodeEvents => Box::pin(node_events::node_events(node, request)).await,
        Route::PeerStream(kind) => Box::pin(peer_stream::open(node, request, kind)).await,
        Route::Database { name, part } => route_database(node, request, &name, part).await,
        Route::Later(name) => Err(not_built(&name)),
    }
}

/// Whether the sender of a request may come to an endpoint at all.
fn check(node: &Arc<dyn Node>, request: &Request, route: &Route<'_>) -> Result<(), Failure> {
    origin::check(request)?;
    let is_of_mesh = match route {
        Route::Mesh(_)
        | Route::Pair(_)
        | Route::Rotations { .. }
        | Route::NodeEvents
        | Route::Messages
        | Route::HubNodes
        | Route::HubNode { .. }
        | Route::PeerStream(_) => true,
        Route::Later(name) => name == "_mesh",
        _ => false,
    };
    if is_of_mesh && request.session.peer().tls.is_some() {
        // Nodes have a port of their own, and certificates of their own.
        return Err(Failure::NotFound("missing".to_owned()));
    }
    if is_refused(route, request) {
        return Err(Failure::Unauthorized("Authentication required.".to_owned()));
    }
    access::check(node.as_ref(), &request.user, need(route, &request.method, &request.rules))
}

/// Rewrites a request until it leads to an endpoint that is none of rewrites, which then answers.
fn rewritten<'a>(
    node: &'a Arc<dyn Node>,
    request: &'a mut Request,
) -> BoxFuture<'a, Result<Reply, Failure>> {
    Box::pin(async move {
        for _ in 0..request.rules.rewrites.limit {
            let uri = request.uri.clone();
            let found = path::find(path_segments(&uri, request.limits())?);
            let Some((database, design, rest)) = rewrite_of(&found) else {
                return route(node, request).await;
            };
            check(node, request, &found)?;
            let path = RewritePath { database, design, rest };
            if let Some(reply) = rewriting::rewrite(node, request, path).await? {
                return Ok(reply);
            }
        }
        let uri = request.uri.clone();
        match rewrite_of(&path::find(path_segments(&uri, request.limits())?)) {
            None => route(node, request).await,
            Some(_) => Err(Failure::BadRequest("Exceeded rewrite recursion limit".to_owned())),
        }
    })
}

/// The names in a route that is rewritten.
fn rewrite_of<'a>(route: &'a Route<'_>) -> Option<(&'a str, &'a str, &'a [String])> {
    let Route::Database { name, part: Part::Design { name: design, part } } = route else {
        return None;
    };
    match part {
        DesignPart::Rewrite { path } => Some((name, design, path)),
        _ => None,
    }
}

async fn route_database(
    node: &Arc<dyn Node>,
    request: &mut Request,
    name: &str,
    mut part: Part<'_>,
) -> Result<Reply, Failure> {
    if part == Part::Whole && matches!(request.method, Method::PUT | Method::DELETE) {
        return Box::pin(databases::create_or_delete(node.as_ref(), request, name)).await;
    }
    if let Part::Design { part: DesignPart::Rewrite { .. }, .. } = part {
        return rewritten(node, request).await;
    }
    let opened = databases::open(node.as_ref(), name).await?;
    let opened = enter(request, opened, &mut part).await?;
    if let Some(reply) = system_databases::enter(request, opened.as_ref(), &part).await? {
        return Ok(reply);
    }
    let database = opened.as_ref();
    match part {
        Part::Document { id } => documents::document(node.as_ref(), request, &opened, &id).await,
        Part::Whole => Box::pin(databases::whole(node.as_ref(), request, &opened)).await,
        Part::Listing(kind) => Box::pin(all_documents::all_documents(request, &opened, kind)).await,
        Part::Conflicts => Box::pin(all_documents::conflicts(request, &opened)).await,
        Part::ListingQueries(listed) => {
            Box::pin(all_documents::queries(request, &opened, listed)).await
        }
        Part::BulkDocuments => Box::pin(bulk::bulk_documents(node, request, &opened)).await,
        Part::BulkGet => Box::pin(bulk::bulk_get(request, &opened)).await,
        Part::Changes => Box::pin(changes::changes(request, &opened)).await,
        Part::RevisionsDifference => Box::pin(bulk::revisions_difference(request, &opened)).await,
        Part::MissingRevisions => Box::pin(bulk::missing_revisions(request, &opened)).await,
        Part::OnDemand => Box::pin(on_demand::on_demand(request, database)).await,
        Part::Options => Box::pin(options::options(request, database)).await,
        Part::Purge => Box::pin(purge::purge(request, database)).await,
        Part::PurgedInfos => purge::purged_infos(request, &opened),
        Part::PurgedInfosLimit => Box::pin(purge::purged_infos_limit(request, database)).await,
        Part::Security => Box::pin(settings::security(request, database)).await,
        Part::RevisionsLimit => Box::pin(settings::revisions_limit(request, database)).await,
        Part::EnsureFullCommit => Box::pin(settings::ensure_full_commit(request, database)).await,
        Part::Partitions | Part::InPartition { .. } => Err(partitions::unnamed()),
        Part::Partition { name } => {
            Box::pin(partitions::information(request, database, &name)).await
        }
        Part::Shards => Box::pin(shards::all(request, database)).await,
        Part::ShardOf { id } => Box::pin(shards::of_document(request, database, &id)).await,
        Part::SyncShards => shards::synchronise(request),
        Part::RandomDocument => Box::pin(documents::random(request, &opened)).await,
        Part::Compact { design } => {
            Box::pin(compaction::compact(request, database, design.as_deref())).await
        }
        Part::Uploads { id } => Box::pin(uploads::uploads(request, database, id.as_deref())).await,
        Part::Find => Box::pin(find::find(request, &opened)).await,
        Part::Explain => Box::pin(find::explain(request, database)).await,
        Part::Indexes(part) => Box::pin(indexes::answer(request, database, part)).await,
        Part::TemporaryView => Err(views::temporary()),
        Part::ViewCleanup => Box::pin(views::clean_up(request, database)).await,
        Part::Design { name, part } => {
            Box::pin(design(node.as_ref(), request, &opened, (&name, part))).await
        }
        Part::Local { id } => Box::pin(locals::local(request, database, &id)).await,
        Part::Attachment { id, name } => {
            Box::pin(attachments::attachment(request, &opened, &id, &name)).await
        }
    }
}

/// Counts a request by what it asks for.
fn count(request: &Request, part: &Part<'_>) {
    let Some(metrics) = request.session.metrics() else { return };
    match part {
        Part::BulkDocuments | Part::BulkGet => metrics.bulk_requests.increment(1),
        Part::Purge => metrics.purge_requests.increment(1),
        Part::Design { part: DesignPart::View { .. } | DesignPart::ViewQueries { .. }, .. } => {
            metrics.view_reads.increment(1);
        }
        _ => {}
    }
}

/// The database as the sender of a request sees it, who may come to this part of it.
async fn enter(
    request: &mut Request,
    opened: Arc<dyn Database>,
    part: &mut Part<'_>,
) -> Result<Arc<dyn Database>, Failure> {
    let security = opened.security();
    access::check_member(&security, &request.user)?;
    peers::check(request, opened.name(), part)?;
    partitions::enter(request, opened.as_ref(), part)?;
    count(request, part);
    // To whom nothing is hidden; nobody else's way is looked for.
    if security.is_admin(&request.user) {
        return Ok(opened);
    }
    opened.seen_by(&request.user).await
}

async fn design(
    node: &dyn Node,
    request: &mut Request,
    database: &Arc<dyn Database>,
    (design, part): (&str, DesignPart<'_>),
) -> Result<Reply, Failure> {
    match part {
        DesignPart::Show(called) => {
            let (function, id) = (called.function.as_ref(), called.id.as_deref());
            let path = FunctionPath { design, function, id };
            functions::show(node, request, database.as_ref(), path).await
        }
        DesignPart::Update(called) => {
            let (function, id) = (called.function.as_ref(), called.id.as_deref());
            let path = FunctionPath { design, function, id };
            functions::update(node, request, database.as_ref(), path).await
        }
        DesignPart::List { function, design: other, view } => {
            let view = ViewName { design: other.as_deref().unwrap_or(design), view: &view };
            let path = ListPath { design, function: &function, view };
            lists::list(node, request, database, path).await
        }
        DesignPart::ListOfNothing => Err(lists::invalid_path(request)),
        DesignPart::NoFunction { error } => Err(functions::invalid_path(error)),
        DesignPart::ViewOfNothing => Err(Failure::MethodNotAllowed("GET,POST,HEAD")),
        // It was led on before.
        DesignPart::Rewrite { .. } => Err(Failure::NotFound("missing".to_owned())),
        DesignPart::Information => views::information(request, database.as_ref(), design).await,
        DesignPart::View { view } => {
            views::view(request, database, ViewName { design, view: &view }).await
        }
        DesignPart::ViewQueries { view } => {
            views::queries(request, database, ViewName { design, view: &view }).await
        }
    }
}

/// What is said of later work.
pub(crate) fn not_built(what: &str) -> Failure {
    Failure::NotImplemented(format!("{what} is not built in this version of refuge"))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn found(path: &[&'static str]) -> Route<'static> {
        path::find(path.iter().map(|&segment| Cow::Borrowed(segment)).collect())
    }

    fn needed(route: &Route<'_>, method: &Method) -> Need {
        need(route, method, &Rules::default())
    }

    #[test]
    fn making_databases_and_replicating_is_for_admins() {
        assert_eq!(needed(&found(&["db"]), &Method::PUT), Need::ServerAdmin);
        assert_eq!(needed(&found(&["db"]), &Method::GET), Need::Anybody);
        assert_eq!(needed(&found(&["db", "d"]), &Method::PUT), Need::Anybody);
        assert_eq!(needed(&found(&["_replicate"]), &Method::POST), Need::ServerAdmin);
        assert_eq!(needed(&found(&["_node", "x"]), &Method::GET), Need::ServerAdmin);
        assert_eq!(needed(&found(&["_scheduler", "jobs"]), &Method::GET), Need::ServerAdmin);
        assert_eq!(needed(&found(&["_mesh", "events"]), &Method::GET), Need::ServerAdmin);
        assert_eq!(needed(&found(&[]), &Method::GET), Need::Nothing);
    }

    #[test]
    fn what_the_node_is_run_by_is_for_admins() {
        for name in ["_peers", "a/_replicator"] {
            assert_eq!(needed(&found(&[name, "d"]), &Method::GET), Need::ServerAdmin, "{name}");
        }
        for name in ["_users", "_replicator"] {
            assert_eq!(needed(&found(&[name]), &Method::PUT), Need::ServerAdmin, "{name}");
            // Its `_security` lets somebody in or not.
            assert_eq!(needed(&found(&[name, "d"]), &Method::GET), Need::Anybody, "{name}");
        }
    }

    #[test]
    fn databases_are_listed_for_admins_unless_somebody_says_otherwise() {
        let everybody = Rules { databases_are_public: true, ..Rules::default() };
        for path in ["_all_dbs", "_dbs_info"] {
            let route = found(&[path]);
            assert_eq!(needed(&route, &Method::GET), Need::ServerAdmin, "{path}");
            assert_eq!(need(&route, &Method::GET, &everybody), Need::Anybody, "{path}");
        }
        assert_eq!(need(&found(&["_db_updates"]), &Method::GET, &everybody), Need::ServerAdmin);
        assert_eq!(needed(&found(&["db", "_sync_shards"]), &Method::POST), Need::ServerAdmin);
    }
}
