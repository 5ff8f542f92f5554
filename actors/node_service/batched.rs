//! Edits that nobody waits for (`batch=ok`): handed to their shards, which store them with the next
//! batch. How much of them may wait is bounded; what is beyond waits for its commit as any edit does.

use std::sync::Arc;

use refuge_http::{Failure, Update, UpdateFailure, UpdateResult};

use super::database::OpenDatabase;
use crate::shard::readers::Principals;

/// Bytes of such edits that may wait in one database: a few seconds of small documents, and little
/// memory.
pub(super) const WAITING_BYTES: usize = 8 * 1024 * 1024;

/// What an edit counts for beside its body.
const FRAMING_BYTES: usize = 1024;

impl OpenDatabase {
    /// Hands edits over without waiting for their commit, as long as not too many wait already and
    /// the disk takes them.
    pub(super) async fn store_later(
        &self,
        updates: Vec<Update>,
        writer: Option<Principals>,
    ) -> Result<(), Failure> {
        for update in updates {
            if super::disk_is_nearly_full(&self.names) {
                check(self.store_as(vec![update], writer.clone()).await?)?;
                continue;
            }
            let bytes = update.body.as_bytes().len() + FRAMING_BYTES;
            let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
            let Ok(room) = Arc::clone(&self.batched).try_acquire_many_owned(permits) else {
                check(self.store_as(vec![update], writer.clone()).await?)?;
                continue;
            };
            let id = update.id.clone();
            let answer =
                self.hand_over(self.shard_number(&id), vec![update], (None, writer.clone()))?;
            let database = self.record.name.clone();
            crate::task::spawn(async move {
                if let Ok(results) = answer.await {
                    for failure in results.into_iter().filter_map(Result::err) {
                        tracing::debug!(database, id, %failure, "an edit of batch=ok is not stored");
                    }
                }
                drop(room);
            });
        }
        Ok(())
    }

    /// Waits until all that the shards took before is on disk: a shard answers in the order in which
    /// it is asked, also where there is nothing to do.
    pub(super) async fn settle_shards(&self) -> Result<(), Failure> {
        let all = (0..self.shards.len()).map(|shard| self.update_shard(shard, Vec::new(), None));
        for results in futures_util::future::try_join_all(all).await? {
            check(results)?;
        }
        Ok(())
    }
}

/// The failure of the node, not of an edit, where there is one.
fn check(results: Vec<UpdateResult>) -> Result<(), Failure> {
    match results.into_iter().next() {
        Some(Err(UpdateFailure::Failed(failure))) => Err(failure.as_ref().clone()),
        _ => Ok(()),
    }
}
