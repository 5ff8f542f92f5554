//! Documents with conflicts, as the storage notes them.

use std::time::Duration;

use refuge_http::{ConflictsPage, Failure, IdsRequest};
use refuge_storage::{DatabaseId, DocumentRange, Snapshot, StorageError};

use super::database::OpenDatabase;
use super::reading::{Reading, bound};

/// Rows that a page may pass over before it is handed out.
const PAGE_LOOKED_AT: usize = 20_000;
/// Documents with conflicts that are counted for each page: some milliseconds.
const COUNTED: usize = 10_000;
/// When to ask again where the notes are not complete.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// One page of them.
pub(super) async fn page(
    database: &OpenDatabase,
    request: IdsRequest,
) -> Result<ConflictsPage, Failure> {
    let id = database.id();
    let job = move |snapshot: &Snapshot| read_page(snapshot, id, &request);
    database.read(Reading::Scan, job).await?.ok_or_else(|| Failure::Busy {
        reason: "the conflicts of this database, which an earlier version made, are still being \
                 gathered; ask again in a moment"
            .to_owned(),
        retry_after: RETRY_AFTER,
    })
}

/// `None` where not all documents are noted yet.
fn read_page(
    snapshot: &Snapshot,
    database: DatabaseId,
    request: &IdsRequest,
) -> Result<Option<ConflictsPage>, StorageError> {
    if !snapshot.is_noted(database)? {
        return Ok(None);
    }
    let (start, start_inclusive) = bound(request.start.as_ref());
    let (end, end_inclusive) = bound(request.end.as_ref());
    let descending = request.descending;
    let range = DocumentRange { start, start_inclusive, end, end_inclusive, descending };
    let total = snapshot.count_conflicts(database, COUNTED)?;
    let mut page = ConflictsPage { total, ..ConflictsPage::default() };
    let mut last: Option<String> = None;
    for row in snapshot.conflicts(database, &range) {
        if page.rows.len() >= request.limit || page.skipped + page.rows.len() >= PAGE_LOOKED_AT {
            page.resume_after = last;
            break;
        }
        let row = row?;
        last = Some(row.id.clone());
        if page.skipped < request.skip {
            page.skipped += 1;
        } else {
            let live = row.leaves.into_iter().filter(|leaf| !leaf.deleted);
            page.rows.push((row.id, live.map(|leaf| leaf.revision).collect()));
        }
    }
    Ok(Some(page))
}
