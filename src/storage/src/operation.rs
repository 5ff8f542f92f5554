//! What the writer is asked to do, and what it answers.

mod outcome;

use bytes::Bytes;
use refuge_document::{Attachment, Body, BodyPlace, LeafSummary, PendingPlace, Revision};

use crate::database::{DatabaseId, DatabaseOptions};
use crate::expiry::ExpiryRow;
use crate::purge::{PurgeWrite, TimeMark};
use crate::resumable::UploadWrite;

pub use outcome::{Committed, Outcome};

/// Longest document id or local id that fits a key, in bytes: fjall's keys hold 65,535 bytes, of
/// which an attachment reference needs 45 beside the id.
pub const MAXIMUM_ID_BYTES: usize = 65_000;

/// A database to be registered.
#[derive(Clone, Debug)]
pub struct NewDatabase {
    /// Its name, already checked.
    pub name: String,
    /// Number of shards (CouchDB's `q`).
    pub shards: u16,
    /// When it was created, in milliseconds since 1970 (UTC).
    pub created_unix_ms: u64,
    /// Opaque part of its update sequences: new with each creation.
    pub instance: [u8; 16],
    /// Whether each document's id names the partition that it belongs to.
    pub partitioned: bool,
    /// Whether its documents say who may read them.
    pub access: bool,
    /// Its options.
    pub options: DatabaseOptions,
}

/// One thing for the writer to do. Operations of a group are applied in order and later ones see
/// earlier ones.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Registers a database → [`Outcome::Created`] or [`Outcome::AlreadyExists`].
    CreateDatabase(NewDatabase),
    /// Removes a database from the registry → [`Outcome::Deleted`] or
    /// [`Outcome::NoSuchDatabase`]. Its rows leave later, through
    /// [`Engine::drop_rows`](crate::Engine::drop_rows).
    DeleteDatabase {
        /// Its name.
        name: String,
    },
    /// Replaces a database's security object → [`Outcome::Done`].
    SetSecurity {
        /// The database.
        database: DatabaseId,
        /// JSON text, stored as it is.
        json: Vec<u8>,
    },
    /// Replaces a database's limit of kept revisions → [`Outcome::Done`].
    SetRevisionsLimit {
        /// The database.
        database: DatabaseId,
        /// Revisions kept on a path, ≥ 1.
        limit: u32,
    },
    /// Writes documents → [`Outcome::Documents`].
    Documents(DocumentsWrite),
    /// Purges documents → [`Outcome::Purged`].
    Purge(PurgeWrite),
    /// Replaces the number of purge records that a database keeps → [`Outcome::Done`].
    SetPurgeRecordsLimit {
        /// The database.
        database: DatabaseId,
        /// Records kept, ≥ 1.
        limit: u32,
    },
    /// Notes how far an index has followed the purges of its database → [`Outcome::Done`]. No
    /// record behind that is forgotten.
    SetPurgeCheckpoint {
        /// The database.
        database: DatabaseId,
        /// Name of the index.
        index: String,
        /// The purge sequence up to which it has followed; `None` when the index is no more.
        sequence: Option<u64>,
    },
    /// Notes what a database's update sequence is at a moment → [`Outcome::Done`].
    MarkTime {
        /// The database.
        database: DatabaseId,
        /// The moment, in milliseconds since 1970 (UTC).
        time_ms: u64,
    },
    /// Says that the tombstones up to a mark have been purged → [`Outcome::Done`]. It and all
    /// earlier marks leave.
    TombstonesSwept {
        /// The database.
        database: DatabaseId,
        /// The mark.
        mark: TimeMark,
    },
    /// Replaces a database's options → [`Outcome::Done`].
    SetOptions {
        /// The database.
        database: DatabaseId,
        /// The new options.
        options: DatabaseOptions,
    },
    /// Forgets that revisions expire → [`Outcome::Done`].
    ForgetExpiries(Vec<ExpiryRow>),
    /// Writes local documents → [`Outcome::Done`].
    Locals {
        /// The database.
        database: DatabaseId,
        /// The writes, in order.
        writes: Vec<LocalWrite>,
    },
    /// Stores one chunk of an upload that nothing refers to yet → [`Outcome::Done`], or
    /// [`Outcome::NoSuchUpload`] where the upload was given up meanwhile: ten minutes after its
    /// last chunk. A group of uploads alone is not synced: it is durable with the document that
    /// comes to refer to it.
    Chunk {
        /// The database.
        database: DatabaseId,
        /// Identifier of the upload, unique.
        upload: [u8; 16],
        /// Place of the chunk in the content, from 0.
        number: u32,
        /// Its bytes.
        bytes: Bytes,
    },
    /// Gives an upload its address → [`Outcome::Done`] or [`Outcome::NoSuchUpload`], as a chunk;
    /// durable as chunks are. Where the database already holds this content, the upload's own
    /// chunks leave instead. The content is held for ten minutes, or until a document that refers
    /// to it is written.
    FinishUpload {
        /// The database.
        database: DatabaseId,
        /// The upload.
        upload: [u8; 16],
        /// SHA-256 of the stored bytes: the content's address.
        content: [u8; 32],
        /// Number of chunks written.
        chunks: u32,
        /// Bytes in all chunks together.
        stored_length: u64,
    },
    /// One step of an upload that may be resumed → as [`UploadStep`](crate::UploadStep) says.
    Upload(UploadWrite),
    /// Says that no document will come for a finished upload → [`Outcome::Done`].
    ReleaseContent {
        /// The database.
        database: DatabaseId,
        /// The content's address.
        content: [u8; 32],
    },
    /// Writes or deletes a small record of the node itself → [`Outcome::Done`].
    Node {
        /// Its key.
        key: String,
        /// Its value; `None` deletes it.
        value: Option<Vec<u8>>,
    },
    /// Writes and deletes small records of the node, all or none → [`Outcome::Done`].
    NodeRecords {
        /// The writes, in order.
        writes: Vec<NodeWrite>,
    },
}

/// One write of a record of the node.
#[derive(Clone, Debug)]
pub struct NodeWrite {
    /// Its key.
    pub key: String,
    /// Its value; `None` deletes it.
    pub value: Option<Vec<u8>>,
}

impl Operation {
    /// Whether it is refused while the disk is nearly full. What gives room back, and the node's own
    /// small records, go on.
    #[must_use]
    pub fn takes_room(&self) -> bool {
        match self {
            Self::DeleteDatabase { .. }
            | Self::Purge(_)
            | Self::SetPurgeCheckpoint { .. }
            | Self::ForgetExpiries(_)
            | Self::MarkTime { .. }
            | Self::TombstonesSwept { .. }
            | Self::ReleaseContent { .. }
            | Self::Node { .. }
            | Self::NodeRecords { .. } => false,
            Self::Locals { writes, .. } => writes.iter().any(|write| write.value.is_some()),
            Self::Upload(write) => write.step.takes_room(),
            Self::CreateDatabase(_)
            | Self::SetSecurity { .. }
            | Self::SetRevisionsLimit { .. }
            | Self::SetPurgeRecordsLimit { .. }
            | Self::SetOptions { .. }
            | Self::Documents(_)
            | Self::Chunk { .. }
            | Self::FinishUpload { .. } => true,
        }
    }
}

/// Documents of one database, written together or not at all.
#[derive(Clone, Debug)]
pub struct DocumentsWrite {
    /// The database.
    pub database: DatabaseId,
    /// The documents, in the order in which they take their sequences; each at most once.
    pub documents: Vec<DocumentWrite>,
}

/// One document as it shall stand after the write.
#[derive(Clone, Debug)]
pub struct DocumentWrite {
    /// The document's id, at most [`MAXIMUM_ID_BYTES`].
    pub id: String,
    /// The encoded revision tree.
    pub tree: Vec<u8>,
    /// Where in `tree` the places of new bodies stand, to be filled in.
    pub pending: Vec<PendingPlace>,
    /// The leaves, winner first: they go into the by-sequence row.
    pub leaves: Vec<LeafSummary>,
    /// Where the winner's body stands.
    pub winner_place: BodyPlace,
    /// The new bodies; the n-th is the one that `BodyPlace::Pending(n)` means. A document with n
    /// bodies takes n sequence numbers (at least one), and its by-sequence row the last of them.
    pub bodies: Vec<BodyRecord>,
    /// The row that this one replaces: [`DocumentRecord::previous`](crate::DocumentRecord::previous).
    pub previous: Option<Previous>,
    /// Where the bodies stand that no leaf needs any more after this write. Each is listed once,
    /// by the write that makes it so; they leave after a while.
    pub obsolete: Vec<BodyPlace>,
    /// Who may read it, in a database with permissions on documents.
    pub readers: Option<ReadersWrite>,
}

/// Who may read a document before and after a write: names and roles, each once, or
/// [`EVERYBODY`](crate::EVERYBODY).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadersWrite {
    /// Who may read the row that is replaced.
    pub before: Vec<String>,
    /// Who may read this one.
    pub after: Vec<String>,
    /// Those of `after` that are told by a row at this sequence that they cannot read it any more.
    pub regained: Vec<(String, u64)>,
    /// The winner that those before saw last.
    pub seen: Option<Revision>,
}

/// What the writer must know of the row that a document write replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Previous {
    /// Its sequence.
    pub sequence: u64,
    /// Whether its winner was deleted.
    pub deleted: bool,
    /// Whether it had more than one live leaf.
    pub conflicted: bool,
    /// What it counted for in the database's `active_bytes`.
    pub active_bytes: u64,
    /// What it counted for in the database's `external_bytes`.
    pub external_bytes: u64,
}

/// The body of one revision, with the attachments it lists.
#[derive(Clone, Debug, PartialEq)]
pub struct BodyRecord {
    /// The normalised body.
    pub body: Body,
    /// The attachments, in listed order.
    pub attachments: Vec<Attachment>,
}

/// One write of a local document.
#[derive(Clone, Debug)]
pub struct LocalWrite {
    /// Its id, without `_local/`, at most [`MAXIMUM_ID_BYTES`].
    pub id: String,
    /// Opaque bytes; `None` deletes it.
    pub value: Option<Vec<u8>>,
}
