//! What a client asks for at `POST /_replicate` and in documents of `_replicator`, read into types. A field that would change the outcome and is not built yet is an error, never ignored;
//! one that only tunes is taken or ignored.
//!
//! Source: <https://docs.couchdb.org/en/stable/json-structure.html#replication-settings>

mod address;
mod choosing;
mod node_end;
mod node_text;
mod parse;
mod proxy;
mod sockets;
mod user;
mod window;

use std::fmt;
use std::sync::Arc;

pub use node_end::{NodeEnd, PeerEnd, is_named_by};
pub use parse::parse_replicate_request;
pub(crate) use parse::{parse_end, parse_job};
pub(crate) use proxy::parse_proxies;
pub use proxy::{Proxy, ProxyProtocol};
pub use sockets::SocketOptions;
pub use user::UserContext;
pub use window::{Window, WindowState};

use crate::identity::{ReplicationId, ReplicationIdentity};
use crate::selection::Selection;

/// A request to start or to cancel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicateRequest {
    /// Start this.
    Start(Box<Job>),
    /// Stop that.
    Cancel(Cancellation),
}

/// What is to be stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// By `replication_id` (or `id`), as `_local_id` told it.
    Id(String),
    /// By the same fields that started it.
    Job(Box<Job>),
}

/// One replication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Where changes are read.
    pub source: EndPoint,
    /// Where they are written.
    pub target: EndPoint,
    /// Goes on when it has caught up.
    pub continuous: bool,
    /// Makes the target where it is missing.
    pub create_target: bool,
    /// Whether the target that it makes is partitioned (`create_target_params`).
    pub partitioned_target: bool,
    /// Shards of the target that it makes (`create_target_params.q`), where given.
    pub target_shards: Option<u16>,
    /// As whom it acts on databases of this node (`user_ctx`); as the node where not given.
    pub user: Option<UserContext>,
    /// Leaves `_expires` out of what is sent (`strip`).
    pub strip: bool,
    /// What is replicated (`doc_ids`, `filter`, `selector`, `winning_revs_only`).
    pub selection: Arc<Selection>,
    /// The sequence of the source that it begins behind where there is no checkpoint (`since_seq`).
    pub since: Option<String>,
    /// Whether it reads and writes checkpoints (`use_checkpoints`), where given.
    pub use_checkpoints: Option<bool>,
    /// Most documents in a batch (`worker_batch_size`), where given.
    pub batch_documents: Option<usize>,
    /// `checkpoint_interval` in milliseconds, where given.
    pub checkpoint_interval_ms: Option<u64>,
    /// `retries_per_request`, where given.
    pub retries: Option<u32>,
    /// How its ends are reached, and when.
    pub link: Box<JobLink>,
}

/// How much of the way to its ends a job takes, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobLink {
    /// Most bytes a second in each direction (`bandwidth`), where given.
    pub bandwidth: Option<u64>,
    /// The hours in which it runs (`window`), where not all.
    pub window: Option<Window>,
    /// Most requests to one end at once (`http_connections`), where given.
    pub connections: Option<usize>,
    /// Milliseconds of silence after which a request counts as failed (`connection_timeout`), where given.
    pub patience_ms: Option<u64>,
    /// What is asked of sockets (`socket_options`), where given.
    pub sockets: Option<SocketOptions>,
    /// Whether remote sources are asked for many documents at a time (`use_bulk_get`), where given.
    pub use_bulk_get: Option<bool>,
    /// Batches that are under way at once (`worker_processes`), where given.
    pub batches_under_way: Option<usize>,
    /// On the way to the source.
    pub source_proxy: Option<Proxy>,
    /// On the way to the target.
    pub target_proxy: Option<Proxy>,
}

impl Job {
    /// Its id where the node with this `uuid` runs it.
    pub fn id(&self, node_uuid: &str) -> ReplicationId {
        ReplicationId::of(ReplicationIdentity {
            node_uuid,
            source: &self.source,
            target: &self.target,
            continuous: self.continuous,
            create_target: self.create_target,
            strip: self.strip,
            selection: &self.selection,
            since: self.since.as_deref(),
            user: self.user.as_ref(),
        })
    }
}

/// One end of a replication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndPoint {
    /// A database of this node, by name.
    Local(String),
    /// A database behind a URL, this node's own included.
    Remote(RemoteAddress),
    /// A database of whichever trusted nodes are meant; a run is towards one of them, as a
    /// [`EndPoint::Peer`].
    Node(NodeEnd),
    /// A database of one trusted node.
    Peer(PeerEnd),
}

impl fmt::Display for EndPoint {
    /// For messages and `_active_tasks`; without credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(name) => formatter.write_str(name),
            Self::Remote(address) => formatter.write_str(&address.url),
            Self::Node(end) => end.fmt(formatter),
            Self::Peer(end) => end.fmt(formatter),
        }
    }
}

/// A database behind a URL. Its `Debug` shows neither credentials nor values of headers.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteAddress {
    /// `http://host:port/prefix/database`: scheme and host in lower case, no user information, no
    /// default port, no slash at the end.
    pub url: String,
    /// Further headers of every request, as given.
    pub headers: Vec<(String, String)>,
    /// From the URL's user information or from `auth`.
    pub credentials: Option<BasicCredentials>,
}

impl fmt::Debug for RemoteAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        formatter
            .debug_struct("RemoteAddress")
            .field("url", &self.url)
            .field("headers", &names)
            .field("credentials", &self.credentials)
            .finish()
    }
}

/// A name and a password. `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct BasicCredentials {
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
}

impl fmt::Debug for BasicCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BasicCredentials(hidden)")
    }
}

/// Why a request cannot become a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// 400.
    #[error("{0}")]
    BadRequest(String),
    /// 403: this is never an end of a replication.
    #[error("{0}")]
    Forbidden(String),
    /// 501: it would change the outcome and is not built yet.
    #[error("the replication field `{field}` is not supported by this version of refuge")]
    Unsupported {
        /// Its name.
        field: String,
    },
}
