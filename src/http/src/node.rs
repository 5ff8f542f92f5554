//! The traits through which the HTTP surface speaks to the node behind it. Whoever implements them
//! (actors, a test) decides where the data lives; nothing of HTTP and nothing of actors belongs here.
//!
//! Reads are served in pages: a page is taken from one short-lived snapshot, and the next one goes on
//! after its last key, so that a slow reader holds neither memory nor a snapshot.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use refuge_document::{
    Attachment, Body, BodyPlace, ChangeRow, EditKind, Encoding, Leaf, Revision, RevisionTree,
};

use crate::failure::Failure;
use crate::user::{Credentials, Security, User};

/// A node, as HTTP sees it.
#[async_trait]
pub trait Node: Send + Sync + 'static {
    /// Facts that stay the same while the node runs.
    fn facts(&self) -> &NodeFacts;

    /// Whether at least one server admin exists. While none does, only `/`, `/_up` and the set-up
    /// link answer.
    fn has_admins(&self) -> bool;

    /// A number that changes whenever credentials that were good may not be any longer; connections
    /// that remember a verified client ask again then.
    fn credentials_generation(&self) -> u64 {
        0
    }

    /// Who the holder of these credentials is. Wrong ones are `Failure::Unauthorized`.
    async fn authenticate(&self, credentials: &Credentials) -> Result<User, Failure>;

    /// Whether `token` opens the set-up page now; compared in constant time.
    async fn set_up_is_open(&self, token: &str) -> bool;

    /// Makes the first server admin, once; `Failure::NotFound` for a token that does not (or no
    /// longer) fit.
    async fn set_up(&self, token: &str, admin: NewAdmin) -> Result<(), Failure>;

    /// `count` new identifiers of 32 hexadecimal digits.
    fn new_identifiers(&self, count: usize) -> Vec<String>;

    /// Names of databases in byte order, from `after` (exclusive) on.
    async fn database_names(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Failure>;

    /// Makes a database; its name has been checked. `Failure::DatabaseExists` when it is there.
    async fn create_database(&self, name: &str) -> Result<(), Failure>;

    /// Removes a database and all that is in it.
    async fn delete_database(&self, name: &str) -> Result<(), Failure>;

    /// Opens a database by name; `Failure::NoDatabase` when there is none.
    async fn open(&self, name: &str) -> Result<Arc<dyn Database>, Failure>;

    /// Carries out a `POST /_replicate` request (the body as the client sent it, already parsed)
    /// and answers with the body of the reply. A continuous one is answered once it is started.
    async fn replicate(
        &self,
        request: serde_json::Value,
        user: &User,
    ) -> Result<serde_json::Value, Failure>;
}

/// What is told of the node at `GET /`.
#[derive(Clone, Debug)]
pub struct NodeFacts {
    /// 32 hexadecimal digits that name this installation.
    pub uuid: String,
    /// Version of refuge.
    pub version: String,
}

/// The admin that the set-up link makes.
pub struct NewAdmin {
    /// Name as the person typed it.
    pub name: String,
    /// Password in clear; hashed before it is stored.
    pub password: String,
}

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

    /// Counts and sizes.
    async fn information(&self) -> Result<Information, Failure>;

    /// The winning revision of a document, deleted or not; `None` when nothing is known of the id.
    async fn winner(&self, id: &str) -> Result<Option<StoredDocument>, Failure>;

    /// The revision trees of several documents, in the order of `ids`.
    async fn trees(&self, ids: Vec<String>) -> Result<Vec<Option<DocumentTree>>, Failure>;

    /// Bodies by their places; `None` where a body is no longer stored.
    async fn bodies(&self, places: Vec<BodyPlace>) -> Result<Vec<Option<StoredBody>>, Failure>;

    /// Applies edits; results in the order of `updates`. Every `Ok` is durable when this returns.
    async fn update(&self, updates: Vec<Update>) -> Result<Vec<UpdateResult>, Failure>;

    /// One page of the changes feed.
    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, Failure>;

    /// How many rows of the feed stand after `after`.
    async fn pending(&self, after: u64) -> Result<u64, Failure>;

    /// Waits until the update sequence is beyond `sequence`; tells the new one.
    async fn beyond(&self, sequence: u64) -> Result<u64, Failure>;

    /// One page of documents in byte order of their ids (live winners only).
    async fn documents(&self, request: DocumentsRequest) -> Result<DocumentsPage, Failure>;

    /// The body of a `_local` document (`id` without `_local/`) with its revision number.
    async fn local(&self, id: &str) -> Result<Option<LocalDocument>, Failure>;

    /// Stores or deletes a `_local` document; durable when it returns.
    async fn write_local(&self, id: &str, document: Option<LocalDocument>) -> Result<(), Failure>;

    /// Opens a place for the bytes of a new attachment.
    async fn upload(&self, options: UploadOptions) -> Result<Box<dyn Upload>, Failure>;

    /// The `number`-th chunk (from 0) of an attachment's stored bytes; `None` after the last. All
    /// chunks but the last are of one length.
    async fn attachment_chunk(
        &self,
        attachment: &Attachment,
        number: u32,
    ) -> Result<Option<Bytes>, Failure>;
}

/// Bytes of a new attachment on their way in.
#[async_trait]
pub trait Upload: Send {
    /// Takes more bytes.
    async fn write(&mut self, bytes: Bytes) -> Result<(), Failure>;

    /// Ends the upload; the content is stored under its digest, and durable with the document that
    /// comes to hold it.
    async fn finish(self: Box<Self>) -> Result<UploadedContent, Failure>;
}

/// How the bytes of an upload are to be kept.
#[derive(Clone, Debug)]
pub struct UploadOptions {
    /// MIME type; types of text are stored gzipped.
    pub content_type: String,
    /// The bytes come gzipped already and are kept as they are; the identity length where known.
    pub already_gzipped: bool,
}

/// What an upload became.
#[derive(Clone, Debug)]
pub struct UploadedContent {
    /// MD5 of the stored bytes.
    pub digest: [u8; 16],
    /// SHA-256 of the stored bytes: their address.
    pub content: [u8; 32],
    /// Length in bytes before encoding.
    pub length: u64,
    /// Length in bytes as stored.
    pub stored_length: u64,
    /// How they are stored.
    pub encoding: Encoding,
    /// MD5 of the bytes as they came, to compare with `Content-MD5` and a client's digest.
    pub received_digest: [u8; 16],
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
    /// Bytes on disk, journal and old versions included (an estimate).
    pub file_bytes: u64,
    /// Bytes of live records.
    pub active_bytes: u64,
    /// Bytes of live bodies and attachments as clients see them.
    pub external_bytes: u64,
    /// Number of shards.
    pub shards: u16,
    /// Generations of a document's history that are kept.
    pub revisions_limit: u32,
    /// When it was made, seconds since 1970.
    pub instance_start_seconds: u64,
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

/// One edit of one document.
#[derive(Clone, Debug)]
pub struct Update {
    /// Document id, already checked.
    pub id: String,
    /// Whether the new revision is a tombstone.
    pub deleted: bool,
    /// Its body.
    pub body: Body,
    /// Its attachments in listed order.
    pub attachments: Vec<UpdateAttachment>,
    /// Interactive or replicated.
    pub kind: EditKind,
}

/// An attachment in an edit.
#[derive(Clone, Debug)]
pub enum UpdateAttachment {
    /// New content. `revpos` 0 is replaced by the depth of the new revision.
    New(Attachment),
    /// Keeps the attachment of that name of the parent revision (for a replicated edit: of the
    /// nearest ancestor that is stored).
    Stub {
        /// Name of the attachment.
        name: String,
        /// The `revpos` that the client told, if any.
        revpos: Option<u32>,
    },
}

/// Outcome of one edit.
pub type UpdateResult = Result<Revision, UpdateFailure>;

/// Why one edit was not stored.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UpdateFailure {
    /// The parent is not a leaf (or none was given where one is).
    #[error("document update conflict")]
    Conflict,
    /// A deletion of a document that is not there.
    #[error("missing")]
    NotFound,
    /// A stub names an attachment that the parent revision does not have (412).
    #[error("invalid attachment stub in {id} for {name}")]
    MissingStub {
        /// Document id.
        id: String,
        /// Attachment name.
        name: String,
    },
    /// The node could not tell whether it was stored, or could not store it.
    #[error(transparent)]
    Failed(Arc<Failure>),
}

/// What page of the feed is wanted.
#[derive(Clone, Copy, Debug)]
pub struct ChangesRequest {
    /// Rows after this sequence (descending: rows before it).
    pub after: u64,
    /// No rows beyond this sequence.
    pub until: u64,
    /// Most rows in the page; the implementation may send fewer.
    pub limit: usize,
    /// Newest first.
    pub descending: bool,
    /// Whether winners' bodies are wanted.
    pub bodies: bool,
}

/// A page of the feed.
#[derive(Clone, Debug)]
pub struct ChangesPage {
    /// Rows with their winner's content where it was asked for and is stored.
    pub rows: Vec<(ChangeRow, Option<StoredBody>)>,
    /// Whether nothing of the asked range stands behind the last row.
    pub finished: bool,
}

/// What page of documents is wanted.
#[derive(Clone, Debug)]
pub struct DocumentsRequest {
    /// First id, with whether it is itself wanted; where the scan begins (descending: highest).
    pub start: Option<(String, bool)>,
    /// Last id, with whether it is itself wanted; where the scan ends.
    pub end: Option<(String, bool)>,
    /// Most rows in the page; the implementation may send fewer.
    pub limit: usize,
    /// Rows to pass over first.
    pub skip: usize,
    /// Highest id first.
    pub descending: bool,
    /// Whether bodies are wanted.
    pub bodies: bool,
    /// Whether the rows before the range are to be counted.
    pub offset: bool,
}

/// A page of documents.
#[derive(Clone, Debug)]
pub struct DocumentsPage {
    /// Live documents: id and winner (content where it was asked for).
    pub rows: Vec<(String, StoredDocument)>,
    /// How many rows were passed over for `skip`.
    pub skipped: usize,
    /// Where to go on: the last id that was looked at, when there may be more.
    pub resume_after: Option<String>,
    /// Rows in the whole database.
    pub total: u64,
    /// Rows before the range; `None` where they were not to be counted or that would cost too much.
    pub offset: Option<u64>,
}

/// A `_local` document.
#[derive(Clone, Debug)]
pub struct LocalDocument {
    /// The `N` of its revision `0-N`.
    pub revision: u64,
    /// Its body.
    pub body: Body,
}
