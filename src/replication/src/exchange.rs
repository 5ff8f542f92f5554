//! What the machine and its shell say to each other: effects with requests one way, answers and
//! failures the other. Data only; nothing here decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use refuge_document::Revision;

use crate::failure::Failure;
use crate::selection::Selection;
use crate::summary::Summary;

/// One of the two databases of a replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Where changes are read.
    Source,
    /// Where they are written.
    Target,
}

impl std::fmt::Display for End {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

/// Names one request of one machine; never used twice, also not for a repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What the shell is to do.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Send a request to one end and feed its outcome to [`crate::Replication::answer`] under this
    /// id. Requests may be carried out concurrently and answered in any order.
    Request {
        /// To be given back with the answer.
        id: RequestId,
        /// Whom to ask.
        end: End,
        /// What to ask.
        request: Request,
    },
    /// Call [`crate::Replication::elapsed`] after so many milliseconds. Replaces the wake-up asked
    /// for earlier: one timer is enough. A call too early or too often does no harm.
    Wake {
        /// Milliseconds from now.
        after_ms: u64,
    },
    /// The target will not store these documents; the rest goes on. For the log.
    Refused(Vec<Refusal>),
    /// It is over. Always the last effect; requests still under way may be dropped.
    Finished(Result<Summary, Failure>),
}

/// What can be asked of an end.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// `GET /{db}`. Answered by [`Answer::Information`].
    Information,
    /// `PUT /{db}`; a database that is there already is success. Answered by [`Answer::Created`].
    CreateDatabase {
        /// Its documents may have `_expires`, where the end knows of that.
        ttl: bool,
        /// Its documents say who may read them, where the end knows of that.
        access: bool,
        /// Whether its documents are divided into partitions.
        partitioned: bool,
        /// Its number of shards, where the end is not to choose.
        shards: Option<u16>,
    },
    /// `GET /{db}/_local/{local_id}`. Answered by [`Answer::Checkpoint`].
    Checkpoint {
        /// Id without `_local/`.
        local_id: String,
    },
    /// `PUT /{db}/_local/{local_id}`. Answered by [`Answer::CheckpointWritten`].
    WriteCheckpoint {
        /// Id without `_local/`.
        local_id: String,
        /// The document without `_id` and `_rev`.
        body: serde_json::Value,
        /// Revision (`0-N`) of the document that this one replaces; `None` when there is none.
        revision: Option<String>,
    },
    /// `GET /{db}/_design/{name}`. Answered by [`Answer::DesignDocument`].
    DesignDocument {
        /// Name without `_design/`.
        name: String,
    },
    /// One page of `/{db}/_changes` with what the selection lets through. Answered by
    /// [`Answer::Changes`]. Where it is selective an end may look at much before it finds anything:
    /// whoever asks it watches that it lives.
    Changes {
        /// What is told of.
        selection: Arc<Selection>,
        /// Rows after this sequence; `"0"` is the beginning.
        since: String,
        /// Most rows wanted; an end may send fewer.
        limit: usize,
        /// Where there are no rows yet, wait for one, for as long as the end finds good (it may
        /// answer an empty page after a while).
        wait: bool,
    },
    /// `POST /{db}/_revs_diff`. Answered by [`Answer::Differences`].
    RevisionsDiff {
        /// Document ids with the revisions that the source has.
        revisions: BTreeMap<String, Vec<Revision>>,
    },
    /// `POST /{db}/_bulk_get?revs=true&latest=true`, small attachments inline. Answered by
    /// [`Answer::Documents`].
    Documents {
        /// What is wanted.
        wanted: Vec<Wanted>,
        /// An end stops after about so many bytes of documents (always after at least one
        /// document) and names the rest in [`DocumentsPage::remaining`].
        limit_bytes: usize,
    },
    /// `POST /{db}/_bulk_docs` with `new_edits: false`. Answered by [`Answer::Stored`], which
    /// means that what was not refused is durable, or will be after
    /// [`Request::EnsureFullCommit`].
    Store {
        /// Documents as JSON text, with `_revisions` and inline attachments. The bytes are the
        /// source's own.
        documents: Vec<Bytes>,
    },
    /// Bring one revision with its attachments from the source to the target as one stream that
    /// nobody holds whole: `GET /{db}/{docid}?rev=…&atts_since=…` into `PUT /{db}/{docid}`. Sent to
    /// the target; the shell takes the source with it, and watches that bytes keep moving. Answered
    /// by [`Answer::Carried`].
    Carry {
        /// The document and its one revision.
        wanted: Wanted,
    },
    /// `POST /{db}/_ensure_full_commit`. Answered by [`Answer::Committed`].
    EnsureFullCommit,
}

/// A document of which the target lacks revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Document id.
    pub id: String,
    /// Revisions that the target lacks.
    pub revisions: Vec<Revision>,
    /// Revisions that the target has and that may be ancestors of those: attachments that did not
    /// change since may be left out (`atts_since`).
    pub possible_ancestors: Vec<Revision>,
}

/// What an end answers, one variant a [`Request`].
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To [`Request::Information`].
    Information(Information),
    /// To [`Request::CreateDatabase`].
    Created,
    /// To [`Request::Checkpoint`]: the document, or `None` when there is none.
    Checkpoint(Option<Checkpoint>),
    /// To [`Request::WriteCheckpoint`].
    CheckpointWritten {
        /// Its new revision (`0-N`).
        revision: String,
    },
    /// To [`Request::DesignDocument`]: the document, or `None` when there is none.
    DesignDocument(Option<serde_json::Value>),
    /// To [`Request::Changes`].
    Changes(ChangesPage),
    /// To [`Request::RevisionsDiff`]: documents of which something is missing.
    Differences(BTreeMap<String, Difference>),
    /// To [`Request::Documents`].
    Documents(DocumentsPage),
    /// To [`Request::Store`]: documents that the end refused for good; all others are stored.
    Stored {
        /// Refused documents.
        refused: Vec<Refusal>,
    },
    /// To [`Request::Carry`].
    Carried(Carriage),
    /// To [`Request::EnsureFullCommit`].
    Committed {
        /// `instance_start_time`; empty where the end does not tell.
        instance_start_time: String,
    },
}

/// What became of a revision that was to be brought over as a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// The target has it.
    Stored,
    /// The target will not store it.
    Refused(Refusal),
    /// The source no longer has it.
    Gone,
}

/// What an end tells of its database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Information {
    /// `update_seq` as text (see [`crate::sequence_text_of`]).
    pub update_sequence: String,
    /// `instance_start_time`: another one means another database under the same name. Empty or
    /// `"0"` where the end does not tell.
    pub instance_start_time: String,
    /// `props.ttl`: whether its documents may have `_expires`.
    pub ttl: bool,
    /// `props.access`: whether its documents say who may read them, in `_access`.
    pub access: bool,
}

/// A `_local` document that holds a replication's checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Its revision (`0-N`).
    pub revision: String,
    /// The document; `_id` and `_rev` may be in it and are ignored.
    pub body: serde_json::Value,
}

/// One page of the changes feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangesPage {
    /// Changed documents in the order of the feed.
    pub rows: Vec<ChangedDocument>,
    /// `last_seq`: where the next page goes on. May be beyond the last row: what stands between was
    /// looked at and left out.
    pub last_sequence: String,
    /// How many rows stand behind this page, where the end tells.
    pub pending: Option<u64>,
    /// Nothing stood behind the last row when the page was made.
    pub finished: bool,
}

/// A row of the changes feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedDocument {
    /// `seq` of the row.
    pub sequence: String,
    /// Document id.
    pub id: String,
    /// All its leaves.
    pub revisions: Vec<Revision>,
}

/// What the target lacks of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Revisions that it lacks.
    pub missing: Vec<Revision>,
    /// Revisions that it has and that may be ancestors of those.
    pub possible_ancestors: Vec<Revision>,
}

/// Documents read from the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentsPage {
    /// JSON texts with `_id`, `_rev`, `_revisions` and inline attachments, byte for byte as the
    /// source wrote them.
    pub documents: Vec<Bytes>,
    /// Revisions whose attachments are too large to be held: [`Request::Carry`] brings each, one
    /// revision in each.
    pub carried: Vec<Wanted>,
    /// Those of `carried`, at least, that say who may read them ([`crate::is_restricted`]), each with its id.
    pub restricted: Vec<(String, Revision)>,
    /// What was not looked at because the limit of bytes was reached.
    pub remaining: Vec<Wanted>,
    /// Revisions that the source no longer has.
    pub gone: u64,
    /// The answer broke off, so more remains than was left out for its size.
    pub broke_off: bool,
}

/// A document that an end will not store, however often it is sent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    /// Document id.
    pub id: String,
    /// CouchDB's word for it (`forbidden`, …).
    pub error: String,
    /// Its reason.
    pub reason: String,
}

/// Why an end did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct EndFailure {
    /// What it means for the replication.
    pub kind: EndFailureKind,
    /// For people; never holds credentials.
    pub reason: String,
}

/// What a failure means for the replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndFailureKind {
    /// It may be otherwise soon: a broken connection, a timeout, 429, 5xx, a database that is
    /// restarting.
    Transient {
        /// What `Retry-After` said, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// There is no such database (404 `no_db_file`).
    DatabaseMissing,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 409, of a checkpoint.
    Conflict,
    /// 409 `checkpoint_too_old`: the source does not tell of all deletions behind it any more.
    CheckpointTooOld,
    /// It will not be otherwise, whatever we do.
    Permanent,
}

impl EndFailure {
    /// A failure that may be gone soon.
    pub fn transient(reason: impl Into<String>) -> Self {
        Self::of(EndFailureKind::Transient { retry_after_ms: None }, reason)
    }

    /// A failure that stays.
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self::of(EndFailureKind::Permanent, reason)
    }

    /// A failure of this kind.
    pub fn of(kind: EndFailureKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }

    /// Whether trying again may help.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, EndFailureKind::Transient { .. })
    }
}
