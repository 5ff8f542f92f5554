//! Cutting off what is older than `revs_limit` generations.

use super::{NO_PARENT, RevisionTree};

impl RevisionTree {
    /// Keeps the nodes that are among the `limit` newest of some leaf's line (at least the leaves).
    /// Those whose parents go become beginnings of branches.
    pub(super) fn stem(&mut self, limit: u32) {
        let limit = limit.max(1);
        if self.nodes.len() <= limit as usize {
            return;
        }
        let distances = self.distances();
        if distances.iter().all(|distance| *distance < limit) {
            return;
        }
        let keep: Vec<bool> = distances.iter().map(|distance| *distance < limit).collect();
        self.retain(&keep);
    }

    /// Keeps these nodes; those whose parents go become beginnings of branches.
    pub(super) fn retain(&mut self, keep: &[bool]) {
        let mut kept = 0;
        let moved: Vec<u32> = keep
            .iter()
            .map(|keep| {
                if !keep {
                    return NO_PARENT;
                }
                kept += 1;
                kept - 1
            })
            .collect();
        let mut keep = keep.iter().copied();
        self.nodes.retain(|_| keep.next().unwrap_or(true));
        for node in &mut self.nodes {
            node.parent = moved.get(node.parent as usize).copied().unwrap_or(NO_PARENT);
        }
    }

    /// For each node how far the nearest leaf below is.
    fn distances(&self) -> Vec<u32> {
        let mut distances = vec![u32::MAX; self.nodes.len()];
        for leaf in self.leaf_order() {
            let mut index = leaf;
            let mut distance = 0;
            while let Some(known) = distances.get_mut(index as usize) {
                if *known <= distance {
                    break;
                }
                *known = distance;
                distance += 1;
                index = self.node(index).map_or(NO_PARENT, |node| node.parent);
            }
        }
        distances
    }
}
