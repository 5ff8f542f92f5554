//! Permissions of documents in a shard, where no other edit comes in between: whether the writer may make an
//! edit, and who can read the document after it.

use std::sync::Arc;

use refuge_document::{Access, AccessEdit, AccessRefusal, BodyPlace, EditKind, Leaf};
use refuge_http::{Failure, Update, UpdateFailure};
use refuge_storage::{
    BodyRecord, DatabaseId, EVERYBODY, ReaderState, ReadersWrite, Snapshot, StorageError,
};

use super::batch::Working;

/// Somebody who is no admin, as permissions see them: the user's name and roles.
pub(crate) type Principals = Arc<[String]>;

/// What is said to whoever may not write, and is to hear no more.
const REFUSED: &str = "You are not allowed to write this document.";
/// What is said to whoever writes a design document and is no admin.
const DESIGN: &str = "You are not a db or server admin.";

/// Why an edit is not made.
#[derive(Clone, Debug)]
pub(crate) enum Denied {
    /// The document is hidden from whoever writes, who is to hear nothing of it.
    Hidden,
    /// This is said.
    Told(UpdateFailure),
}

impl Denied {
    /// What is said. An edit of a hidden document is answered as one that names a revision which is not there; what
    /// was made elsewhere is refused.
    pub(crate) fn told(self, kind: &EditKind) -> UpdateFailure {
        match (self, kind) {
            (Self::Told(failure), _) => failure,
            (Self::Hidden, EditKind::Interactive { .. } | EditKind::First) => {
                UpdateFailure::Conflict
            }
            (Self::Hidden, EditKind::Replicated { .. }) => refused(REFUSED),
        }
    }
}

impl From<AccessRefusal> for Denied {
    fn from(refusal: AccessRefusal) -> Self {
        match refusal {
            AccessRefusal::Hidden => Self::Hidden,
            refusal => Self::Told(refused(&refusal.to_string())),
        }
    }
}

/// Whether `writer`, who is no admin, may make an edit where nothing is stored under its id.
pub(crate) fn permit_new(update: &Update, writer: &[String]) -> Result<(), Denied> {
    if is_design(&update.id) {
        return Err(Denied::Told(refused(DESIGN)));
    }
    let new = update.body.access();
    Ok(AccessEdit { leaves: &[], parent: None, new: &new }.check(writer)?)
}

/// What is stored of a database with permissions.
#[derive(Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) database: DatabaseId,
}

impl Stored<'_> {
    /// Whom the revision admits whose body stands there, among these new ones or stored; `None` where it is
    /// not stored.
    fn access(
        self,
        place: BodyPlace,
        bodies: &[BodyRecord],
    ) -> Result<Option<Access>, StorageError> {
        let stored = match place {
            BodyPlace::At(sequence) => self.snapshot.body(self.database, sequence)?,
            BodyPlace::Pending(ordinal) => {
                return Ok(bodies.get(usize::from(ordinal)).map(|record| record.body.access()));
            }
            BodyPlace::Missing => None,
        };
        Ok(stored.map(|record| record.body.access()))
    }

    /// Who may read a document with this winner.
    pub(crate) fn readers(
        self,
        id: &str,
        winner: Option<&Leaf>,
        bodies: &[BodyRecord],
    ) -> Result<Vec<String>, StorageError> {
        match winner {
            None => Ok(Vec::new()),
            Some(_) if is_design(id) => Ok(vec![EVERYBODY.to_owned()]),
            Some(winner) => {
                let access = self.access(winner.place, bodies)?.unwrap_or_default();
                Ok(access.principals().to_vec())
            }
        }
    }

    /// Who can read a document with this former winner and these leaves after a write.
    pub(super) fn change(
        self,
        id: &str,
        former: Option<&Leaf>,
        (winner, bodies): (Option<&Leaf>, &[BodyRecord]),
    ) -> Result<ReadersWrite, StorageError> {
        let before = self.readers(id, former, &[])?;
        let after = self.readers(id, winner, bodies)?;
        let mut regained = Vec::new();
        for reader in after.iter().filter(|reader| !before.contains(reader)) {
            let state = self.snapshot.reader_state(self.database, reader, id)?;
            if let Some(ReaderState::Removed(sequence)) = state {
                regained.push((reader.clone(), sequence));
            }
        }
        let seen = former.map(|leaf| leaf.revision.clone());
        Ok(ReadersWrite { before, after, regained, seen })
    }

    /// Gives a deletion the `_access` of what it deletes, and says whether `writer` may make the edit.
    pub(super) fn permit(
        self,
        working: &Working,
        update: &mut Update,
        writer: Option<&[String]>,
    ) -> Result<Result<(), Denied>, StorageError> {
        if is_design(&update.id) {
            let denied = Denied::Told(refused(DESIGN));
            return Ok(if writer.is_none() { Ok(()) } else { Err(denied) });
        }
        let mut new = update.body.access();
        let inherits = update.deleted && new.is_empty();
        if writer.is_none() && !inherits {
            return Ok(Ok(()));
        }
        let parent = self.parent(working, &update.kind)?;
        if let (true, Some(parent)) = (inherits, &parent) {
            update.body = update.body.with_access(parent);
            new = parent.clone();
        }
        let Some(writer) = writer else { return Ok(Ok(())) };
        // A tombstone that lost has no contents; it would lock out for good whoever it does not admit.
        let leaves = working.tree.leaves();
        let leaves = leaves
            .iter()
            .enumerate()
            .filter(|(place, leaf)| *place == 0 || !leaf.deleted)
            .map(|(_, leaf)| leaf)
            .map(|leaf| Ok(self.access(leaf.place, &working.bodies)?.unwrap_or_default()))
            .collect::<Result<Vec<Access>, StorageError>>()?;
        let edit = AccessEdit { leaves: &leaves, parent: parent.as_ref(), new: &new };
        Ok(edit.check(writer).map_err(Denied::from))
    }

    /// Whom the revision admits that an edit follows: the named parent, or for a replicated edit the nearest
    /// ancestor that is stored.
    fn parent(self, working: &Working, kind: &EditKind) -> Result<Option<Access>, StorageError> {
        let winner = working.tree.winner();
        let ancestors = match kind {
            EditKind::Interactive { parent: Some(parent) } => std::slice::from_ref(parent),
            EditKind::Interactive { parent: None } => match &winner {
                Some(winner) => std::slice::from_ref(&winner.revision),
                None => &[],
            },
            EditKind::First => &[],
            EditKind::Replicated { path, .. } => path.get(1..).unwrap_or_default(),
        };
        for ancestor in ancestors {
            let Some(node) = working.tree.find(ancestor) else { continue };
            if let Some(access) = self.access(node.place, &working.bodies)? {
                return Ok(Some(access));
            }
        }
        Ok(None)
    }
}

fn is_design(id: &str) -> bool {
    id.starts_with("_design/")
}

fn refused(reason: &str) -> UpdateFailure {
    UpdateFailure::Refused(Arc::new(Failure::Forbidden(reason.to_owned())))
}

#[cfg(test)]
mod tests;
