//! One open database as HTTP sees it, and what it tells of itself and its documents. Edits, uploads
//! and pages have their own files.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use refuge_document::{Attachment, Body, BodyPlace, Leaf, RevisionTree};
use refuge_query::mango::Index;

use super::{
    CandidatesQuestion, ChangesPage, ChangesRequest, ConflictsPage, DatabaseOptions, DocumentsPage,
    DocumentsRequest, FindQuestion, Findings, FunctionAnswer, FunctionCall, FunctionFilter,
    FunctionRewrite, FunctionUpdate, IdsRequest, IndexInformation, ListCall, LocalsPage, OnDemand,
    PurgeLimits, PurgedDocument, PurgesPage, ResumableUploads, Update, UpdateResult,
    UpdateVerdicts, Upload, UploadOptions, View, ViewRequest, absent,
};
use crate::failure::Failure;
use crate::security::Security;
use crate::user::User;

/// One open database.
#[async_trait]
pub trait Database: Send + Sync + 'static {
    /// Its name.
    fn name(&self) -> &str;

    /// The opaque part of its update sequences; another one after it was deleted and made anew.
    fn instance(&self) -> &str;

    /// Its `_security` object as it is now.
    fn security(&self) -> Arc<Security>;

    /// Replaces `_security`; durable when it returns.
    async fn set_security(&self, security: Security) -> Result<(), Failure>;

    /// What is set for it beside CouchDB's settings.
    fn options(&self) -> DatabaseOptions {
        DatabaseOptions::default()
    }

    /// Replaces the options; durable and in force when it returns.
    async fn set_options(&self, _options: DatabaseOptions) -> Result<(), Failure> {
        Err(absent("options of databases"))
    }

    /// Whether it asks other nodes for documents that it lacks.
    async fn on_demand(&self) -> Result<OnDemand, Failure> {
        Err(absent("documents on demand"))
    }

    /// Replaces that; durable and in force when it returns.
    async fn set_on_demand(&self, _wish: OnDemand) -> Result<(), Failure> {
        Err(absent("documents on demand"))
    }

    /// Asks other nodes for a document that is not here, where that is wanted, and stores it for `user`, as
    /// far as he may; whether it is here now. With a `request`, as functions of design documents see it, the
    /// function that is set may make what no node has.
    async fn bring(
        &self,
        _user: &User,
        _id: &str,
        _request: Option<String>,
    ) -> Result<bool, Failure> {
        Ok(false)
    }

    /// Sets how many generations of a document's history are kept, from now on; durable when it
    /// returns. `limit` is not 0.
    async fn set_revisions_limit(&self, _limit: u32) -> Result<(), Failure> {
        Err(absent("a way to change the limit of revisions"))
    }

    /// Whether each document's id names the partition that it belongs to.
    fn is_partitioned(&self) -> bool {
        false
    }

    /// Whether its documents say who may read and write them (`_access`).
    fn has_access(&self) -> bool {
        false
    }

    /// The database as `user` sees it, a member: without the documents that are hidden from this user, where
    /// documents, or functions of design documents, say who may read them. Whoever acts for somebody asks this
    /// one.
    async fn seen_by(self: Arc<Self>, user: &User) -> Result<Arc<dyn Database>, Failure>;

    /// Whether it shows a part of the documents alone, as somebody sees them. What is looked up then is
    /// looked up among these.
    fn is_partial(&self) -> bool {
        false
    }

    /// What is known of a partition: the documents whose ids name it.
    async fn partition(&self, _partition: &str) -> Result<PartitionInformation, Failure> {
        Err(absent("partitions"))
    }

    /// The number of the shard that a document belongs to.
    fn shard_of(&self, _id: &str) -> u16 {
        0
    }

    /// Counts and sizes.
    async fn information(&self) -> Result<Information, Failure>;

    /// The same where documents need not be counted, which costs a walk over those that a user sees who does
    /// not see all.
    async fn outline(&self) -> Result<Information, Failure> {
        self.information().await
    }

    /// The winning revision of a document, deleted or not; `None` when nothing is known of the id.
    async fn winner(&self, id: &str) -> Result<Option<StoredDocument>, Failure>;

    /// The revision trees of several documents, in the order of `ids`.
    async fn trees(&self, ids: Vec<String>) -> Result<Vec<Option<DocumentTree>>, Failure>;

    /// Bodies by their places; `None` where a body is no longer stored.
    async fn bodies(&self, places: Vec<BodyPlace>) -> Result<Vec<Option<StoredBody>>, Failure>;

    /// Asks the design documents whether `user` may make these edits, and whether edits of design documents
    /// hold functions that can be run. A database of the node's own has rules before that, and completes
    /// edits as it stores them: passwords are hashed. `None` where there is nothing to ask. Whoever writes for
    /// somebody asks before [`Database::update`], which does not.
    async fn validate(
        &self,
        user: &User,
        updates: &mut [Update],
    ) -> Result<Option<UpdateVerdicts>, Failure>;

    /// Asks the same about edits of documents that are hidden from `user`, as though nothing were stored under their
    /// ids; in their order.
    async fn validate_as_new(
        &self,
        _user: &User,
        updates: &[Update],
    ) -> Result<UpdateVerdicts, Failure> {
        Ok(updates.iter().map(|_| Ok(())).collect())
    }

    /// Applies edits; results in the order of `updates`. Every `Ok` is durable when this returns.
    async fn update(&self, updates: Vec<Update>) -> Result<Vec<UpdateResult>, Failure>;

    /// Hands edits over and does not wait for their commit, which follows soon; whoever hands over
    /// more than may wait does wait. Who does not hear what became of them: they may be lost with the
    /// node.
    async fn update_later(&self, updates: Vec<Update>) -> Result<(), Failure> {
        self.update(updates).await.map(drop)
    }

    /// Waits until every edit that was handed over before is on disk.
    async fn settle(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// The id of a live document, each with about the same likelihood; `None` where there is none.
    async fn random_document(&self) -> Result<Option<String>, Failure> {
        Err(absent("random documents"))
    }

    /// One page of the changes feed.
    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, Failure>;

    /// How many rows of the feed stand after `after`.
    async fn pending(&self, after: u64) -> Result<u64, Failure>;

    /// Waits until the update sequence is beyond `sequence`; tells the new one.
    async fn beyond(&self, sequence: u64) -> Result<u64, Failure>;

    /// One page of documents in byte order of their ids (live winners only).
    async fn documents(&self, request: DocumentsRequest) -> Result<DocumentsPage, Failure>;

    /// One page of documents with conflicts, in byte order of their ids.
    async fn conflicts(&self, _request: IdsRequest) -> Result<ConflictsPage, Failure> {
        Err(absent("lists of conflicts"))
    }

    /// What one request to purge may name at most.
    fn purge_limits(&self) -> PurgeLimits {
        PurgeLimits::default()
    }

    /// Takes leaves out of documents, each document named at most once; what left of each, in order.
    /// Durable when it returns.
    async fn purge(&self, _documents: Vec<PurgedDocument>) -> Result<Vec<PurgedDocument>, Failure> {
        Err(absent("purges"))
    }

    /// Remembered purges behind a purge sequence, at most `limit`.
    async fn purges(&self, _after: u64, _limit: usize) -> Result<PurgesPage, Failure> {
        Err(absent("purges"))
    }

    /// How many purges are remembered.
    async fn purge_records_limit(&self) -> Result<u32, Failure> {
        Err(absent("purges"))
    }

    /// Sets how many purges are remembered, ≥ 1; durable when it returns.
    async fn set_purge_records_limit(&self, _limit: u32) -> Result<(), Failure> {
        Err(absent("purges"))
    }

    /// The body of a `_local` document (`id` without `_local/`) with its revision number.
    async fn local(&self, id: &str) -> Result<Option<LocalDocument>, Failure>;

    /// One page of local documents in byte order of their ids.
    async fn locals(&self, _request: IdsRequest) -> Result<LocalsPage, Failure> {
        Err(absent("lists of local documents"))
    }

    /// Stores or deletes a `_local` document; durable when it returns.
    async fn write_local(&self, id: &str, document: Option<LocalDocument>) -> Result<(), Failure>;

    /// A view of a design document, as fresh as is asked for. [`Failure::NotFound`] where there is no such
    /// view.
    async fn view(&self, _request: ViewRequest) -> Result<Arc<dyn View>, Failure> {
        Err(absent("views"))
    }

    /// What is known of the index that the views of a design document (`_design/…`) share.
    async fn index_information(&self, _design: &str) -> Result<IndexInformation, Failure> {
        Err(absent("views"))
    }

    /// Removes the indexes that no design document asks for any more; returns when that has begun.
    async fn clean_views(&self) -> Result<(), Failure> {
        Err(absent("views"))
    }

    /// The Mango indexes that may answer questions: `_all_docs`, then by design document and name.
    async fn find_indexes(&self) -> Result<Vec<Index>, Failure> {
        Err(absent("Mango indexes"))
    }

    /// The documents that a question asks for. A JSON index is first made as fresh as is asked for.
    async fn find(&self, _question: FindQuestion) -> Result<Arc<dyn Findings>, Failure> {
        Err(absent("Mango indexes"))
    }

    /// Ids of documents, each at least once, among which are all whose changes in a range match a selector;
    /// `None` where to walk over the range costs less, or nothing else is known.
    async fn candidates(
        &self,
        _question: CandidatesQuestion,
    ) -> Result<Option<Vec<String>>, Failure> {
        Ok(None)
    }

    /// Which documents, as JSON text, pass a filter, in their order; without documents, whether there is such
    /// a filter. [`Failure::NotFound`] where there is none.
    async fn filter(
        &self,
        _filter: &FunctionFilter,
        _documents: Arc<Vec<String>>,
    ) -> Result<Vec<bool>, Failure> {
        Err(absent("functions of design documents"))
    }

    /// Has a function of `shows` make an answer of a document and a request.
    async fn show(&self, _call: FunctionCall) -> Result<FunctionAnswer, Failure> {
        Err(absent("functions of design documents"))
    }

    /// Has a function of `updates` make a document of a document and a request; nothing is stored yet.
    async fn make_update(&self, _call: FunctionCall) -> Result<FunctionUpdate, Failure> {
        Err(absent("functions of design documents"))
    }

    /// Begins to run a function of `lists`; returns when it has begun.
    async fn list(&self, _call: ListCall) -> Result<(), Failure> {
        Err(absent("functions of design documents"))
    }

    /// Asks the function `rewrites` of a design document, named by its id, where it leads a request; `None`
    /// where it has no answer.
    async fn rewrite(
        &self,
        _design: &str,
        _request: String,
    ) -> Result<Option<FunctionRewrite>, Failure> {
        Err(absent("functions of design documents"))
    }

    /// Begins to give back at once what is not needed any more; returns when it has begun.
    async fn compact(&self) -> Result<(), Failure> {
        Err(absent("compaction"))
    }

    /// Opens a place for the bytes of a new attachment.
    async fn upload(&self, options: UploadOptions) -> Result<Box<dyn Upload>, Failure>;

    /// Its uploads that may be resumed.
    fn resumable_uploads(&self) -> Result<&dyn ResumableUploads, Failure> {
        Err(absent("uploads that may be resumed"))
    }

    /// The `number`-th chunk (from 0) of an attachment's stored bytes; `None` after the last. All
    /// chunks but the last are of one length.
    async fn attachment_chunk(
        &self,
        attachment: &Attachment,
        number: u32,
    ) -> Result<Option<Bytes>, Failure>;
}

/// Counts and sizes of a database.
#[derive(Clone, Debug, Default)]
pub struct Information {
    /// Highest update sequence that is committed.
    pub update_sequence: u64,
    /// Documents whose winner is not deleted.
    pub documents: u64,
    /// Documents whose winner is deleted.
    pub deleted_documents: u64,
    /// Whether documents are not counted, since only a walk over all could tell how many of them are seen. The
    /// counts are 0 then, and told as `null`.
    pub uncounted: bool,
    /// Bytes on disk, journal and old versions included (an estimate).
    pub file_bytes: u64,
    /// Bytes of live records.
    pub active_bytes: u64,
    /// Bytes of live bodies and attachments as clients see them.
    pub external_bytes: u64,
    /// Whether somebody asked for a compaction that is not through.
    pub compact_running: bool,
    /// Number of shards.
    pub shards: u16,
    /// Whether it is partitioned.
    pub partitioned: bool,
    /// Whether its documents say who may read them.
    pub access: bool,
    /// Generations of a document's history that are kept.
    pub revisions_limit: u32,
    /// The last purge sequence given, 0 for none.
    pub purge_sequence: u64,
    /// The highest sequence at which a tombstone stood that was purged for its age, 0 for none.
    pub tombstone_floor: u64,
    /// No tombstone that was purged so was written after this, in milliseconds since 1970.
    pub tombstone_floor_ms: u64,
    /// When it was made, seconds since 1970.
    pub instance_start_seconds: u64,
}

/// Counts and sizes of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionInformation {
    /// Documents whose winner is not deleted.
    pub documents: u64,
    /// Documents whose winner is deleted.
    pub deleted_documents: u64,
    /// Bytes of live records.
    pub active_bytes: u64,
    /// Bytes of live bodies and attachments as clients see them.
    pub external_bytes: u64,
}

/// A body with its attachments' descriptions.
#[derive(Clone, Debug)]
pub struct StoredBody {
    /// The body's text.
    pub body: Body,
    /// In the order in which they were listed.
    pub attachments: Vec<Attachment>,
}

/// The winning revision of a document.
#[derive(Clone, Debug)]
pub struct StoredDocument {
    /// Update sequence of the document's last change.
    pub sequence: u64,
    /// The winner.
    pub leaf: Leaf,
    /// Its content; `None` when it is no longer stored.
    pub content: Option<StoredBody>,
}

/// A document's whole history.
#[derive(Clone, Debug)]
pub struct DocumentTree {
    /// Update sequence of the document's last change.
    pub sequence: u64,
    /// All that is known of its revisions.
    pub tree: RevisionTree,
}

/// A `_local` document.
#[derive(Clone, Debug)]
pub struct LocalDocument {
    /// The `N` of its revision `0-N`.
    pub revision: u64,
    /// Its body.
    pub body: Body,
}
