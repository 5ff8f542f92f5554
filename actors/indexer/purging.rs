//! Purges, as an index follows them: rows of documents that are gone leave. A purge is not forgotten before
//! every index has followed it.

use refuge_http::Failure;
use refuge_storage::{IndexState, Operation, PurgeRecord};

use super::pass::{Doors, Pass, PassFailure};
use super::reading::{Batch, ChangedDocument, Content, Leg};
use crate::engine::StorageDoors;
use crate::node_service::Seen;
use crate::{names, unavailable};

/// Purges that are followed at once.
const AT_ONCE: usize = 1_000;

/// Follows the purges that were known at a moment.
pub(super) async fn follow(
    pass: &Pass,
    doors: &Doors,
    leg: &Leg,
    mut state: IndexState,
) -> Result<IndexState, PassFailure> {
    let known = leg.purges;
    if state.position == 0 && !state.complete {
        // A new index holds nothing that was purged.
        let base = state;
        state.purge_position = known.sequence;
        pass.write(doors, nothing(state), base, state).await?;
        note(pass, state).await?;
        return Ok(state);
    }
    if state.purge_position < known.forgotten {
        tracing::warn!(index = ?pass.arguments.record.number, "an index missed purges and is built anew");
        let record = pass.arguments.record.clone();
        doors.index.writer.drop_index(record).await.map_err(Failure::from)?;
        return Err(PassFailure::Gone);
    }
    if state.purge_position == known.sequence {
        return Ok(state);
    }
    while state.purge_position < known.sequence {
        let base = state;
        let (batch, sequence) = purged(pass, leg, state).await?;
        state.purge_position = sequence.unwrap_or(known.sequence);
        pass.write(doors, batch, base, state).await?;
    }
    note(pass, state).await?;
    Ok(state)
}

fn nothing(state: IndexState) -> Batch {
    Batch { documents: Vec::new(), position: state.position, left: 0, lacking: false }
}

/// The documents that purges took away whole; what is left of others has a change of its own. One that was made anew
/// and is hidden from the reader of the index has none in that reader's feed, and leaves as well. With the purge
/// sequence that this goes up to.
async fn purged(
    pass: &Pass,
    leg: &Leg,
    state: IndexState,
) -> Result<(Batch, Option<u64>), Failure> {
    let database = pass.arguments.database;
    let views = pass.arguments.design.views.maps.len();
    let reader = pass.arguments.design.reader.clone();
    leg.read(move |snapshot| {
        let records = snapshot.purges(database, state.purge_position, AT_ONCE)?;
        let last = records.last().map(|record| record.sequence);
        let mut ids: Vec<String> = records.into_iter().map(|PurgeRecord { id, .. }| id).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut batch = nothing(state);
        for id in ids {
            let is_there = match &reader {
                None => snapshot.document(database, &id)?.is_some(),
                Some(reader) => {
                    Seen { snapshot, database, principals: &reader.principals }.sees(&id)?
                }
            };
            if !is_there {
                let rows = vec![Vec::new(); views];
                batch.documents.push(ChangedDocument { id, content: Content::Nothing, rows });
            }
        }
        Ok((batch, last))
    })
    .await
}

/// Tells the database how far the index has followed.
async fn note(pass: &Pass, state: IndexState) -> Result<(), Failure> {
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
