//! An edit of a document, and what became of it. How it changes a revision tree is in `tree`.

use std::sync::Arc;

use crate::attachment::Attachment;
use crate::body::Body;
use crate::revision::Revision;

/// One edit of one document, its attachments resolved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    /// Whether the new revision is a tombstone.
    pub deleted: bool,
    /// Its body.
    pub body: Body,
    /// Its attachments in the order in which the client listed them.
    pub attachments: Vec<Attachment>,
    /// Where it comes from.
    pub kind: EditKind,
}

/// Where an edit comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EditKind {
    /// A client's edit of what it saw here; the revision is computed.
    Interactive {
        /// The revision that was edited.
        parent: Option<Revision>,
    },
    /// A document that is stored only where nothing is known of its id, not even that it was deleted; the
    /// revision is computed.
    First,
    /// An edit that was made elsewhere (`new_edits=false`) and keeps its revision.
    Replicated {
        /// The revision and its ancestors as far as known, newest first; at least one.
        path: Vec<Revision>,
        /// Where this is told, it is stored only where all leaves that are known are among these: it was fetched
        /// because nothing was known of the document, and what became known meanwhile, a deletion above all,
        /// counts more.
        beside: Option<Arc<[Revision]>>,
    },
}

/// What an edit did to a revision tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Applied {
    /// The revision is new, or its body was not known: it has to be stored.
    Added {
        /// The revision.
        revision: Revision,
    },
    /// A replicated revision that was there with its body already: nothing to store.
    Known {
        /// The revision.
        revision: Revision,
    },
}

impl Applied {
    /// The revision, new or known.
    pub fn revision(&self) -> &Revision {
        match self {
            Self::Added { revision } | Self::Known { revision } => revision,
        }
    }
}

/// The edit's parent is not a leaf, or none was named where there is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("Document update conflict.")]
pub struct Conflict;
