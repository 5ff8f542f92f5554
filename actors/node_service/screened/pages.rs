//! What somebody sees of documents, feeds and lists, once the functions were asked: pages of what the user would
//! see without them, with what they hide left out.

use std::time::Instant;

use refuge_document::{BodyPlace, ChangeRow, Leaf, Revision};
use refuge_http::{
    ChangesPage, ChangesRequest, ConflictsPage, Database, DocumentTree, DocumentsPage,
    DocumentsRequest, Failure, IdsRequest, StoredBody, StoredDocument,
};

use super::ScreenedDatabase;
use super::asking::Asked;
use super::patience::{PATIENCE, Time};
use crate::node_service::seen::pages::{self, CONFLICTS};

/// Rows that are looked at for a page, at least and at most.
const LEAST_ROWS: usize = 100;
const MOST_ROWS: usize = 500;
/// Rows that are looked at at once: what is read of them beside what is asked is held meanwhile.
const SLICE: usize = 32;
/// Documents that are picked at random until one is seen, before those behind the last are looked at.
const PICKS: usize = 64;
/// Pages of documents that are looked at behind the last that was picked.
const PAGES: usize = 20;

/// How many rows are looked at for a page of so many.
fn looked_at(wanted: usize) -> usize {
    wanted.clamp(LEAST_ROWS, MOST_ROWS)
}

/// Histories of documents without the branches that are hidden, of all or of the first. Of revisions that were
/// followed by others nothing is shown but that they were: who might read them may be another matter.
pub(super) async fn trees(
    database: &ScreenedDatabase,
    ids: Vec<String>,
    time: Time,
) -> Result<Vec<Option<DocumentTree>>, Failure> {
    let trees = database.seen.trees(ids.clone()).await?;
    let leaves = |(id, tree): (&String, &Option<DocumentTree>)| {
        let leaves = tree.as_ref().map(|found| found.tree.leaves()).unwrap_or_default();
        leaves.iter().map(|leaf| Asked::of(id, leaf, None)).collect()
    };
    let asked = ids.iter().zip(&trees).map(leaves).collect();
    let admitted = database.screen.admits_groups(asked, time).await?;
    Ok(trees.into_iter().zip(admitted).map(|(tree, admitted)| seen_tree(tree, &admitted)).collect())
}

/// A history without the leaves that are not admitted; `None` where the winner is not.
fn seen_tree(tree: Option<DocumentTree>, admitted: &[bool]) -> Option<DocumentTree> {
    let mut found = tree.filter(|_| admitted.first().is_some_and(|winner| *winner))?;
    let leaves = found.tree.leaves().into_iter().zip(admitted);
    let hidden: Vec<Revision> =
        leaves.filter(|(_, admitted)| !**admitted).map(|(leaf, _)| leaf.revision).collect();
    if !hidden.is_empty() {
        found.tree.purge(&hidden);
    }
    found.tree.forget_ancestors();
    Some(found)
}

/// A page of the feed. It may have no rows and yet not be the last.
pub(super) async fn changes(
    database: &ScreenedDatabase,
    request: ChangesRequest,
) -> Result<ChangesPage, Failure> {
    let ChangesRequest { after, until, .. } = request;
    let after = if request.descending {
        after
    } else {
        database.looked.behind(after).min(until.max(after))
    };
    let asked = ChangesRequest { after, bodies: true, limit: looked_at(request.limit), ..request };
    let mut page = database.seen.changes(asked).await?;
    page.position = page.position.or(page.rows.last().map(|(row, _)| row.sequence));
    let looked = screened(database, std::mem::take(&mut page.rows)).await?;
    let mut rows = looked.rows;
    if let Some(last) = looked.cut_behind {
        (page.finished, page.position) = (false, Some(last));
    }
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
    let (limit, descending, bodies) = (LEAST_ROWS, false, false);
    let mut request = ChangesRequest { after, until, limit, descending, bodies };
    loop {
        let page = changes(database, request).await?;
        if !page.rows.is_empty() {
            return Ok(true);
        }
        match page.position {
            Some(position) if !page.finished => {
                database.looked.remember(request.after, position);
                request.after = position;
            }
            _ => return Ok(false),
        }
    }
}

type Rows = Vec<(ChangeRow, Option<StoredBody>)>;

/// What is seen of some rows.
struct Looked {
    rows: Rows,
    /// The sequence of the last row that was looked at, where others stand behind it: functions took too long.
    cut_behind: Option<u64>,
}

/// The rows that are seen, with the leaves that are: of as many of the first as are looked at in good time.
async fn screened(database: &ScreenedDatabase, mut rows: Rows) -> Result<Looked, Failure> {
    let began = Instant::now();
    let mut shown = Vec::with_capacity(rows.len());
    loop {
        let behind = rows.split_off(rows.len().min(SLICE));
        let last = rows.last().map(|(row, _)| row.sequence);
        let looked = screened_slice(database, rows).await?;
        shown.extend(looked.rows);
        let is_late = !behind.is_empty() && began.elapsed() >= PATIENCE;
        let cut_behind = looked.cut_behind.or(last.filter(|_| is_late));
        if behind.is_empty() || cut_behind.is_some() {
            return Ok(Looked { rows: shown, cut_behind });
        }
        rows = behind;
    }
}

async fn screened_slice(database: &ScreenedDatabase, mut rows: Rows) -> Result<Looked, Failure> {
    let asked = questions(database, &rows).await?;
    let admitted = database.screen.admits_groups(asked, Time::ForSome).await?;
    let is_cut = admitted.len() < rows.len();
    rows.truncate(admitted.len());
    let last = rows.last().map(|(row, _)| row.sequence);
    let is_shown = |admitted: &Vec<bool>| !admitted.is_empty() && admitted.iter().all(|one| *one);
    let shown = rows.into_iter().zip(&admitted).filter(|(_, admitted)| is_shown(admitted));
    let mut shown: Rows = shown.map(|(row, _)| row).collect();
    let cut_behind = without_hidden_leaves(database, &mut shown).await?;
    Ok(Looked { rows: shown, cut_behind: cut_behind.or(last.filter(|_| is_cut)) })
}

/// What is asked about each row, all of which has to be admitted; nothing about those that are not shown anyway.
async fn questions(database: &ScreenedDatabase, rows: &Rows) -> Result<Vec<Vec<Asked>>, Failure> {
    let removed = rows.iter().map(|(row, _)| row).filter(|row| row.removed).collect();
    let mut removed = questions_of_removed(database, removed).await?.into_iter();
    let questions = rows.iter().map(|(row, content)| match row.removed {
        true => removed.next().unwrap_or_default(),
        false => winner(row, content.as_ref()).into_iter().collect(),
    });
    Ok(questions.collect())
}

fn winner(row: &ChangeRow, content: Option<&StoredBody>) -> Option<Asked> {
    let summary = row.winner()?;
    let place = if row.body == 0 { BodyPlace::Missing } else { BodyPlace::At(row.body) };
    let leaf = Leaf { revision: summary.revision.clone(), deleted: summary.deleted, place };
    Some(Asked::of(&row.id, &leaf, content.cloned()))
}

/// Of documents whose lists do not name the reader any more, those are told that the functions would show, now and,
/// where that is still stored, as they were seen last: of others nothing is told.
async fn questions_of_removed(
    database: &ScreenedDatabase,
    removed: Vec<&ChangeRow>,
) -> Result<Vec<Vec<Asked>>, Failure> {
    if removed.is_empty() {
        return Ok(Vec::new());
    }
    let ids = removed.iter().map(|row| row.id.clone()).collect();
    let trees = database.open.trees(ids).await?;
    let former: Vec<Option<Leaf>> =
        removed.iter().zip(&trees).map(|(row, tree)| seen_last(row, tree.as_ref())).collect();
    let place = |leaf: &Option<Leaf>| leaf.as_ref().map_or(BodyPlace::Missing, |leaf| leaf.place);
    let contents = database.open.bodies(former.iter().map(place).collect()).await?;
    let mut questions = Vec::with_capacity(removed.len());
    let former = former.into_iter().zip(contents);
    for ((row, tree), (former, content)) in removed.into_iter().zip(trees).zip(former) {
        let winner = tree.and_then(|found| found.tree.winner());
        let former = former.filter(|_| content.is_some());
        let now = winner.map(|winner| Asked::of(&row.id, &winner, None));
        questions.push(
            now.into_iter().chain(former.map(|leaf| Asked::of(&row.id, &leaf, content))).collect(),
        );
    }
    Ok(questions)
}

/// The revision that a row names, where it is still known.
fn seen_last(row: &ChangeRow, tree: Option<&DocumentTree>) -> Option<Leaf> {
    let seen = row.winner()?;
    let node = tree?.tree.find(&seen.revision)?;
    let (revision, deleted, place) = (seen.revision.clone(), node.deleted, node.place);
    Some(Leaf { revision, deleted, place })
}

/// Takes leaves beside the winner out of rows that are not seen, or are not there any more: of as many of the first
/// rows as are looked at in good time. Where others stand behind these, the sequence of the last that is left.
async fn without_hidden_leaves(
    database: &ScreenedDatabase,
    rows: &mut Rows,
) -> Result<Option<u64>, Failure> {
    let is_branched = |row: &ChangeRow| row.leaves.len() > 1;
    let branched = rows.iter().filter(|(row, _)| is_branched(row));
    let ids: Vec<String> = branched.map(|(row, _)| row.id.clone()).collect();
    if ids.is_empty() {
        return Ok(None);
    }
    let trees = trees(database, ids, Time::ForSome).await?;
    let mut branched = rows.iter().enumerate().filter(|(_, (row, _))| is_branched(row));
    let rest = branched.nth(trees.len()).map(|(place, _)| place);
    rows.truncate(rest.unwrap_or(rows.len()));
    let mut trees = trees.into_iter();
    for (row, _) in rows.iter_mut().filter(|(row, _)| is_branched(row)) {
        let tree = trees.next().flatten().map(|found| found.tree).unwrap_or_default();
        let seen: Vec<Revision> = tree.leaves().into_iter().map(|leaf| leaf.revision).collect();
        let mut first = true;
        row.leaves.retain(|leaf| std::mem::take(&mut first) || seen.contains(&leaf.revision));
    }
    Ok(rest.and(rows.last().map(|(row, _)| row.sequence)))
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
    let (mut rows, cut_behind) = seen_documents(database, page.rows).await?;
    let skipped = skip.min(rows.len());
    rows.drain(..skipped);
    let mut resume_after = cut_behind.or(page.resume_after);
    if rows.len() > limit {
        rows.truncate(limit);
        resume_after = rows.last().map(|(id, _)| id.clone());
    }
    if !bodies {
        rows.iter_mut().for_each(|(_, document)| document.content = None);
    }
    Ok(DocumentsPage { rows, skipped, resume_after, total: None, offset })
}

type Documents = Vec<(String, StoredDocument)>;

/// Those that are seen, and the id of the last that was looked at, where others stand behind it: functions took too
/// long.
async fn seen_documents(
    database: &ScreenedDatabase,
    rows: Documents,
) -> Result<(Documents, Option<String>), Failure> {
    let asked = rows.iter().map(|(id, found)| Asked::of(id, &found.leaf, found.content.clone()));
    let admitted = database.screen.admits_first(asked.collect()).await?;
    let last = admitted.len().checked_sub(1).and_then(|last| rows.get(last));
    let cut_behind = last.filter(|_| admitted.len() < rows.len()).map(|(id, _)| id.clone());
    let seen = rows.into_iter().zip(admitted);
    Ok((seen.filter_map(|(row, admitted)| admitted.then_some(row)).collect(), cut_behind))
}

/// The id of a live document, picked of all until it is one that is seen; where few are seen, the first behind
/// one that was picked. `None` where none is found before too many were looked at.
pub(super) async fn random_document(
    database: &ScreenedDatabase,
) -> Result<Option<String>, Failure> {
    let mut picked = String::new();
    for _ in 0..PICKS {
        let Some(id) = database.seen.random_document().await? else { return Ok(None) };
        match database.winner(&id).await? {
            Some(found) if !found.leaf.deleted => return Ok(Some(id)),
            _ => picked = id,
        }
    }
    let (start, end, limit, skip) = (Some((picked, false)), None, MOST_ROWS, 0);
    let (descending, bodies, offset) = (false, false, false);
    let mut request = DocumentsRequest { start, end, limit, skip, descending, bodies, offset };
    for _ in 0..PAGES {
        let page = documents(database, request.clone()).await?;
        if let Some((id, _)) = page.rows.into_iter().next() {
            return Ok(Some(id));
        }
        if page.resume_after.is_none() && request.start.is_none() {
            return Ok(None);
        }
        // Behind the last stands the first.
        request.start = page.resume_after.map(|after| (after, false));
    }
    Ok(None)
}

/// Documents with conflicts, as far as these are seen: as many of the first as are wanted, or are looked at in good
/// time.
pub(super) async fn conflicts(
    database: &ScreenedDatabase,
    request: IdsRequest,
) -> Result<ConflictsPage, Failure> {
    let began = Instant::now();
    let all = IdsRequest { skip: 0, limit: CONFLICTS, ..request.clone() };
    let mut page = database.seen.conflicts(all).await?;
    let wanted = request.skip.saturating_add(request.limit);
    let (mut looked, mut shown) = (Vec::new(), 0);
    for rows in page.rows.chunks(SLICE) {
        let ids = rows.iter().map(|(id, _)| id.clone()).collect();
        let trees = trees(database, ids, Time::ForSome).await?;
        shown += trees.iter().flatten().filter(|found| has_conflict(found)).count();
        let is_cut = trees.len() < rows.len();
        looked.extend(trees);
        if is_cut || shown >= wanted || began.elapsed() >= PATIENCE {
            break;
        }
    }
    if looked.len() < page.rows.len() {
        page.rows.truncate(looked.len());
        page.resume_after = page.rows.last().map(|(id, _)| id.clone());
    }
    let mut looked = looked.into_iter();
    pages::conflicts(&request, page, |_| Ok(looked.next().flatten()))
}

fn has_conflict(found: &DocumentTree) -> bool {
    found.tree.leaves().iter().filter(|leaf| !leaf.deleted).count() > 1
}
