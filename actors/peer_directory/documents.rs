//! The documents of `_peers` as the directory holds them, and the one way to write them. Whoever asks
//! for a write has been let in before.

use std::collections::HashMap;
use std::sync::Arc;

use refuge_document::{Body, EditKind, Revision};
use refuge_http::{Database, DocumentsRequest, Failure, Update, UpdateFailure, UpdateResult};
use refuge_identity::{Certificate, NodeIdentity};
use refuge_mesh::{NodeId, PeerRecord, Peers, Trust};
use refuge_otp::Names;
use serde_json::{Map, Value};

use super::DATABASE;
use crate::names;
use crate::node_service::{self, OpenDatabase};

/// Documents of a page at the start.
const PAGE: usize = 500;
/// Peers that one node can know: each costs a link and a heartbeat, and memory here.
const MOST_PEERS: usize = 10_000;

/// One document.
pub(super) struct Known {
    /// What it says.
    pub(super) record: PeerRecord,
    /// Its members as they are stored.
    pub(super) body: Map<String, Value>,
    revision: Revision,
}

/// All documents.
pub(super) struct KnownPeers {
    peers: HashMap<NodeId, Known>,
}

impl KnownPeers {
    /// Reads the database, which is made where it is missing.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) async fn load(names: &Names) -> Result<Self, Failure> {
        let database = open(names).await?;
        let mut peers = HashMap::new();
        let mut start = None;
        loop {
            let request = DocumentsRequest {
                start: start.take(),
                end: None,
                limit: PAGE,
                skip: 0,
                descending: false,
                bodies: true,
                offset: false,
            };
            let page = database.documents(request).await?;
            for (id, document) in page.rows {
                let text = document.content.as_ref().map(|content| content.body.as_bytes());
                match read(&id, text.unwrap_or_default(), document.leaf.revision) {
                    Ok((id, known)) => drop(peers.insert(id, known)),
                    Err(reason) => {
                        tracing::warn!(id, reason, "a document of _peers is passed over")
                    }
                }
            }
            match page.resume_after {
                Some(last) => start = Some((last, false)),
                None => return Ok(Self { peers }),
            }
        }
    }

    /// What all others see.
    pub(super) fn view(&self) -> Peers {
        Peers::new(self.peers.values().map(|known| known.record.clone()))
    }

    pub(super) fn get(&self, id: &NodeId) -> Option<&Known> {
        self.peers.get(id)
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &PeerRecord> + Clone {
        self.peers.values().map(|known| &known.record)
    }

    /// Whether and how far a node is trusted; one that is not known is not.
    pub(super) fn trust(&self, id: &NodeId) -> Trust {
        self.peers.get(id).map_or_else(Trust::default, |known| known.record.trust)
    }

    /// Writes (or with `None` deletes) a document on top of its present revision.
    pub(super) async fn write(
        &mut self,
        names: &Names,
        id: NodeId,
        body: Option<Map<String, Value>>,
    ) -> UpdateResult {
        let update = self.edit(id, body.as_ref())?;
        self.update(names, update).await
    }

    /// Whether a document could be written so.
    pub(super) fn check(
        &self,
        names: &Names,
        id: NodeId,
        body: &Map<String, Value>,
    ) -> Result<(), UpdateFailure> {
        let update = self.edit(id, Some(body))?;
        self.complete(names, id, update).map(drop)
    }

    /// The edit that writes (or with `None` deletes) a document on top of its present revision.
    fn edit(&self, id: NodeId, body: Option<&Map<String, Value>>) -> Result<Update, UpdateFailure> {
        let parent = self.peers.get(&id).map(|known| known.revision.clone());
        let text =
            body.map_or_else(|| "{}".to_owned(), |body| Value::Object(body.clone()).to_string());
        Ok(Update {
            id: id.to_string(),
            deleted: body.is_none(),
            body: Body::parse(text.as_bytes()).map_err(|error| refused(error.to_string()))?,
            attachments: Vec::new(),
            kind: EditKind::Interactive { parent },
        })
    }

    /// Checks an edit, completes it, and stores it.
    pub(super) async fn update(&mut self, names: &Names, update: Update) -> UpdateResult {
        let id = NodeId::from_canonical(&update.id).map_err(|error| refused(error.to_string()))?;
        if matches!(update.kind, EditKind::Replicated { .. }) {
            return Err(refused("_peers is no end of a replication".to_owned()));
        }
        if !update.attachments.is_empty() {
            return Err(refused("a document of _peers has no attachments".to_owned()));
        }
        let (update, after) = if update.deleted {
            (update, None)
        } else {
            let (update, record, body) = self.complete(names, id, update)?;
            (update, Some((record, body)))
        };
        let database = open(names).await.map_err(failed)?;
        let mut results = database.store(vec![update]).await.map_err(failed)?;
        let result = results.pop().unwrap_or(Err(UpdateFailure::Conflict));
        if let Ok(revision) = &result {
            match after {
                Some((record, body)) => {
                    let known = Known { record, body, revision: revision.clone() };
                    self.peers.insert(id, known);
                }
                None => drop(self.peers.remove(&id)),
            }
        }
        result
    }

    /// What is stored: the document with a name of its own, when all that it says holds.
    fn complete(
        &self,
        names: &Names,
        id: NodeId,
        mut update: Update,
    ) -> Result<(Update, PeerRecord, Map<String, Value>), UpdateFailure> {
        if names.value::<NodeIdentity>(names::NODE_IDENTITY).is_some_and(|own| own.id == id) {
            return Err(refused("this is the id of this node itself".to_owned()));
        }
        if self.peers.len() >= MOST_PEERS && !self.peers.contains_key(&id) {
            return Err(refused(format!("at most {MOST_PEERS} peers are known: remove some")));
        }
        let mut body: Map<String, Value> = serde_json::from_slice(update.body.as_bytes())
            .map_err(|error| refused(error.to_string()))?;
        body.entry("name").or_insert_with(|| PeerRecord::default_name(&id).into());
        let record =
            PeerRecord::parse(&update.id, &body).map_err(|error| refused(error.to_string()))?;
        // A new identity has the name of the old one, which leaves next.
        let leaves = record.rotated_from.filter(|_| record.rotating);
        let comes = |other: &PeerRecord| other.rotating && other.rotated_from == Some(id);
        let is_other =
            |other: &PeerRecord| other.id != id && leaves != Some(other.id) && !comes(other);
        let taken = self.records().any(|other| is_other(other) && other.name == record.name);
        if taken {
            let name = &record.name;
            let reason = format!("another peer is called {name:?}: choose another name");
            return Err(refused(reason));
        }
        if let Some(pem) = &record.certificate {
            check_certificate(pem, &id)?;
        }
        let text = Value::Object(body.clone()).to_string();
        update.body = Body::parse(text.as_bytes()).map_err(|error| refused(error.to_string()))?;
        Ok((update, record, body))
    }
}

fn check_certificate(pem: &str, id: &NodeId) -> Result<(), UpdateFailure> {
    let found = Certificate::from_pem(pem.as_bytes())
        .map_err(|error| refused(format!("the certificate cannot be read: {error}")))?
        .check_peer()
        .map_err(|error| refused(format!("the certificate does not hold: {error}")))?;
    if found == *id {
        Ok(())
    } else {
        Err(refused(format!("the certificate belongs to node {found}")))
    }
}

/// The database, made where it is missing.
async fn open(names: &Names) -> Result<Arc<OpenDatabase>, Failure> {
    match node_service::open(names, DATABASE).await {
        Err(Failure::NoDatabase) => {}
        opened => return opened,
    }
    match node_service::create(names, DATABASE).await {
        Ok(()) | Err(Failure::DatabaseExists) => node_service::open(names, DATABASE).await,
        Err(failure) => Err(failure),
    }
}

fn read(id: &str, text: &[u8], revision: Revision) -> Result<(NodeId, Known), String> {
    let body: Map<String, Value> =
        serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let record = PeerRecord::parse(id, &body).map_err(|error| error.to_string())?;
    Ok((record.id, Known { record, body, revision }))
}

/// What an edit failed of.
pub(super) fn failure(failure: UpdateFailure) -> Failure {
    match failure {
        UpdateFailure::Failed(failure) => failure.as_ref().clone(),
        other => Failure::Overruled(other.to_string()),
    }
}

fn refused(reason: String) -> UpdateFailure {
    UpdateFailure::Failed(Arc::new(Failure::Forbidden(reason)))
}

fn failed(failure: Failure) -> UpdateFailure {
    UpdateFailure::Failed(Arc::new(failure))
}
