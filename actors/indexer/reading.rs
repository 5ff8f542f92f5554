//! What changed in a database, a batch at a time, as its map functions see it.

use std::time::{Duration, Instant};

use refuge_document::{Body, ChangeRow, Rendering, Revision, render_document};
use refuge_http::Failure;
use refuge_query::design::Language;
use refuge_query::view::NewRow;
use refuge_storage::{
    BodyRecord, ChangeRange, DatabaseId, PurgeState, ReaderChange, Snapshot, StorageError,
};

use super::{IndexerArguments, make_way};
use crate::node_service::{Reading, Seen, read, storage_failure};
use crate::shard::readers::Principals;
use crate::unavailable;

/// A batch ends at so many documents, or at so many bytes of them.
const BATCH_DOCUMENTS: usize = 2_000;
/// So that what is read ahead, mapped and written together stays small.
const BATCH_BYTES: usize = 2 * 1024 * 1024;

/// How long one snapshot is read from before another one is taken.
const SNAPSHOT_LIFE: Duration = Duration::from_secs(5);

/// Some changes, and the rows that they make.
pub(super) struct Batch {
    /// The documents; each once.
    pub(super) documents: Vec<ChangedDocument>,
    /// The update sequence up to which they go.
    pub(super) position: u64,
    /// Sequences behind it, so many at most.
    pub(super) left: u64,
    /// Whether rows of some documents could not be made.
    pub(super) lacking: bool,
}

/// One moment of a database, and what it was asked. Only an index that was read from one moment to that
/// moment's end tells of all documents: what changes meanwhile moves to a later sequence, and would be missed
/// between two moments.
#[derive(Clone)]
pub(super) struct Leg {
    snapshot: Snapshot,
    /// The last update sequence then.
    pub(super) until: u64,
    /// How it stood with purges then.
    pub(super) purges: PurgeState,
    begun: Instant,
}

impl Leg {
    /// The present moment; `None` where the database is gone.
    pub(super) async fn open(arguments: &IndexerArguments) -> Result<Option<Self>, Failure> {
        let database = arguments.database;
        let job = move |snapshot: &Snapshot| {
            let Some(information) = snapshot.information(database)? else { return Ok(None) };
            let purges = snapshot.purge_state(database)?;
            let (snapshot, until) = (snapshot.clone(), information.update_sequence);
            Ok(Some(Self { snapshot, until, purges, begun: Instant::now() }))
        };
        read(&arguments.names, Reading::Point, job).await
    }

    /// Whether it is held for so long that another moment has to take its place.
    pub(super) fn is_old(&self) -> bool {
        self.begun.elapsed() > SNAPSHOT_LIFE
    }

    /// Runs `job` on the snapshot, on a thread that may block.
    pub(super) async fn read<R: Send + 'static>(
        &self,
        job: impl FnOnce(&Snapshot) -> Result<R, StorageError> + Send + 'static,
    ) -> Result<R, Failure> {
        let snapshot = self.snapshot.clone();
        let done = crate::blocking(move || job(&snapshot)).await;
        done.map_err(|_| unavailable())?.map_err(|error| storage_failure(&error))
    }
}

/// A document that changed.
pub(super) struct ChangedDocument {
    /// Its id.
    pub(super) id: String,
    /// What is mapped of it.
    pub(super) content: Content,
    /// Its rows, for each map function.
    pub(super) rows: Vec<Vec<NewRow>>,
}

/// A document on its way to a map function.
pub(super) enum Content {
    /// It makes no rows.
    Nothing,
    /// As JavaScript sees it: JSON.
    Text(String),
    /// As selectors see it: its revision and its body.
    Stored(String, Body),
}

impl Content {
    fn bytes(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Text(text) => text.len(),
            Self::Stored(_, body) => body.as_bytes().len(),
        }
    }
}

/// What of a database's documents is mapped, and how.
#[derive(Clone)]
struct Source {
    database: DatabaseId,
    language: Language,
    design_documents: bool,
    local_sequence: bool,
    /// Whose index it is, where it is one of a reader's own: what is hidden from this reader makes no rows.
    reader: Option<Principals>,
}

/// Reads the changes behind a position; `None` where there are none.
pub(super) async fn changes(
    arguments: &IndexerArguments,
    leg: &Leg,
    position: u64,
) -> Result<Option<Batch>, Failure> {
    let until = leg.until;
    if until <= position {
        return Ok(None);
    }
    let source = Source {
        database: arguments.database,
        language: arguments.design.views.language,
        design_documents: arguments.design.views.design_documents,
        local_sequence: arguments.design.views.local_sequence,
        reader: arguments
            .design
            .reader
            .as_ref()
            .map(|reader| Principals::clone(&reader.principals)),
    };
    let range = ChangeRange { after: position, until, descending: false };
    leg.read(move |snapshot| read_changes(snapshot, &source, range)).await.map(Some)
}

fn read_changes(
    snapshot: &Snapshot,
    source: &Source,
    range: ChangeRange,
) -> Result<Batch, StorageError> {
    let until = range.until;
    let mut batch = Batch { documents: Vec::new(), position: until, left: 0, lacking: false };
    let mut bytes = 0;
    for change in source.changes(snapshot, range) {
        let (sequence, document) = change?;
        bytes += document.content.bytes();
        batch.documents.push(document);
        make_way(batch.documents.len());
        if batch.documents.len() >= BATCH_DOCUMENTS || bytes >= BATCH_BYTES {
            batch.position = sequence;
            batch.left = until - sequence;
            break;
        }
    }
    Ok(batch)
}

type Changed = Result<(u64, ChangedDocument), StorageError>;

impl Source {
    /// What changed in a range, each with its sequence: of a reader's index only what stands in that reader's feed, so
    /// that it costs what the reader sees.
    fn changes<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        range: ChangeRange,
    ) -> Box<dyn Iterator<Item = Changed> + 'a> {
        let database = self.database;
        let Some(principals) = &self.reader else {
            let changes = snapshot.changes_with_bodies(database, range);
            return Box::new(changes.map(|change| {
                let (row, record) = change?;
                Ok((row.sequence, self.document(row, record)))
            }));
        };
        let changes = snapshot.reader_changes(database, principals, range);
        Box::new(changes.filter_map(move |change| match change {
            Ok(ReaderChange::Visible(sequence)) => self.visible(snapshot, sequence).transpose(),
            Ok(ReaderChange::Removed(row)) => Some(Ok((row.sequence, self.document(row, None)))),
            Err(error) => Some(Err(error)),
        }))
    }

    /// The change of a sequence that stands in the reader's feed.
    fn visible(
        &self,
        snapshot: &Snapshot,
        sequence: u64,
    ) -> Result<Option<(u64, ChangedDocument)>, StorageError> {
        let Some(row) = snapshot.change(self.database, sequence)? else { return Ok(None) };
        let record = match row.body {
            0 => None,
            place => snapshot.body(self.database, place)?,
        };
        let (row, record) = self.seen(snapshot, (row, record))?;
        Ok(Some((sequence, self.document(row, record))))
    }

    /// A change as the reader of the index sees it: without its content where that is hidden, and without
    /// leaves that are.
    fn seen(
        &self,
        snapshot: &Snapshot,
        (mut row, record): (ChangeRow, Option<BodyRecord>),
    ) -> Result<(ChangeRow, Option<BodyRecord>), StorageError> {
        let Some(principals) = &self.reader else { return Ok((row, record)) };
        if row.id.starts_with("_design/") {
            return Ok((row, record));
        }
        let record = record.filter(|record| record.body.access().admits(principals));
        if record.is_some() && row.leaves.len() > 1 {
            let seen = Seen { snapshot, database: self.database, principals };
            let known = snapshot.document(self.database, &row.id)?;
            let leaves = known.map(|known| known.tree()).transpose()?.unwrap_or_default().leaves();
            let hidden = seen.hidden(&row.id, &leaves)?;
            row.leaves.retain(|leaf| !hidden.contains(&leaf.revision));
        }
        Ok((row, record))
    }

    fn document(&self, row: ChangeRow, record: Option<BodyRecord>) -> ChangedDocument {
        let is_mapped = self.design_documents || !row.id.starts_with("_design/");
        let content = match (row.leaves.split_first(), record) {
            (Some((winner, _)), Some(record)) if is_mapped && !winner.deleted => {
                match self.language {
                    Language::JavaScript => self.text(&row, &record),
                    Language::Query => Content::Stored(winner.revision.to_string(), record.body),
                }
            }
            _ => Content::Nothing,
        };
        ChangedDocument { id: row.id, content, rows: Vec::new() }
    }

    /// As CouchDB hands documents to map functions: with conflicts, attachments as stubs.
    fn text(&self, row: &ChangeRow, record: &BodyRecord) -> Content {
        let Some((winner, others)) = row.leaves.split_first() else { return Content::Nothing };
        let revisions = |deleted: bool| -> Vec<Revision> {
            let some = others.iter().filter(|leaf| leaf.deleted == deleted);
            some.map(|leaf| leaf.revision.clone()).collect()
        };
        let (conflicts, deleted) = (revisions(false), revisions(true));
        let mut rendering = Rendering::new(&row.id, &winner.revision, &record.body);
        rendering.attachments = &record.attachments;
        rendering.conflicts = &conflicts;
        rendering.deleted_conflicts = &deleted;
        rendering.local_seq = self.local_sequence.then_some(row.sequence);
        let mut text = Vec::with_capacity(record.body.as_bytes().len() + 96);
        render_document(&mut text, &rendering);
        String::from_utf8(text).map_or(Content::Nothing, Content::Text)
    }
}
