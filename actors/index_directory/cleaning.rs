//! Removing indexes that nobody asks for: those of databases that are gone, and those whose functions stand
//! in no design document any more. All of it is done on the side: the writer may be busy for a while.

use std::collections::{HashMap, HashSet};
use std::ops::Bound;
use std::time::{Duration, Instant};

use refuge_http::Failure;
use refuge_otp::Names;
use refuge_storage::{
    DatabaseId, DatabaseRange, DatabaseRecord, IndexNumber, IndexRecord, Operation, Snapshot,
};
use tokio::sync::oneshot;

use super::creating::IndexKey;
use super::{IndexDirectoryMessage, IndexDirectoryState, ReaderIndexes};
use crate::designs::{DesignReader, DesignsOf};
use crate::engine::StorageDoors;
use crate::index_engine::IndexDoors;
use crate::indexer::checkpoint_name;
use crate::node_service::{Reading, read, storage_failure};
use crate::task::OwnedTask;
use crate::{names, published, unavailable};

/// Rest between two slices of rows that leave, so that whoever writes an index goes first.
const BETWEEN_SLICES: Duration = Duration::from_millis(20);

/// Gets whether unused indexes have been found.
pub(super) type CleanReply = oneshot::Sender<Result<(), Failure>>;

impl IndexDirectoryState {
    /// Looks for unused indexes.
    pub(super) fn clean(
        &self,
        database: Option<DatabaseId>,
        lenient: bool,
        reply: Option<CleanReply>,
    ) {
        let (names, myself) = (self.arguments.names.clone(), self.myself.clone());
        crate::task::spawn(async move {
            let result = unused(&names, database).await.map(|records| {
                let _ = myself.cast(IndexDirectoryMessage::Unused { records, lenient });
            });
            if let Some(reply) = reply {
                let _ = reply.send(result);
            }
        });
    }

    /// Removes what was found; leniently, where there is a database, only what was found the last time too: a
    /// design document may be on its way back.
    pub(super) fn unused(&mut self, records: Vec<(IndexRecord, bool)>, lenient: bool) {
        let mut suspects = HashSet::new();
        let mut unused = Vec::new();
        for (record, is_orphan) in records {
            if lenient && !is_orphan && !self.suspects.contains(&record.number) {
                suspects.insert(record.number);
            } else {
                unused.push(record);
            }
        }
        if lenient {
            self.suspects = suspects;
        }
        self.remove(unused);
    }

    /// Removes a reader's index, where nobody asked for it again since it gave way.
    pub(super) fn gave_way(&self, key: IndexKey) {
        let readers = self.arguments.names.value::<ReaderIndexes>(names::READER_INDEXES);
        if readers.is_some_and(|readers| readers.is_known(&key)) {
            return;
        }
        let (database, signature) = key;
        let Some(doors) = self.arguments.names.value::<IndexDoors>(names::INDEX_ENGINE) else {
            return;
        };
        let Some(store) = doors.store() else { return };
        match store.snapshot().and_then(|snapshot| snapshot.find(database, &signature)) {
            Ok(found) => self.remove(found.into_iter().collect()),
            Err(error) => tracing::warn!(%error, "a reader's index is not removed yet"),
        }
    }

    fn remove(&self, unused: Vec<IndexRecord>) {
        if unused.is_empty() {
            return;
        }
        let (names, myself) = (self.arguments.names.clone(), self.myself.clone());
        crate::task::spawn(async move {
            for record in unused {
                if let Err(failure) = remove(&names, record).await {
                    tracing::warn!(%failure, "an unused index is not removed; it is tried again later");
                }
            }
            let _ = myself.cast(IndexDirectoryMessage::DropRows);
        });
    }

    /// Removes rows of dropped indexes, a slice at a time.
    pub(super) fn drop_rows(&mut self) {
        if self.dropping.is_some() {
            // The work under way may have seen that none are left before these were.
            self.rows_left = true;
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

    /// The removal came to its end.
    pub(super) fn rows_dropped(&mut self) {
        self.dropping = None;
        if std::mem::take(&mut self.rows_left) {
            self.drop_rows();
        }
    }
}

/// Removes an index: first that purges wait for it, so that a crash in the middle leaves nothing that nobody
/// would find again.
async fn remove(names: &Names, record: IndexRecord) -> Result<(), Failure> {
    let _ = names.kill(&names::indexer(record.number.0));
    forget_checkpoint(names, record.definition.database, record.number).await?;
    let doors = names.value::<IndexDoors>(names::INDEX_ENGINE).ok_or_else(unavailable)?;
    Ok(doors.writer.drop_index(record).await?)
}

async fn forget_checkpoint(
    names: &Names,
    database: DatabaseId,
    index: IndexNumber,
) -> Result<(), Failure> {
    let doors = names.value::<StorageDoors>(names::ENGINE).ok_or_else(unavailable)?;
    let index = checkpoint_name(index.0);
    let operation = Operation::SetPurgeCheckpoint { database, index, sequence: None };
    doors.writer.commit(operation).await?;
    Ok(())
}

/// The indexes, of one database or of all, that no design document asks for, and whether the database of each
/// is gone. What purges wait for though it is no index any more is forgotten on the way.
async fn unused(
    names: &Names,
    database: Option<DatabaseId>,
) -> Result<Vec<(IndexRecord, bool)>, Failure> {
    let Some(doors) = names.value::<IndexDoors>(names::INDEX_ENGINE) else { return Ok(Vec::new()) };
    let Some(store) = doors.store() else { return Ok(Vec::new()) };
    // Read before the indexes are: whoever follows purges now and is no index then, was one.
    let living = living(names, database).await?;
    let indexes = store.snapshot().and_then(|snapshot| snapshot.indexes(database));
    let indexes = indexes.map_err(|error| storage_failure(&error))?;
    if database.is_none() {
        metrics::gauge!("refuge_indexes", "node" => names.node().to_owned())
            .set(indexes.len() as f64);
    }
    let mut by_database: HashMap<DatabaseId, Vec<IndexRecord>> = HashMap::new();
    for record in indexes {
        by_database.entry(record.definition.database).or_default().push(record);
    }
    let mut unused = Vec::new();
    for (id, living) in living {
        let records = by_database.remove(&id).unwrap_or_default();
        forget_followers(names, id, (living.followers, &records)).await?;
        if records.is_empty() {
            continue;
        }
        let reader = published::<DesignReader>(names, names::DESIGNS).await?;
        let partitioned = living.partitioned;
        let designs = reader.read_all(DesignsOf { database: id, partitioned }).await?;
        let readers = names.value::<ReaderIndexes>(names::READER_INDEXES);
        let readers = readers.map(|readers| readers.used(id, Instant::now())).unwrap_or_default();
        let is_wanted = |record: &IndexRecord| {
            let signature = record.definition.signature;
            let of_reader = readers.get(&signature);
            designs.iter().any(|design| {
                let is_asked_for = match of_reader {
                    Some(functions) => {
                        design.views.by_reader && design.views.signature == *functions
                    }
                    None => design.views.signature == signature,
                };
                is_asked_for && design.is_of(living.instance, &record.definition)
            })
        };
        let some = records.into_iter().filter(|record| !is_wanted(record));
        unused.extend(some.map(|record| (record, false)));
    }
    // What is left is of databases that are gone.
    unused.extend(by_database.into_values().flatten().map(|record| (record, true)));
    Ok(unused)
}

/// A database that is there.
struct Living {
    /// Which making of it.
    instance: [u8; 16],
    /// Whether it is partitioned.
    partitioned: bool,
    /// Whoever follows its purges.
    followers: Vec<String>,
}

/// The databases that are there, or the one that is asked for.
async fn living(
    names: &Names,
    database: Option<DatabaseId>,
) -> Result<HashMap<DatabaseId, Living>, Failure> {
    let all = DatabaseRange {
        low: Bound::Unbounded,
        high: Bound::Unbounded,
        descending: false,
        limit: usize::MAX,
    };
    let job = move |snapshot: &Snapshot| {
        let mut living = HashMap::new();
        for record in snapshot.databases(&all)? {
            if database.is_none_or(|database| database == record.id) {
                let followers = snapshot.purge_followers(record.id)?;
                let DatabaseRecord { instance, partitioned, .. } = record;
                living.insert(record.id, Living { instance, partitioned, followers });
            }
        }
        Ok(living)
    };
    read(names, Reading::Scan, job).await
}

/// Forgets whoever of them is no index any more.
async fn forget_followers(
    names: &Names,
    database: DatabaseId,
    (followers, records): (Vec<String>, &[IndexRecord]),
) -> Result<(), Failure> {
    let known: HashSet<String> =
        records.iter().map(|record| checkpoint_name(record.number.0)).collect();
    for left in followers {
        let number = left.strip_prefix("view-").and_then(|text| text.parse().ok());
        if let Some(number) = number.filter(|_| !known.contains(&left)) {
            forget_checkpoint(names, database, IndexNumber(number)).await?;
        }
    }
    Ok(())
}
