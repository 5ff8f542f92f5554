//! A row of the changes feed, as it is stored in sequence order.

use crate::revision::Revision;

/// One document's latest change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangeRow {
    /// Update sequence of the change.
    pub sequence: u64,
    /// Document id.
    pub id: String,
    /// Leaves of the revision tree, winner first.
    pub leaves: Vec<LeafSummary>,
    /// Sequence under which the winner's body is stored; 0 where there is none.
    pub body: u64,
    /// Whether this tells that its reader may not read the document any more: one leaf, the last that was
    /// seen, told as deleted, and no body.
    pub removed: bool,
}

/// A leaf, as far as the feed shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeafSummary {
    /// Its revision.
    pub revision: Revision,
    /// Whether it is a tombstone.
    pub deleted: bool,
}

impl ChangeRow {
    /// The winning leaf.
    pub fn winner(&self) -> Option<&LeafSummary> {
        self.leaves.first()
    }
}
