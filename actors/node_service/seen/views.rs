//! A view as somebody sees it who does not see all documents: the rows of those that are seen. How many rows
//! there are is not told, and a reduction, which is made of all, is for admins.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use refuge_http::{Failure, GroupLevel, View, ViewGroupsPage, ViewPart, ViewRow, ViewRowsPage};
use refuge_storage::{Snapshot, StorageError};

use super::pages::Seen;
use crate::node_service::database::OpenDatabase;
use crate::node_service::reading::Reading;
use crate::shard::readers::Principals;

/// Why there are no reductions.
const REDUCED: &str = "A reduction tells of documents that are hidden from you: ask for the rows with \
                       `reduce=false`";

/// Rows that are looked at for a page of fewer, four times as many as are wanted: few of them may be seen.
const LEAST_ROWS: usize = 100;
const LOOKED_AT_ROWS: usize = 2_000;

/// Which documents somebody sees.
#[async_trait]
pub(in crate::node_service) trait Sight: Send + Sync + 'static {
    /// Those of some documents that are seen, and of which an index that has come as far as `indexed` holds what
    /// they are now: a row of a former revision may tell what only those were to read who saw that revision.
    async fn seen(&self, ids: Vec<String>, indexed: u64) -> Result<HashSet<String>, Failure>;
}

/// Who looks at documents that list their readers.
pub(super) struct Reader {
    pub(super) open: Arc<OpenDatabase>,
    pub(super) principals: Principals,
}

#[async_trait]
impl Sight for Reader {
    async fn seen(&self, ids: Vec<String>, indexed: u64) -> Result<HashSet<String>, Failure> {
        let (database, principals) = (self.open.record.id, Arc::clone(&self.principals));
        let job = move |snapshot: &Snapshot| -> Result<_, StorageError> {
            let seen = Seen { snapshot, database, principals: &principals };
            let mut found = HashSet::with_capacity(ids.len());
            for id in ids {
                if seen.sees(&id)?
                    && let Some(record) = snapshot.document(database, &id)?
                    && record.sequence <= indexed
                {
                    found.insert(id);
                }
            }
            Ok(found)
        };
        self.open.read(Reading::Scan, job).await
    }
}

/// A view of all documents, and who looks at it.
pub(in crate::node_service) struct SeenView<S> {
    pub(in crate::node_service) view: Arc<dyn View>,
    pub(in crate::node_service) sight: S,
    pub(in crate::node_service) update_sequence: u64,
}

impl<S: Sight> SeenView<S> {
    /// Those documents of some rows that are seen.
    async fn seen(&self, rows: &[ViewRow]) -> Result<HashSet<String>, Failure> {
        let ids: HashSet<&String> = rows.iter().map(|row| &row.id).collect();
        let ids = ids.into_iter().cloned().collect();
        self.sight.seen(ids, self.view.update_sequence()).await
    }
}

#[async_trait]
impl<S: Sight> View for SeenView<S> {
    fn has_reduce(&self) -> bool {
        self.view.has_reduce()
    }

    fn signature(&self) -> &str {
        self.view.signature()
    }

    fn update_sequence(&self) -> u64 {
        self.update_sequence
    }

    fn compare(&self, one: &str, other: &str) -> Result<Ordering, Failure> {
        self.view.compare(one, other)
    }

    async fn rows(&self, part: ViewPart) -> Result<ViewRowsPage, Failure> {
        // Those that are passed over are counted among the rows that are seen.
        let skip = usize::try_from(part.skip).unwrap_or(usize::MAX);
        let wanted = skip.saturating_add(part.limit);
        let most = part.limit.max(LOOKED_AT_ROWS);
        let mut looked_at =
            if part.limit == 0 { 0 } else { wanted.saturating_mul(4).clamp(LEAST_ROWS, most) };
        loop {
            let asked = ViewPart { skip: 0, limit: looked_at, ..part.clone() };
            let mut page = self.view.rows(asked).await?;
            let seen = self.seen(&page.rows).await?;
            let mut rows = page.rows.iter().enumerate().filter(|(_, row)| seen.contains(&row.id));
            // A page ends where the index can go on: behind the last row that is wanted.
            if part.limit > 0
                && let Some((too_many, _)) = rows.nth(wanted)
            {
                looked_at = too_many;
                continue;
            }
            page.rows.retain(|row| seen.contains(&row.id));
            let skipped = skip.min(page.rows.len());
            page.rows.drain(..skipped);
            let resume = page.resume.filter(|_| part.limit > 0);
            let skipped = skipped as u64;
            return Ok(ViewRowsPage { total: None, offset: None, skipped, resume, ..page });
        }
    }

    async fn groups(&self, _: ViewPart, _: GroupLevel) -> Result<ViewGroupsPage, Failure> {
        Err(Failure::Forbidden(REDUCED.to_owned()))
    }
}
