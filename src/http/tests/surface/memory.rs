//! A node that keeps everything in memory, to test the HTTP surface against. Only what the surface
//! can see is right here: nothing is durable, nothing is fast.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use md5::Md5;
use refuge_document::{
    Attachment, BodyPlace, ChangeRow, Edit, EditKind, Encoding, Leaf, RevisionTree,
};
use refuge_http::{
    ChangesPage, ChangesRequest, Credentials, Database, DocumentTree, DocumentsPage,
    DocumentsRequest, Failure, Information, LocalDocument, NewAdmin, Node, NodeFacts, Security,
    StoredBody, StoredDocument, Update, UpdateAttachment, UpdateFailure, UpdateResult, Upload,
    UploadOptions, UploadedContent, User,
};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

/// Bytes of a stored chunk; small, so that tests meet its borders.
const CHUNK_BYTES: usize = 16;

/// The token of the set-up link.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A node with at most one admin and any number of users without roles.
pub(crate) struct MemoryNode {
    facts: NodeFacts,
    admin: Mutex<Option<Credentials>>,
    databases: Mutex<BTreeMap<String, Arc<MemoryDatabase>>>,
    identifiers: Mutex<u64>,
}

impl MemoryNode {
    /// A node without an admin.
    pub(crate) fn new() -> Self {
        Self {
            facts: NodeFacts { uuid: "0".repeat(32), version: "0.0.0".to_owned() },
            admin: Mutex::new(None),
            databases: Mutex::default(),
            identifiers: Mutex::new(0),
        }
    }

    /// A node whose admin is `ada` with the password `secret`.
    pub(crate) fn with_admin() -> Self {
        let node = Self::new();
        *node.admin.lock().unwrap() =
            Some(Credentials { name: "ada".to_owned(), password: "secret".to_owned() });
        node
    }
}

#[async_trait]
impl Node for MemoryNode {
    fn facts(&self) -> &NodeFacts {
        &self.facts
    }

    fn has_admins(&self) -> bool {
        self.admin.lock().unwrap().is_some()
    }

    async fn authenticate(&self, credentials: &Credentials) -> Result<User, Failure> {
        let admin = self.admin.lock().unwrap();
        let known = admin.as_ref().is_some_and(|admin| {
            admin.name == credentials.name && admin.password == credentials.password
        });
        let name = Some(credentials.name.clone());
        if known {
            Ok(User { name, roles: vec!["_admin".to_owned()] })
        } else if credentials.name == "bob" && credentials.password == "bob" {
            Ok(User { name, roles: Vec::new() })
        } else {
            Err(Failure::Unauthorized("Name or password is incorrect.".to_owned()))
        }
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

    async fn database_names(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Failure> {
        let databases = self.databases.lock().unwrap();
        let names = databases.keys().filter(|name| after.is_none_or(|after| name.as_str() > after));
        Ok(names.take(limit).cloned().collect())
    }

    async fn create_database(&self, name: &str) -> Result<(), Failure> {
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

    async fn replicate(
        &self,
        request: serde_json::Value,
        _user: &User,
    ) -> Result<serde_json::Value, Failure> {
        Ok(serde_json::json!({"ok": true, "asked": request}))
    }
}

#[derive(Default)]
struct State {
    sequence: u64,
    documents: BTreeMap<String, DocumentTree>,
    bodies: HashMap<u64, StoredBody>,
    locals: BTreeMap<String, LocalDocument>,
    security: Arc<Security>,
    contents: HashMap<[u8; 32], Vec<u8>>,
}

/// One database.
pub(crate) struct MemoryDatabase {
    name: String,
    state: Arc<Mutex<State>>,
    sequence: watch::Sender<u64>,
}

impl MemoryDatabase {
    fn new(name: &str) -> Self {
        let security = Arc::new(Security::for_new_databases());
        let state = State { security, ..State::default() };
        Self {
            name: name.to_owned(),
            state: Arc::new(Mutex::new(state)),
            sequence: watch::channel(0).0,
        }
    }
}

impl State {
    fn stored(&self, tree: &DocumentTree) -> Option<StoredDocument> {
        let leaf = tree.tree.winner()?;
        let content = self.body(leaf.place);
        Some(StoredDocument { sequence: tree.sequence, leaf, content })
    }

    fn body(&self, place: BodyPlace) -> Option<StoredBody> {
        match place {
            BodyPlace::At(sequence) => self.bodies.get(&sequence).cloned(),
            _ => None,
        }
    }

    /// What a stub stands for: the attachment of the nearest stored ancestor.
    fn ancestor(&self, tree: &RevisionTree, kind: &EditKind) -> Option<StoredBody> {
        let revisions = match kind {
            EditKind::Interactive { parent } => parent.clone().into_iter().collect(),
            EditKind::Replicated { path } => path.clone(),
        };
        revisions
            .iter()
            .filter_map(|revision| tree.find(revision))
            .find_map(|view| self.body(view.place))
    }

    fn apply(&mut self, update: Update) -> UpdateResult {
        let known = self.documents.get(&update.id).cloned();
        let mut tree = known.map(|known| known.tree).unwrap_or_default();
        let ancestor = self.ancestor(&tree, &update.kind);
        let mut attachments = Vec::new();
        for attachment in update.attachments {
            attachments.push(match attachment {
                UpdateAttachment::New(attachment) => attachment,
                UpdateAttachment::Stub { name, .. } => ancestor
                    .as_ref()
                    .and_then(|body| body.attachments.iter().find(|one| one.name == name))
                    .cloned()
                    .ok_or(UpdateFailure::MissingStub { id: update.id.clone(), name })?,
            });
        }
        let edit = Edit {
            deleted: update.deleted,
            body: update.body.clone(),
            attachments: attachments.clone(),
            kind: update.kind,
        };
        let place = BodyPlace::At(self.sequence + 1);
        let applied = tree.apply(&edit, place, 1000).map_err(|_| UpdateFailure::Conflict)?;
        let revision = applied.revision().clone();
        if matches!(applied, refuge_document::Applied::Added { .. }) {
            for attachment in attachments.iter_mut().filter(|one| one.revpos == 0) {
                attachment.revpos = revision.depth;
            }
            self.sequence += 1;
            self.bodies.insert(self.sequence, StoredBody { body: update.body, attachments });
            self.documents.insert(update.id, DocumentTree { sequence: self.sequence, tree });
        }
        Ok(revision)
    }
}

#[async_trait]
impl Database for MemoryDatabase {
    fn name(&self) -> &str {
        &self.name
    }

    fn instance(&self) -> &'static str {
        "memory"
    }

    fn security(&self) -> Arc<Security> {
        self.state.lock().unwrap().security.clone()
    }

    async fn set_security(&self, security: Security) -> Result<(), Failure> {
        self.state.lock().unwrap().security = Arc::new(security);
        Ok(())
    }

    async fn information(&self) -> Result<Information, Failure> {
        let state = self.state.lock().unwrap();
        let deleted = |tree: &&DocumentTree| tree.tree.winner().is_some_and(|leaf| leaf.deleted);
        let deleted = state.documents.values().filter(deleted).count() as u64;
        Ok(Information {
            update_sequence: state.sequence,
            documents: state.documents.len() as u64 - deleted,
            deleted_documents: deleted,
            shards: 1,
            revisions_limit: 1000,
            ..Information::default()
        })
    }

    async fn winner(&self, id: &str) -> Result<Option<StoredDocument>, Failure> {
        let state = self.state.lock().unwrap();
        Ok(state.documents.get(id).and_then(|tree| state.stored(tree)))
    }

    async fn trees(&self, ids: Vec<String>) -> Result<Vec<Option<DocumentTree>>, Failure> {
        let state = self.state.lock().unwrap();
        Ok(ids.iter().map(|id| state.documents.get(id).cloned()).collect())
    }

    async fn bodies(&self, places: Vec<BodyPlace>) -> Result<Vec<Option<StoredBody>>, Failure> {
        let state = self.state.lock().unwrap();
        Ok(places.into_iter().map(|place| state.body(place)).collect())
    }

    async fn update(&self, updates: Vec<Update>) -> Result<Vec<UpdateResult>, Failure> {
        let mut state = self.state.lock().unwrap();
        let results = updates.into_iter().map(|update| state.apply(update)).collect();
        self.sequence.send_replace(state.sequence);
        Ok(results)
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, Failure> {
        let state = self.state.lock().unwrap();
        let (low, high) = if request.descending {
            (0, request.after.saturating_sub(1).min(request.until))
        } else {
            (request.after, request.until)
        };
        let mut found: Vec<(&String, &DocumentTree)> = state
            .documents
            .iter()
            .filter(|(_, tree)| tree.sequence > low && tree.sequence <= high)
            .collect();
        found.sort_by_key(|(_, tree)| tree.sequence);
        if request.descending {
            found.reverse();
        }
        let finished = found.len() <= request.limit;
        let rows = found.into_iter().take(request.limit).map(|(id, tree)| {
            let winner: Option<Leaf> = tree.tree.winner();
            let place = winner.map_or(BodyPlace::Missing, |leaf| leaf.place);
            let body = if let BodyPlace::At(sequence) = place { sequence } else { 0 };
            let leaves = tree.tree.leaf_summaries();
            let row = ChangeRow { sequence: tree.sequence, id: id.clone(), leaves, body };
            (row, request.bodies.then(|| state.body(place)).flatten())
        });
        Ok(ChangesPage { rows: rows.collect(), finished })
    }

    async fn pending(&self, after: u64) -> Result<u64, Failure> {
        let state = self.state.lock().unwrap();
        Ok(state.documents.values().filter(|tree| tree.sequence > after).count() as u64)
    }

    async fn beyond(&self, sequence: u64) -> Result<u64, Failure> {
        let mut receiver = self.sequence.subscribe();
        let reached = receiver.wait_for(|current| *current > sequence).await;
        reached.map(|current| *current).map_err(|_| Failure::NoDatabase)
    }

    async fn documents(&self, request: DocumentsRequest) -> Result<DocumentsPage, Failure> {
        let state = self.state.lock().unwrap();
        let (low, high) = if request.descending {
            (request.end, request.start)
        } else {
            (request.start, request.end)
        };
        let above = |id: &String| match &low {
            Some((low, inclusive)) => id > low || (*inclusive && id == low),
            None => true,
        };
        let below = |id: &String| match &high {
            Some((high, inclusive)) => id < high || (*inclusive && id == high),
            None => true,
        };
        let live: Vec<(&String, StoredDocument)> = state
            .documents
            .range::<String, (Bound<&String>, Bound<&String>)>((Bound::Unbounded, Bound::Unbounded))
            .filter_map(|(id, tree)| Some((id, state.stored(tree)?)))
            .filter(|(_, stored)| !stored.leaf.deleted)
            .collect();
        let total = live.len() as u64;
        let mut rows: Vec<(String, StoredDocument)> = live
            .into_iter()
            .filter(|(id, _)| above(id) && below(id))
            .map(|(id, stored)| (id.clone(), stored))
            .collect();
        if request.descending {
            rows.reverse();
        }
        let skipped = request.skip.min(rows.len());
        let mut rows: Vec<_> = rows.into_iter().skip(request.skip).collect();
        let more = rows.len() > request.limit;
        rows.truncate(request.limit);
        let resume_after = if more { rows.last().map(|(id, _)| id.clone()) } else { None };
        Ok(DocumentsPage { rows, skipped, resume_after, total, offset: Some(0) })
    }

    async fn local(&self, id: &str) -> Result<Option<LocalDocument>, Failure> {
        Ok(self.state.lock().unwrap().locals.get(id).cloned())
    }

    async fn write_local(&self, id: &str, document: Option<LocalDocument>) -> Result<(), Failure> {
        let mut state = self.state.lock().unwrap();
        match document {
            Some(document) => state.locals.insert(id.to_owned(), document),
            None => state.locals.remove(id),
        };
        Ok(())
    }

    async fn upload(&self, options: UploadOptions) -> Result<Box<dyn Upload>, Failure> {
        let state = self.state.clone();
        Ok(Box::new(MemoryUpload { state, options, received: Vec::new() }))
    }

    async fn attachment_chunk(
        &self,
        attachment: &Attachment,
        number: u32,
    ) -> Result<Option<Bytes>, Failure> {
        let state = self.state.lock().unwrap();
        let stored = state.contents.get(&attachment.content);
        let chunk = stored.and_then(|stored| stored.chunks(CHUNK_BYTES).nth(number as usize));
        Ok(chunk.map(Bytes::copy_from_slice))
    }
}

struct MemoryUpload {
    state: Arc<Mutex<State>>,
    options: UploadOptions,
    received: Vec<u8>,
}

#[async_trait]
impl Upload for MemoryUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Failure> {
        self.received.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<UploadedContent, Failure> {
        let received = self.received;
        let gzips = self.options.content_type.starts_with("text/");
        let received_digest = Md5::digest(&received).into();
        let (stored, length, encoding) = if self.options.already_gzipped {
            let mut plain = Vec::new();
            let mut decoder = flate2::read::MultiGzDecoder::new(received.as_slice());
            if decoder.read_to_end(&mut plain).is_err() {
                return Err(Failure::BadRequest("the attachment is not gzip".to_owned()));
            }
            (received, plain.len(), Encoding::Gzip)
        } else if gzips {
            let level = flate2::Compression::new(8);
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(&received).unwrap();
            (encoder.finish().unwrap(), received.len(), Encoding::Gzip)
        } else {
            let length = received.len();
            (received, length, Encoding::Identity)
        };
        let content: [u8; 32] = Sha256::digest(&stored).into();
        let uploaded = UploadedContent {
            digest: Md5::digest(&stored).into(),
            content,
            length: length as u64,
            stored_length: stored.len() as u64,
            encoding,
            received_digest,
        };
        self.state.lock().unwrap().contents.insert(content, stored);
        Ok(uploaded)
    }
}
