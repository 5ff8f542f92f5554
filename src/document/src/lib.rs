//! Documents as values: ids, revisions and revision trees, bodies, attachment descriptions, update
//! sequences, and the texts in which clients send and receive them.
//!
//! Pure: nothing here knows tokio, a clock, randomness or files. What is stored where, and who may
//! do what, does not belong here.

mod access;
mod attachment;
mod body;
mod change;
mod edit;
mod expiry;
mod hash;
mod id;
mod incoming;
pub mod json;
mod partition;
mod render;
mod revision;
mod sequence;
mod tree;

pub use access::{Access, AccessEdit, AccessRefusal};
pub use attachment::{Attachment, Encoding, digest_text, parse_digest};
pub use body::Body;
pub use change::{ChangeRow, LeafSummary};
pub use edit::{Applied, Conflict, Edit, EditKind};
pub use expiry::Expiry;
pub use hash::{TermForm, Terms, revision_id};
pub use id::{
    IdError, REPLICATOR, USER_PREFIX, USERS, check_attachment_name, check_database_name,
    check_document_id,
};
pub use incoming::{
    BadDocument, BulkRequest, Incoming, IncomingAttachment, IncomingContent, parse_bulk,
    parse_document,
};
pub use partition::{check_partition, check_partitioned_id, partition_bounds, partition_of};
pub use render::{AttachmentForm, Rendering, RevisionStatus, render_document};
pub use revision::{BadRevision, Revision, RevisionHash};
pub use sequence::{BadSequence, parse_sequence, sequence_text};
pub use tree::{BodyPlace, DecodeError, Leaf, NodeView, PendingPlace, Purged, RevisionTree};
