//! The changes of `_replicator`, from the beginning and for ever: makes the database where it is
//! missing, and begins anew when it was deleted. What the documents mean is not known here.

use std::convert::Infallible;
use std::time::Duration;

use ractor::ActorRef;
use refuge_document::ChangeRow;
use refuge_http::{ChangesRequest, Database, Failure, StoredBody};
use refuge_otp::Names;
use refuge_replication::ChangedReplication;
use refuge_storage::DatabaseId;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::{Change, REPLICATOR, ReplicatorDocumentsMessage};
use crate::node_service;

/// Documents handed over at once.
const PAGE_ROWS: usize = 100;
/// A replication is described in a few hundred bytes; what is longer than this is none.
const LONGEST_BODY_BYTES: usize = 256 * 1024;
/// Pause before the next try when the database is not to be had.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Follows the feed; never ends by itself.
pub(super) async fn follow(names: Names, actor: ActorRef<ReplicatorDocumentsMessage>) {
    let mut follower = Follower { names, actor, followed: None };
    loop {
        let Err(failure) = follower.follow().await;
        match failure {
            Failure::NoDatabase => follower.clear(),
            failure => tracing::warn!(%failure, "the documents of _replicator cannot be read"),
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

struct Follower {
    names: Names,
    actor: ActorRef<ReplicatorDocumentsMessage>,
    /// Whose documents were handed over.
    followed: Option<DatabaseId>,
}

impl Follower {
    fn clear(&mut self) {
        if self.followed.take().is_some() {
            let _ = self.actor.cast(ReplicatorDocumentsMessage::Cleared);
        }
    }

    async fn follow(&mut self) -> Result<Infallible, Failure> {
        let database = match node_service::open(&self.names, REPLICATOR).await {
            Err(Failure::NoDatabase) => {
                self.clear();
                match node_service::create(&self.names, REPLICATOR).await {
                    Ok(()) | Err(Failure::DatabaseExists) => {}
                    Err(failure) => return Err(failure),
                }
                node_service::open(&self.names, REPLICATOR).await?
            }
            other => other?,
        };
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
        let changes: Vec<Change> = rows.into_iter().filter_map(change).collect();
        if changes.is_empty() {
            return;
        }
        let (taken, wait) = oneshot::channel();
        let _ = self.actor.cast(ReplicatorDocumentsMessage::Changes { changes, taken });
        let _ = wait.await;
    }
}

/// What a row says; `None` for documents that are no replications.
fn change((row, content): (ChangeRow, Option<StoredBody>)) -> Option<Change> {
    if row.id.starts_with("_design/") {
        return None;
    }
    let winner = row.winner()?;
    if winner.deleted {
        return Some(Change::Removed(row.id));
    }
    let revision = winner.revision.to_string();
    let body = match content {
        None => Err("its body is no longer stored".to_owned()),
        Some(content) => fields(content.body.as_bytes()),
    };
    Some(Change::Changed(ChangedReplication { id: row.id, revision, body }))
}

fn fields(body: &[u8]) -> Result<Map<String, Value>, String> {
    if body.len() > LONGEST_BODY_BYTES {
        return Err(format!("it is longer than {LONGEST_BODY_BYTES} bytes"));
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
