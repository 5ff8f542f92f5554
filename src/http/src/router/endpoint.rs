//! The endpoints that a path may name. Which path names which is in `path`.

use std::borrow::Cow;

use super::path::{DesignPart, IndexesPart};
use crate::all_documents::Listed;
use crate::node::PeerStreamKind;

/// The endpoint of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// `/`.
    Welcome,
    /// `/_up`.
    Up,
    /// `/_setup/<token>`.
    SetUp {
        /// The token.
        token: Cow<'a, str>,
    },
    /// Another endpoint of the node itself.
    Node(NodeRoute),
    /// `/_node/{name}/…`, but not its configuration.
    ThisNode {
        /// The name of a node.
        name: Cow<'a, str>,
        /// What is asked of it.
        part: ThisNodePart<'a>,
    },
    /// Replications and their documents.
    Scheduler(SchedulerRoute<'a>),
    /// `/_node/{node}/_config`: the configuration of a node.
    Configuration {
        /// The node's name, or `_local`.
        node: Cow<'a, str>,
        /// What of it.
        part: ConfigurationPart<'a>,
    },
    /// Other nodes, as an admin sees them.
    Mesh(MeshRoute<'a>),
    /// A node that wants to be a peer.
    Pair(PairRoute),
    /// How this node became who it is.
    Rotations {
        /// The id that it had before, as text.
        id: Cow<'a, str>,
    },
    /// What happens to other nodes.
    NodeEvents,
    /// The nodes that a hub knows.
    HubNodes,
    /// One of them.
    HubNode {
        /// Its id, as text.
        id: Cow<'a, str>,
    },
    /// What applications on two nodes say to each other.
    Messages,
    /// A stream that another node opens.
    PeerStream(PeerStreamKind),
    /// A database or something in it.
    Database {
        /// Its name.
        name: Cow<'a, str>,
        /// What of it.
        part: Part<'a>,
    },
    /// An endpoint that is not built.
    Later(Cow<'a, str>),
}

/// An endpoint of the node itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeRoute {
    /// `/_openapi.json`.
    OpenApi,
    /// `/_uuids`.
    Uuids,
    /// `/_all_dbs`.
    AllDatabases,
    /// `/_session`.
    Session,
    /// `/_replicate`.
    Replicate,
    /// `/_active_tasks`.
    ActiveTasks,
    /// `/_db_updates`.
    DatabaseUpdates,
    /// `/_dbs_info`.
    DatabasesInformation,
    /// `/_membership`.
    Membership,
    /// `/_cluster_setup`.
    ClusterSetup,
}

/// How a node wants to be a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PairRoute {
    /// `/_mesh/pair`: with an invitation.
    Invited,
    /// `/_mesh/pair/request`: if an admin approves.
    Asking,
    /// `/_mesh/pair/rotation`: it was one under another key.
    Rotated,
}

/// What is asked about other nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MeshRoute<'a> {
    /// `/_mesh`.
    Overview,
    /// `/_mesh/peers`.
    Peers,
    /// `/_mesh/peers/{node}`.
    Peer {
        /// Its id or its name here.
        node: Cow<'a, str>,
    },
    /// `/_mesh/invitations`.
    Invitations,
    /// `/_mesh/invitations/{number}`.
    Invitation {
        /// Its number, as text.
        number: Cow<'a, str>,
    },
    /// `/_mesh/introductions`.
    Introductions,
    /// `/_mesh/diagnose/{node}`.
    Diagnose {
        /// Its id or its name here.
        node: Cow<'a, str>,
    },
}

/// What is asked of a node by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ThisNodePart<'a> {
    /// Nothing but its name.
    Name,
    /// `_versions`.
    Versions,
    /// `_stats`, or a part of them.
    Statistics {
        /// The members on the way down to that part.
        path: Vec<Cow<'a, str>>,
    },
    /// `_system`.
    System,
    /// `_prometheus`.
    Prometheus,
    /// `_restart`.
    Restart,
    /// What is not there.
    Unknown,
}

/// A part of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConfigurationPart<'a> {
    /// All of it.
    Whole,
    /// `_reload`.
    Reload,
    /// A section.
    Section(Cow<'a, str>),
    /// A key of a section.
    Key {
        /// The section.
        section: Cow<'a, str>,
        /// Its name.
        name: Cow<'a, str>,
    },
    /// Something behind a key, where nothing is.
    Beyond,
}

/// What is asked of the scheduler of replications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SchedulerRoute<'a> {
    /// `/_scheduler/jobs`.
    Jobs,
    /// `/_scheduler/jobs/{id}`.
    Job {
        /// Id of the replication.
        id: Cow<'a, str>,
    },
    /// `/_scheduler/docs`.
    Documents,
    /// `/_scheduler/docs/{db}`.
    DocumentsOf {
        /// The database that holds them.
        database: Cow<'a, str>,
    },
    /// `/_scheduler/docs/{db}/{docid}`.
    Document {
        /// The database that holds it.
        database: Cow<'a, str>,
        /// Its id.
        id: Cow<'a, str>,
    },
    /// Something else, which there is not.
    Unknown,
}

/// Something in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// The database itself.
    Whole,
    /// `_all_docs`, `_design_docs`, `_local_docs`.
    Listing(Listed),
    /// Several of the same at once: `_all_docs/queries` and its like.
    ListingQueries(Listed),
    /// `_conflicts`.
    Conflicts,
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
    /// `_on_demand`.
    OnDemand,
    /// `_options`.
    Options,
    /// `_purge`.
    Purge,
    /// `_purged_infos`.
    PurgedInfos,
    /// `_purged_infos_limit`.
    PurgedInfosLimit,
    /// `_security`.
    Security,
    /// `_revs_limit`.
    RevisionsLimit,
    /// `_ensure_full_commit`.
    EnsureFullCommit,
    /// `_partition` without a partition.
    Partitions,
    /// `_partition/{partition}`.
    Partition {
        /// Its name.
        name: Cow<'a, str>,
    },
    /// What is asked of a partition alone.
    InPartition {
        /// Its name.
        name: Cow<'a, str>,
        /// What; nothing where nothing is there.
        part: Option<Box<Part<'a>>>,
    },
    /// `_shards`.
    Shards,
    /// `_shards/{docid}`.
    ShardOf {
        /// The document's id.
        id: Cow<'a, str>,
    },
    /// `_sync_shards`.
    SyncShards,
    /// `_random_doc`.
    RandomDocument,
    /// `_compact`, or `_compact/{ddoc}`.
    Compact {
        /// Name of the design document.
        design: Option<Cow<'a, str>>,
    },
    /// `_find`.
    Find,
    /// `_explain`.
    Explain,
    /// `_index`, and below.
    Indexes(IndexesPart<'a>),
    /// `_temp_view`, which is no more.
    TemporaryView,
    /// `_view_cleanup`.
    ViewCleanup,
    /// Below a design document.
    Design {
        /// Its name, without `_design/`.
        name: Cow<'a, str>,
        /// What of it.
        part: DesignPart<'a>,
    },
    /// `_uploads`, or one of them.
    Uploads {
        /// Its id.
        id: Option<Cow<'a, str>>,
    },
    /// A document, design documents included.
    Document {
        /// Its id.
        id: Cow<'a, str>,
    },
    /// A local document.
    Local {
        /// Its id without `_local/`.
        id: Cow<'a, str>,
    },
    /// An attachment.
    Attachment {
        /// The document's id.
        id: Cow<'a, str>,
        /// The attachment's name; slashes may be in it.
        name: Cow<'a, str>,
    },
}
