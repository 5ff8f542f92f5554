//! Purges, as an index follows them: rows of documents that are gone leave. A purge is not forgotten before
//! every index has followed it.

use refuge_http::Failure;
use refuge_storage::{IndexState, Operation, PurgeRecord, PurgeState, Snapshot, StorageError};

use super::gone;
use super::pass::{Doors, Pass};
use super::reading::{Batch, ChangedDocument, Content};
use crate::engine::StorageDoors;
use crate::node_service::{Reading, read};
use crate::{names, unavailable};

/// Purges that are followed at once.
const AT_ONCE: usize = 1_000;

/// Follows all purges that are known.
pub(super) async fn follow(
    pass: &Pass,
    doors: &Doors,
    mut state: IndexState,
) -> Result<IndexState, Failure> {
    let known = purges(pass).await?;
    if state.position == 0 && !state.complete {
        // A new index holds nothing that was purged.
        state.purge_position = known.sequence;
        note(pass, state).await?;
        return Ok(state);
    }
    if state.purge_position < known.forgotten {
        tracing::warn!(index = ?pass.arguments.record.number, "an index missed purges and is built anew");
        doors.index.writer.create(pass.arguments.record.definition.clone()).await?;
        return Err(gone());
    }
    while state.purge_position < known.sequence {
        let (batch, sequence) = purged(pass, state).await?;
        state.purge_position = sequence.unwrap_or(known.sequence);
        pass.write(doors, batch, state).await?;
    }
    Ok(state)
}

async fn purges(pass: &Pass) -> Result<PurgeState, Failure> {
    let database = pass.arguments.database;
    let job = move |snapshot: &Snapshot| snapshot.purge_state(database);
    read(&pass.arguments.names, Reading::Point, job).await
}

/// The documents that purges took away whole; what is left of others has a change of its own. With the purge
/// sequence that this goes up to.
async fn purged(pass: &Pass, state: IndexState) -> Result<(Batch, Option<u64>), Failure> {
    let database = pass.arguments.database;
    let views = pass.arguments.design.views.maps.len();
    let job = move |snapshot: &Snapshot| -> Result<(Batch, Option<u64>), StorageError> {
        let records = snapshot.purges(database, state.purge_position, AT_ONCE)?;
        let last = records.last().map(|record| record.sequence);
        let mut ids: Vec<String> = records.into_iter().map(|PurgeRecord { id, .. }| id).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut documents = Vec::new();
        for id in ids {
            if snapshot.document(database, &id)?.is_none() {
                let rows = vec![Vec::new(); views];
                documents.push(ChangedDocument { id, content: Content::Nothing, rows });
            }
        }
        Ok((Batch { documents, position: state.position, left: 0 }, last))
    };
    read(&pass.arguments.names, Reading::Scan, job).await
}

/// Tells the database how far the index has followed.
pub(super) async fn note(pass: &Pass, state: IndexState) -> Result<(), Failure> {
    if state.purge_position == 0 {
        return Ok(());
    }
    let names = &pass.arguments.names;
    let doors = names.value::<StorageDoors>(names::ENGINE).ok_or_else(unavailable)?;
    let operation = Operation::SetPurgeCheckpoint {
        database: pass.arguments.database,
        index: checkpoint_name(pass.arguments.record.number.0),
        sequence: Some(state.purge_position),
    };
    doors.writer.commit(operation).await?;
    Ok(())
}

/// What an index is called in its database's list of those who follow purges.
pub(crate) fn checkpoint_name(number: u32) -> String {
    format!("view-{number}")
}
