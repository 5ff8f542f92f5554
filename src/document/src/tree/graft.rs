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
    /// Whether the tree knows ancestors of the path's oldest revision, or just that one.
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
    /// those of the path.
    fn meeting(&self, path: &[Revision]) -> Option<Meeting> {
        path.iter().enumerate().find_map(|(newer, revision)| {
            (0..)
                .zip(&self.nodes)
                .filter(|(_, node)| node.is(revision))
                .find_map(|(index, _)| self.meeting_at(path, newer, index))
        })
    }

    fn meeting_at(&self, path: &[Revision], newer: usize, index: u32) -> Option<Meeting> {
        let mut root = index;
        let mut shared = 0;
        for revision in path.get(newer..)? {
            let Some(node) = self.node(if shared == 0 { index } else { self.node(root)?.parent })
            else {
                return Some(Meeting { newer, index, root, shared, path_ends: false });
            };
            if node.hash != revision.hash {
                return None;
            }
            if shared > 0 {
                root = self.node(root)?.parent;
            }
            shared += 1;
        }
        Some(Meeting { newer, index, root, shared, path_ends: true })
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
