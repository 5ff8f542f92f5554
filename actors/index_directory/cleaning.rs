//! Removing indexes that nobody asks for: those of databases that are gone, and those whose functions stand
//! in no design document any more.

use std::collections::HashSet;
use std::time::Duration;

use refuge_http::Failure;
use refuge_otp::Names;
use refuge_storage::{DatabaseId, IndexDefinition, IndexRecord, Operation, Snapshot};
use tokio::sync::oneshot;

use super::{IndexDirectoryMessage, IndexDirectoryState, IndexedDatabase, designs_of};
use crate::engine::StorageDoors;
use crate::index_engine::IndexDoors;
use crate::indexer::checkpoint_name;
use crate::names;
use crate::node_service::{Reading, read, storage_failure};
use crate::task::OwnedTask;

/// Rest between two slices of rows that leave, so that whoever writes an index goes first.
const BETWEEN_SLICES: Duration = Duration::from_millis(20);

/// Databases that are deleted one after another are looked for together.
const AFTER_DELETION: Duration = Duration::from_secs(1);

impl IndexDirectoryState {
    /// Looks a little later, since a database was deleted.
    pub(super) fn clean_soon(&mut self) {
        if !std::mem::replace(&mut self.cleaning_due, true) {
            self.myself.send_after(AFTER_DELETION, || IndexDirectoryMessage::Clean {
                database: None,
                lenient: true,
                reply: None,
            });
        }
    }

    /// Looks for unused indexes on the side.
    pub(super) fn clean(
        &self,
        database: Option<IndexedDatabase>,
        lenient: bool,
        reply: Option<oneshot::Sender<Result<(), Failure>>>,
    ) {
        let (names, myself) = (self.arguments.names.clone(), self.myself.clone());
        tokio::spawn(async move {
            let found = unused(&names, database.map(|database| database.id)).await;
            let result = found.map(|records| {
                let _ = myself.cast(IndexDirectoryMessage::Unused { records, lenient });
            });
            if let Some(reply) = reply {
                let _ = reply.send(result);
            }
        });
    }

    /// Removes what was found; leniently, where there is a database, only what was found the last time too: a
    /// design document may be on its way back.
    pub(super) async fn unused(&mut self, records: Vec<(IndexRecord, bool)>, lenient: bool) {
        let mut suspects = HashSet::new();
        let mut dropped = false;
        for (record, is_orphan) in records {
            if lenient && !is_orphan && !self.suspects.contains(&record.number) {
                suspects.insert(record.number);
                continue;
            }
            if let Err(failure) = self.remove(record).await {
                tracing::warn!(%failure, "an unused index is not removed; it is tried again later");
            }
            dropped = true;
        }
        if lenient {
            self.suspects = suspects;
        }
        if dropped {
            self.drop_rows();
        }
    }

    async fn remove(&self, record: IndexRecord) -> Result<(), Failure> {
        let names = &self.arguments.names;
        let _ = names.kill(&names::indexer(record.number.0));
        let doors = names.value::<IndexDoors>(names::INDEX_ENGINE);
        let doors = doors.ok_or_else(crate::unavailable)?;
        doors.writer.drop_index(record.clone()).await?;
        if let Some(storage) = names.value::<StorageDoors>(names::ENGINE) {
            let operation = Operation::SetPurgeCheckpoint {
                database: record.definition.database,
                index: checkpoint_name(record.number.0),
                sequence: None,
            };
            storage.writer.commit(operation).await?;
        }
        Ok(())
    }

    /// Removes rows of dropped indexes, a slice at a time, on the side: the writer may be busy for a while.
    pub(super) fn drop_rows(&mut self) {
        if self.dropping.is_some() {
            return;
        }
        let (names, myself) = (self.arguments.names.clone(), self.myself.clone());
        self.dropping = Some(OwnedTask::spawn(async move {
            while let Some(doors) = names.value::<IndexDoors>(names::INDEX_ENGINE)
                && doors.store().is_some()
                && doors.writer.drop_rows().await == Ok(true)
            {
                tokio::time::sleep(BETWEEN_SLICES).await;
            }
            let _ = myself.cast(IndexDirectoryMessage::RowsDropped);
        }));
    }
}

/// The indexes, of one database or of all, that no design document asks for, and whether the database of each
/// is gone.
async fn unused(
    names: &Names,
    database: Option<DatabaseId>,
) -> Result<Vec<(IndexRecord, bool)>, Failure> {
    let Some(doors) = names.value::<IndexDoors>(names::INDEX_ENGINE) else { return Ok(Vec::new()) };
    let Some(store) = doors.store() else { return Ok(Vec::new()) };
    let indexes = store.snapshot().and_then(|snapshot| snapshot.indexes(database));
    let indexes = indexes.map_err(|error| storage_failure(&error))?;
    let databases: HashSet<DatabaseId> =
        indexes.iter().map(|record| record.definition.database).collect();
    let mut wanted: HashSet<(DatabaseId, [u8; 16])> = HashSet::new();
    let mut gone = HashSet::new();
    for database in databases {
        let job = move |snapshot: &Snapshot| match snapshot.information(database)? {
            Some(_) => designs_of(snapshot, database).map(Some),
            None => Ok(None),
        };
        match read(names, Reading::Scan, job).await? {
            None => drop(gone.insert(database)),
            Some(designs) => {
                wanted.extend(designs.iter().map(|design| (database, design.views.signature)));
            }
        }
    }
    let unused = indexes.into_iter().filter_map(|record| {
        let IndexDefinition { database, signature, .. } = record.definition;
        let is_wanted = wanted.contains(&(database, signature));
        (!is_wanted).then(|| (record, gone.contains(&database)))
    });
    Ok(unused.collect())
}
