//! Taking leaves out of a tree as if they had never been (`_purge`). Source: CouchDB's
//! `couch_key_tree`, function `remove_leafs`.

use crate::revision::Revision;

use super::{BodyPlace, NO_PARENT, RevisionTree};

/// What a purge took out of a tree.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Purged {
    /// The leaves, in the order in which they were named; each once.
    pub leaves: Vec<Revision>,
    /// Where their bodies are stored, ascending. Those of their ancestors were nobody's already.
    pub bodies: Vec<u64>,
}

impl RevisionTree {
    /// Takes out the named leaves, and of their ancestors those that lead to no other leaf. What is
    /// not known or no leaf is passed over: its successors would be left without their history.
    ///
    /// The tree is empty afterwards when no leaf is left; such a document never was.
    pub fn purge(&mut self, revisions: &[Revision]) -> Purged {
        let leaves = self.leaf_order();
        let named = |index: &u32| {
            self.node(*index).is_some_and(|node| revisions.iter().any(|one| node.is(one)))
        };
        let (gone, staying): (Vec<u32>, Vec<u32>) = leaves.into_iter().partition(named);
        let mut purged = Purged::default();
        for revision in revisions {
            let left = gone.iter().any(|index| self.node(*index).is_some_and(|n| n.is(revision)));
            if left && !purged.leaves.contains(revision) {
                purged.leaves.push(revision.clone());
            }
        }
        if purged.leaves.is_empty() {
            return purged;
        }
        let places = gone.iter().filter_map(|index| self.node(*index).map(|node| node.place));
        purged.bodies.extend(places.filter_map(|place| match place {
            BodyPlace::At(sequence) => Some(sequence),
            BodyPlace::Missing | BodyPlace::Pending(_) => None,
        }));
        purged.bodies.sort_unstable();
        let keep = self.lines_of(&staying);
        self.retain(&keep);
        purged
    }

    /// For each node whether it is one of these leaves or an ancestor of one.
    fn lines_of(&self, leaves: &[u32]) -> Vec<bool> {
        let mut on_a_line = vec![false; self.nodes.len()];
        for leaf in leaves {
            let mut index = *leaf;
            while let Some(seen @ false) = on_a_line.get_mut(index as usize) {
                *seen = true;
                index = self.node(index).map_or(NO_PARENT, |node| node.parent);
            }
        }
        on_a_line
    }
}
