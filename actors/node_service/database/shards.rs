//! Edits on their way to the shards of a database, and their results back in the order of the edits.

use std::sync::Arc;
use std::time::Duration;

use refuge_document::{Revision, partition_of};
use refuge_http::{Failure, Update, UpdateFailure, UpdateResult};
use tokio::sync::oneshot;

use super::OpenDatabase;
use crate::shard::readers::Principals;
use crate::shard::{ShardMessage, UpdateRequest};
use crate::unavailable;

/// How long a write may take before its caller is told that its outcome is unknown.
pub(in crate::node_service) const WRITE_DEADLINE: Duration = Duration::from_secs(60);

impl OpenDatabase {
    /// The place of a document's shard: all documents of a partition have the same.
    pub(in crate::node_service) fn shard_number(&self, id: &str) -> usize {
        let shards = self.shards.len().max(1) as u64;
        let place = match partition_of(id) {
            Some(partition) if self.record.partitioned => partition,
            _ => id,
        };
        (xxhash_rust::xxh3::xxh3_64(place.as_bytes()) % shards) as usize
    }

    /// Sends edits to one shard; what comes back tells their outcomes after the commit. `live` and `writer` are
    /// as in [`UpdateRequest`].
    pub(in crate::node_service) fn hand_over(
        &self,
        shard: usize,
        updates: Vec<Update>,
        (live, writer): (Option<Vec<Revision>>, Option<Principals>),
    ) -> Result<oneshot::Receiver<Vec<UpdateResult>>, Failure> {
        let door = self.shards.get(shard).ok_or_else(unavailable)?;
        let (reply, receiver) = oneshot::channel();
        door.try_send(|slot| {
            ShardMessage::Update(UpdateRequest { updates, live, writer, reply, slot: Some(slot) })
        })
        .map_err(|error| crate::call_failure(&error))?;
        Ok(receiver)
    }

    /// Sends edits to one shard and waits for their commit.
    pub(in crate::node_service) async fn update_shard(
        &self,
        shard: usize,
        updates: Vec<Update>,
        writer: Option<Principals>,
    ) -> Result<Vec<UpdateResult>, Failure> {
        let receiver = self.hand_over(shard, updates, (None, writer))?;
        Self::answered(receiver).await
    }

    /// Applies edits of one document, all or none, if these are its live leaves, winner first.
    pub(crate) async fn store_over(
        &self,
        live: Vec<Revision>,
        updates: Vec<Update>,
    ) -> Result<Vec<UpdateResult>, Failure> {
        let Some(first) = updates.first() else { return Ok(Vec::new()) };
        let shard = self.shard_number(&first.id);
        Self::answered(self.hand_over(shard, updates, (Some(live), None))?).await
    }

    async fn answered(
        receiver: oneshot::Receiver<Vec<UpdateResult>>,
    ) -> Result<Vec<UpdateResult>, Failure> {
        match tokio::time::timeout(WRITE_DEADLINE, receiver).await {
            Ok(Ok(results)) => Ok(results),
            Ok(Err(_)) => Err(Failure::Unavailable(
                "a shard was restarted; whether the write was stored is unknown".to_owned(),
            )),
            Err(_) => Err(Failure::Unavailable(
                "the write took too long; whether it was stored is unknown".to_owned(),
            )),
        }
    }

    /// Applies edits without asking whether anybody may make them.
    pub(crate) async fn store(&self, updates: Vec<Update>) -> Result<Vec<UpdateResult>, Failure> {
        self.store_as(updates, None).await
    }

    /// Applies edits as far as the permissions of their documents let `writer` make them, who is no admin.
    pub(in crate::node_service) async fn store_as(
        &self,
        mut updates: Vec<Update>,
        writer: Option<Principals>,
    ) -> Result<Vec<UpdateResult>, Failure> {
        if let [update] = updates.as_slice() {
            let shard = self.shard_number(&update.id);
            return self.update_shard(shard, std::mem::take(&mut updates), writer).await;
        }
        Ok(self.update_shards(updates, writer).await)
    }

    /// Splits edits by shard and puts the results back into the order of the edits.
    async fn update_shards(
        &self,
        updates: Vec<Update>,
        writer: Option<Principals>,
    ) -> Vec<UpdateResult> {
        let mut places: Vec<Vec<usize>> = vec![Vec::new(); self.shards.len()];
        let mut parts: Vec<Vec<Update>> = self.shards.iter().map(|_| Vec::new()).collect();
        let count = updates.len();
        for (place, update) in updates.into_iter().enumerate() {
            let shard = self.shard_number(&update.id);
            if let (Some(places), Some(part)) = (places.get_mut(shard), parts.get_mut(shard)) {
                places.push(place);
                part.push(update);
            }
        }
        let replies =
            parts.into_iter().enumerate().map(async |(shard, part)| match part.is_empty() {
                true => Ok(Vec::new()),
                false => self.update_shard(shard, part, writer.clone()).await,
            });
        let replies = futures_util::future::join_all(replies).await;
        let mut results: Vec<UpdateResult> = (0..count).map(|_| lost()).collect();
        for (places, reply) in places.into_iter().zip(replies) {
            match reply {
                Ok(part) => {
                    for (place, result) in places.into_iter().zip(part) {
                        if let Some(slot) = results.get_mut(place) {
                            *slot = result;
                        }
                    }
                }
                Err(failure) => {
                    let failure = Arc::new(failure);
                    for place in places {
                        if let Some(slot) = results.get_mut(place) {
                            *slot = Err(UpdateFailure::Failed(Arc::clone(&failure)));
                        }
                    }
                }
            }
        }
        results
    }
}

/// A result that no shard has given.
fn lost() -> UpdateResult {
    Err(UpdateFailure::Failed(Arc::new(unavailable())))
}
