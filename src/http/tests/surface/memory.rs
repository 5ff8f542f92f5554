//! A node that keeps everything in memory, to test the HTTP surface against. Only what the surface
//! can see is right here: nothing is durable, nothing is fast.

mod database;
pub(crate) mod mesh;
mod state;
mod upload;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeBounds as _;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use refuge_http::{
    Credentials, Database, DatabaseNamesRequest, Failure, Identity, NewAdmin, NewDatabase, Node,
    NodeEventsPage, NodeEventsRequest, NodeFacts, PeerStreamKind, Proof, RequestBytes,
    SchedulerRows, User,
};
use refuge_mesh::NodeId;
use serde_json::{Value, json};
use tokio::io::DuplexStream;

use self::database::MemoryDatabase;
use self::mesh::Mesh;

/// The token of the set-up link.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A node with at most one admin and any number of users, most without roles.
pub(crate) struct MemoryNode {
    facts: NodeFacts,
    admin: Mutex<Option<Credentials>>,
    databases: Mutex<BTreeMap<String, Arc<MemoryDatabase>>>,
    identifiers: Mutex<u64>,
    request_bytes: RequestBytes,
    /// Other nodes, and what happened to them.
    pub(crate) mesh: Mesh,
}

impl MemoryNode {
    /// A node without an admin.
    pub(crate) fn new() -> Self {
        Self {
            facts: NodeFacts { uuid: "0".repeat(32), version: "0.0.0".to_owned() },
            admin: Mutex::new(None),
            databases: Mutex::default(),
            identifiers: Mutex::new(0),
            request_bytes: RequestBytes::default(),
            mesh: Mesh::default(),
        }
    }

    /// Holds at most so many bytes of request bodies at a time.
    pub(crate) fn holding(mut self, bytes: usize) -> Self {
        self.request_bytes = RequestBytes::new(bytes);
        self
    }

    /// A node whose admin is `ada` with the password `secret`.
    pub(crate) fn with_admin() -> Self {
        let node = Self::new();
        *node.admin.lock().unwrap() =
            Some(Credentials { name: "ada".to_owned(), password: "secret".to_owned() });
        node
    }
}

/// Users whose password is their name; two of them are called what only nodes may be.
fn user_called(name: &str) -> User {
    let (name, roles) = match name {
        "impostor" => ("node:A", Vec::new()),
        "climber" => ("climber", vec!["reader", "_peer", "group:family"]),
        name => (name, Vec::new()),
    };
    User { name: Some(name.to_owned()), roles: roles.into_iter().map(str::to_owned).collect() }
}

#[async_trait]
impl Node for MemoryNode {
    fn facts(&self) -> &NodeFacts {
        &self.facts
    }

    fn has_admins(&self) -> bool {
        self.admin.lock().unwrap().is_some()
    }

    async fn authenticate(&self, proof: &Proof, _: IpAddr) -> Result<Option<Identity>, Failure> {
        let Proof::Password(credentials) = proof else { return Ok(None) };
        let admin = self.admin.lock().unwrap();
        let known = admin.as_ref().is_some_and(|admin| {
            admin.name == credentials.name && admin.password == credentials.password
        });
        let name = Some(credentials.name.clone());
        let user = if known {
            User { name, roles: vec!["_admin".to_owned()] }
        } else if credentials.name != credentials.password {
            return Err(Failure::Unauthorized("Name or password is incorrect.".to_owned()));
        } else {
            user_called(&credentials.name)
        };
        Ok(Some(Identity::lasting(user)))
    }

    async fn set_up_is_open(&self, token: &str) -> bool {
        token == TOKEN && !self.has_admins()
    }

    async fn set_up(&self, token: &str, admin: NewAdmin) -> Result<(), Failure> {
        if !self.set_up_is_open(token).await {
            return Err(Failure::NotFound("missing".to_owned()));
        }
        *self.admin.lock().unwrap() =
            Some(Credentials { name: admin.name, password: admin.password });
        Ok(())
    }

    fn new_identifiers(&self, count: usize) -> Vec<String> {
        let mut last = self.identifiers.lock().unwrap();
        (0..count)
            .map(|_| {
                *last += 1;
                format!("{:032x}", *last)
            })
            .collect()
    }

    async fn database_names(&self, request: DatabaseNamesRequest) -> Result<Vec<String>, Failure> {
        let databases = self.databases.lock().unwrap();
        let bounds = (request.low, request.high);
        let names = databases.keys().filter(|name| bounds.contains(*name)).cloned();
        Ok(if request.descending {
            names.rev().take(request.limit).collect()
        } else {
            names.take(request.limit).collect()
        })
    }

    async fn create_database(&self, name: &str, _: NewDatabase) -> Result<(), Failure> {
        let mut databases = self.databases.lock().unwrap();
        if databases.contains_key(name) {
            return Err(Failure::DatabaseExists);
        }
        databases.insert(name.to_owned(), Arc::new(MemoryDatabase::new(name)));
        Ok(())
    }

    async fn delete_database(&self, name: &str) -> Result<(), Failure> {
        self.databases.lock().unwrap().remove(name).map(|_| ()).ok_or(Failure::NoDatabase)
    }

    async fn open(&self, name: &str) -> Result<Arc<dyn Database>, Failure> {
        let databases = self.databases.lock().unwrap();
        let database = databases.get(name).ok_or(Failure::NoDatabase)?;
        Ok(database.clone())
    }

    async fn replicate(&self, request: Value, _user: &User) -> Result<Value, Failure> {
        Ok(json!({"ok": true, "asked": request}))
    }

    fn request_bytes(&self) -> RequestBytes {
        self.request_bytes.clone()
    }

    fn peer_user(&self, id: &NodeId) -> Option<Arc<User>> {
        self.mesh.peer_user(id)
    }

    async fn distrusted(&self, id: &NodeId) {
        self.mesh.distrusted(id).await;
    }

    async fn take_stream(
        &self,
        peer: &NodeId,
        kind: PeerStreamKind,
        io: DuplexStream,
    ) -> Result<(), Failure> {
        self.mesh.take_stream(peer, kind, io)
    }

    async fn node_events(&self, request: NodeEventsRequest) -> Result<NodeEventsPage, Failure> {
        Ok(self.mesh.page(request))
    }

    async fn node_events_beyond(&self, number: u64) -> Result<u64, Failure> {
        Ok(self.mesh.beyond(number).await)
    }

    async fn replication_documents(&self, rows: SchedulerRows) -> Result<Value, Failure> {
        let SchedulerRows { database, states, descending, skip, limit } = rows;
        let of_it = database.is_none_or(|database| database == "_replicator");
        let wanted =
            |state: &str| of_it && (states.is_empty() || states.iter().any(|of| of == state));
        let document = |id: &str, state: &str| json!({"database": "_replicator", "doc_id": id, "id": null, "state": state});
        let all = [("a", "running"), ("b", "waiting"), ("c/d", "failed")];
        let mut docs: Vec<Value> = all
            .into_iter()
            .filter(|(_, state)| wanted(state))
            .map(|(id, state)| document(id, state))
            .collect();
        if descending {
            docs.reverse();
        }
        let page: Vec<&Value> = docs.iter().skip(skip).take(limit).collect();
        Ok(json!({"total_rows": docs.len(), "offset": skip.min(docs.len()), "docs": page}))
    }

    async fn replication_document(
        &self,
        database: &str,
        id: &str,
    ) -> Result<Option<Value>, Failure> {
        let database = Some(database.to_owned());
        let rows = SchedulerRows { database, limit: usize::MAX, ..SchedulerRows::default() };
        let all = self.replication_documents(rows).await?;
        let mut rows = all["docs"].as_array().into_iter().flatten();
        Ok(rows.find(|row| row["doc_id"] == id).cloned())
    }

    async fn replication_jobs(&self, _skip: usize, _limit: usize) -> Result<Value, Failure> {
        let job = json!({"database": "_replicator", "doc_id": "a", "id": "7f+continuous"});
        Ok(json!({"total_rows": 1, "offset": 0, "jobs": [job]}))
    }

    async fn replication_job(&self, id: &str) -> Result<Option<Value>, Failure> {
        let jobs = self.replication_jobs(0, 1).await?;
        let job = jobs["jobs"][0].clone();
        Ok((job["id"] == id).then_some(job))
    }
}
