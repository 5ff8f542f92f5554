//! What a batch changes of an index: rows, what is remembered of each document, and the reductions. It reads
//! the index as the batch before left it.

use std::collections::BTreeMap;
use std::sync::Arc;

use refuge_http::Failure;
use refuge_query::FormatError;
use refuge_query::reduction::{Reducer, RowChange, Shape, update};
use refuge_query::view::{BackIndex, NewRow, PlacedValue, RowChanges, StoredRow, row_changes};
use refuge_storage::{IndexChange, IndexNumber, IndexSnapshot, IndexState, IndexTable, IndexWrite};

use super::mapping::function_failure;
use super::pass::Doors;
use super::reading::Batch;
use super::{IndexerArguments, make_way};
use crate::index_design::IndexDesign;
use crate::javascript::Lane;
use crate::unavailable;
use crate::view_tree::{Growing, Scripts, TreeError, ViewStore, reducers, view_key};

/// Makes the write of a batch that takes the index from `base` to `state`.
pub(super) async fn prepare(
    arguments: &IndexerArguments,
    doors: &Doors,
    batch: Batch,
    base: IndexState,
    state: IndexState,
) -> Result<IndexWrite, Failure> {
    let store = doors.index.store().ok_or_else(unavailable)?.clone();
    let work = Work {
        index: arguments.record.number,
        seed: arguments.record.definition.seed,
        design: Arc::clone(&arguments.design),
        base,
        state,
    };
    let run = move |scripts: &Scripts<'_>| -> Result<IndexWrite, TreeError> {
        work.run(store.snapshot()?, batch, scripts)
    };
    with_scripts(arguments, doors, state.complete, run).await
}

/// Runs what may need the reduce functions: with them on a thread of JavaScript, without them on any that
/// may block.
pub(super) async fn with_scripts<R: Send + 'static>(
    arguments: &IndexerArguments,
    doors: &Doors,
    reduces: bool,
    run: impl FnOnce(&Scripts<'_>) -> Result<R, TreeError> + Send + 'static,
) -> Result<R, Failure> {
    let (design, growing) = (&arguments.design, Growing::now(&arguments.names));
    if !(reduces && design.has_scripted_reduces()) {
        let done = crate::blocking(move || run(&Scripts::none(growing))).await;
        return Ok(done.map_err(|_| unavailable())??);
    }
    let sources = (design.source_key(arguments.database), Arc::clone(&design.sources));
    let job = move |views: &mut refuge_sandbox::Views| run(&Scripts::of(views, growing));
    let done = doors.javascript.with_views(Lane::Indexing, None, sources, job).await?;
    Ok(done.map_err(|error| function_failure(&error))??)
}

/// Where and how a batch is written.
struct Work {
    index: IndexNumber,
    seed: u64,
    design: Arc<IndexDesign>,
    base: IndexState,
    state: IndexState,
}

/// What happens to rows: by key, what was emitted; nothing where the row goes.
type TreeChanges = BTreeMap<Vec<u8>, Option<(Vec<u8>, Vec<u8>)>>;

impl Work {
    fn run(
        self,
        snapshot: IndexSnapshot,
        batch: Batch,
        scripts: &Scripts<'_>,
    ) -> Result<IndexWrite, TreeError> {
        let mut changes = Vec::new();
        let mut trees: Vec<TreeChanges> = vec![TreeChanges::new(); self.design.views.maps.len()];
        for (number, document) in batch.documents.into_iter().enumerate() {
            make_way(number);
            let id = document.id.as_bytes();
            let before = snapshot.get(IndexTable::Documents, self.index, id)?;
            let mut before = match &before {
                Some(record) => BackIndex::decode(record, &document.id)?,
                None => BackIndex::default(),
            };
            remember(&mut changes, &document.id, &document.rows, !before.is_empty())?;
            for (view, rows) in document.rows.into_iter().enumerate() {
                let number = view_number(view);
                let place = before.views.iter().position(|(known, _)| *known == number);
                let old = place.map(|place| before.views.swap_remove(place).1);
                let changed = row_changes(old.unwrap_or_default(), rows);
                if let Some(tree) = trees.get_mut(view) {
                    put_rows(&mut changes, number, changed, self.state.complete.then_some(tree))?;
                }
            }
        }
        if self.state.complete {
            for (view, tree) in trees.iter().enumerate() {
                self.update_tree(&snapshot, view, tree, scripts, &mut changes)?;
            }
        }
        Ok(IndexWrite { index: self.index, base: self.base, changes, state: self.state })
    }

    fn update_tree(
        &self,
        snapshot: &IndexSnapshot,
        view: usize,
        tree: &TreeChanges,
        scripts: &Scripts<'_>,
        changes: &mut Vec<IndexChange>,
    ) -> Result<(), TreeError> {
        if tree.is_empty() {
            return Ok(());
        }
        let number = view_number(view);
        let store = ViewStore { snapshot: snapshot.clone(), index: self.index, view: number };
        let functions = self.design.reduces.get(view).map(Vec::as_slice).unwrap_or_default();
        let mut made = reducers(functions, None, scripts)?;
        let mut made: Vec<&mut dyn Reducer<TreeError>> =
            made.iter_mut().map(|one| one.as_mut() as &mut dyn Reducer<TreeError>).collect();
        let rows: Vec<RowChange<'_>> = tree
            .iter()
            .map(|(row_key, emitted)| RowChange {
                row_key,
                emitted: emitted.as_ref().map(|(key, value)| (key.as_slice(), value.as_slice())),
            })
            .collect();
        let pages = update(Shape::new(self.seed), &store, &rows, &mut made)?;
        changes.extend(pages.into_iter().map(|(key, row)| IndexChange {
            table: IndexTable::Pages,
            key: view_key(number, &key),
            row,
        }));
        Ok(())
    }
}

/// The number of a view as it stands in keys; a design document has at most a thousand.
pub(super) fn view_number(view: usize) -> u16 {
    u16::try_from(view).unwrap_or(u16::MAX)
}

/// Notes which rows a document has from now on.
fn remember(
    changes: &mut Vec<IndexChange>,
    id: &str,
    rows: &[Vec<NewRow>],
    was_known: bool,
) -> Result<(), TreeError> {
    let views: Vec<(u16, &[NewRow])> =
        rows.iter().enumerate().map(|(view, rows)| (view_number(view), rows.as_slice())).collect();
    let back = BackIndex::of(&views);
    if back.is_empty() && !was_known {
        return Ok(());
    }
    let row = if back.is_empty() { None } else { Some(back.encode()?) };
    changes.push(IndexChange { table: IndexTable::Documents, key: id.as_bytes().to_vec(), row });
    Ok(())
}

/// Writes what changed of a document's rows in one view; into `tree` too, where there is one already.
fn put_rows(
    changes: &mut Vec<IndexChange>,
    view: u16,
    changed: RowChanges,
    mut tree: Option<&mut TreeChanges>,
) -> Result<(), TreeError> {
    let mut change = |table, key: &[u8], row| {
        changes.push(IndexChange { table, key: view_key(view, key), row });
    };
    for old in changed.removed {
        change(IndexTable::Rows, &old.key, None);
        if old.apart {
            change(IndexTable::Values, &old.key, None);
        }
        if let Some(tree) = &mut tree {
            tree.insert(old.key, None);
        }
    }
    for key in changed.no_longer_apart {
        change(IndexTable::Values, &key, None);
    }
    for new in changed.put {
        if let Some(tree) = &mut tree {
            let stored = StoredRow::decode(&new.row)?;
            let value = match (stored.value, &new.apart) {
                (PlacedValue::Here(value), _) => value,
                (PlacedValue::Apart, Some(value)) => value.as_slice(),
                (PlacedValue::Apart, None) => return Err(FormatError::Damaged.into()),
            };
            tree.insert(new.key.clone(), Some((stored.key.to_vec(), value.to_vec())));
        }
        if let Some(value) = new.apart {
            change(IndexTable::Values, &new.key, Some(value));
        }
        change(IndexTable::Rows, &new.key, Some(new.row));
    }
    Ok(())
}
