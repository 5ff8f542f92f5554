//! One database in memory.

use std::ops::Bound;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use refuge_document::{Attachment, BodyPlace, ChangeRow, Leaf};
use refuge_http::{
    ChangesPage, ChangesRequest, Database, DocumentTree, DocumentsPage, DocumentsRequest, Failure,
    Information, LocalDocument, Security, StoredBody, StoredDocument, Update, UpdateResult,
    UpdateVerdicts, Upload, UploadOptions, User,
};
use tokio::sync::watch;

use super::state::State;
use super::upload::MemoryUpload;

/// Bytes of a stored chunk; small, so that tests meet its borders.
const CHUNK_BYTES: usize = 16;

/// One database.
pub(crate) struct MemoryDatabase {
    name: String,
    state: Arc<Mutex<State>>,
    sequence: watch::Sender<u64>,
}

impl MemoryDatabase {
    pub(super) fn new(name: &str) -> Self {
        let security = Arc::new(Security::for_new_databases());
        let state = State { security, ..State::default() };
        Self {
            name: name.to_owned(),
            state: Arc::new(Mutex::new(state)),
            sequence: watch::channel(0).0,
        }
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

    async fn seen_by(self: Arc<Self>, _user: &User) -> Result<Arc<dyn Database>, Failure> {
        Ok(self)
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

    async fn validate(
        &self,
        _: &User,
        _: &mut [Update],
    ) -> Result<Option<UpdateVerdicts>, Failure> {
        Ok(None)
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
            let (sequence, id) = (tree.sequence, id.clone());
            let row = ChangeRow { sequence, id, leaves, body, removed: false };
            (row, request.bodies.then(|| state.body(place)).flatten())
        });
        Ok(ChangesPage { rows: rows.collect(), finished, position: None })
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
        let total = Some(live.len() as u64);
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
