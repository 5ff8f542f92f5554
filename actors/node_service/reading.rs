//! Reads of the storage in the shapes that the HTTP surface asks for, one short snapshot each. A read
//! whose data is known to be in memory runs where it is asked; any other goes to a thread that may
//! block.

use bytes::Bytes;
use refuge_document::{Body, BodyPlace};
use refuge_http::{
    ChangesPage, ChangesRequest, DocumentTree, DocumentsPage, DocumentsRequest, Failure,
    IdsRequest, LocalDocument, LocalsPage, StoredBody, StoredDocument,
};
use refuge_otp::Names;
use refuge_storage::{
    BodyRecord, ChangeRange, DatabaseId, DocumentRange, DocumentRecord, Snapshot, StorageError,
    Store,
};

use crate::engine::StorageDoors;
use crate::{names, unavailable};

/// A page is closed at this many bytes of bodies.
pub(super) const PAGE_BYTES: usize = 512 * 1024;
/// Rows that a page of documents may look at, deleted ones included, before it is handed out.
pub(super) const PAGE_LOOKED_AT: usize = 20_000;

/// Documents in front of a range that are counted for `offset`, about 1 ms, so that a page far behind
/// costs little more than its rows; further on it is unknown.
pub(super) const OFFSET_LOOKED_AT: usize = 1_000;

/// How much a read touches.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// One or two records.
    Point,
    /// Many: never on a thread that serves others.
    Scan,
}

impl Reading {
    /// Whether it is done where it is asked for, on a thread that serves others too: never where it
    /// could wait for the disk.
    fn is_done_here(self, store: &Store) -> bool {
        self == Self::Point && store.fits_memory()
    }
}

/// Runs a small `job` on the store.
pub(crate) async fn with_store<R: Send + 'static>(
    names: &Names,
    job: impl FnOnce(&Store) -> Result<R, StorageError> + Send + 'static,
) -> Result<R, Failure> {
    let doors = names.value::<StorageDoors>(names::ENGINE).ok_or_else(unavailable)?;
    if Reading::Point.is_done_here(&doors.store) {
        return job(&doors.store).map_err(|error| storage_failure(&error));
    }
    match crate::blocking(move || job(&doors.store)).await {
        Ok(result) => result.map_err(|error| storage_failure(&error)),
        Err(_) => Err(unavailable()),
    }
}

/// Runs `job` on a new snapshot.
pub(crate) async fn read<R: Send + 'static>(
    names: &Names,
    reading: Reading,
    job: impl FnOnce(&Snapshot) -> Result<R, StorageError> + Send + 'static,
) -> Result<R, Failure> {
    let doors = names.value::<StorageDoors>(names::ENGINE).ok_or_else(unavailable)?;
    if reading.is_done_here(&doors.store) {
        return doors
            .store
            .snapshot()
            .and_then(|snapshot| job(&snapshot))
            .map_err(|error| storage_failure(&error));
    }
    let job = move || {
        let snapshot = doors.store.snapshot()?;
        job(&snapshot)
    };
    match crate::blocking(job).await {
        Ok(result) => result.map_err(|error| storage_failure(&error)),
        Err(_) => Err(Failure::Internal("a read of the storage failed".to_owned())),
    }
}

/// How a failure of the storage is told to clients.
pub(crate) fn storage_failure(error: &StorageError) -> Failure {
    match error {
        StorageError::Closed => unavailable(),
        other => {
            tracing::error!(error = %other, "a read of the storage failed");
            Failure::Internal(other.to_string())
        }
    }
}

pub(crate) fn winner(
    snapshot: &Snapshot,
    database: DatabaseId,
    id: &str,
) -> Result<Option<StoredDocument>, StorageError> {
    match snapshot.document(database, id)? {
        Some(record) => stored_document(snapshot, database, &record, true).map(Some),
        None => Ok(None),
    }
}

pub(super) fn stored_document(
    snapshot: &Snapshot,
    database: DatabaseId,
    record: &DocumentRecord,
    with_content: bool,
) -> Result<StoredDocument, StorageError> {
    let leaf = record.winner()?;
    let content = if with_content { body(snapshot, database, leaf.place)? } else { None };
    Ok(StoredDocument { sequence: record.sequence, leaf, content })
}

pub(crate) fn tree(
    snapshot: &Snapshot,
    database: DatabaseId,
    id: &str,
) -> Result<Option<DocumentTree>, StorageError> {
    match snapshot.document(database, id)? {
        Some(record) => Ok(Some(DocumentTree { sequence: record.sequence, tree: record.tree()? })),
        None => Ok(None),
    }
}

pub(crate) fn body(
    snapshot: &Snapshot,
    database: DatabaseId,
    place: BodyPlace,
) -> Result<Option<StoredBody>, StorageError> {
    match place {
        BodyPlace::At(sequence) => Ok(snapshot.body(database, sequence)?.map(stored_body)),
        BodyPlace::Pending(_) | BodyPlace::Missing => Ok(None),
    }
}

fn stored_body(record: BodyRecord) -> StoredBody {
    StoredBody { body: record.body, attachments: record.attachments }
}

/// The range of sequences that is asked for.
pub(super) fn change_range(request: &ChangesRequest) -> ChangeRange {
    let ChangesRequest { after, until, descending, .. } = *request;
    // Descending, `after` is an upper bound: rows before it, newest first.
    let (after, until) =
        if descending { (0, until.min(after.saturating_sub(1))) } else { (after, until) };
    ChangeRange { after, until, descending }
}

pub(crate) fn changes(
    snapshot: &Snapshot,
    database: DatabaseId,
    request: ChangesRequest,
) -> Result<ChangesPage, StorageError> {
    let range = change_range(&request);
    let ChangesRequest { limit, descending, bodies, .. } = request;
    let mut rows = Vec::with_capacity(limit.min(2_048));
    let mut bytes = 0;
    let mut finished = true;
    if bodies && !descending {
        for row in snapshot.changes_with_bodies(database, range) {
            if rows.len() >= limit || bytes >= PAGE_BYTES {
                finished = false;
                break;
            }
            let (row, record) = row?;
            bytes += record.as_ref().map_or(0, |record| record.body.as_bytes().len());
            rows.push((row, record.map(stored_body)));
        }
    } else {
        for row in snapshot.changes(database, range) {
            if rows.len() >= limit || bytes >= PAGE_BYTES {
                finished = false;
                break;
            }
            let row = row?;
            let content = if bodies && row.body != 0 {
                body(snapshot, database, BodyPlace::At(row.body))?
            } else {
                None
            };
            bytes += content.as_ref().map_or(0, |content| content.body.as_bytes().len());
            rows.push((row, content));
        }
    }
    Ok(ChangesPage { rows, finished, position: None })
}

pub(crate) fn documents(
    snapshot: &Snapshot,
    database: DatabaseId,
    request: &DocumentsRequest,
) -> Result<DocumentsPage, StorageError> {
    let (start, start_inclusive) = bound(request.start.as_ref());
    let (end, end_inclusive) = bound(request.end.as_ref());
    let descending = request.descending;
    let range = DocumentRange { start, start_inclusive, end, end_inclusive, descending };
    let information = snapshot.information(database)?;
    let total = Some(information.map_or(0, |information| information.documents));
    let offset = if request.offset { rows_before(snapshot, database, request)? } else { None };
    let mut page =
        DocumentsPage { rows: Vec::new(), skipped: 0, resume_after: None, total, offset };
    let (mut looked_at, mut bytes) = (0, 0);
    let mut last: Option<String> = None;
    for row in snapshot.documents(database, &range) {
        if page.rows.len() >= request.limit || bytes >= PAGE_BYTES || looked_at >= PAGE_LOOKED_AT {
            page.resume_after = last;
            break;
        }
        let (id, record) = row?;
        looked_at += 1;
        if !record.winner()?.deleted {
            if page.skipped < request.skip {
                page.skipped += 1;
            } else {
                let document = stored_document(snapshot, database, &record, request.bodies)?;
                bytes += document.content.as_ref().map_or(0, |body| body.body.as_bytes().len());
                page.rows.push((id.clone(), document));
            }
        }
        last = Some(id);
    }
    Ok(page)
}

/// Counts the live documents in front of a range, as far as that is worth it.
fn rows_before(
    snapshot: &Snapshot,
    database: DatabaseId,
    request: &DocumentsRequest,
) -> Result<Option<u64>, StorageError> {
    let Some(before) = range_before(request) else { return Ok(Some(0)) };
    let (mut looked_at, mut live) = (0, 0);
    for row in snapshot.documents(database, &before) {
        if looked_at >= OFFSET_LOOKED_AT {
            return Ok(None);
        }
        looked_at += 1;
        if !row?.1.winner()?.deleted {
            live += 1;
        }
    }
    Ok(Some(live))
}

/// The range in front of what is asked for; `None` where that is asked for from its beginning.
pub(super) fn range_before(request: &DocumentsRequest) -> Option<DocumentRange> {
    let (start, inclusive) = request.start.as_ref()?;
    Some(DocumentRange {
        start: None,
        start_inclusive: true,
        end: Some(start.clone()),
        end_inclusive: !inclusive,
        descending: request.descending,
    })
}

pub(super) fn bound(bound: Option<&(String, bool)>) -> (Option<String>, bool) {
    match bound {
        Some((id, inclusive)) => (Some(id.clone()), *inclusive),
        None => (None, true),
    }
}

/// Format of a stored local document: this byte, the revision as eight bytes, the body's text.
const LOCAL_FORMAT: u8 = 1;

pub(crate) fn encode_local(document: &LocalDocument) -> Vec<u8> {
    let mut value = Vec::with_capacity(9 + document.body.as_bytes().len());
    value.push(LOCAL_FORMAT);
    value.extend_from_slice(&document.revision.to_be_bytes());
    value.extend_from_slice(document.body.as_bytes());
    value
}

pub(crate) fn local(
    snapshot: &Snapshot,
    database: DatabaseId,
    id: &str,
) -> Result<Option<LocalDocument>, StorageError> {
    snapshot.local(database, id)?.map(decode_local).transpose()
}

/// A page of local documents.
pub(crate) fn locals(
    snapshot: &Snapshot,
    database: DatabaseId,
    request: &IdsRequest,
) -> Result<LocalsPage, StorageError> {
    let (start, start_inclusive) = bound(request.start.as_ref());
    let (end, end_inclusive) = bound(request.end.as_ref());
    let descending = request.descending;
    let mut range = DocumentRange { start, start_inclusive, end, end_inclusive, descending };
    let mut page = LocalsPage::default();
    let (mut looked_at, mut bytes) = (0, 0);
    let mut last: Option<String> = None;
    let mut walk = snapshot.locals(database, &range);
    while let Some(row) = walk.next() {
        if page.rows.len() >= request.limit || bytes >= PAGE_BYTES || looked_at >= PAGE_LOOKED_AT {
            page.resume_after = last;
            break;
        }
        let (id, value) = row?;
        looked_at += 1;
        if let Some(without) = request.without.filter(|without| id.starts_with(without)) {
            // Nothing that begins so is there for who asks, and there may be much of it.
            (range.start, range.start_inclusive) = past(without, descending);
            walk = snapshot.locals(database, &range);
        } else if page.skipped < request.skip {
            page.skipped += 1;
        } else {
            bytes += value.len();
            page.rows.push((id.clone(), decode_local(value)?));
        }
        last = Some(id);
    }
    Ok(page)
}

/// Where a walk goes on past all ids that begin with a text, and whether that itself is part of it.
fn past(without: &str, descending: bool) -> (Option<String>, bool) {
    if descending {
        return (Some(without.to_owned()), false);
    }
    let mut behind = without.to_owned();
    let next = behind.pop().and_then(|last| char::from_u32(u32::from(last) + 1));
    behind.push(next.unwrap_or(char::MAX));
    (Some(behind), true)
}

fn decode_local(value: Bytes) -> Result<LocalDocument, StorageError> {
    match value.split_first_chunk::<9>() {
        Some(([LOCAL_FORMAT, revision @ ..], _)) => Ok(LocalDocument {
            revision: u64::from_be_bytes(*revision),
            body: Body::from_stored(value.slice(9..)),
        }),
        _ => Err(StorageError::Record { keyspace: "locals", reason: "its format is unknown" }),
    }
}

#[cfg(test)]
mod tests {
    use refuge_storage::{Engine, Operation, Options};

    use super::*;

    #[test]
    fn what_may_be_cold_is_read_on_a_thread_that_may_block() {
        let directory = tempfile::tempdir().unwrap();
        let small = Options::new(directory.path());
        let large = Options { memory_bytes: Some(0), ..small.clone() };
        let mut engine = Engine::open(small).unwrap();
        assert!(Reading::Point.is_done_here(&engine.store()));
        assert!(!Reading::Scan.is_done_here(&engine.store()));
        let value = Some(vec![7; 1000]);
        engine.commit(vec![Operation::Node { key: "key".to_owned(), value }]).unwrap();
        engine.close(std::time::Duration::from_secs(60));
        let engine = Engine::open(large).unwrap();
        assert!(!Reading::Point.is_done_here(&engine.store()), "tables are larger than no memory");
        assert!(!Reading::Scan.is_done_here(&engine.store()));
    }
}
