//! A database of rows in memory that can be made to fail, for the tests of feeds.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use refuge_document::{
    Attachment, Body, BodyPlace, ChangeRow, Edit, EditKind, LeafSummary, RevisionTree,
};
use tokio::sync::watch;

use crate::failure::Failure;
use crate::node::{
    ChangesPage, ChangesRequest, Database, DocumentTree, DocumentsPage, DocumentsRequest,
    FunctionFilter, Information, LocalDocument, StoredBody, StoredDocument, Update, UpdateResult,
    UpdateVerdicts, Upload, UploadOptions,
};
use crate::security::Security;
use crate::user::User;

/// Most rows in one page, fewer than a feed asks for.
const PAGE_ROWS: usize = 700;

/// The database.
pub(super) struct RowsDatabase {
    rows: Mutex<Vec<ChangeRow>>,
    highest: watch::Sender<u64>,
    deleted: AtomicBool,
    /// Calls that will fail as if an actor were being restarted.
    pub(super) outages: AtomicUsize,
    /// Calls of `changes`.
    pub(super) pages_read: AtomicUsize,
    /// How long looking up documents takes, milliseconds.
    pub(super) look_up_ms: AtomicU64,
    /// How many bodies each call of `bodies` asked for.
    pub(super) bodies_read: Mutex<Vec<usize>>,
}

impl RowsDatabase {
    /// With rows at the sequences 1 to `rows`.
    pub(super) fn with_rows(rows: u64) -> Arc<Self> {
        let database = Arc::new(Self {
            rows: Mutex::default(),
            highest: watch::channel(0).0,
            deleted: AtomicBool::new(false),
            outages: AtomicUsize::new(0),
            pages_read: AtomicUsize::new(0),
            look_up_ms: AtomicU64::new(0),
            bodies_read: Mutex::default(),
        });
        for sequence in 1..=rows {
            database.put(&format!("d{sequence:05}"), &["1-a"]);
        }
        database
    }

    /// Tells of a change; the row that the document had before goes.
    pub(super) fn put(&self, id: &str, leaves: &[&str]) {
        let sequence = *self.highest.borrow() + 1;
        let leaves = leaves.iter().map(|revision| LeafSummary {
            revision: revision.parse().expect("a revision"),
            deleted: false,
        });
        let (id, leaves) = (id.to_owned(), leaves.collect());
        let row = ChangeRow { sequence, id, leaves, body: sequence, removed: false };
        let mut rows = self.rows.lock().expect("no panic");
        rows.retain(|other| other.id != row.id);
        rows.push(row);
        drop(rows);
        self.highest.send_replace(sequence);
    }

    /// Deletes the whole database.
    pub(super) fn delete(&self) {
        self.deleted.store(true, Ordering::SeqCst);
        self.outages.store(usize::MAX / 2, Ordering::SeqCst);
        // Whoever waits is woken.
        self.highest.send_modify(|highest| *highest += 1);
    }

    fn check(&self) -> Result<(), Failure> {
        let left = self.outages.load(Ordering::SeqCst);
        if left == 0 {
            return Ok(());
        }
        self.outages.store(left - 1, Ordering::SeqCst);
        Err(Failure::Unavailable("restarting".to_owned()))
    }
}

fn none<T>() -> Result<T, Failure> {
    Err(Failure::NotImplemented("not in this test".to_owned()))
}

#[async_trait]
impl Database for RowsDatabase {
    fn name(&self) -> &str {
        "rows"
    }

    fn instance(&self) -> &str {
        "i"
    }

    async fn seen_by(self: Arc<Self>, _user: &User) -> Result<Arc<dyn Database>, Failure> {
        Ok(self)
    }

    fn security(&self) -> Arc<Security> {
        Arc::default()
    }

    async fn set_security(&self, _: Security) -> Result<(), Failure> {
        none()
    }

    async fn information(&self) -> Result<Information, Failure> {
        if self.deleted.load(Ordering::SeqCst) {
            return Err(Failure::NoDatabase);
        }
        Ok(Information { update_sequence: *self.highest.borrow(), ..Information::default() })
    }

    async fn winner(&self, _: &str) -> Result<Option<StoredDocument>, Failure> {
        none()
    }

    async fn trees(&self, ids: Vec<String>) -> Result<Vec<Option<DocumentTree>>, Failure> {
        self.check()?;
        tokio::time::sleep(Duration::from_millis(self.look_up_ms.load(Ordering::SeqCst))).await;
        let rows = self.rows.lock().expect("no panic");
        let tree = |id: String| {
            let row = rows.iter().find(|row| row.id == id)?;
            let mut tree = RevisionTree::default();
            for leaf in &row.leaves {
                let kind = EditKind::Replicated { path: vec![leaf.revision.clone()], beside: None };
                let edit =
                    Edit { deleted: false, body: Body::empty(), attachments: Vec::new(), kind };
                tree.apply(&edit, BodyPlace::At(row.sequence), 1000).expect("replicated");
            }
            Some(DocumentTree { sequence: row.sequence, tree })
        };
        Ok(ids.into_iter().map(tree).collect())
    }

    async fn bodies(&self, places: Vec<BodyPlace>) -> Result<Vec<Option<StoredBody>>, Failure> {
        self.bodies_read.lock().expect("no panic").push(places.len());
        Ok(places.into_iter().map(|_| Some(body())).collect())
    }

    async fn filter(
        &self,
        _: &FunctionFilter,
        documents: Arc<Vec<String>>,
    ) -> Result<Vec<bool>, Failure> {
        Ok(documents.iter().map(|_| true).collect())
    }

    async fn validate(
        &self,
        _: &User,
        _: &mut [Update],
    ) -> Result<Option<UpdateVerdicts>, Failure> {
        Ok(None)
    }

    async fn update(&self, _: Vec<Update>) -> Result<Vec<UpdateResult>, Failure> {
        none()
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, Failure> {
        self.check()?;
        self.pages_read.fetch_add(1, Ordering::SeqCst);
        let rows = self.rows.lock().expect("no panic");
        let inside = |row: &&ChangeRow| {
            row.sequence <= request.until
                && if request.descending {
                    row.sequence < request.after
                } else {
                    row.sequence > request.after
                }
        };
        let mut chosen: Vec<&ChangeRow> = rows.iter().filter(inside).collect();
        if request.descending {
            chosen.reverse();
        }
        let most = request.limit.min(PAGE_ROWS);
        let content = || request.bodies.then(body);
        Ok(ChangesPage {
            rows: chosen.iter().take(most).map(|&row| (row.clone(), content())).collect(),
            finished: chosen.len() <= most,
            position: None,
        })
    }

    async fn pending(&self, after: u64) -> Result<u64, Failure> {
        self.check()?;
        let rows = self.rows.lock().expect("no panic");
        Ok(rows.iter().filter(|row| row.sequence > after).count() as u64)
    }

    async fn beyond(&self, sequence: u64) -> Result<u64, Failure> {
        let mut highest = self.highest.subscribe();
        let reached = *highest.wait_for(|highest| *highest > sequence).await.expect("a sender");
        self.check()?;
        Ok(reached)
    }

    async fn documents(&self, _: DocumentsRequest) -> Result<DocumentsPage, Failure> {
        none()
    }

    async fn local(&self, _: &str) -> Result<Option<LocalDocument>, Failure> {
        none()
    }

    async fn write_local(&self, _: &str, _: Option<LocalDocument>) -> Result<(), Failure> {
        none()
    }

    async fn upload(&self, _: UploadOptions) -> Result<Box<dyn Upload>, Failure> {
        none()
    }

    async fn attachment_chunk(&self, _: &Attachment, _: u32) -> Result<Option<Bytes>, Failure> {
        none()
    }
}

fn body() -> StoredBody {
    StoredBody {
        body: Body::from_stored(Bytes::from_static(b"{\"a\":1}")),
        attachments: Vec::new(),
    }
}
