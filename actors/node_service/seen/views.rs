//! A view as somebody sees it who does not see all documents: the rows of those that are seen. How many rows
//! there are is not told, and a reduction, which is made of all, is for admins.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
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
    /// Which of some documents are seen, and are in an index that has come as far as `indexed` what they are now: a
    /// row of a former revision may tell what only those were to read who saw that revision. It is told of as many
    /// of the first as are looked at in good time, but of one at least.
    async fn seen(&self, ids: Vec<String>, indexed: u64) -> Result<Vec<bool>, Failure>;
}

/// Who looks at documents that list their readers.
pub(super) struct Reader {
    pub(super) open: Arc<OpenDatabase>,
    pub(super) principals: Principals,
}

#[async_trait]
impl Sight for Reader {
    async fn seen(&self, ids: Vec<String>, indexed: u64) -> Result<Vec<bool>, Failure> {
        let (database, principals) = (self.open.record.id, Arc::clone(&self.principals));
        let job = move |snapshot: &Snapshot| -> Result<_, StorageError> {
            let seen = Seen { snapshot, database, principals: &principals };
            let is_seen = |id: String| {
                let record = if seen.sees(&id)? { snapshot.document(database, &id)? } else { None };
                Ok(record.is_some_and(|record| record.sequence <= indexed))
            };
            ids.into_iter().map(is_seen).collect()
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
    /// Looks at the documents of some rows, as far as these are not known already, in the order of the rows. Of how
    /// many of the first rows all is known then.
    async fn look(
        &self,
        rows: &[ViewRow],
        known: &mut HashMap<String, bool>,
    ) -> Result<usize, Failure> {
        let (mut ids, mut found) = (Vec::new(), HashSet::new());
        for row in rows {
            if !known.contains_key(&row.id) && found.insert(&row.id) {
                ids.push(row.id.clone());
            }
        }
        if !ids.is_empty() {
            let seen = self.sight.seen(ids.clone(), self.view.update_sequence()).await?;
            known.extend(ids.into_iter().zip(seen));
        }
        let unknown = rows.iter().position(|row| !known.contains_key(&row.id));
        Ok(unknown.unwrap_or(rows.len()))
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
        let mut known = HashMap::new();
        loop {
            let asked = ViewPart { skip: 0, limit: looked_at, ..part.clone() };
            let mut page = self.view.rows(asked).await?;
            let looked = self.look(&page.rows, &mut known).await?;
            if looked < page.rows.len() {
                looked_at = looked;
                continue;
            }
            let is_seen = |row: &ViewRow| known.get(&row.id).is_some_and(|seen| *seen);
            let mut rows = page.rows.iter().enumerate().filter(|(_, row)| is_seen(row));
            // A page ends where the index can go on: behind the last row that is wanted.
            if part.limit > 0
                && let Some((too_many, _)) = rows.nth(wanted)
            {
                looked_at = too_many;
                continue;
            }
            page.rows.retain(is_seen);
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
