//! What a replication reads of the source that is a database of this node: pages of its feed with what the
//! replication is of, and the design document of its filter.

use std::sync::Arc;
use std::time::Duration;

use refuge_document::sequence_text;
use refuge_http::{
    ChangesChoice, Database, Failure, FeedStart, FilterFunction, SelectedChanges, User,
};
use refuge_replication::{Answer, ChangedDocument, ChangesPage, Choice, Selection};
use tokio::time::Instant;

/// How long an answer without changes is waited for.
const CHANGES_WAIT: Duration = Duration::from_secs(30);

/// What page of the feed is wanted.
pub(super) struct Asked<'a> {
    pub(super) selection: &'a Selection,
    pub(super) since: &'a str,
    pub(super) limit: usize,
    pub(super) wait: bool,
}

pub(super) async fn changes(
    database: &Arc<dyn Database>,
    user: &User,
    asked: Asked<'_>,
) -> Result<Answer, Failure> {
    let Asked { selection, since, limit, wait } = asked;
    let (FeedStart { after, opaque }, newest) = {
        let information = database.outline().await?;
        let start = FeedStart::read(since, database.instance(), &information)?;
        (start, information.update_sequence)
    };
    let every_leaf = !selection.winners_only;
    let chosen = choice(selection, user);
    let changes = SelectedChanges::of(database.as_ref(), chosen, every_leaf);
    let changes = Box::pin(changes).await?;
    let deadline = Instant::now() + CHANGES_WAIT;
    let (mut after, mut until) = (after, newest.max(after));
    let mut seen = Arc::clone(database);
    let page = loop {
        let page = Box::pin(changes.page(&seen, (after, until), limit)).await?;
        // Asked behind each page: functions that hide documents may have been written meanwhile.
        let again = Arc::clone(&seen).seen_by(user).await?;
        if !Arc::ptr_eq(&again, &seen) {
            seen = again;
            continue;
        }
        if !wait || !page.rows.is_empty() || Instant::now() >= deadline {
            break page;
        }
        after = page.position;
        if page.finished {
            // An answer without rows is good as well; the machine asks again.
            match tokio::time::timeout_at(deadline, seen.beyond(after)).await {
                Ok(beyond) => until = beyond?,
                Err(_) => break page,
            }
        }
    };
    let pending = match page.finished {
        true => Some(0),
        false => seen.pending(page.position).await.ok(),
    };
    let most = if every_leaf { usize::MAX } else { 1 };
    let row = |row: refuge_document::ChangeRow| ChangedDocument {
        sequence: sequence_text(row.sequence, &opaque),
        id: row.id,
        revisions: row.leaves.into_iter().take(most).map(|leaf| leaf.revision).collect(),
    };
    Ok(Answer::Changes(ChangesPage {
        rows: page.rows.into_iter().map(row).collect(),
        last_sequence: sequence_text(page.position, &opaque),
        pending,
        finished: page.finished,
    }))
}

fn choice<'a>(selection: &'a Selection, user: &'a User) -> ChangesChoice<'a> {
    match &selection.choice {
        Choice::All => ChangesChoice::All,
        Choice::Documents(ids) => ChangesChoice::Documents(ids),
        Choice::Design => ChangesChoice::Design,
        Choice::Selector(selector) => ChangesChoice::Selector(selector),
        Choice::Function(function) => {
            let kind = match function.is_view {
                true => FilterFunction::View,
                false => FilterFunction::Filter,
            };
            ChangesChoice::Function {
                design: &function.design,
                function: kind(function.name.clone()),
                parameters: &function.parameters,
                user,
            }
        }
    }
}

pub(super) async fn design_document(
    database: &dyn Database,
    name: &str,
) -> Result<Answer, Failure> {
    let found = database.winner(&format!("_design/{name}")).await?;
    let live = found.filter(|found| !found.leaf.deleted).and_then(|found| found.content);
    let design = live.map(|content| serde_json::from_slice(content.body.as_bytes()));
    let design = design.transpose().map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(Answer::DesignDocument(design))
}
