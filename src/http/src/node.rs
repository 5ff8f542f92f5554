//! The traits through which the HTTP surface speaks to the node behind it. Whoever implements them
//! (actors, a test) decides where the data lives; nothing of HTTP and nothing of actors belongs here.
//!
//! Reads are served in pages: a page is taken from one short-lived snapshot, and the next one goes on
//! after its last key, so that a slow reader holds neither memory nor a snapshot.

mod configuration;
mod database;
mod find;
mod functions;
mod mesh;
mod on_demand;
mod options;
mod pages;
mod purge;
mod report;
mod resumable;
mod update;
mod updates;
mod upload;
mod views;

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use refuge_mesh::{MeshCommand, NodeId, Statement};
use serde_json::{Map, Value};
use tokio::io::DuplexStream;

use crate::failure::Failure;
use crate::request_bytes::RequestBytes;
use crate::request_metrics::RequestMetrics;
use crate::rules::Rules;
use crate::security::Security;
use crate::user::{Credentials, Identity, Proof, User};

pub use configuration::{ConfigurationChange, ConfigurationSections};
pub use database::{
    Database, DocumentTree, Information, LocalDocument, PartitionInformation, StoredBody,
    StoredDocument,
};
pub use find::{FindMatch, FindPage, FindPart, FindQuestion, Findings};
pub use functions::{
    FilterFunction, FunctionAnswer, FunctionCall, FunctionFilter, FunctionRewrite, FunctionUpdate,
    ListCall, ListPiece,
};
pub use mesh::{
    HubQuestion, MessagesPage, MessagesRequest, NewMessage, NodeEventsPage, NodeEventsRequest,
    PairingQuestion, PairingVisitor, PeerStreamKind,
};
pub use on_demand::OnDemand;
pub use options::DatabaseOptions;
pub use pages::{
    CandidatesQuestion, ChangesPage, ChangesRequest, ConflictsPage, DocumentsPage,
    DocumentsRequest, IdsRequest, LocalsPage,
};
pub use purge::{PurgeLimits, PurgedDocument, PurgesPage};
pub use report::{DatabaseDescription, DatabaseNamesRequest, NodeReport};
pub use resumable::{
    NewResumableUpload, PartUpload, ResumableUploadBegun, ResumableUploadPart,
    ResumableUploadState, ResumableUploads,
};
pub use update::{Update, UpdateAttachment, UpdateFailure, UpdateResult, UpdateVerdicts};
pub use updates::{
    DatabaseUpdate, DatabaseUpdateKind, DatabaseUpdatesPage, DatabaseUpdatesRequest,
};
pub use upload::{Upload, UploadOptions, UploadedContent};
pub use views::{
    Freshness, GroupLevel, IndexInformation, RowPlace, View, ViewBound, ViewGroup, ViewGroupsPage,
    ViewPart, ViewRange, ViewRequest, ViewRow, ViewRowsPage,
};

/// What a node that stands alone calls itself in CouchDB's shapes, as a CouchDB without distribution
/// does: clients that set one up ask for `/_node/nonode@nohost/…`.
pub const NODE_NAME: &str = "nonode@nohost";

/// A node, as HTTP sees it.
#[async_trait]
pub trait Node: Send + Sync + 'static {
    /// Facts that stay the same while the node runs.
    fn facts(&self) -> &NodeFacts;

    /// Whether at least one server admin exists. While none does, only `/`, `/_up` and the set-up
    /// link answer.
    fn has_admins(&self) -> bool;

    /// Whether writes are refused because the disk is nearly full.
    fn disk_is_nearly_full(&self) -> bool {
        false
    }

    /// A number that changes whenever credentials that were good may not be any longer; connections
    /// that remember a verified client ask again then.
    fn credentials_generation(&self) -> u64 {
        0
    }

    /// Who it is that shows this proof, from this address. Wrong passwords and tokens are failures;
    /// `None` for a cookie that is not valid (any more) and for a proxy that proves nothing.
    async fn authenticate(
        &self,
        proof: &Proof,
        address: IpAddr,
    ) -> Result<Option<Identity>, Failure>;

    /// Begins a session: the user, and the value of the session's cookie. Wrong credentials are
    /// `Failure::Unauthorized`.
    async fn sign_in(
        &self,
        _credentials: &Credentials,
        _address: IpAddr,
    ) -> Result<(User, String), Failure> {
        Err(absent("sessions"))
    }

    /// Whether `token` opens the set-up page now; compared in constant time.
    async fn set_up_is_open(&self, token: &str) -> bool;

    /// Makes the first server admin, once; `Failure::NotFound` for a token that does not (or no
    /// longer) fit.
    async fn set_up(&self, token: &str, admin: NewAdmin) -> Result<(), Failure>;

    /// What the configuration in force asks of requests; asked once a request, so it is cheap.
    fn rules(&self) -> Arc<Rules> {
        Arc::default()
    }

    /// The whole configuration: sections of names with values that are text.
    fn configuration(&self) -> Result<ConfigurationSections, Failure> {
        Err(absent("configuration"))
    }

    /// Changes one value of the configuration, durably unless it says otherwise, and with effect when
    /// this returns; answers with the value before it.
    async fn change_configuration(
        &self,
        _change: ConfigurationChange,
    ) -> Result<Option<String>, Failure> {
        Err(absent("configuration"))
    }

    /// Reads the configuration's files anew.
    async fn reload_configuration(&self) -> Result<(), Failure> {
        Err(absent("configuration"))
    }

    /// `count` new identifiers.
    fn new_identifiers(&self, count: usize) -> Vec<String>;

    /// A page of the names of databases, in byte order or against it. An empty page is the end.
    async fn database_names(&self, request: DatabaseNamesRequest) -> Result<Vec<String>, Failure>;

    /// What is to be told of databases, in the order of their names; `None` for one that is not there.
    /// By default each is opened.
    async fn describe_databases(
        &self,
        names: Vec<String>,
    ) -> Result<Vec<Option<DatabaseDescription>>, Failure> {
        let mut described = Vec::with_capacity(names.len());
        for name in names {
            described.push(match self.open(&name).await {
                Err(Failure::NoDatabase) => None,
                Err(failure) => return Err(failure),
                Ok(database) => Some(DatabaseDescription {
                    instance: database.instance().to_owned(),
                    options: database.options(),
                    information: database.information().await?,
                }),
            });
        }
        Ok(described)
    }

    /// Makes a database; its name has been checked. `Failure::DatabaseExists` when it is there.
    async fn create_database(&self, name: &str, options: NewDatabase) -> Result<(), Failure>;

    /// Removes a database and all that is in it.
    async fn delete_database(&self, name: &str) -> Result<(), Failure>;

    /// Opens a database by name; `Failure::NoDatabase` when there is none.
    async fn open(&self, name: &str) -> Result<Arc<dyn Database>, Failure>;

    /// What bounds the bytes of request bodies that are held in memory, for all connections of the
    /// node together; asked once a connection. By default each connection has a bound of its own.
    fn request_bytes(&self) -> RequestBytes {
        RequestBytes::default()
    }

    /// Who a node is that proved this id, if it is trusted now: the name `node:<id>` and its roles.
    fn peer_user(&self, _id: &NodeId) -> Option<Arc<User>> {
        None
    }

    /// Waits until a node is not trusted (any more).
    async fn distrusted(&self, _id: &NodeId) {
        std::future::pending().await
    }

    /// Waits until a node is blocked, also one that was never trusted.
    async fn blocked(&self, _id: &NodeId) {
        std::future::pending().await
    }

    /// Takes the stream that a trusted node opened. What is written into `io` goes to that node, and
    /// what it sends is read from there; dropping it ends the stream.
    async fn take_stream(
        &self,
        _peer: &NodeId,
        _kind: PeerStreamKind,
        _io: DuplexStream,
    ) -> Result<(), Failure> {
        Err(absent("links between nodes"))
    }

    /// What an admin asks of the mesh, answered as told at each command.
    async fn mesh(&self, _command: MeshCommand) -> Result<Value, Failure> {
        Err(absent("other nodes"))
    }

    /// An introduction that an admin brings: `{"outcome": …}`.
    async fn hear_introduction(&self, _statement: Box<Statement>) -> Result<Value, Failure> {
        Err(absent("introductions"))
    }

    /// A node that this one need not trust, and that proved its id, wants to be a peer.
    async fn pair(
        &self,
        _visitor: PairingVisitor,
        _question: PairingQuestion,
    ) -> Result<Value, Failure> {
        Err(absent("pairing"))
    }

    /// The statements by which this node follows an identity that it had before, which prove themselves:
    /// `{"rotations": [statement, …]}`, the oldest first. `Failure::NotFound` where it had no such identity.
    fn rotations(&self, _old: &NodeId) -> Result<Value, Failure> {
        Err(Failure::NotFound("missing".to_owned()))
    }

    /// A node that proved its id asks this one as a hub, answered as told at each question.
    /// `Failure::NotFound` where this node is none, or none for that node.
    async fn hub(&self, _visitor: NodeId, _question: HubQuestion) -> Result<Value, Failure> {
        Err(Failure::NotFound("missing".to_owned()))
    }

    /// Keeps a message until the nodes that it is for have it: `{"ok", "id", "to": […], "refused": […]}`.
    async fn send_message(&self, _message: NewMessage) -> Result<Value, Failure> {
        Err(absent("messages"))
    }

    /// A page of the messages of other nodes.
    async fn messages(&self, _request: MessagesRequest) -> Result<MessagesPage, Failure> {
        Err(absent("messages"))
    }

    /// Waits until there is a message behind `number`; tells the number of the newest.
    async fn messages_beyond(
        &self,
        _application: Option<String>,
        _number: u64,
    ) -> Result<u64, Failure> {
        Err(absent("messages"))
    }

    /// A page of what happened to other nodes.
    async fn node_events(&self, _request: NodeEventsRequest) -> Result<NodeEventsPage, Failure> {
        Err(absent("node events"))
    }

    /// Waits until there is an event behind `number`; tells the number of the newest.
    async fn node_events_beyond(&self, _number: u64) -> Result<u64, Failure> {
        Err(absent("node events"))
    }

    /// A page of what happened to databases.
    async fn database_updates(
        &self,
        _request: DatabaseUpdatesRequest,
    ) -> Result<DatabaseUpdatesPage, Failure> {
        Err(absent("updates of databases"))
    }

    /// Waits until there is an update behind `number`; tells the number of the newest.
    async fn database_updates_beyond(&self, _number: u64) -> Result<u64, Failure> {
        Err(absent("updates of databases"))
    }

    /// The states of documents that ask for replications, in CouchDB's shape:
    /// `{"total_rows": …, "offset": …, "docs": [{"database": …, "doc_id": …, "state": …, …}, …]}`.
    async fn replication_documents(&self, _rows: SchedulerRows) -> Result<Value, Failure> {
        Err(absent("the scheduler of replications"))
    }

    /// One of them; `None` where there is no such document.
    async fn replication_document(
        &self,
        _database: &str,
        _id: &str,
    ) -> Result<Option<Value>, Failure> {
        Err(absent("the scheduler of replications"))
    }

    /// Replications that run or wait, in CouchDB's shape:
    /// `{"total_rows": …, "offset": …, "jobs": [{"id": …, "doc_id": …, …}, …]}`.
    async fn replication_jobs(&self, _skip: usize, _limit: usize) -> Result<Value, Failure> {
        Err(absent("the scheduler of replications"))
    }

    /// One of them by its id; `None` where there is no such job.
    async fn replication_job(&self, _id: &str) -> Result<Option<Value>, Failure> {
        Err(absent("the scheduler of replications"))
    }

    /// Whether somebody who may come to a database may not see all of its documents.
    async fn hides_documents(&self, _name: &str) -> Result<bool, Failure> {
        Ok(false)
    }

    /// What runs for long, each with CouchDB's members of a task.
    async fn active_tasks(&self) -> Result<Vec<Map<String, Value>>, Failure> {
        Err(absent("active tasks"))
    }

    /// What the node tells of itself.
    async fn report(&self, _report: NodeReport) -> Result<Value, Failure> {
        Err(absent("metrics"))
    }

    /// All it counts, in the text format of Prometheus.
    async fn prometheus(&self) -> Result<String, Failure> {
        Err(absent("metrics"))
    }

    /// Where its requests are counted; asked once a connection.
    fn request_metrics(&self) -> Option<Arc<RequestMetrics>> {
        None
    }

    /// Has the whole node shut down in order and start again; returns before that.
    async fn restart(&self) -> Result<(), Failure> {
        Err(absent("restart"))
    }

    /// Makes a server admin, or gives one another password; asked for by an admin.
    async fn make_admin(&self, _admin: NewAdmin) -> Result<(), Failure> {
        Err(absent("way to make admins"))
    }

    /// Carries out a `POST /_replicate` request (the body as the client sent it, already parsed)
    /// and answers with the body of the reply. A continuous one is answered once it is started.
    async fn replicate(&self, request: Value, user: &User) -> Result<Value, Failure>;
}

/// Which documents that ask for replications are told of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchedulerRows {
    /// Those of this database alone.
    pub database: Option<String>,
    /// Those in one of these states alone; all where there are none.
    pub states: Vec<String>,
    /// In the opposite order of their ids.
    pub descending: bool,
    /// So many are passed over.
    pub skip: usize,
    /// At most so many are told of.
    pub limit: usize,
}

/// What is told of the node at `GET /`.
#[derive(Clone, Debug)]
pub struct NodeFacts {
    /// 32 hexadecimal digits that name this installation.
    pub uuid: String,
    /// Version of refuge.
    pub version: String,
}

/// What is asked of a database that is made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewDatabase {
    /// Number of shards (CouchDB's `q`), 1 to 64; as the settings say where it is not given.
    pub shards: Option<u16>,
    /// Whether its documents may have `_expires`.
    pub ttl: bool,
    /// Whether each document's id names the partition that it belongs to.
    pub partitioned: bool,
    /// Whether its documents say who may read and write them.
    pub access: bool,
    /// Its `_security`; as the settings say where it is not given.
    pub security: Option<Security>,
}

/// The admin that the set-up link makes.
pub struct NewAdmin {
    /// Name as the person typed it.
    pub name: String,
    /// Password in clear; hashed before it is stored.
    pub password: String,
}

impl NewAdmin {
    /// Whether somebody may be called so.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.name.is_empty() || self.password.is_empty() {
            return Err(Failure::BadRequest("An admin needs a name and a password.".to_owned()));
        }
        if self.name.starts_with('_') || self.name.contains([':', '\n', '\r', '\0']) {
            return Err(Failure::BadRequest(
                "An admin's name must not begin with \"_\" and must not hold \":\".".to_owned(),
            ));
        }
        Ok(())
    }
}

fn absent(what: &str) -> Failure {
    Failure::NotImplemented(format!("This node has no {what}."))
}
