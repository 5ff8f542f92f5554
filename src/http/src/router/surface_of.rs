//! Which row of the surface's table a route is: a new endpoint has to have one before this compiles.

use super::endpoint::{
    ConfigurationPart, MeshRoute, NodeRoute, PairRoute, Part, Route, SchedulerRoute, ThisNodePart,
};
use super::path::{DesignPart, IndexesPart};
use crate::all_documents::Listed;
use crate::node::PeerStreamKind;
use crate::surface::Endpoint;
use crate::surface::{database, design, mesh, node};

/// The row of a route; none where nothing is built.
pub(crate) fn surface_of(route: &Route<'_>) -> Option<&'static Endpoint> {
    Some(match route {
        Route::Welcome => &node::WELCOME,
        Route::Up => &node::UP,
        Route::SetUp { .. } => &node::SET_UP,
        Route::Node(route) => of_node(*route),
        Route::ThisNode { part, .. } => return of_this_node(part),
        Route::Scheduler(route) => match route {
            SchedulerRoute::Jobs => &node::SCHEDULER_JOBS,
            SchedulerRoute::Job { .. } => &node::SCHEDULER_JOB,
            SchedulerRoute::Documents => &node::SCHEDULER_DOCUMENTS,
            SchedulerRoute::DocumentsOf { .. } => &node::SCHEDULER_DOCUMENTS_OF,
            SchedulerRoute::Document { .. } => &node::SCHEDULER_DOCUMENT,
            SchedulerRoute::Unknown => return None,
        },
        Route::Configuration { part, .. } => match part {
            ConfigurationPart::Whole => &node::CONFIGURATION,
            ConfigurationPart::Reload => &node::RELOAD,
            ConfigurationPart::Section(_) => &node::CONFIGURATION_SECTION,
            ConfigurationPart::Key { .. } => &node::CONFIGURATION_KEY,
            ConfigurationPart::Beyond => return None,
        },
        Route::Mesh(route) => of_mesh(route),
        Route::Pair(PairRoute::Invited) => &mesh::PAIR,
        Route::Pair(PairRoute::Asking) => &mesh::PAIR_REQUEST,
        Route::Pair(PairRoute::Rotated) => &mesh::PAIR_ROTATION,
        Route::Rotations { .. } => &mesh::ROTATIONS,
        Route::NodeEvents => &mesh::NODE_EVENTS,
        Route::HubNodes => &mesh::HUB_NODES,
        Route::HubNode { .. } => &mesh::HUB_NODE,
        Route::Messages => &mesh::MESSAGES,
        Route::PeerStream(PeerStreamKind::Link) => &mesh::LINK,
        Route::PeerStream(PeerStreamKind::Reverse) => &mesh::REVERSE,
        Route::Database { part, .. } => return of_database(part),
        Route::Later(_) => return None,
    })
}

fn of_node(route: NodeRoute) -> &'static Endpoint {
    match route {
        NodeRoute::OpenApi => &node::OPENAPI,
        NodeRoute::Uuids => &node::UUIDS,
        NodeRoute::AllDatabases => &node::ALL_DATABASES,
        NodeRoute::Session => &node::SESSION,
        NodeRoute::Replicate => &node::REPLICATE,
        NodeRoute::ActiveTasks => &node::ACTIVE_TASKS,
        NodeRoute::DatabaseUpdates => &node::DATABASE_UPDATES,
        NodeRoute::DatabasesInformation => &node::DATABASES_INFORMATION,
        NodeRoute::Membership => &node::MEMBERSHIP,
        NodeRoute::ClusterSetup => &node::CLUSTER_SETUP,
    }
}

fn of_mesh(route: &MeshRoute<'_>) -> &'static Endpoint {
    match route {
        MeshRoute::Overview => &mesh::MESH,
        MeshRoute::Peers => &mesh::PEERS,
        MeshRoute::Peer { .. } => &mesh::PEER,
        MeshRoute::Invitations => &mesh::INVITATIONS,
        MeshRoute::Invitation { .. } => &mesh::INVITATION,
        MeshRoute::Introductions => &mesh::INTRODUCTIONS,
        MeshRoute::Diagnose { .. } => &mesh::DIAGNOSE,
    }
}

fn of_this_node(part: &ThisNodePart<'_>) -> Option<&'static Endpoint> {
    Some(match part {
        ThisNodePart::Name => &node::NODE,
        ThisNodePart::Versions => &node::VERSIONS,
        ThisNodePart::Statistics { .. } => &node::STATISTICS,
        ThisNodePart::System => &node::SYSTEM,
        ThisNodePart::Prometheus => &node::PROMETHEUS,
        ThisNodePart::Restart => &node::RESTART,
        ThisNodePart::Unknown => return None,
    })
}

fn of_database(part: &Part<'_>) -> Option<&'static Endpoint> {
    Some(match part {
        Part::Whole => &database::WHOLE,
        Part::Listing(Listed::All) => &database::ALL_DOCUMENTS,
        Part::Listing(Listed::Design) => &database::DESIGN_DOCUMENTS,
        Part::Listing(Listed::Local) => &database::LOCAL_DOCUMENTS,
        Part::ListingQueries(Listed::All) => &database::ALL_DOCUMENTS_QUERIES,
        Part::ListingQueries(Listed::Design) => &database::DESIGN_DOCUMENTS_QUERIES,
        Part::ListingQueries(Listed::Local) => &database::LOCAL_DOCUMENTS_QUERIES,
        Part::Conflicts => &database::CONFLICTS,
        Part::BulkDocuments => &database::BULK_DOCUMENTS,
        Part::BulkGet => &database::BULK_GET,
        Part::Changes => &database::CHANGES_FEED,
        Part::RevisionsDifference => &database::REVISIONS_DIFFERENCE,
        Part::MissingRevisions => &database::MISSING_REVISIONS,
        Part::OnDemand => &database::ON_DEMAND,
        Part::Options => &database::OPTIONS,
        Part::Purge => &database::PURGE,
        Part::PurgedInfos => &database::PURGED_INFOS,
        Part::PurgedInfosLimit => &database::PURGED_INFOS_LIMIT,
        Part::Security => &database::SECURITY,
        Part::RevisionsLimit => &database::REVISIONS_LIMIT,
        Part::EnsureFullCommit => &database::ENSURE_FULL_COMMIT,
        Part::Partition { .. } => &database::PARTITION,
        Part::InPartition { part, .. } => return of_database(part.as_deref()?),
        Part::Partitions => return None,
        Part::Shards => &database::SHARDS,
        Part::ShardOf { .. } => &database::SHARD_OF,
        Part::SyncShards => &database::SYNC_SHARDS,
        Part::RandomDocument => &database::RANDOM_DOCUMENT,
        Part::Compact { design: None } => &database::COMPACT,
        Part::Compact { design: Some(_) } => &database::COMPACT_VIEWS,
        Part::Find => &database::FIND,
        Part::Explain => &database::EXPLAIN,
        Part::Indexes(IndexesPart::All) => &database::INDEXES,
        Part::Indexes(IndexesPart::BulkDelete) => &database::INDEXES_BULK_DELETE,
        Part::Indexes(IndexesPart::One { .. }) => &database::INDEX,
        Part::Indexes(IndexesPart::Unknown) => return None,
        Part::TemporaryView => return None,
        Part::ViewCleanup => &database::VIEW_CLEANUP,
        Part::Design { part, .. } => return of_design(part),
        Part::Uploads { id: None } => &database::UPLOADS,
        Part::Uploads { id: Some(_) } => &database::UPLOAD,
        Part::Document { id } if id.starts_with("_design/") => &design::DESIGN_DOCUMENT,
        Part::Document { .. } => &database::DOCUMENT,
        Part::Local { .. } => &database::LOCAL_DOCUMENT,
        Part::Attachment { id, .. } if id.starts_with("_design/") => &design::DESIGN_ATTACHMENT,
        Part::Attachment { .. } => &database::ATTACHMENT,
    })
}

fn of_design(part: &DesignPart<'_>) -> Option<&'static Endpoint> {
    Some(match part {
        DesignPart::Information => &design::INFORMATION,
        DesignPart::View { .. } => &design::VIEW_ROWS,
        DesignPart::ViewQueries { .. } => &design::VIEW_QUERIES,
        DesignPart::Show(called) if called.id.is_none() => &design::SHOW,
        DesignPart::Show(_) => &design::SHOW_DOCUMENT,
        DesignPart::Update(called) if called.id.is_none() => &design::UPDATE,
        DesignPart::Update(_) => &design::UPDATE_DOCUMENT,
        DesignPart::List { design: None, .. } => &design::LIST,
        DesignPart::List { design: Some(_), .. } => &design::LIST_OF_OTHER,
        DesignPart::ListOfNothing | DesignPart::ViewOfNothing | DesignPart::NoFunction { .. } => {
            return None;
        }
        DesignPart::Rewrite { .. } => &design::REWRITE,
    })
}
