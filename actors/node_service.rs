//! The node as the HTTP surface and local replication see it: the implementation of `refuge_http`'s
//! traits by lookups of names, snapshots of the storage, and messages. No actor lives here.

mod batched;
mod conflicts;
mod database;
mod databases;
mod finding;
mod functions;
mod identifiers;
mod lists;
mod mesh;
mod options;
mod partitions;
mod purging;
mod random;
mod reading;
mod replications;
pub(crate) mod report;
mod resumable;
mod screened;
mod seen;
mod upload;
mod validation;
mod views;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use refuge_config::{Settings, Uuids};
use refuge_http::{
    ConfigurationChange, ConfigurationSections, Credentials, Database, DatabaseDescription,
    DatabaseNamesRequest, DatabaseUpdatesPage, DatabaseUpdatesRequest, Failure, HubQuestion,
    Identity, MessagesPage, MessagesRequest, NewAdmin, NewDatabase, NewMessage, Node,
    NodeEventsPage, NodeEventsRequest, NodeFacts, NodeReport, PairingQuestion, PairingVisitor,
    PeerStreamKind, Proof, RequestBytes, RequestMetrics, Rules, SchedulerRows, User,
};
use refuge_identity::{Certificate, password};
use refuge_mesh::{MeshCommand, NodeId, Statement};
use refuge_otp::Names;
use serde_json::{Map, Value};
use tokio::io::DuplexStream;
use tokio::sync::oneshot;

use self::identifiers::Identifiers;
use crate::authenticator::{self, AuthenticatorMessage};
use crate::configuration::{ConfigurationMessage, CurrentSettings};
use crate::database_updates::DatabaseUpdatesMessage;
use crate::engine::StorageDoors;
use crate::messages::MessagesMessage;
use crate::metrics::MetricsMessage;
use crate::{
    authentication, hub, mesh_commands, names, pairing, peer_directory, task_board, unavailable,
};
pub use database::OpenDatabase;
pub(crate) use databases::disk_is_nearly_full;
pub(crate) use databases::{create, create_as, open};
pub(crate) use functions::make_document;
pub(crate) use purging::purge;
pub(crate) use reading::{Reading, body, read, storage_failure, tree, winner, with_store};
pub use report::RestartRequest;
pub(crate) use seen::Seen;
pub(crate) use validation::upgrade_password;

/// The node behind the HTTP surface.
pub struct NodeService {
    names: Names,
    facts: NodeFacts,
    /// Whose connection it serves, when it serves one of another node.
    visitor: Option<Visitor>,
    request_bytes: RequestBytes,
    identifiers: Identifiers,
    request_metrics: Arc<RequestMetrics>,
    restart: RestartRequest,
}

/// Another node at the end of a connection that it opened.
pub struct Visitor {
    /// Where it comes from.
    pub address: SocketAddr,
    /// What it showed.
    pub certificate: Certificate,
}

impl NodeService {
    /// A service over the actors that have their names in `names`; waits for the storage.
    ///
    /// # Errors
    /// When the storage does not come up.
    pub async fn new(names: &Names) -> Result<Self, Failure> {
        let doors = crate::published::<StorageDoors>(names, names::ENGINE).await?;
        let facts = NodeFacts { uuid: doors.installation.clone(), version: report::version(names) };
        Ok(Self {
            facts,
            visitor: None,
            request_bytes: RequestBytes::default(),
            request_metrics: Arc::new(RequestMetrics::of_node(names.node())),
            restart: RestartRequest::default(),
            identifiers: Identifiers::default(),
            names: names.clone(),
        })
    }

    /// The same with a bound on request bodies that others share.
    #[must_use]
    pub fn bounded(self, request_bytes: RequestBytes) -> Self {
        Self { request_bytes, ..self }
    }

    /// The same for one connection of another node.
    #[must_use]
    pub fn from(self, visitor: Visitor) -> Self {
        Self { visitor: Some(visitor), ..self }
    }

    /// The same, telling whoever runs the node when it is to be restarted.
    #[must_use]
    pub fn restarted_by(self, restart: RestartRequest) -> Self {
        Self { restart, ..self }
    }

    fn current(&self) -> Option<Arc<CurrentSettings>> {
        self.names.value::<CurrentSettings>(names::CONFIGURATION)
    }
}

/// What the configuration in force asks of requests, and of documents that come otherwise.
pub(crate) fn rules(names: &Names) -> Arc<Rules> {
    let current = names.value::<CurrentSettings>(names::CONFIGURATION);
    current.map_or_else(Arc::default, |current| Arc::clone(&current.rules))
}

#[async_trait]
impl Node for NodeService {
    fn facts(&self) -> &NodeFacts {
        &self.facts
    }

    fn has_admins(&self) -> bool {
        self.current().is_none_or(|current| {
            let Settings { admins, .. } = &current.settings;
            !admins.is_empty()
        })
    }

    fn disk_is_nearly_full(&self) -> bool {
        disk_is_nearly_full(&self.names)
    }

    fn credentials_generation(&self) -> u64 {
        let settings = self.current().map_or(0, |current| current.generation);
        settings.rotate_left(32) ^ authenticator::users_generation(&self.names)
    }

    async fn authenticate(
        &self,
        proof: &Proof,
        address: IpAddr,
    ) -> Result<Option<Identity>, Failure> {
        authentication::authenticate(&self.names, proof, address).await
    }

    async fn sign_in(
        &self,
        credentials: &Credentials,
        address: IpAddr,
    ) -> Result<(User, String), Failure> {
        authentication::sign_in(&self.names, credentials, address).await
    }

    async fn set_up_is_open(&self, token: &str) -> bool {
        let token = token.to_owned();
        crate::call(&self.names, names::AUTHENTICATOR, |reply| AuthenticatorMessage::SetUpIsOpen {
            token,
            reply,
        })
        .await
        .unwrap_or(false)
    }

    async fn set_up(&self, token: &str, admin: NewAdmin) -> Result<(), Failure> {
        let token = token.to_owned();
        crate::call(&self.names, names::AUTHENTICATOR, |reply| AuthenticatorMessage::SetUp {
            token,
            admin,
            reply,
        })
        .await?
    }

    fn new_identifiers(&self, count: usize) -> Vec<String> {
        match self.current() {
            Some(current) => self.identifiers.make(&current.settings.uuids, count),
            None => self.identifiers.make(&Uuids::default(), count),
        }
    }

    fn rules(&self) -> Arc<Rules> {
        rules(&self.names)
    }

    fn configuration(&self) -> Result<ConfigurationSections, Failure> {
        let current = self.current().ok_or_else(unavailable)?;
        let mut shown = refuge_config::view(&current.settings, password::is_hash);
        let couchdb = shown.entry("couchdb".to_owned()).or_default();
        couchdb.insert("uuid".to_owned(), self.facts.uuid.clone());
        Ok(shown)
    }

    async fn change_configuration(
        &self,
        change: ConfigurationChange,
    ) -> Result<Option<String>, Failure> {
        crate::call(&self.names, names::CONFIGURATION, |reply| ConfigurationMessage::Change {
            change,
            reply,
        })
        .await?
    }

    async fn reload_configuration(&self) -> Result<(), Failure> {
        crate::call(&self.names, names::CONFIGURATION, |reply| ConfigurationMessage::Reload {
            reply,
        })
        .await?
    }

    async fn database_names(&self, request: DatabaseNamesRequest) -> Result<Vec<String>, Failure> {
        report::database_names(&self.names, request).await
    }

    async fn describe_databases(
        &self,
        names: Vec<String>,
    ) -> Result<Vec<Option<DatabaseDescription>>, Failure> {
        report::describe_databases(&self.names, names).await
    }

    async fn hides_documents(&self, name: &str) -> Result<bool, Failure> {
        screened::hides_documents(&self.names, name).await
    }

    async fn create_database(&self, name: &str, options: NewDatabase) -> Result<(), Failure> {
        create_as(&self.names, name, options).await
    }

    async fn delete_database(&self, name: &str) -> Result<(), Failure> {
        databases::delete(&self.names, name).await
    }

    async fn open(&self, name: &str) -> Result<Arc<dyn Database>, Failure> {
        let open: Arc<dyn Database> = open(&self.names, name).await?;
        Ok(open)
    }

    fn request_bytes(&self) -> RequestBytes {
        self.request_bytes.clone()
    }

    fn peer_user(&self, id: &NodeId) -> Option<Arc<User>> {
        mesh::peer_user(&self.names, id)
    }

    async fn distrusted(&self, id: &NodeId) {
        peer_directory::distrusted(&self.names, id).await;
    }

    async fn blocked(&self, id: &NodeId) {
        peer_directory::blocked(&self.names, id).await;
    }

    async fn take_stream(
        &self,
        peer: &NodeId,
        kind: PeerStreamKind,
        io: DuplexStream,
    ) -> Result<(), Failure> {
        let visitor = self.visitor.as_ref();
        mesh::take_stream(&self.names, mesh::PeerStream { peer: *peer, kind, io, visitor })
    }

    async fn mesh(&self, command: MeshCommand) -> Result<Value, Failure> {
        mesh_commands::run(&self.names, command).await
    }

    async fn hear_introduction(&self, statement: Box<Statement>) -> Result<Value, Failure> {
        mesh_commands::hear(&self.names, statement).await
    }

    async fn pair(
        &self,
        visitor: PairingVisitor,
        question: PairingQuestion,
    ) -> Result<Value, Failure> {
        mesh::pair(&self.names, visitor, question).await
    }

    fn rotations(&self, old: &NodeId) -> Result<Value, Failure> {
        pairing::told_rotations(&self.names, old)
    }

    async fn hub(&self, visitor: NodeId, question: HubQuestion) -> Result<Value, Failure> {
        hub::ask(&self.names, visitor, question).await
    }

    async fn send_message(&self, message: NewMessage) -> Result<Value, Failure> {
        mesh::send_message(&self.names, message).await
    }

    async fn messages(&self, request: MessagesRequest) -> Result<MessagesPage, Failure> {
        crate::call(&self.names, names::MESSAGES, |reply| MessagesMessage::Page { request, reply })
            .await?
    }

    async fn messages_beyond(
        &self,
        application: Option<String>,
        number: u64,
    ) -> Result<u64, Failure> {
        mesh::messages_beyond(&self.names, application, number).await
    }

    async fn node_events(&self, request: NodeEventsRequest) -> Result<NodeEventsPage, Failure> {
        mesh::node_events(&self.names, request).await
    }

    async fn node_events_beyond(&self, number: u64) -> Result<u64, Failure> {
        mesh::node_events_beyond(&self.names, number).await
    }

    async fn database_updates(
        &self,
        request: DatabaseUpdatesRequest,
    ) -> Result<DatabaseUpdatesPage, Failure> {
        crate::call(&self.names, names::DATABASE_UPDATES, |reply| DatabaseUpdatesMessage::Page {
            request,
            reply,
        })
        .await?
    }

    async fn database_updates_beyond(&self, number: u64) -> Result<u64, Failure> {
        let (reply, answer) = oneshot::channel();
        self.names
            .cast(names::DATABASE_UPDATES, DatabaseUpdatesMessage::Beyond { number, reply })
            .map_err(|error| crate::call_failure(&error))?;
        // It may take any time; the end of the log closes the channel.
        answer.await.map_err(|_| unavailable())
    }

    async fn replication_documents(&self, rows: SchedulerRows) -> Result<Value, Failure> {
        replications::documents(&self.names, rows).await
    }

    async fn replication_document(
        &self,
        database: &str,
        id: &str,
    ) -> Result<Option<Value>, Failure> {
        replications::document(&self.names, database, id).await
    }

    async fn replication_jobs(&self, skip: usize, limit: usize) -> Result<Value, Failure> {
        replications::jobs(&self.names, skip, limit).await
    }

    async fn replication_job(&self, id: &str) -> Result<Option<Value>, Failure> {
        replications::job(&self.names, id).await
    }

    async fn report(&self, report: NodeReport) -> Result<Value, Failure> {
        report::report(&self.names, report).await
    }

    async fn prometheus(&self) -> Result<String, Failure> {
        crate::call(&self.names, names::METRICS, MetricsMessage::Prometheus).await
    }

    fn request_metrics(&self) -> Option<Arc<RequestMetrics>> {
        Some(Arc::clone(&self.request_metrics))
    }

    async fn restart(&self) -> Result<(), Failure> {
        self.restart.ask();
        Ok(())
    }

    async fn make_admin(&self, admin: NewAdmin) -> Result<(), Failure> {
        authenticator::make_admin(&self.names, admin).await
    }

    async fn active_tasks(&self) -> Result<Vec<Map<String, Value>>, Failure> {
        Ok(task_board::tasks(&self.names))
    }

    async fn replicate(&self, request: Value, user: &User) -> Result<Value, Failure> {
        replications::replicate(&self.names, &self.facts.uuid, request, user).await
    }
}
