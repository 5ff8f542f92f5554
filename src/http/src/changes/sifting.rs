//! Rows of a feed on their way through a function of a design document. A row shows the leaves that pass;
//! one of which none passes is not told.

use std::sync::Arc;

use refuge_document::{BodyPlace, ChangeRow, LeafSummary, Rendering, Revision, render_document};

use super::persistence::persist;
use super::scan::Rows;
use crate::failure::Failure;
use crate::node::{Database, FunctionFilter, StoredBody};

/// Rows that are asked about at a time.
pub(super) const SIFTED_ROWS: usize = 100;
/// Rows whose documents are held at a time.
const HELD_ROWS: usize = 16;

/// A leaf that a row shows.
struct Shown {
    /// The number of its row.
    row: usize,
    leaf: LeafSummary,
    /// Its content where that came with the row.
    known: Option<StoredBody>,
    /// Where it is read otherwise.
    place: BodyPlace,
    history: Vec<Revision>,
}

/// The rows of which something passes.
pub(super) async fn sift(
    database: &dyn Database,
    filter: &FunctionFilter,
    all_leaves: bool,
    rows: Rows,
) -> Result<Rows, Failure> {
    let (mut rows, mut sifted) = (rows.into_iter(), Rows::new());
    loop {
        let some: Rows = rows.by_ref().take(HELD_ROWS).collect();
        if some.is_empty() {
            return Ok(sifted);
        }
        sifted.extend(sift_some(database, filter, all_leaves, some).await?);
    }
}

async fn sift_some(
    database: &dyn Database,
    filter: &FunctionFilter,
    all_leaves: bool,
    rows: Rows,
) -> Result<Rows, Failure> {
    let shown = shown(database, &rows, all_leaves).await?;
    let leaves = with_contents(database, shown).await?;
    let documents = leaves.iter().filter_map(|(shown, content)| {
        rows.get(shown.row).map(|(row, _)| text(row, shown, content))
    });
    let documents = Arc::new(documents.collect::<Vec<String>>());
    let passes = persist(database, || database.filter(filter, Arc::clone(&documents))).await?;
    let mut passed = leaves.into_iter().zip(passes).filter(|(_, passes)| *passes).peekable();
    let mut sifted = Rows::new();
    for (number, (row, content)) in rows.into_iter().enumerate() {
        if row.removed {
            sifted.push((row, content));
            continue;
        }
        let (mut kept, mut first) = (Vec::new(), None);
        while let Some(((shown, body), _)) = passed.next_if(|((shown, _), _)| shown.row == number) {
            first.get_or_insert(body);
            kept.push(shown.leaf);
        }
        if kept.is_empty() {
            continue;
        }
        let leaves = if all_leaves { kept } else { row.leaves };
        sifted.push((ChangeRow { leaves, ..row }, content.and(first)));
    }
    Ok(sifted)
}

/// The leaves with their contents. What is no longer stored is told in a later row, if at all.
async fn with_contents(
    database: &dyn Database,
    shown: Vec<Shown>,
) -> Result<Vec<(Shown, StoredBody)>, Failure> {
    let unknown = shown.iter().filter(|shown| shown.known.is_none());
    let places: Vec<BodyPlace> = unknown.map(|shown| shown.place).collect();
    let read = match places.is_empty() {
        true => Vec::new(),
        false => persist(database, || database.bodies(places.clone())).await?,
    };
    let mut read = read.into_iter();
    let with_content = |mut shown: Shown| {
        let content = shown.known.take().or_else(|| read.next().flatten())?;
        Some((shown, content))
    };
    Ok(shown.into_iter().filter_map(with_content).collect())
}

/// The leaves that the rows show, with where they are stored.
async fn shown(
    database: &dyn Database,
    rows: &Rows,
    all_leaves: bool,
) -> Result<Vec<Shown>, Failure> {
    let ids: Vec<String> = rows.iter().map(|(row, _)| row.id.clone()).collect();
    let trees = persist(database, || database.trees(ids.clone())).await?;
    let mut shown = Vec::with_capacity(rows.len());
    for (number, ((row, content), tree)) in rows.iter().zip(trees).enumerate() {
        let Some(tree) = tree.map(|found| found.tree) else { continue };
        let most = if all_leaves { row.leaves.len() } else { 1 };
        for (order, leaf) in row.leaves.iter().take(most).enumerate() {
            // A row comes with its winner's content or with none.
            let known = content.as_ref().filter(|_| order == 0).cloned();
            let place = tree.find(&leaf.revision).map_or(BodyPlace::Missing, |node| node.place);
            let history = tree.history(&leaf.revision).unwrap_or_default();
            shown.push(Shown { row: number, leaf: leaf.clone(), known, place, history });
        }
    }
    Ok(shown)
}

fn text(row: &ChangeRow, shown: &Shown, content: &StoredBody) -> String {
    let mut out = Vec::new();
    let rendering = Rendering {
        deleted: shown.leaf.deleted,
        attachments: &content.attachments,
        revisions: Some(&shown.history),
        ..Rendering::new(&row.id, &shown.leaf.revision, &content.body)
    };
    render_document(&mut out, &rendering);
    String::from_utf8(out).unwrap_or_else(|_| "null".to_owned())
}
