//! The documents that a feed with a selector has to look at, told by a Mango index instead of a walk over the
//! feed.
//!
//! An index holds live documents, design documents apart. What else may match is added: design documents by
//! their range of ids, and deleted documents whose tombstone has a body, as the storage notes them. A
//! tombstone without one has no member that an index could be of, so it matches no selector that an index
//! answers. The index is brought up to the feed's end first, so whatever changed last within the range is
//! told by one of the three as it stands; what changed later is told by the feed's next walk.

use std::sync::Arc;
use std::time::Duration;

use refuge_http::{CandidatesQuestion, Failure};
use refuge_query::mango::{Database, Superset, superset};
use refuge_query::view::RowKey;
use refuge_storage::{DatabaseId, DocumentRange, Snapshot};

use super::rows::IndexRows;
use super::{index_rows, indexes};
use crate::index_design::IndexDesign;
use crate::node_service::database::OpenDatabase;
use crate::node_service::reading::{self, Reading};
use crate::node_service::views::{self, FoundIndex};
use crate::view_tree::TreeError;

/// So many rows of a walk over the feed, bodies included, cost as much as a candidate: a row of the index, a
/// tree and a body, each found by itself.
const ROWS_A_CANDIDATE: u64 = 8;
/// And as much as a change that the index has to follow first.
const ROWS_A_CHANGE: u64 = 4;
/// A shorter range is walked over without a look at what else there is.
const SHORT_ROWS: u64 = 2_000;
/// An index that takes longer to follow is not waited for: the walk, which shows its rows as it goes, is begun.
const LONGEST_FOLLOWING: Duration = Duration::from_secs(10);
/// Ids that are held at most.
const MOST_CANDIDATES: u64 = 100_000;

/// As [`refuge_http::Database::candidates`]. An index that fails, or goes away meanwhile, is no reason for a
/// feed to fail.
pub(crate) async fn candidates(
    database: &OpenDatabase,
    question: CandidatesQuestion,
) -> Option<Vec<String>> {
    match by_index(database, question).await {
        Ok(found) => found,
        Err(failure) => {
            let database = &database.record.name;
            tracing::debug!(database, %failure, "a feed is walked, as no index could tell it");
            None
        }
    }
}

async fn by_index(
    database: &OpenDatabase,
    question: CandidatesQuestion,
) -> Result<Option<Vec<String>>, Failure> {
    let CandidatesQuestion { selector, after, until, limit } = question;
    if until.saturating_sub(after) <= SHORT_ROWS {
        return Ok(None);
    }
    let Some(rows) = feed_rows(database, (after, until)).await? else { return Ok(None) };
    let planned =
        Database { name: &database.record.name, partitioned: database.record.partitioned };
    let Some(chosen) = superset(&selector, &indexes(database).await?, &planned) else {
        return Ok(None);
    };
    let Some((index, behind)) = near_index(database, &chosen, (rows, until)).await? else {
        return Ok(None);
    };
    let budget = rows.saturating_sub(behind.saturating_mul(ROWS_A_CHANGE)) / ROWS_A_CANDIDATE;
    let most = budget.min(MOST_CANDIDATES);
    let id = database.id();
    let job = move |snapshot: &Snapshot| Ok(gather(snapshot, id, &index, (after, until), most));
    let gathered = reading::read(&database.names, Reading::Scan, job).await??;
    let chosen = gathered.filter(|ids| is_worth_it(ids.len() as u64, rows, limit as u64));
    if chosen.is_some() {
        let node = database.names.node().to_owned();
        metrics::counter!("refuge_feed_walks_by_index_total", "node" => node).increment(1);
    }
    Ok(chosen)
}

/// Rows that stand in a range of the feed at most; `None` where that is few, or where not all is known yet
/// of the documents that stand out.
async fn feed_rows(
    database: &OpenDatabase,
    (after, until): (u64, u64),
) -> Result<Option<u64>, Failure> {
    let id = database.id();
    let job = move |snapshot: &Snapshot| {
        let Some(information) = snapshot.information(id)? else { return Ok(None) };
        let all = information.documents + information.deleted_documents;
        let rows = all.min(until.saturating_sub(after));
        Ok((rows > SHORT_ROWS && snapshot.is_noted(id)?).then_some(rows))
    };
    database.read(Reading::Point, job).await
}

/// The rows of the chosen index once it tells of all up to the end of the range, and how many changes it was
/// behind; `None` where it is not built, is so far behind that a walk costs less, or lacks rows.
async fn near_index(
    database: &OpenDatabase,
    chosen: &Superset,
    (rows, until): (u64, u64),
) -> Result<Option<(IndexRows, u64)>, Failure> {
    let Some(id) = &chosen.index.design_document else { return Ok(None) };
    let design: Arc<IndexDesign> = views::design(database, id).await?;
    let Some(found) = views::find(database, &design)?.filter(|found| found.state.complete) else {
        return Ok(None);
    };
    let behind = until.saturating_sub(found.state.position);
    if found.state.lacking || behind.saturating_mul(ROWS_A_CHANGE) >= rows {
        return Ok(None);
    }
    let fresh = tokio::time::timeout(LONGEST_FOLLOWING, views::fresh_index(database, &design));
    let Ok(found) = fresh.await else { return Ok(None) };
    let found: FoundIndex = found?;
    if found.state.lacking || found.state.position < until {
        return Ok(None);
    }
    let planned = (&chosen.find, &chosen.plan, &chosen.index);
    Ok(Some((index_rows(database, &design, &found, planned)?, behind)))
}

/// Whether so many candidates are looked up rather than a feed of so many rows walked over, of which a page
/// ends with `limit` matches and looks all candidates up.
fn is_worth_it(candidates: u64, rows: u64, limit: u64) -> bool {
    let cost = u128::from(candidates) * u128::from(ROWS_A_CANDIDATE);
    let page = match candidates {
        0 => u128::from(rows),
        some => u128::from(limit) * u128::from(rows) / u128::from(some),
    };
    cost <= page.min(u128::from(rows))
}

/// The ids of what may match; `None` where there are more than `most`.
fn gather(
    snapshot: &Snapshot,
    database: DatabaseId,
    index: &IndexRows,
    (after, until): (u64, u64),
    most: u64,
) -> Result<Option<Vec<String>>, TreeError> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let Some(mut ids) = snapshot.told_tombstones(database, (after, until), most)? else {
        return Ok(None);
    };
    let designs = DocumentRange {
        start: Some("_design/".to_owned()),
        end: Some("_design0".to_owned()),
        end_inclusive: false,
        ..DocumentRange::default()
    };
    for document in snapshot.documents(database, &designs) {
        if ids.len() >= most {
            return Ok(None);
        }
        ids.push(document?.0);
    }
    for row in index.scan(None)? {
        if ids.len() >= most {
            return Ok(None);
        }
        ids.push(RowKey::parse(&row?.0)?.document.into_owned());
    }
    Ok(Some(ids))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_used_where_it_costs_less_than_the_walk() {
        let without_limit = u64::MAX;
        assert!(is_worth_it(500, 50_000, without_limit));
        assert!(is_worth_it(500, 50_000, 500));
        assert!(is_worth_it(0, 50_000, 1));
        assert!(!is_worth_it(10_000, 50_000, without_limit));
        // A page of the walk ends soon where much matches, and each page would look all up.
        assert!(!is_worth_it(5_000, 50_000, 100));
        assert!(is_worth_it(5_000, 1_000_000, 500));
    }
}
