//! The changes of a database of replications, from the beginning on. `_replicator` itself is made where
//! it is missing and followed for ever; another one until it is deleted. What the documents mean is not
//! known here.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use refuge_document::ChangeRow;
use refuge_document::REPLICATOR;
use refuge_http::{ChangesRequest, Database, Failure, StoredBody};
use refuge_otp::Names;
use refuge_replication::{ChangedReplication, DocumentName};
use refuge_storage::DatabaseId;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::{Change, ReplicatorDocumentsMessage};
use crate::node_service::{self, OpenDatabase};

/// Documents handed over at once.
const PAGE_ROWS: usize = 100;
/// A replication is described in a few hundred bytes; what is longer than this is none.
const LONGEST_BODY_BYTES: usize = 256 * 1024;
/// Pause before the next try when the database is not to be had.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Follows the feed; ends when the database is gone, unless that is `_replicator`.
pub(super) async fn follow(
    names: Names,
    actor: ActorRef<ReplicatorDocumentsMessage>,
    name: Arc<str>,
) {
    let mut follower = Follower { names, actor, name, followed: None };
    loop {
        let Err(failure) = follower.follow().await;
        match failure {
            Failure::NoDatabase => {
                follower.clear();
                if !follower.is_kept() {
                    let gone = ReplicatorDocumentsMessage::Unfollowed(follower.name);
                    let _ = follower.actor.cast(gone);
                    return;
                }
            }
            failure => {
                let database = &*follower.name;
                tracing::warn!(database, %failure, "documents of replications cannot be read");
            }
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

struct Follower {
    names: Names,
    actor: ActorRef<ReplicatorDocumentsMessage>,
    /// The database.
    name: Arc<str>,
    /// Whose documents were handed over.
    followed: Option<DatabaseId>,
}

impl Follower {
    fn clear(&mut self) {
        if self.followed.take().is_some() {
            let cleared = ReplicatorDocumentsMessage::Cleared(Arc::clone(&self.name));
            let _ = self.actor.cast(cleared);
        }
    }

    /// Whether it is made where it is missing.
    fn is_kept(&self) -> bool {
        &*self.name == REPLICATOR
    }

    async fn open(&mut self) -> Result<Arc<OpenDatabase>, Failure> {
        match node_service::open(&self.names, &self.name).await {
            Err(Failure::NoDatabase) if self.is_kept() => {
                self.clear();
                match node_service::create(&self.names, &self.name).await {
                    Ok(()) | Err(Failure::DatabaseExists) => {}
                    Err(failure) => return Err(failure),
                }
                node_service::open(&self.names, &self.name).await
            }
            other => other,
        }
    }

    async fn follow(&mut self) -> Result<Infallible, Failure> {
        let database = self.open().await?;
        if self.followed.is_some_and(|followed| followed != database.record.id) {
            self.clear();
        }
        self.followed = Some(database.record.id);
        let mut after = 0;
        let mut until = database.information().await?.update_sequence;
        loop {
            while after < until {
                let request = ChangesRequest {
                    after,
                    until,
                    limit: PAGE_ROWS,
                    descending: false,
                    bodies: true,
                };
                let page = database.changes(request).await?;
                after = match page.rows.last() {
                    Some((row, _)) if !page.finished => row.sequence,
                    _ => until,
                };
                self.hand_over(page.rows).await;
            }
            until = database.beyond(after).await?;
        }
    }

    /// Waits until the rows are taken.
    async fn hand_over(&self, rows: Vec<(ChangeRow, Option<StoredBody>)>) {
        let changes: Vec<Change> =
            rows.into_iter().filter_map(|row| change(&self.name, row)).collect();
        if changes.is_empty() {
            return;
        }
        let (taken, wait) = oneshot::channel();
        let _ = self.actor.cast(ReplicatorDocumentsMessage::Changes { changes, taken });
        let _ = wait.await;
    }
}

/// What a row says; `None` for documents that are no replications.
fn change(database: &Arc<str>, (row, content): (ChangeRow, Option<StoredBody>)) -> Option<Change> {
    if row.id.starts_with("_design/") {
        return None;
    }
    let winner = row.winner()?;
    let document = DocumentName { database: Arc::clone(database), id: row.id.as_str().into() };
    if winner.deleted {
        return Some(Change::Removed(document));
    }
    let revision = winner.revision.to_string();
    let body = match content {
        None => Err("its body is no longer stored".to_owned()),
        Some(content) => fields(content.body.as_bytes()),
    };
    Some(Change::Changed(ChangedReplication { document, revision, body }))
}

fn fields(body: &[u8]) -> Result<Map<String, Value>, String> {
    if body.len() > LONGEST_BODY_BYTES {
        return Err(format!("it is longer than {LONGEST_BODY_BYTES} bytes"));
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
