//! Revision trees: all that is known of a document's revisions and how they descend from another.
//! Bodies are not here, only where they are stored; sequences and storage are not known here.
//!
//! A tree may be a forest: where history was cut (`revs_limit`) or came in without its beginning,
//! a revision stands without parent. Everything follows CouchDB's `couch_key_tree`, with one
//! difference: branches that were apart are joined as soon as a path is seen that connects them.

mod apply;
mod codec;
mod graft;
mod order;
mod purge;
mod stem;

use crate::change::LeafSummary;
use crate::revision::{Revision, RevisionHash};

pub use codec::{DecodeError, PendingPlace};
pub use purge::Purged;

/// Where a revision's body is stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum BodyPlace {
    /// Nowhere (any more).
    #[default]
    Missing,
    /// Under this update sequence, which is not 0.
    At(u64),
    /// It is the n-th new body of the write that is under way; the engine replaces it.
    Pending(u16),
}

/// A revision without successor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaf {
    /// Its revision.
    pub revision: Revision,
    /// Whether it is a tombstone.
    pub deleted: bool,
    /// Where its body is stored.
    pub place: BodyPlace,
}

/// What a tree knows of one revision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeView {
    /// Whether it is a tombstone; false where its body was never known.
    pub deleted: bool,
    /// Where its body is stored.
    pub place: BodyPlace,
    /// Whether it has no successor.
    pub leaf: bool,
}

/// All that is known of a document's revisions.
#[derive(Clone, Debug, Default)]
pub struct RevisionTree {
    /// In no particular order; parents are indices into it.
    nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
struct Node {
    hash: RevisionHash,
    depth: u32,
    /// The node one less deep, or `NO_PARENT`.
    parent: u32,
    deleted: bool,
    place: BodyPlace,
}

/// The parent of a node whose ancestors are not known.
const NO_PARENT: u32 = u32::MAX;

impl Node {
    fn key(&self) -> (u32, &RevisionHash) {
        (self.depth, &self.hash)
    }

    fn is(&self, revision: &Revision) -> bool {
        self.key() == (revision.depth, &revision.hash)
    }

    fn revision(&self) -> Revision {
        Revision { depth: self.depth, hash: self.hash.clone() }
    }

    fn to_leaf(&self) -> Leaf {
        Leaf { revision: self.revision(), deleted: self.deleted, place: self.place }
    }
}

impl RevisionTree {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The leaf that is the document.
    pub fn winner(&self) -> Option<Leaf> {
        let index = self.winner_index()?;
        self.node(index).map(Node::to_leaf)
    }

    /// All leaves, winner first: live before deleted, then deeper, then greater hash.
    pub fn leaves(&self) -> Vec<Leaf> {
        self.leaf_nodes().map(Node::to_leaf).collect()
    }

    /// The same leaves as rows of the changes feed show them.
    pub fn leaf_summaries(&self) -> Vec<LeafSummary> {
        self.leaf_nodes()
            .map(|node| LeafSummary { revision: node.revision(), deleted: node.deleted })
            .collect()
    }

    /// Whether more than one leaf lives.
    pub fn is_conflicted(&self) -> bool {
        let parents = self.parents();
        let leaves = self.nodes.iter().zip(parents).filter(|(_, parent)| !parent);
        leaves.filter(|(node, _)| !node.deleted).nth(1).is_some()
    }

    /// Where the leaves' bodies stand, in no particular order.
    pub fn leaf_places(&self) -> Vec<BodyPlace> {
        let parents = self.parents();
        let leaves = self.nodes.iter().zip(parents).filter(|(_, parent)| !parent);
        leaves.map(|(node, _)| node.place).collect()
    }

    /// What is known of a revision.
    pub fn find(&self, revision: &Revision) -> Option<NodeView> {
        let index = self.index_of(revision)?;
        self.node(index).map(|node| NodeView {
            deleted: node.deleted,
            place: node.place,
            leaf: !self.nodes.iter().any(|other| other.parent == index),
        })
    }

    /// The revision and its ancestors, newest first, up to the oldest that is kept.
    pub fn history(&self, revision: &Revision) -> Option<Vec<Revision>> {
        let index = self.index_of(revision)?;
        Some(self.line(index).map(Node::revision).collect())
    }

    /// The leaves at or below a revision, in the order of `leaves` (`latest=true`).
    pub fn descend(&self, revision: &Revision) -> Vec<Leaf> {
        self.leaf_order()
            .into_iter()
            .filter(|index| self.line(*index).any(|node| node.is(revision)))
            .filter_map(|index| self.node(index).map(Node::to_leaf))
            .collect()
    }

    /// Which of these revisions are not known, in their order (`_revs_diff`).
    pub fn missing(&self, revisions: &[Revision]) -> Vec<Revision> {
        let mut known: Vec<_> = self.nodes.iter().map(Node::key).collect();
        known.sort_unstable();
        let is_unknown = |revision: &&Revision| {
            let key = (revision.depth, &revision.hash);
            known.binary_search(&key).is_err()
        };
        revisions.iter().filter(is_unknown).cloned().collect()
    }

    /// Leaves that could be ancestors of the missing revisions: those less deep than one of them,
    /// in CouchDB's order, the winner last.
    pub fn possible_ancestors(&self, missing: &[Revision]) -> Vec<Revision> {
        let deepest = missing.iter().map(|revision| revision.depth).max();
        let mut leaves: Vec<Revision> = self
            .leaf_nodes()
            .filter(|node| Some(node.depth) < deepest)
            .map(Node::revision)
            .collect();
        leaves.reverse();
        leaves
    }

    /// All revisions that are kept, in no particular order.
    pub fn all(&self) -> impl Iterator<Item = (Revision, NodeView)> + '_ {
        let parents = self.parents();
        self.nodes.iter().enumerate().map(move |(index, node)| {
            let view = NodeView {
                deleted: node.deleted,
                place: node.place,
                leaf: !parents.get(index).is_some_and(|parent| *parent),
            };
            (node.revision(), view)
        })
    }

    /// Turns `Pending(n)` into `At(base + n)`, as the engine does in the encoded form.
    pub fn settle(&mut self, base: u64) {
        for node in &mut self.nodes {
            if let BodyPlace::Pending(ordinal) = node.place {
                node.place = BodyPlace::At(base + u64::from(ordinal));
            }
        }
    }

    /// Forgets where the bodies of revisions stand that have successors.
    pub fn forget_ancestors(&mut self) {
        let parents = self.parents();
        for (node, is_parent) in self.nodes.iter_mut().zip(parents) {
            if is_parent {
                node.place = BodyPlace::Missing;
            }
        }
    }

    fn node(&self, index: u32) -> Option<&Node> {
        self.nodes.get(index as usize)
    }

    fn index_of(&self, revision: &Revision) -> Option<u32> {
        (0..).zip(&self.nodes).find_map(|(index, node)| node.is(revision).then_some(index))
    }

    /// A node and its ancestors, newest first.
    fn line(&self, index: u32) -> impl Iterator<Item = &Node> {
        std::iter::successors(self.node(index), |node| self.node(node.parent))
    }
}

#[cfg(test)]
mod tests;
