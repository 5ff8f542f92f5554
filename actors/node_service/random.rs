//! Picks a live document at random, each with the same likelihood, without walking over all: one of
//! the feed's rows, which stand for one document each, and another one where that is a tombstone.

use refuge_http::{ChangesRequest, Database, DocumentsRequest, Failure};

use super::database::OpenDatabase;
use crate::change_feed::ChangeFeedMessage;

/// Rows that are picked before the way is left to go on from the last one: with nine tombstones for
/// each live document it is left once in five times.
const PICKS: usize = 16;

/// The id of a live document; `None` where there is none. Where nearly all are tombstones, the
/// likelihood of a document grows with the number of those before it.
pub(super) async fn pick(database: &OpenDatabase) -> Result<Option<String>, Failure> {
    if database.information().await?.documents == 0 {
        return Ok(None);
    }
    let mut last = None;
    for _ in 0..PICKS {
        let Some(sequence) = row(database).await? else { return Ok(None) };
        let request = ChangesRequest {
            after: sequence.saturating_sub(1),
            until: sequence,
            limit: 1,
            descending: false,
            bodies: false,
        };
        // The row has moved where its document was changed meanwhile.
        let Some((row, _)) = database.changes(request).await?.rows.pop() else { continue };
        if row.winner().is_some_and(|winner| !winner.deleted) {
            return Ok(Some(row.id));
        }
        last = Some(row.id);
    }
    match next_live(database, last).await? {
        None => next_live(database, None).await,
        found => Ok(found),
    }
}

/// The sequence of a row of the feed; `None` where there are none.
async fn row(database: &OpenDatabase) -> Result<Option<u64>, Failure> {
    let random = rand::random();
    crate::call(&database.names, &database.change_feed, |reply| ChangeFeedMessage::Pick {
        random,
        reply,
    })
    .await
}

/// The first live document behind an id.
async fn next_live(
    database: &OpenDatabase,
    after: Option<String>,
) -> Result<Option<String>, Failure> {
    let mut request = DocumentsRequest {
        start: after.map(|after| (after, false)),
        end: None,
        limit: 1,
        skip: 0,
        descending: false,
        bodies: false,
        offset: false,
    };
    loop {
        let mut page = database.documents(request.clone()).await?;
        if let Some((id, _)) = page.rows.pop() {
            return Ok(Some(id));
        }
        let Some(after) = page.resume_after else { return Ok(None) };
        request.start = Some((after, false));
    }
}
