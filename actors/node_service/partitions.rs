//! What is known of a partition: its documents are counted where they stand, a stretch of ids at a time.

use refuge_document::partition_bounds;
use refuge_http::{Failure, PartitionInformation};
use refuge_storage::{DocumentRange, Snapshot, StorageError};

use super::database::OpenDatabase;
use super::reading::Reading;

/// Documents that are counted from one snapshot.
const STRETCH_DOCUMENTS: usize = 20_000;

/// Counts and sizes of a partition.
pub(super) async fn information(
    database: &OpenDatabase,
    partition: &str,
) -> Result<PartitionInformation, Failure> {
    let (from, to) = partition_bounds(partition);
    let mut range = DocumentRange {
        start: Some(from),
        end: Some(to),
        end_inclusive: false,
        ..DocumentRange::default()
    };
    let mut counted = PartitionInformation::default();
    let id = database.id();
    loop {
        let stretch = range.clone();
        let job = move |snapshot: &Snapshot| -> Result<_, StorageError> {
            let mut last = None;
            for (number, row) in snapshot.documents(id, &stretch).enumerate() {
                if number >= STRETCH_DOCUMENTS {
                    return Ok((counted, last));
                }
                let (id, record) = row?;
                let deleted = record.winner()?.deleted;
                let sizes = record.previous(deleted, false);
                counted.documents += u64::from(!deleted);
                counted.deleted_documents += u64::from(deleted);
                counted.active_bytes += sizes.active_bytes;
                counted.external_bytes += sizes.external_bytes;
                last = Some(id);
            }
            Ok((counted, None))
        };
        let (sum, last) = database.read(Reading::Scan, job).await?;
        counted = sum;
        let Some(last) = last else { return Ok(counted) };
        range = DocumentRange { start: Some(last), start_inclusive: false, ..range };
    }
}
