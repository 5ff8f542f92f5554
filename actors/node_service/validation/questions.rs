//! What the functions are asked about an edit, as CouchDB 3.5 asks: the document as it came, with the
//! revision that it builds on, and the stored one in front of it. Source: CouchDB's `couch_db`,
//! `prep_and_validate_updates` and its like for replicated ones.

use refuge_document::json::write_string;
use refuge_document::{
    Attachment, BodyPlace, EditKind, Rendering, Revision, RevisionHash, RevisionTree,
    render_document,
};
use refuge_http::{Failure, StoredBody, Update, UpdateAttachment, UpdateFailure};
use refuge_storage::{DatabaseId, Snapshot, StorageError};

use crate::node_service::database::OpenDatabase;
use crate::node_service::reading::{self, Reading};

/// Why a system database refuses an edit that branches. Rules ask what the stored document says: one beside it would pass them by.
pub(super) const BRANCH: &str =
    "Only admins may write a revision of this document that builds on none which is stored";

/// What is to be asked about an edit.
pub(super) enum Ask {
    /// Nothing: it changes nothing, or the shard refuses it in any case.
    Nothing,
    /// Nothing: it cannot be stored.
    Refuse(UpdateFailure),
    /// This.
    Question(Question),
}

/// Documents as JSON text.
pub(super) struct Question {
    /// The new one.
    pub(super) new: String,
    /// The stored one.
    pub(super) old: Option<String>,
    /// A replicated edit that builds on nothing that is stored, beside a live document.
    pub(super) branches: bool,
}

/// A stored revision.
struct Stored {
    revision: Revision,
    deleted: bool,
    history: Vec<Revision>,
    content: StoredBody,
}

/// What edits are looked at with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// What is stored under their ids.
    Stored,
    /// Nothing, whatever is stored.
    Nothing,
}

/// Reads what each edit builds on.
pub(super) async fn all(
    database: &OpenDatabase,
    edits: Vec<Update>,
    before: Before,
) -> Result<Vec<Ask>, Failure> {
    let id = database.id();
    let read = move |snapshot: &Snapshot| {
        edits.iter().map(|update| of(snapshot, id, (update, before))).collect()
    };
    database.read(Reading::Scan, read).await
}

/// Reads what an edit builds on.
fn of(
    snapshot: &Snapshot,
    database: DatabaseId,
    (update, before): (&Update, Before),
) -> Result<Ask, StorageError> {
    let tree = match before {
        Before::Stored => reading::tree(snapshot, database, &update.id)?.map(|found| found.tree),
        Before::Nothing => None,
    };
    let tree = tree.unwrap_or_default();
    let stored = |revision| stored(snapshot, database, &tree, revision);
    let (path, old) = match &update.kind {
        EditKind::Interactive { parent: Some(parent) } => {
            // Whoever names no leaf now shall not meet one a moment later, unasked.
            if !tree.find(parent).is_some_and(|node| node.leaf) {
                return Ok(Ask::Refuse(UpdateFailure::Conflict));
            }
            (vec![parent.clone()], stored(parent)?)
        }
        EditKind::Interactive { parent: None } => match tree.winner() {
            Some(winner) if !winner.deleted => return Ok(Ask::Refuse(UpdateFailure::Conflict)),
            _ => (Vec::new(), None),
        },
        EditKind::First if tree.winner().is_some() => {
            return Ok(Ask::Refuse(UpdateFailure::Conflict));
        }
        EditKind::First => (Vec::new(), None),
        EditKind::Replicated { path, .. } => {
            let Some((newest, ancestors)) = path.split_first() else { return Ok(Ask::Nothing) };
            if tree.find(newest).is_some_and(|node| node.place != BodyPlace::Missing) {
                return Ok(Ask::Nothing);
            }
            let mut old = None;
            for ancestor in ancestors {
                old = stored(ancestor)?;
                if old.is_some() {
                    break;
                }
            }
            (path.clone(), old)
        }
    };
    let new = new_text(update, &path, old.as_ref());
    let is_live = tree.winner().is_some_and(|winner| !winner.deleted);
    let is_replicated = matches!(update.kind, EditKind::Replicated { .. });
    let branches = old.is_none() && is_replicated && is_live;
    let old = old.map(|old| old_text(&update.id, &old));
    Ok(Ask::Question(Question { new, old, branches }))
}

fn stored(
    snapshot: &Snapshot,
    database: DatabaseId,
    tree: &RevisionTree,
    revision: &Revision,
) -> Result<Option<Stored>, StorageError> {
    let Some(node) = tree.find(revision) else { return Ok(None) };
    let content = reading::body(snapshot, database, node.place)?;
    Ok(content.map(|content| Stored {
        revision: revision.clone(),
        deleted: node.deleted,
        history: tree.history(revision).unwrap_or_default(),
        content,
    }))
}

fn old_text(id: &str, old: &Stored) -> String {
    text(&Rendering {
        deleted: old.deleted,
        attachments: &old.content.attachments,
        revisions: Some(&old.history),
        ..Rendering::new(id, &old.revision, &old.content.body)
    })
}

/// The document with `_rev` and `_revisions` as they came; without them where it is to be a new one.
fn new_text(update: &Update, path: &[Revision], old: Option<&Stored>) -> String {
    let none = Revision { depth: 1, hash: RevisionHash::from_digest([0; 16]) };
    let attachments = attachments(update, path, old);
    let mut text = text(&Rendering {
        deleted: update.deleted,
        attachments: &attachments,
        revisions: (!path.is_empty()).then_some(path),
        ..Rendering::new(&update.id, path.first().unwrap_or(&none), &update.body)
    });
    if path.is_empty() {
        let mut before = b"{\"_id\":".to_vec();
        write_string(&mut before, &update.id);
        let shown = format!(",\"_rev\":\"{none}\"").len();
        text.replace_range(before.len()..before.len() + shown, "");
    }
    text
}

/// The attachments as they would be stored; stubs of what is not there are refused by the shard.
fn attachments(update: &Update, path: &[Revision], old: Option<&Stored>) -> Vec<Attachment> {
    let depth = match &update.kind {
        EditKind::Interactive { parent } => parent.as_ref().map_or(0, |parent| parent.depth) + 1,
        EditKind::First => 1,
        EditKind::Replicated { .. } => path.first().map_or(1, |newest| newest.depth),
    };
    let kept = old.map_or(&[][..], |old| old.content.attachments.as_slice());
    let resolved = update.attachments.iter().filter_map(|attachment| match attachment {
        UpdateAttachment::New(new) => {
            let revpos = if new.revpos == 0 { depth } else { new.revpos };
            Some(Attachment { revpos, ..new.clone() })
        }
        UpdateAttachment::Stub { name, .. } => kept.iter().find(|kept| kept.name == *name).cloned(),
    });
    resolved.collect()
}

fn text(rendering: &Rendering<'_>) -> String {
    let mut out = Vec::new();
    render_document(&mut out, rendering);
    String::from_utf8(out).unwrap_or_else(|_| "null".to_owned())
}
