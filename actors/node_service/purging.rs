//! Purges as the HTTP surface asks for them: sent to the shards that own the documents, and read back
//! from their records.

use refuge_http::{Failure, PurgeLimits, PurgedDocument, PurgesPage};
use refuge_otp::Names;
use refuge_storage::Snapshot;
use tokio::sync::oneshot;

use super::database::{OpenDatabase, WRITE_DEADLINE};
use super::reading::Reading;
use crate::configuration::CurrentSettings;
use crate::shard::{PurgeRequest, ShardMessage};
use crate::{names, unavailable};

/// What a request may name at most, as it is set now.
pub(super) fn limits(names: &Names) -> PurgeLimits {
    names.value::<CurrentSettings>(names::CONFIGURATION).map_or_else(PurgeLimits::default, |now| {
        PurgeLimits {
            documents: now.settings.purge.max_document_id_number,
            revisions: now.settings.purge.max_revisions_number,
        }
    })
}

/// Takes leaves out of documents; what left of each, in order. The documents of one shard leave
/// together or not at all. Where a moment is given they are tombstones that were written before it and
/// kept long enough; what is no tombstone (any more) stays.
pub(crate) async fn purge(
    database: &OpenDatabase,
    documents: Vec<PurgedDocument>,
    tombstones_until_ms: Option<u64>,
) -> Result<Vec<PurgedDocument>, Failure> {
    let mut places: Vec<Vec<usize>> = vec![Vec::new(); database.shards.len()];
    let mut parts: Vec<Vec<PurgedDocument>> = database.shards.iter().map(|_| Vec::new()).collect();
    let mut results: Vec<PurgedDocument> = Vec::with_capacity(documents.len());
    for (place, document) in documents.into_iter().enumerate() {
        let shard = database.shard_number(&document.id);
        results.push(PurgedDocument { id: document.id.clone(), revisions: Vec::new() });
        if let (Some(places), Some(part)) = (places.get_mut(shard), parts.get_mut(shard)) {
            places.push(place);
            part.push(document);
        }
    }
    let replies = parts.into_iter().enumerate().map(async |(shard, part)| {
        if part.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, receiver) = oneshot::channel();
        let request = PurgeRequest { documents: part, tombstones_until_ms, reply, slot: None };
        purge_shard(database, shard, request, receiver).await
    });
    let replies = futures_util::future::join_all(replies).await;
    for (places, reply) in places.into_iter().zip(replies) {
        for (place, purged) in places.into_iter().zip(reply?) {
            if let Some(result) = results.get_mut(place) {
                *result = purged;
            }
        }
    }
    Ok(results)
}

async fn purge_shard(
    database: &OpenDatabase,
    shard: usize,
    request: PurgeRequest,
    receiver: oneshot::Receiver<Result<Vec<PurgedDocument>, Failure>>,
) -> Result<Vec<PurgedDocument>, Failure> {
    let door = database.shards.get(shard).ok_or_else(unavailable)?;
    door.try_send(|slot| ShardMessage::Purge(PurgeRequest { slot: Some(slot), ..request }))
        .map_err(|error| crate::call_failure(&error))?;
    match tokio::time::timeout(WRITE_DEADLINE, receiver).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Failure::Unavailable(
            "a shard was restarted; whether the documents were purged is unknown".to_owned(),
        )),
        Err(_) => Err(Failure::Unavailable(
            "the purge took too long; whether it was carried out is unknown".to_owned(),
        )),
    }
}

/// Records behind a purge sequence.
pub(super) async fn page(
    database: &OpenDatabase,
    after: u64,
    limit: usize,
) -> Result<PurgesPage, Failure> {
    let id = database.id();
    let job = move |snapshot: &Snapshot| snapshot.purges(id, after, limit);
    let records = database.read(Reading::Scan, job).await?;
    Ok(PurgesPage {
        last: records.last().map_or(after, |record| record.sequence),
        finished: records.len() < limit,
        purges: records
            .into_iter()
            .map(|record| PurgedDocument { id: record.id, revisions: record.revisions })
            .collect(),
    })
}
