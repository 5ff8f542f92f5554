//! Views as the HTTP surface asks for them: the index of a design document is found, made fresh enough, and
//! read a page at a time, each page from one snapshot.

mod grouping;
mod open_view;
mod reading;
mod sizes;
mod unbuilt;

use std::sync::Arc;
use std::time::Instant;

use refuge_http::{Failure, Freshness, IndexInformation, View, ViewRequest};
use refuge_storage::{IndexRecord, IndexState};
use tokio::sync::oneshot;

use super::database::OpenDatabase;
use super::reading::{Reading, storage_failure};
use crate::designs::{DesignReader, DesignsOf};
use crate::index_design::IndexDesign;
use crate::index_directory::{IndexDirectoryMessage, IndexedDatabase, ReaderIndexes, Wish};
use crate::index_engine::IndexDoors;
use crate::indexer::{IndexerMessage, IndexerWork};
use crate::shard::readers::Principals;
use crate::{names, published, unavailable};
use open_view::OpenView;
use unbuilt::UnbuiltView;

/// How often an index is looked at again that went away while it was waited for: it was made anew, or its
/// indexer went to rest.
const MOST_LOOKS: usize = 5;

/// An index that is there.
pub(super) struct FoundIndex {
    pub(super) record: IndexRecord,
    pub(super) state: IndexState,
}

/// Opens a view as fresh as it is asked for.
pub(super) async fn view(
    database: &OpenDatabase,
    request: ViewRequest,
) -> Result<Arc<dyn View>, Failure> {
    let design = design(database, &request.design).await?;
    open(database, design, request).await
}

/// Opens a reader's own view, up to date; `None` where its design document has none for readers. Its rows are of
/// what the reader sees, so that they may be counted and reduced; its position is told as `sequence` at most.
pub(super) async fn view_of_reader(
    database: &OpenDatabase,
    request: &ViewRequest,
    (principals, sequence): (&Principals, u64),
) -> Result<Option<Arc<dyn View>>, Failure> {
    let design = design(database, &request.design).await?;
    if !design.views.by_reader {
        return Ok(None);
    }
    let named = design.views.view(&request.view).cloned();
    let named = named.ok_or_else(|| Failure::NotFound("missing_named_view".to_owned()))?;
    check_partition(&design, request.partition.as_deref())?;
    let functions = design.views.signature;
    let design = Arc::new(design.read_by(principals));
    let readers = published::<ReaderIndexes>(&database.names, names::READER_INDEXES).await?;
    let key = (database.id(), design.views.signature);
    if let Some(other) = readers.take(key, functions, Instant::now())? {
        let message = IndexDirectoryMessage::GaveWay(other);
        database
            .names
            .cast(names::INDEX_DIRECTORY, message)
            .map_err(|error| crate::call_failure(&error))?;
    }
    // Rows of one that is behind may be of revisions that the reader could see and cannot any more.
    let found = fresh_index(database, &design).await?;
    let view = OpenView::new(database, design, named, found)?;
    Ok(Some(Arc::new(view.of_partition(request.partition.clone()).told_as(sequence))))
}

async fn open(
    database: &OpenDatabase,
    design: Arc<IndexDesign>,
    request: ViewRequest,
) -> Result<Arc<dyn View>, Failure> {
    let named = design.views.view(&request.view);
    let named = named.cloned().ok_or_else(|| Failure::NotFound("missing_named_view".to_owned()))?;
    let partition = request.partition;
    check_partition(&design, partition.as_deref())?;
    let found = match request.freshness {
        Freshness::UpToDate => Some(fresh_index(database, &design).await?),
        Freshness::AsItIs => built_index(database, &design)?,
        Freshness::AsItIsThenUpdate => {
            let found = built_index(database, &design)?;
            let sequence = update_sequence(database).await?;
            follow(database, &design, sequence, None)?;
            found
        }
    };
    let Some(found) = found else {
        return Ok(Arc::new(UnbuiltView::new(&design, &named)?));
    };
    let view = OpenView::new(database, design, named, found)?;
    Ok(Arc::new(view.of_partition(partition)))
}

/// Refuses to ask views that stand by partition as a whole, and others by partition.
fn check_partition(design: &IndexDesign, partition: Option<&str>) -> Result<(), Failure> {
    let refused = |reason: &str| {
        Err(Failure::Invalid { error: "query_parse_error", reason: reason.to_owned() })
    };
    match (design.views.partitioned, partition) {
        (true, None) => refused("`partition` parameter is mandatory for queries to this view."),
        (false, Some(_)) => refused("`partition` parameter is not supported in this design doc"),
        (true, Some(name)) => refuge_document::check_partition(name)
            .map_err(|error| Failure::Invalid { error: error.error(), reason: error.to_string() }),
        (false, None) => Ok(()),
    }
}

/// What is known of the index of a design document.
pub(super) async fn information(
    database: &OpenDatabase,
    design_id: &str,
) -> Result<IndexInformation, Failure> {
    let design = design(database, design_id).await?;
    let found = find(database, &design)?;
    let sequence = update_sequence(database).await?;
    let state = found.as_ref().map(|found| found.state).unwrap_or_default();
    let work = match &found {
        Some(found) => work_of(database, found).await,
        None => IndexerWork::default(),
    };
    let pending = match state.position >= sequence {
        true => 0,
        false => refuge_http::Database::pending(database, state.position).await?,
    };
    let bytes = match &found {
        Some(found) => index_bytes(database, &design, found).await?,
        None => 0,
    };
    Ok(IndexInformation {
        signature: design.views.signature_text(),
        language: design.views.language.name().to_owned(),
        update_sequence: state.position,
        purge_sequence: state.purge_position,
        pending,
        updating: work.updating,
        waiting: work.waiting,
        active_bytes: bytes,
        file_bytes: bytes,
        collation: design.collation(),
    })
}

/// Has unused indexes of a database removed.
pub(super) async fn clean(database: &OpenDatabase) -> Result<(), Failure> {
    let id = database.id();
    crate::call(&database.names, names::INDEX_DIRECTORY, |reply| IndexDirectoryMessage::Clean {
        database: Some(id),
        lenient: false,
        reply: Some(reply),
    })
    .await?
}

async fn work_of(database: &OpenDatabase, found: &FoundIndex) -> IndexerWork {
    let name = names::indexer(found.record.number.0);
    match database.names.lookup::<IndexerMessage>(&name) {
        Some(_) => {
            crate::call(&database.names, &name, IndexerMessage::Tell).await.unwrap_or_default()
        }
        None => IndexerWork::default(),
    }
}

/// About what the index takes, measured on a thread that may block.
async fn index_bytes(
    database: &OpenDatabase,
    design: &IndexDesign,
    found: &FoundIndex,
) -> Result<u64, Failure> {
    let store = doors(database)?.store().ok_or_else(unavailable)?.clone();
    let (number, maps) = (found.record.number, design.views.maps.len());
    let measure = move || -> Result<u64, Failure> {
        let snapshot = store.snapshot().map_err(|error| storage_failure(&error))?;
        Ok(sizes::bytes(&snapshot, number, maps)?)
    };
    crate::blocking(measure).await.map_err(|_| unavailable())?
}

/// The views of a design document.
pub(super) async fn design(database: &OpenDatabase, id: &str) -> Result<Arc<IndexDesign>, Failure> {
    let reader = published::<DesignReader>(&database.names, names::DESIGNS).await?;
    reader.read(DesignsOf::record(&database.record), id).await
}

pub(super) fn doors(database: &OpenDatabase) -> Result<Arc<IndexDoors>, Failure> {
    database.names.value::<IndexDoors>(names::INDEX_ENGINE).ok_or_else(unavailable)
}

/// The index of a design, whatever it tells of.
pub(super) fn find(
    database: &OpenDatabase,
    design: &IndexDesign,
) -> Result<Option<FoundIndex>, Failure> {
    let doors = doors(database)?;
    let Some(store) = doors.store() else { return Ok(None) };
    let look = || {
        let snapshot = store.snapshot()?;
        let Some(record) = snapshot.find(database.id(), &design.views.signature)? else {
            return Ok(None);
        };
        Ok(snapshot.state(record.number)?.map(|state| FoundIndex { record, state }))
    };
    let found = look().map_err(|error| storage_failure(&error))?;
    // Keys that were made with other tables would be compared wrongly.
    let instance = database.record.instance;
    Ok(found.filter(|found| design.is_of(instance, &found.record.definition)))
}

/// The index once it tells of all that is written now.
pub(super) async fn fresh_index(
    database: &OpenDatabase,
    design: &Arc<IndexDesign>,
) -> Result<FoundIndex, Failure> {
    let sequence = update_sequence(database).await?;
    let mut last = unavailable();
    for _ in 0..MOST_LOOKS {
        if let Some(found) = find(database, design)?
            && found.state.complete
            && found.state.position >= sequence
        {
            return Ok(found);
        }
        let (reply, answer) = oneshot::channel();
        follow(database, design, sequence, Some(reply))?;
        match answer.await {
            Ok(Ok(())) => {}
            Ok(Err(failure @ Failure::Unavailable(_))) => last = failure,
            Ok(Err(failure)) => return Err(failure),
            // The indexer or the directory was restarted.
            Err(_) => tokio::time::sleep(crate::RESTART_POLL).await,
        }
    }
    Err(last)
}

/// The index as it is, where it was built once.
pub(super) fn built_index(
    database: &OpenDatabase,
    design: &IndexDesign,
) -> Result<Option<FoundIndex>, Failure> {
    Ok(find(database, design)?.filter(|found| found.state.complete))
}

async fn update_sequence(database: &OpenDatabase) -> Result<u64, Failure> {
    let id = database.id();
    database.read(Reading::Point, move |snapshot| snapshot.update_sequence(id)).await
}

fn follow(
    database: &OpenDatabase,
    design: &Arc<IndexDesign>,
    sequence: u64,
    reply: Option<oneshot::Sender<Result<(), Failure>>>,
) -> Result<(), Failure> {
    let indexed = IndexedDatabase::of(&database.record);
    let wish = Wish { database: indexed, design: Arc::clone(design), sequence, reply };
    let sent = database.names.cast(names::INDEX_DIRECTORY, IndexDirectoryMessage::Follow(wish));
    sent.map_err(|error| crate::call_failure(&error))
}
