//! What somebody sees of documents, feeds and lists, once the functions were asked: pages of what the user would
//! see without them, with what they hide left out.

use std::collections::HashSet;

use refuge_document::{BodyPlace, ChangeRow, Leaf, Revision};
use refuge_http::{
    ChangesPage, ChangesRequest, ConflictsPage, Database, DocumentTree, DocumentsPage,
    DocumentsRequest, Failure, IdsRequest, StoredBody, StoredDocument,
};

use super::ScreenedDatabase;
use super::asking::Asked;
use crate::node_service::seen::pages::{self, CONFLICTS};

/// Rows that are looked at for a page, at least and at most.
const LEAST_ROWS: usize = 100;
const MOST_ROWS: usize = 500;
/// Documents that are picked at random until one is seen, before all are walked over.
const PICKS: usize = 64;

/// How many rows are looked at for a page of so many.
fn looked_at(wanted: usize) -> usize {
    wanted.clamp(LEAST_ROWS, MOST_ROWS)
}

/// Histories of documents without the branches that are hidden. Of revisions that were followed by others nothing
/// is shown but that they were: who might read them may be another matter.
pub(super) async fn trees(
    database: &ScreenedDatabase,
    ids: Vec<String>,
) -> Result<Vec<Option<DocumentTree>>, Failure> {
    let mut trees = database.seen.trees(ids.clone()).await?;
    let mut asked = Vec::with_capacity(ids.len());
    let mut counts = Vec::with_capacity(ids.len());
    for (id, tree) in ids.iter().zip(&trees) {
        let leaves = tree.as_ref().map(|found| found.tree.leaves()).unwrap_or_default();
        counts.push(leaves.len());
        asked.extend(leaves.iter().map(|leaf| Asked::of(id, leaf, None)));
    }
    let mut admitted = database.screen.admits(asked).await?.into_iter();
    for (tree, count) in trees.iter_mut().zip(counts) {
        let admitted: Vec<bool> = admitted.by_ref().take(count).collect();
        let Some(found) = tree else { continue };
        if !admitted.first().is_some_and(|winner| *winner) {
            *tree = None;
            continue;
        }
        let leaves = found.tree.leaves().into_iter().zip(admitted);
        let hidden: Vec<Revision> =
            leaves.filter(|(_, admitted)| !admitted).map(|(leaf, _)| leaf.revision).collect();
        if !hidden.is_empty() {
            found.tree.purge(&hidden);
        }
        found.tree.forget_ancestors();
    }
    Ok(trees)
}

/// A page of the feed. It may have no rows and yet not be the last.
pub(super) async fn changes(
    database: &ScreenedDatabase,
    request: ChangesRequest,
) -> Result<ChangesPage, Failure> {
    let asked = ChangesRequest { bodies: true, limit: looked_at(request.limit), ..request };
    let mut page = database.seen.changes(asked).await?;
    page.position = page.position.or(page.rows.last().map(|(row, _)| row.sequence));
    let mut rows = screened(database, page.rows).await?;
    if rows.len() > request.limit {
        rows.truncate(request.limit);
        page.finished = false;
        page.position = None;
    }
    if !request.bodies {
        rows.iter_mut().for_each(|(_, content)| *content = None);
    }
    Ok(ChangesPage { rows, ..page })
}

/// Whether something changed in a range that is seen.
pub(super) async fn any_change(
    database: &ScreenedDatabase,
    (after, until): (u64, u64),
) -> Result<bool, Failure> {
    let (limit, descending, bodies) = (MOST_ROWS, false, false);
    let mut request = ChangesRequest { after, until, limit, descending, bodies };
    loop {
        let page = changes(database, request).await?;
        if !page.rows.is_empty() {
            return Ok(true);
        }
        match page.position {
            Some(position) if !page.finished => request.after = position,
            _ => return Ok(false),
        }
    }
}

type Rows = Vec<(ChangeRow, Option<StoredBody>)>;

/// The rows that are seen, with the leaves that are.
async fn screened(database: &ScreenedDatabase, rows: Rows) -> Result<Rows, Failure> {
    let removed: Vec<&ChangeRow> =
        rows.iter().map(|(row, _)| row).filter(|row| row.removed).collect();
    let removed = still_admitted(database, removed).await?;
    let winners = rows.iter().filter(|(row, _)| !row.removed);
    let asked = winners.filter_map(|(row, content)| winner(row, content.as_ref()));
    let mut admitted = database.screen.admits(asked.collect()).await?.into_iter();
    let mut shown = Vec::with_capacity(rows.len());
    for (row, content) in rows {
        let is_shown = match row.removed {
            true => removed.contains(&row.id),
            false => row.winner().is_some() && admitted.next().is_some_and(|admitted| admitted),
        };
        if is_shown {
            shown.push((row, content));
        }
    }
    without_hidden_leaves(database, &mut shown).await?;
    Ok(shown)
}

fn winner(row: &ChangeRow, content: Option<&StoredBody>) -> Option<Asked> {
    let summary = row.winner()?;
    let place = if row.body == 0 { BodyPlace::Missing } else { BodyPlace::At(row.body) };
    let leaf = Leaf { revision: summary.revision.clone(), deleted: summary.deleted, place };
    Some(Asked::of(&row.id, &leaf, content.cloned()))
}

/// Of documents whose lists do not name the reader any more, those that the functions would show: of others
/// nothing is told.
async fn still_admitted(
    database: &ScreenedDatabase,
    removed: Vec<&ChangeRow>,
) -> Result<HashSet<String>, Failure> {
    if removed.is_empty() {
        return Ok(HashSet::new());
    }
    let ids: Vec<String> = removed.into_iter().map(|row| row.id.clone()).collect();
    let trees = database.open.trees(ids.clone()).await?;
    let found = ids.iter().zip(trees);
    let asked: Vec<Asked> =
        found.filter_map(|(id, tree)| Some(Asked::of(id, &tree?.tree.winner()?, None))).collect();
    let ids: Vec<String> = asked.iter().map(|asked| asked.id.clone()).collect();
    let admitted = database.screen.admits(asked).await?;
    Ok(ids.into_iter().zip(admitted).filter_map(|(id, admitted)| admitted.then_some(id)).collect())
}

/// Takes leaves beside the winner out of rows that are not seen, or are not there any more.
async fn without_hidden_leaves(
    database: &ScreenedDatabase,
    rows: &mut Rows,
) -> Result<(), Failure> {
    let branched = rows.iter().filter(|(row, _)| row.leaves.len() > 1);
    let ids: Vec<String> = branched.map(|(row, _)| row.id.clone()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut trees = trees(database, ids).await?.into_iter();
    for (row, _) in rows.iter_mut().filter(|(row, _)| row.leaves.len() > 1) {
        let tree = trees.next().flatten().map(|found| found.tree).unwrap_or_default();
        let seen: Vec<Revision> = tree.leaves().into_iter().map(|leaf| leaf.revision).collect();
        let mut first = true;
        row.leaves.retain(|leaf| std::mem::take(&mut first) || seen.contains(&leaf.revision));
    }
    Ok(())
}

/// A page of documents. How many there are, and stand before a range, is not told.
pub(super) async fn documents(
    database: &ScreenedDatabase,
    request: DocumentsRequest,
) -> Result<DocumentsPage, Failure> {
    let DocumentsRequest { limit, skip, bodies, .. } = request;
    let offset = request.start.is_none().then_some(0);
    let wanted = looked_at(limit.saturating_add(skip));
    let asked = DocumentsRequest { limit: wanted, skip: 0, bodies: true, offset: false, ..request };
    let page = database.seen.documents(asked).await?;
    let mut rows = seen_documents(database, page.rows).await?;
    let skipped = skip.min(rows.len());
    rows.drain(..skipped);
    let mut resume_after = page.resume_after;
    if rows.len() > limit {
        rows.truncate(limit);
        resume_after = rows.last().map(|(id, _)| id.clone());
    }
    if !bodies {
        rows.iter_mut().for_each(|(_, document)| document.content = None);
    }
    Ok(DocumentsPage { rows, skipped, resume_after, total: None, offset })
}

async fn seen_documents(
    database: &ScreenedDatabase,
    rows: Vec<(String, StoredDocument)>,
) -> Result<Vec<(String, StoredDocument)>, Failure> {
    let asked = rows.iter().map(|(id, found)| Asked::of(id, &found.leaf, found.content.clone()));
    let admitted = database.screen.admits(asked.collect()).await?;
    Ok(rows
        .into_iter()
        .zip(admitted)
        .filter_map(|(row, admitted)| admitted.then_some(row))
        .collect())
}

/// The id of a live document, each with the same likelihood: one is picked of all until it is one that is seen.
pub(super) async fn random_document(
    database: &ScreenedDatabase,
) -> Result<Option<String>, Failure> {
    for _ in 0..PICKS {
        let Some(id) = database.seen.random_document().await? else { return Ok(None) };
        match database.winner(&id).await? {
            Some(found) if !found.leaf.deleted => return Ok(Some(id)),
            _ => {}
        }
    }
    let (start, end, limit, skip) = (None, None, MOST_ROWS, 0);
    let (descending, bodies, offset) = (false, false, false);
    let mut request = DocumentsRequest { start, end, limit, skip, descending, bodies, offset };
    let (mut picked, mut seen) = (None, 0_u64);
    loop {
        let page = documents(database, request.clone()).await?;
        for (id, _) in page.rows {
            seen += 1;
            if rand::random_range(0..seen) == 0 {
                picked = Some(id);
            }
        }
        let Some(after) = page.resume_after else { return Ok(picked) };
        request.start = Some((after, false));
    }
}

/// Documents with conflicts, as far as these are seen.
pub(super) async fn conflicts(
    database: &ScreenedDatabase,
    request: IdsRequest,
) -> Result<ConflictsPage, Failure> {
    let all = IdsRequest { skip: 0, limit: CONFLICTS, ..request.clone() };
    let page = database.seen.conflicts(all).await?;
    let ids: Vec<String> = page.rows.iter().map(|(id, _)| id.clone()).collect();
    let mut trees = trees(database, ids).await?.into_iter();
    pages::conflicts(&request, page, |_| Ok(trees.next().flatten()))
}
