//! Which nodes are leaves, and which of them wins.

use std::cmp::Ordering;

use super::{NO_PARENT, Node, RevisionTree};

impl RevisionTree {
    /// For each node whether it is the parent of another.
    pub(super) fn parents(&self) -> Vec<bool> {
        let mut parents = vec![false; self.nodes.len()];
        for node in &self.nodes {
            if let Some(parent) = parents.get_mut(node.parent as usize) {
                *parent = true;
            }
        }
        parents
    }

    /// Indices of the leaves, winner first.
    pub(super) fn leaf_order(&self) -> Vec<u32> {
        let parents = self.parents();
        let mut leaves: Vec<u32> =
            (0..).zip(parents).filter_map(|(index, parent)| (!parent).then_some(index)).collect();
        if leaves.len() > 1 {
            leaves.sort_by(|left, right| self.precedence(*right, *left));
        }
        leaves
    }

    pub(super) fn leaf_nodes(&self) -> impl Iterator<Item = &Node> {
        self.leaf_order().into_iter().filter_map(|index| self.node(index))
    }

    pub(super) fn winner_index(&self) -> Option<u32> {
        self.leaf_order().first().copied()
    }

    /// The greater of two leaves is the one that wins: live before deleted, deeper before less
    /// deep, then the greater hash. One revision may stand in two branches (only with hashes that
    /// somebody made up); then the ancestors decide, so that the order is always the same.
    fn precedence(&self, left: u32, right: u32) -> Ordering {
        let rank = |index| self.node(index).map(|node| (!node.deleted, node.depth, &node.hash));
        rank(left).cmp(&rank(right)).then_with(|| {
            let hashes = |index| self.line(index).map(|node| &node.hash);
            hashes(left).cmp(hashes(right))
        })
    }

    /// All nodes in an order that depends on nothing but the tree: the leaves, winner first, then
    /// for each leaf its ancestors, newest first, up to one that was there before.
    pub(super) fn canonical_order(&self) -> CanonicalOrder {
        let leaves = self.leaf_order();
        let mut order = leaves.clone();
        let mut place = vec![NO_PARENT; self.nodes.len()];
        set_places(&mut place, &leaves, 0);
        let mut branches = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            let first = order.len();
            let mut next = self.node(leaf).map_or(NO_PARENT, |node| node.parent);
            while place.get(next as usize) == Some(&NO_PARENT) {
                set_places(&mut place, &[next], order.len());
                order.push(next);
                next = self.node(next).map_or(NO_PARENT, |node| node.parent);
            }
            branches.push(Branch {
                ancestors: order.len() - first,
                attached: place.get(next as usize).copied(),
            });
        }
        CanonicalOrder { order, branches }
    }
}

/// See [`RevisionTree::canonical_order`].
pub(super) struct CanonicalOrder {
    /// Indices of all nodes; the first are the leaves.
    pub(super) order: Vec<u32>,
    /// One for each leaf.
    pub(super) branches: Vec<Branch>,
}

/// What hangs above one leaf and is not above an earlier one.
#[derive(PartialEq, Eq)]
pub(super) struct Branch {
    /// How many nodes.
    pub(super) ancestors: usize,
    /// The place in the order of the node that the oldest of them descends from.
    pub(super) attached: Option<u32>,
}

fn set_places(place: &mut [u32], nodes: &[u32], first: usize) {
    for (number, node) in (first as u32..).zip(nodes) {
        if let Some(slot) = place.get_mut(*node as usize) {
            *slot = number;
        }
    }
}

/// Two trees are equal if they know the same; the order in which they learnt it does not count.
impl PartialEq for RevisionTree {
    fn eq(&self, other: &Self) -> bool {
        if self.nodes.len() != other.nodes.len() {
            return false;
        }
        let (ours, theirs) = (self.canonical_order(), other.canonical_order());
        let same = |(left, right): (&u32, &u32)| match (self.node(*left), other.node(*right)) {
            (Some(left), Some(right)) => {
                left.depth == right.depth
                    && left.hash == right.hash
                    && left.deleted == right.deleted
                    && left.place == right.place
            }
            _ => false,
        };
        ours.branches == theirs.branches && ours.order.iter().zip(&theirs.order).all(same)
    }
}

impl Eq for RevisionTree {}
