//! Edits of documents and their outcomes.

use std::sync::Arc;

use refuge_document::{Attachment, Body, EditKind, Revision};

use crate::failure::Failure;

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
        /// The digest that it has to have, where one was told.
        digest: Option<[u8; 16]>,
    },
}

impl UpdateAttachment {
    /// Keeps an attachment as it is.
    pub fn kept(attachment: &Attachment) -> Self {
        Self::Stub {
            name: attachment.name.clone(),
            revpos: Some(attachment.revpos),
            digest: Some(attachment.digest),
        }
    }
}

/// Outcome of one edit.
pub type UpdateResult = Result<Revision, UpdateFailure>;

/// What is said of each of some edits before they are handed over, in their order.
pub type UpdateVerdicts = Vec<Result<(), UpdateFailure>>;

/// Why one edit was not stored.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UpdateFailure {
    /// The parent is not a leaf (or none was given where one is).
    #[error("document update conflict")]
    Conflict,
    /// A deletion of a document that is not there.
    #[error("missing")]
    NotFound,
    /// A stub names an attachment that the parent revision does not have, or not with that content (412).
    #[error("invalid attachment stub in {id} for {name}")]
    MissingStub {
        /// Document id.
        id: String,
        /// Attachment name.
        name: String,
    },
    /// A function of a design document refused it, or could not be asked; or, for a design document, its
    /// own functions cannot be run. It was not stored.
    #[error(transparent)]
    Refused(Arc<Failure>),
    /// The node could not tell whether it was stored, or could not store it.
    #[error(transparent)]
    Failed(Arc<Failure>),
}
