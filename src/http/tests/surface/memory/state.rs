//! What a database in memory holds, and how an edit changes it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use refuge_document::{BodyPlace, Edit, EditKind, RevisionTree};
use refuge_http::{
    DocumentTree, LocalDocument, Security, StoredBody, StoredDocument, Update, UpdateAttachment,
    UpdateFailure, UpdateResult,
};

#[derive(Default)]
pub(super) struct State {
    pub(super) sequence: u64,
    pub(super) documents: BTreeMap<String, DocumentTree>,
    pub(super) bodies: HashMap<u64, StoredBody>,
    pub(super) locals: BTreeMap<String, LocalDocument>,
    pub(super) security: Arc<Security>,
    pub(super) contents: HashMap<[u8; 32], Vec<u8>>,
}

impl State {
    pub(super) fn stored(&self, tree: &DocumentTree) -> Option<StoredDocument> {
        let leaf = tree.tree.winner()?;
        let content = self.body(leaf.place);
        Some(StoredDocument { sequence: tree.sequence, leaf, content })
    }

    pub(super) fn body(&self, place: BodyPlace) -> Option<StoredBody> {
        match place {
            BodyPlace::At(sequence) => self.bodies.get(&sequence).cloned(),
            _ => None,
        }
    }

    /// What a stub stands for: the attachment of the nearest stored ancestor.
    fn ancestor(&self, tree: &RevisionTree, kind: &EditKind) -> Option<StoredBody> {
        let revisions = match kind {
            EditKind::Interactive { parent } => parent.clone().into_iter().collect(),
            EditKind::First => Vec::new(),
            EditKind::Replicated { path, .. } => path.clone(),
        };
        revisions
            .iter()
            .filter_map(|revision| tree.find(revision))
            .find_map(|view| self.body(view.place))
    }

    pub(super) fn apply(&mut self, update: Update) -> UpdateResult {
        let known = self.documents.get(&update.id).cloned();
        let mut tree = known.map(|known| known.tree).unwrap_or_default();
        let ancestor = self.ancestor(&tree, &update.kind);
        let mut attachments = Vec::new();
        for attachment in update.attachments {
            attachments.push(match attachment {
                UpdateAttachment::New(attachment) => attachment,
                UpdateAttachment::Stub { name, digest, .. } => ancestor
                    .as_ref()
                    .and_then(|body| body.attachments.iter().find(|one| one.name == name))
                    .filter(|one| digest.is_none_or(|digest| digest == one.digest))
                    .cloned()
                    .ok_or(UpdateFailure::MissingStub { id: update.id.clone(), name })?,
            });
        }
        let edit = Edit {
            deleted: update.deleted,
            body: update.body.clone(),
            attachments: attachments.clone(),
            kind: update.kind,
        };
        let place = BodyPlace::At(self.sequence + 1);
        let applied = tree.apply(&edit, place, 1000).map_err(|_| UpdateFailure::Conflict)?;
        let revision = applied.revision().clone();
        if matches!(applied, refuge_document::Applied::Added { .. }) {
            for attachment in attachments.iter_mut().filter(|one| one.revpos == 0) {
                attachment.revpos = revision.depth;
            }
            self.sequence += 1;
            self.bodies.insert(self.sequence, StoredBody { body: update.body, attachments });
            self.documents.insert(update.id, DocumentTree { sequence: self.sequence, tree });
        }
        Ok(revision)
    }
}
