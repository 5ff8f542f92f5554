//! Turns the edits that wait at a shard into one write: reads the trees they touch, merges the edits
//! into them one after another, and keeps the answers until the write is on disk. Blocking reads
//! happen here; sending the write away and answering do not.

use std::collections::HashMap;

use refuge_document::{
    Applied, Attachment, BodyPlace, Edit, EditKind, Leaf, Revision, RevisionTree,
};
use refuge_http::{Update, UpdateAttachment, UpdateFailure, UpdateResult};
use refuge_otp::Slot;
use refuge_storage::{
    BodyRecord, DatabaseId, DocumentWrite, DocumentsWrite, Previous, ReaderState, Snapshot,
    StorageError,
};
use tokio::sync::oneshot;

use super::readers::{Denied, Principals, Stored, permit_new};

/// Edits that one caller sent together, and where the caller waits.
#[derive(Debug)]
pub struct UpdateRequest {
    /// The edits, all of documents of this shard.
    pub updates: Vec<Update>,
    /// The live leaves that the one document of these edits has to have, winner first. Where it has others
    /// nothing is applied, nor where one edit fails what comes behind it.
    pub live: Option<Vec<Revision>>,
    /// Whose edits these are, where permissions of documents count for them: not for admins and the node.
    pub writer: Option<Principals>,
    /// Gets one result for each edit, in order, after the commit.
    pub reply: oneshot::Sender<Vec<UpdateResult>>,
    /// Its place in the shard's queue; free again once the shard takes the request.
    pub slot: Option<Slot>,
}

/// Answers that are due once the write is on disk.
pub(crate) struct DueReply {
    pub(crate) reply: oneshot::Sender<Vec<UpdateResult>>,
    pub(crate) results: Vec<UpdateResult>,
}

/// A batch that is ready for the engine.
pub struct Prepared {
    /// `None` when no edit changes anything.
    pub(crate) write: Option<DocumentsWrite>,
    pub(crate) due: Vec<DueReply>,
    /// By place in the write, where the answers stand of documents with attachments.
    pub(crate) attached: HashMap<usize, Vec<AnswerPlace>>,
}

impl Destination {
    /// What permissions are decided by, where there are any.
    fn stored<'a>(&self, snapshot: &'a Snapshot) -> Option<Stored<'a>> {
        self.access.then_some(Stored { snapshot, database: self.database })
    }
}

/// A batch as it is written, and where the answers stand of its documents with attachments.
type BatchWrite = (Option<DocumentsWrite>, HashMap<usize, Vec<AnswerPlace>>);

/// Where an answer stands: which reply, and which result of it.
pub(crate) type AnswerPlace = (usize, usize);

/// Where a batch belongs.
#[derive(Clone, Copy)]
pub(crate) struct Destination {
    pub(crate) database: DatabaseId,
    pub(crate) revisions_limit: u32,
    /// Whether its documents say who may read them.
    pub(crate) access: bool,
}

/// Merges `requests` into the trees that `snapshot` holds.
pub(crate) fn prepare(
    snapshot: &Snapshot,
    destination: Destination,
    requests: Vec<UpdateRequest>,
) -> Result<Prepared, (StorageError, Vec<UpdateRequest>)> {
    let mut batch = Batch {
        snapshot,
        destination,
        working: HashMap::new(),
        order: Vec::new(),
        attached: HashMap::new(),
    };
    let mut due = Vec::with_capacity(requests.len());
    let mut requests = requests.into_iter();
    while let Some(request) = requests.next() {
        let mut results: Vec<UpdateResult> = Vec::with_capacity(request.updates.len());
        for (ordinal, update) in request.updates.into_iter().enumerate() {
            if !update.attachments.is_empty() {
                batch.attached.entry(update.id.clone()).or_default().push((due.len(), ordinal));
            }
            let writer = request.writer.as_deref();
            let applied = match &request.live {
                None => batch.apply(update, writer),
                Some(_) if results.iter().any(Result::is_err) => Ok(Err(UpdateFailure::Conflict)),
                Some(live) if ordinal == 0 => batch.apply_to(live, update, writer),
                Some(_) => batch.apply(update, writer),
            };
            match applied {
                Ok(result) => results.push(result),
                Err(error) => {
                    let mut unanswered = vec![unanswered(request.reply)];
                    unanswered
                        .extend(due.into_iter().map(|due: DueReply| self::unanswered(due.reply)));
                    unanswered.extend(requests);
                    return Err((error, unanswered));
                }
            }
        }
        due.push(DueReply { reply: request.reply, results });
    }
    match batch.into_write() {
        Ok((write, attached)) => Ok(Prepared { write, due, attached }),
        Err(error) => Err((error, due.into_iter().map(|due| unanswered(due.reply)).collect())),
    }
}

/// What is left of a request that failed with others: who waits for it.
fn unanswered(reply: oneshot::Sender<Vec<UpdateResult>>) -> UpdateRequest {
    UpdateRequest { updates: Vec::new(), live: None, writer: None, reply, slot: None }
}

/// Whether somebody who is no admin may make some edits of a database with permissions on documents, as it
/// stands; deletions get the `_access` of what they delete. Of a document that the writer does not see nothing is read
/// but whether it is there, so that an edit of a hidden one takes as long as one of none.
pub(crate) fn permit(
    snapshot: &Snapshot,
    database: DatabaseId,
    updates: &mut [Update],
    writer: &[String],
) -> Result<Vec<Result<(), Denied>>, StorageError> {
    let verdict = |update: &mut Update| {
        let state = snapshot.seen(database, writer, &update.id)?;
        if !matches!(state, Some(ReaderState::Live | ReaderState::Deleted)) {
            let is_hidden = snapshot.document(database, &update.id)?.is_some();
            let as_new = permit_new(update, writer);
            return Ok(if is_hidden { Err(Denied::Hidden) } else { as_new });
        }
        let working = load(snapshot, database, &update.id)?;
        Stored { snapshot, database }.permit(&working, update, Some(writer))
    };
    updates.iter_mut().map(verdict).collect()
}

/// A document with the edits of this batch already in its tree.
pub(super) struct Working {
    pub(super) tree: RevisionTree,
    /// The winner as it is stored.
    former: Option<Leaf>,
    previous: Option<Previous>,
    /// Where its leaves' bodies stand as they are stored.
    stored: Vec<BodyPlace>,
    pub(super) bodies: Vec<BodyRecord>,
}

struct Batch<'a> {
    snapshot: &'a Snapshot,
    destination: Destination,
    working: HashMap<String, Working>,
    /// Ids in the order in which they were first edited.
    order: Vec<String>,
    /// Where the answers to edits with attachments stand, by document.
    attached: HashMap<String, Vec<AnswerPlace>>,
}

impl Batch<'_> {
    /// Reads a document that was not read yet.
    fn load(&mut self, id: &str) -> Result<(), StorageError> {
        if !self.working.contains_key(id) {
            let working = load(self.snapshot, self.destination.database, id)?;
            self.working.insert(id.to_owned(), working);
            self.order.push(id.to_owned());
        }
        Ok(())
    }

    /// Applies an edit to a document with these live leaves; to one with others it is a conflict.
    fn apply_to(
        &mut self,
        live: &[Revision],
        update: Update,
        writer: Option<&[String]>,
    ) -> Result<UpdateResult, StorageError> {
        self.load(&update.id)?;
        let leaves = self.working.get(&update.id).map(|working| working.tree.leaves());
        let leaves = leaves.unwrap_or_default();
        let is_so = leaves.iter().filter(|leaf| !leaf.deleted).map(|leaf| &leaf.revision).eq(live);
        if is_so { self.apply(update, writer) } else { Ok(Err(UpdateFailure::Conflict)) }
    }

    fn apply(
        &mut self,
        mut update: Update,
        writer: Option<&[String]>,
    ) -> Result<UpdateResult, StorageError> {
        self.load(&update.id)?;
        let stored = self.destination.stored(self.snapshot);
        let Some(working) = self.working.get_mut(&update.id) else {
            return Ok(Err(UpdateFailure::Conflict));
        };
        if let Some(stored) = stored
            && let Err(denied) = stored.permit(working, &mut update, writer)?
        {
            return Ok(Err(denied.told(&update.kind)));
        }
        if let EditKind::Replicated { path, .. } = &update.kind
            && let Some(revision) = path.first()
            && working.tree.find(revision).is_some_and(|node| node.place != BodyPlace::Missing)
        {
            return Ok(Ok(revision.clone()));
        }
        let attachments = match resolve(self.snapshot, self.destination.database, working, &update)?
        {
            Ok(attachments) => attachments,
            Err(failure) => return Ok(Err(failure)),
        };
        Ok(merge(working, update, attachments, self.destination.revisions_limit))
    }

    fn into_write(mut self) -> Result<BatchWrite, StorageError> {
        let stored = self.destination.stored(self.snapshot);
        let mut documents = Vec::with_capacity(self.order.len());
        let mut attached = HashMap::new();
        for id in self.order.drain(..) {
            let Some(working) = self.working.remove(&id) else { continue };
            if working.bodies.is_empty() {
                continue;
            }
            if let Some(places) = self.attached.remove(&id) {
                attached.insert(documents.len(), places);
            }
            documents.push(document_write(id, working, stored)?);
        }
        let write = (!documents.is_empty())
            .then_some(DocumentsWrite { database: self.destination.database, documents });
        Ok((write, attached))
    }
}

fn load(snapshot: &Snapshot, database: DatabaseId, id: &str) -> Result<Working, StorageError> {
    let Some(record) = snapshot.document(database, id)? else {
        return Ok(Working {
            tree: RevisionTree::default(),
            former: None,
            previous: None,
            stored: Vec::new(),
            bodies: Vec::new(),
        });
    };
    let tree = record.tree()?;
    let former = tree.winner();
    let deleted = former.as_ref().is_some_and(|leaf| leaf.deleted);
    let previous = Some(record.previous(deleted, tree.is_conflicted()));
    let stored = tree.leaf_places();
    Ok(Working { tree, former, previous, stored, bodies: Vec::new() })
}

fn merge(
    working: &mut Working,
    update: Update,
    attachments: Vec<Attachment>,
    revisions_limit: u32,
) -> UpdateResult {
    let Ok(ordinal) = u16::try_from(working.bodies.len()) else {
        return Err(UpdateFailure::Conflict);
    };
    let mut edit =
        Edit { deleted: update.deleted, body: update.body, attachments, kind: update.kind };
    match working.tree.apply(&edit, BodyPlace::Pending(ordinal), revisions_limit) {
        Ok(Applied::Added { revision }) => {
            for attachment in &mut edit.attachments {
                if attachment.revpos == 0 {
                    attachment.revpos = revision.depth;
                }
            }
            working.bodies.push(BodyRecord { body: edit.body, attachments: edit.attachments });
            Ok(revision)
        }
        Ok(Applied::Known { revision }) => Ok(revision),
        Err(_) => Err(UpdateFailure::Conflict),
    }
}

/// Replaces stubs by the parent's attachments of that name.
fn resolve(
    snapshot: &Snapshot,
    database: DatabaseId,
    working: &Working,
    update: &Update,
) -> Result<Result<Vec<Attachment>, UpdateFailure>, StorageError> {
    if update.attachments.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    let has_stubs =
        update.attachments.iter().any(|one| matches!(one, UpdateAttachment::Stub { .. }));
    let kept = if has_stubs {
        parent_attachments(snapshot, database, working, &update.kind)?
    } else {
        Vec::new()
    };
    let mut resolved = Vec::with_capacity(update.attachments.len());
    for attachment in &update.attachments {
        match attachment {
            UpdateAttachment::New(attachment) => resolved.push(attachment.clone()),
            UpdateAttachment::Stub { name, digest, .. } => {
                let is_meant = |kept: &&Attachment| {
                    kept.name == *name && digest.is_none_or(|digest| digest == kept.digest)
                };
                let Some(found) = kept.iter().find(is_meant) else {
                    let (id, name) = (update.id.clone(), name.clone());
                    return Ok(Err(UpdateFailure::MissingStub { id, name }));
                };
                resolved.push(found.clone());
            }
        }
    }
    Ok(Ok(resolved))
}

/// The attachments of the revision that an edit follows: the named parent, or for a replicated edit
/// the nearest ancestor whose body is stored.
fn parent_attachments(
    snapshot: &Snapshot,
    database: DatabaseId,
    working: &Working,
    kind: &EditKind,
) -> Result<Vec<Attachment>, StorageError> {
    let candidates: &[Revision] = match kind {
        EditKind::Interactive { parent } => parent.as_slice(),
        EditKind::First => &[],
        EditKind::Replicated { path, .. } => path.get(1..).unwrap_or_default(),
    };
    for revision in candidates {
        match working.tree.find(revision).map(|node| node.place) {
            Some(BodyPlace::At(sequence)) => {
                if let Some(record) = snapshot.body(database, sequence)? {
                    return Ok(record.attachments);
                }
            }
            Some(BodyPlace::Pending(ordinal)) => {
                if let Some(record) = working.bodies.get(usize::from(ordinal)) {
                    return Ok(record.attachments.clone());
                }
            }
            Some(BodyPlace::Missing) | None => {}
        }
    }
    Ok(Vec::new())
}

/// The row of a document whose tree was changed without a new body.
pub(super) fn replacement(
    id: String,
    (tree, former): (RevisionTree, Option<Leaf>),
    previous: Previous,
    stored: Option<Stored<'_>>,
) -> Result<DocumentWrite, StorageError> {
    let previous = Some(previous);
    let working = Working { tree, former, previous, bodies: Vec::new(), stored: Vec::new() };
    document_write(id, working, stored)
}

/// `stored` where the database has permissions on documents.
fn document_write(
    id: String,
    working: Working,
    stored: Option<Stored<'_>>,
) -> Result<DocumentWrite, StorageError> {
    let mut tree = Vec::with_capacity(128);
    let mut pending = Vec::with_capacity(working.bodies.len());
    working.tree.encode(&mut tree, &mut pending);
    let leaves = working.tree.leaf_summaries();
    let obsolete = obsolete(&working);
    let winner = working.tree.winner();
    let winner_place = winner.as_ref().map_or(BodyPlace::Missing, |leaf| leaf.place);
    let readers = stored.map(|stored| {
        stored.change(&id, working.former.as_ref(), (winner.as_ref(), &working.bodies))
    });
    let readers = readers.transpose()?;
    Ok(DocumentWrite {
        id,
        tree,
        pending,
        leaves,
        winner_place,
        bodies: working.bodies,
        previous: working.previous,
        obsolete,
        readers,
    })
}

/// The bodies that were those of leaves before this write, or came with it, and are not after it.
fn obsolete(working: &Working) -> Vec<BodyPlace> {
    // The common case, a document's first body: its one leaf.
    if working.stored.is_empty() && working.bodies.len() <= 1 {
        return Vec::new();
    }
    let kept = working.tree.leaf_places();
    let new = (0..).zip(&working.bodies).map(|(ordinal, _)| BodyPlace::Pending(ordinal));
    let before = working.stored.iter().copied().chain(new);
    before.filter(|place| *place != BodyPlace::Missing && !kept.contains(place)).collect()
}
