//! Turns a purge that waits at a shard into one write: takes the named leaves out of the trees and
//! tells what leaves with them. Blocking reads happen here; sending the write away and answering do
//! not.

use refuge_document::Purged;
use refuge_http::{Failure, PurgedDocument};
use refuge_otp::Slot;
use refuge_storage::{DatabaseId, DocumentPurge, PurgeChange, PurgeWrite, StorageError, Store};
use tokio::sync::oneshot;

use super::batch::replacement;
use super::readers::Stored;

/// Gets what left of each document, in order, after the commit.
pub(crate) type PurgeReply = oneshot::Sender<Result<Vec<PurgedDocument>, Failure>>;

/// Documents to be purged, and where the caller waits.
#[derive(Debug)]
pub struct PurgeRequest {
    /// The documents with the leaves to take out, all of this shard, each document at most once.
    pub documents: Vec<PurgedDocument>,
    /// Where they are tombstones that were kept long enough: none of them was written after this
    /// moment, in milliseconds since 1970.
    pub tombstones_until_ms: Option<u64>,
    /// Gets what left.
    pub reply: PurgeReply,
    /// Its place in the shard's queue; free again once the shard takes the request.
    pub slot: Option<Slot>,
}

/// A purge that is ready for the engine.
pub struct PreparedPurge {
    pub(crate) write: PurgeWrite,
    pub(crate) purged: Vec<PurgedDocument>,
    pub(crate) reply: PurgeReply,
}

/// Reads the trees and prepares the write; the failure is told to whoever waits. `access` says whether the
/// database has permissions on documents.
pub(crate) fn prepare(
    store: &Store,
    (database, access): (DatabaseId, bool),
    request: PurgeRequest,
) -> Option<PreparedPurge> {
    let PurgeRequest { documents, tombstones_until_ms, reply, slot: _ } = request;
    let only_tombstones = tombstones_until_ms.is_some();
    let prepared = store.snapshot().and_then(|snapshot| {
        let documents = documents.into_iter();
        documents
            .map(|one| {
                prepare_one(Stored { snapshot: &snapshot, database }, access, one, only_tombstones)
            })
            .collect::<Result<Vec<_>, _>>()
    });
    match prepared {
        Ok(prepared) => {
            let (documents, purged): (Vec<DocumentPurge>, Vec<PurgedDocument>) =
                prepared.into_iter().unzip();
            // A tombstone that is none any more is not worth a record.
            let documents = documents.into_iter();
            let documents =
                documents.filter(|one| !only_tombstones || one.change.is_some()).collect();
            let time_ms = crate::now_ms();
            let write = PurgeWrite { database, time_ms, tombstones_until_ms, documents };
            Some(PreparedPurge { write, purged, reply })
        }
        Err(error) => {
            let _ = reply.send(Err(crate::node_service::storage_failure(&error)));
            None
        }
    }
}

fn prepare_one(
    stored: Stored<'_>,
    access: bool,
    asked: PurgedDocument,
    only_tombstones: bool,
) -> Result<(DocumentPurge, PurgedDocument), StorageError> {
    let PurgedDocument { id, revisions } = asked;
    let (change, leaves) = match stored.snapshot.document(stored.database, &id)? {
        None => (None, Vec::new()),
        Some(record) => {
            let mut tree = record.tree()?;
            let former = tree.winner();
            let deleted = former.as_ref().is_some_and(|leaf| leaf.deleted);
            let conflicted = tree.is_conflicted();
            let lives = only_tombstones && tree.leaves().iter().any(|leaf| !leaf.deleted);
            let purged = if lives { Purged::default() } else { tree.purge(&revisions) };
            if purged.leaves.is_empty() {
                (None, Vec::new())
            } else {
                let previous = record.previous(deleted, conflicted);
                let permissions = access.then_some(stored);
                // Where something remains, its write tells who could read what was there.
                let readers = match permissions {
                    Some(stored) if tree.is_empty() => stored.readers(&id, former.as_ref(), &[])?,
                    _ => Vec::new(),
                };
                let remaining = (!tree.is_empty())
                    .then(|| replacement(id.clone(), (tree, former), previous, permissions));
                let remaining = remaining.transpose()?;
                let bodies = purged.bodies;
                (Some(PurgeChange { previous, remaining, bodies, readers }), purged.leaves)
            }
        }
    };
    let uuid = rand::random();
    let purge = DocumentPurge { id: id.clone(), uuid, revisions, change };
    Ok((purge, PurgedDocument { id, revisions: leaves }))
}
