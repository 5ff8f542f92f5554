//! What an edit does to a tree. Source: CouchDB's `couch_db_updater`, function `merge_rev_tree`.

use crate::edit::{Applied, Conflict, Edit, EditKind};
use crate::hash::revision_id;
use crate::revision::Revision;

use super::{BodyPlace, Leaf, RevisionTree};

impl RevisionTree {
    /// Applies an edit whose body is or will be at `place`, and keeps `revs_limit` generations.
    ///
    /// Interactive edits need the revision of a leaf, or none where nothing is known of the
    /// document. A document whose leaves are all tombstones can only be made anew, without a
    /// revision: the new one becomes the successor of the winning tombstone. As in CouchDB since
    /// version 2, naming that tombstone's revision is a conflict, and so is deleting it again.
    ///
    /// A first one is a conflict wherever something is known of the document, a tombstone too.
    ///
    /// A replicated edit always succeeds (an empty path is a conflict), unless it says beside which
    /// leaves alone it is to be stored.
    pub fn apply(
        &mut self,
        edit: &Edit,
        place: BodyPlace,
        revs_limit: u32,
    ) -> Result<Applied, Conflict> {
        let applied = match &edit.kind {
            EditKind::Interactive { parent } => {
                let parent = self.parent_for(parent.as_ref(), edit.deleted)?;
                let revision =
                    revision_id(parent.as_ref(), edit.deleted, &edit.body, &edit.attachments);
                let path: Vec<Revision> = [revision].into_iter().chain(parent).collect();
                self.insert(&path, edit.deleted, place)?
            }
            EditKind::First => {
                if !self.nodes.is_empty() {
                    return Err(Conflict);
                }
                let revision = revision_id(None, edit.deleted, &edit.body, &edit.attachments);
                self.insert(&[revision], edit.deleted, place)?
            }
            EditKind::Replicated { path, beside } => {
                let is_other = |revision: &Revision| {
                    beside.as_ref().is_some_and(|beside| !beside.contains(revision))
                };
                if self.leaves().iter().any(|leaf| is_other(&leaf.revision)) {
                    return Err(Conflict);
                }
                self.insert(path, edit.deleted, place)?
            }
        };
        self.stem(revs_limit);
        Ok(applied)
    }

    /// The revision that an interactive edit will descend from.
    fn parent_for(
        &self,
        given: Option<&Revision>,
        deleted: bool,
    ) -> Result<Option<Revision>, Conflict> {
        match (self.winner(), given) {
            (None, None) => Ok(None),
            (Some(Leaf { deleted: true, revision, .. }), None) if !deleted => Ok(Some(revision)),
            (Some(Leaf { deleted: false, .. }), Some(given)) => match self.find(given) {
                Some(node) if node.leaf => Ok(Some(given.clone())),
                _ => Err(Conflict),
            },
            _ => Err(Conflict),
        }
    }

    fn insert(
        &mut self,
        path: &[Revision],
        deleted: bool,
        place: BodyPlace,
    ) -> Result<Applied, Conflict> {
        let revision = path.first().ok_or(Conflict)?.clone();
        let grafted = self.graft(path).ok_or(Conflict)?;
        match self.nodes.get_mut(grafted.index as usize) {
            Some(node) if grafted.changed || node.place == BodyPlace::Missing => {
                node.deleted = deleted;
                node.place = place;
                Ok(Applied::Added { revision })
            }
            _ => Ok(Applied::Known { revision }),
        }
    }
}
