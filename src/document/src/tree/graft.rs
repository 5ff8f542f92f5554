//! Putting a path of revisions into a tree.

use crate::revision::Revision;

use super::{BodyPlace, NO_PARENT, Node, RevisionTree};

/// Where the newest revision of a path came to stand.
pub(super) struct Grafted {
    /// Index of its node.
    pub(super) index: u32,
    /// Whether the tree changed.
    pub(super) changed: bool,
}

/// The newest revision of a path that the tree knows.
struct Meeting {
    /// How many newer ones of the path the tree does not know.
    newer: usize,
    /// Index of its node.
    index: u32,
    /// The oldest known ancestor of that node.
    root: u32,
    /// How many of the path's revisions, from the known one on, the tree knows.
    shared: usize,
    /// Whether those are all the rest of the path.
    path_ends: bool,
}

impl RevisionTree {
    /// Puts a path in, newest revision first; depths fall by one (what stands behind a step that
    /// does not is left out). Revisions that are new stand there without body. A branch that
    /// begins with a revision of the path gets the path's older revisions as ancestors: so
    /// branches that were apart, because their beginnings were cut, are joined.
    ///
    /// `None` if the path is empty.
    pub(super) fn graft(&mut self, path: &[Revision]) -> Option<Grafted> {
        let mut rest = consecutive(path);
        let mut newest = None;
        let mut changed = false;
        // The node that still needs the next one as its parent.
        let mut below = NO_PARENT;
        while !rest.is_empty() {
            let meeting = self.meeting(rest);
            let newer = meeting.as_ref().map_or(rest.len(), |meeting| meeting.newer);
            let (unknown, known) = rest.split_at(newer);
            for revision in unknown {
                let index = self.add(revision);
                self.set_parent(below, index);
                newest.get_or_insert(index);
                below = index;
                changed = true;
            }
            let Some(meeting) = meeting else { break };
            changed |= below != NO_PARENT;
            self.set_parent(below, meeting.index);
            newest.get_or_insert(meeting.index);
            if meeting.path_ends {
                break;
            }
            below = meeting.root;
            rest = known.get(meeting.shared..).unwrap_or_default();
        }
        newest.map(|index| Grafted { index, changed })
    }

    /// Finds the newest revision of a path whose ancestors, as far as both sides know them, are
    /// those of the path. Depths tell at once which revision of the path a node could be.
    fn meeting(&self, path: &[Revision]) -> Option<Meeting> {
        let newest = path.first()?.depth;
        let mut candidates: Vec<(usize, u32)> = (0..)
            .zip(&self.nodes)
            .filter_map(|(index, node)| {
                let newer = newest.checked_sub(node.depth)? as usize;
                (path.get(newer)?.hash == node.hash).then_some((newer, index))
            })
            .collect();
        candidates.sort_unstable();
        candidates.into_iter().find_map(|(newer, index)| self.meeting_at(path, newer, index))
    }

    fn meeting_at(&self, path: &[Revision], newer: usize, index: u32) -> Option<Meeting> {
        let (mut root, mut next, mut shared) = (index, index, 0);
        let mut path_ends = true;
        for revision in path.get(newer..)? {
            let Some(node) = self.node(next) else {
                path_ends = false;
                break;
            };
            if node.hash != revision.hash {
                return None;
            }
            (root, next) = (next, node.parent);
            shared += 1;
        }
        Some(Meeting { newer, index, root, shared, path_ends })
    }

    fn add(&mut self, revision: &Revision) -> u32 {
        self.nodes.push(Node {
            hash: revision.hash.clone(),
            depth: revision.depth,
            parent: NO_PARENT,
            deleted: false,
            place: BodyPlace::Missing,
        });
        (self.nodes.len() - 1) as u32
    }

    fn set_parent(&mut self, index: u32, parent: u32) {
        if let Some(node) = self.nodes.get_mut(index as usize) {
            node.parent = parent;
        }
    }
}

/// The beginning of a path in which each revision is one less deep than the one before.
fn consecutive(path: &[Revision]) -> &[Revision] {
    let steps = path.windows(2).take_while(
        |pair| matches!(pair, [newer, older] if older.depth.checked_add(1) == Some(newer.depth)),
    );
    let length = steps.count() + 1;
    path.get(..length).unwrap_or(path)
}
