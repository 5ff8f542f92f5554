//! Walks one range of the feed page by page: while one page is written to the client the next one is
//! being read. No snapshot and no more than two pages are held between two calls.

use std::collections::VecDeque;
use std::sync::Arc;

use refuge_document::{BodyPlace, ChangeRow};
use tokio::task::JoinSet;

use super::persistence::persist;
use crate::failure::Failure;
use crate::node::{ChangesPage, ChangesRequest, Database, StoredBody};

/// Rows of a page without bodies: about 200 KiB of answer.
const PAGE_ROWS: usize = 2000;

/// Rows of a page with bodies; the database ends a page of large bodies earlier.
const PAGE_ROWS_WITH_BODIES: usize = 500;

/// Rows whose bodies are fetched at a time where the rows are known already.
const LOOKED_UP_ROWS: usize = 64;

/// Rows with their winner's content where it was asked for and is stored.
pub(super) type Rows = Vec<(ChangeRow, Option<StoredBody>)>;

/// What part of the feed is walked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    /// Rows behind this sequence.
    pub(super) after: u64,
    /// No rows beyond this one.
    pub(super) until: u64,
    /// Newest first: all rows up to `until`; `after` then does not count, as in CouchDB.
    pub(super) descending: bool,
    /// Whether winners' bodies are wanted.
    pub(super) bodies: bool,
}

/// A walk under way.
pub(super) struct Scan {
    database: Arc<dyn Database>,
    source: Source,
}

enum Source {
    /// The feed itself.
    Feed {
        next: ChangesRequest,
        finished: bool,
        /// The page that is being read ahead, at most one. Dropping the scan ends it.
        ahead: JoinSet<Result<ChangesPage, Failure>>,
    },
    /// Rows that were looked up before.
    Known { rows: VecDeque<ChangeRow>, bodies: bool },
}

impl Scan {
    /// Walks the feed itself.
    pub(super) fn of_feed(database: Arc<dyn Database>, range: Range) -> Self {
        let next = ChangesRequest {
            after: if range.descending { range.until.saturating_add(1) } else { range.after },
            until: range.until,
            limit: if range.bodies { PAGE_ROWS_WITH_BODIES } else { PAGE_ROWS },
            descending: range.descending,
            bodies: range.bodies,
        };
        Self { database, source: Source::Feed { next, finished: false, ahead: JoinSet::new() } }
    }

    /// Walks rows that were looked up; they come in the order of their sequences.
    pub(super) fn of_rows(database: Arc<dyn Database>, range: Range, rows: Vec<ChangeRow>) -> Self {
        let after = if range.descending { 0 } else { range.after };
        let inside = |row: &ChangeRow| row.sequence > after && row.sequence <= range.until;
        let mut rows: VecDeque<ChangeRow> = rows.into_iter().filter(inside).collect();
        if range.descending {
            rows.make_contiguous().reverse();
        }
        Self { database, source: Source::Known { rows, bodies: range.bodies } }
    }

    /// Up to where all was looked at, in a walk over the feed itself.
    pub(super) fn position(&self) -> Option<u64> {
        match &self.source {
            Source::Feed { next, .. } => Some(next.after),
            Source::Known { .. } => None,
        }
    }

    /// The next rows, at most `wanted`, which may be none; `None` at the end.
    pub(super) async fn next(&mut self, wanted: usize) -> Result<Option<Rows>, Failure> {
        match &mut self.source {
            Source::Known { rows, bodies } => {
                let count = rows.len().min(wanted).min(LOOKED_UP_ROWS);
                if count == 0 {
                    return Ok(None);
                }
                let rows = rows.drain(..count).collect();
                with_bodies(&self.database, rows, *bodies).await.map(Some)
            }
            Source::Feed { next, finished, ahead } => {
                if *finished || wanted == 0 {
                    return Ok(None);
                }
                let page = match ahead.join_next().await {
                    Some(Ok(page)) => page?,
                    Some(Err(error)) => return Err(Failure::Internal(error.to_string())),
                    None => fetch(&self.database, limited(*next, wanted)).await?,
                };
                let last = page.rows.last().map(|(row, _)| row.sequence);
                let position = page.position.or(last);
                next.after = position.unwrap_or(next.after);
                *finished = page.finished || position.is_none();
                let wanted = wanted.saturating_sub(page.rows.len());
                if !*finished && wanted > 0 {
                    let (database, request) = (self.database.clone(), limited(*next, wanted));
                    ahead.spawn(async move { fetch(&database, request).await });
                }
                Ok(Some(page.rows))
            }
        }
    }
}

fn limited(request: ChangesRequest, wanted: usize) -> ChangesRequest {
    ChangesRequest { limit: request.limit.min(wanted), ..request }
}

async fn fetch(
    database: &Arc<dyn Database>,
    request: ChangesRequest,
) -> Result<ChangesPage, Failure> {
    let database = database.as_ref();
    persist(database, || database.changes(request)).await
}

async fn with_bodies(
    database: &Arc<dyn Database>,
    rows: Vec<ChangeRow>,
    bodies: bool,
) -> Result<Rows, Failure> {
    if !bodies {
        return Ok(rows.into_iter().map(|row| (row, None)).collect());
    }
    let place = |row: &ChangeRow| match row.body {
        0 => BodyPlace::Missing,
        sequence => BodyPlace::At(sequence),
    };
    let places: Vec<BodyPlace> = rows.iter().map(place).collect();
    let database = database.as_ref();
    let contents = persist(database, || database.bodies(places.clone())).await?;
    Ok(rows.into_iter().zip(contents).collect())
}
