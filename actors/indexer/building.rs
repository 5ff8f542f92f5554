//! The reductions of an index whose rows are there and whose trees are not: one walk over all rows. It is
//! done once, at the end of the first build; a crash begins it anew.

use std::ops::Bound;

use refuge_query::reduction::{Builder, ReduceRow, Reducer, Shape};
use refuge_query::view::{KeyRange, PlacedValue, StoredRow};
use refuge_storage::{
    IndexChange, IndexRange, IndexSnapshot, IndexState, IndexTable, IndexWrite, StorageError,
};
use tokio::sync::mpsc;

use super::make_way;
use super::pass::{Doors, Pass, PassFailure};
use super::writing::{view_number, with_scripts};
use crate::unavailable;
use crate::view_tree::{Scripts, TreeError, ViewStore, reducers, view_key};

/// Pages that are written at once.
const WRITTEN_AT_ONCE: usize = 1_000;
/// Writes that may wait.
const WAITING_WRITES: usize = 2;

/// Builds the trees; answers that the index is complete.
pub(super) async fn build(
    pass: &Pass,
    doors: &Doors,
    state: IndexState,
) -> Result<IndexState, PassFailure> {
    let (sender, mut ready) = mpsc::channel::<Vec<IndexChange>>(WAITING_WRITES);
    let store = doors.index.store().ok_or_else(unavailable)?.clone();
    let arguments = &pass.arguments;
    let (index, seed) = (arguments.record.number, arguments.record.definition.seed);
    let design = arguments.design.clone();
    let walk = move |scripts: &Scripts<'_>| -> Result<(), TreeError> {
        let snapshot = store.snapshot()?;
        let mut pages = Pages { sender, gathered: Vec::new() };
        pages.forget(&snapshot, index)?;
        for (view, functions) in design.reduces.iter().enumerate() {
            let store = ViewStore { snapshot: snapshot.clone(), index, view: view_number(view) };
            let mut made = reducers(functions, None, scripts)?;
            let mut made: Vec<&mut dyn Reducer<TreeError>> =
                made.iter_mut().map(|one| one.as_mut() as &mut dyn Reducer<TreeError>).collect();
            build_tree(&store, Shape::new(seed), &mut made, &mut pages)?;
        }
        pages.flush()
    };
    let commits = async {
        while let Some(changes) = ready.recv().await {
            pass.commit(doors, IndexWrite { index, base: state, changes, state }).await?;
        }
        Ok::<(), PassFailure>(())
    };
    let (walked, committed) = tokio::join!(with_scripts(arguments, doors, true, walk), commits);
    committed?;
    walked?;
    let complete = IndexState { complete: true, ..state };
    let done = IndexWrite { index, base: state, changes: Vec::new(), state: complete };
    pass.commit(doors, done).await?;
    Ok(complete)
}

/// Pages on their way to the writer.
struct Pages {
    sender: mpsc::Sender<Vec<IndexChange>>,
    gathered: Vec<IndexChange>,
}

impl Pages {
    fn put(&mut self, change: IndexChange) -> Result<(), TreeError> {
        self.gathered.push(change);
        if self.gathered.len() >= WRITTEN_AT_ONCE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), TreeError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let changes = std::mem::take(&mut self.gathered);
        // Whoever commits went away: the pass is over.
        self.sender.blocking_send(changes).map_err(|_| TreeError::Storage(StorageError::Closed))
    }

    /// Removes what a build before left.
    fn forget(
        &mut self,
        snapshot: &IndexSnapshot,
        index: refuge_storage::IndexNumber,
    ) -> Result<(), TreeError> {
        let all = IndexRange { low: Bound::Unbounded, high: Bound::Unbounded, descending: false };
        for page in snapshot.rows(IndexTable::Pages, index, &all) {
            let (key, _) = page?;
            self.put(IndexChange { table: IndexTable::Pages, key: key.to_vec(), row: None })?;
        }
        self.flush()
    }
}

fn build_tree(
    store: &ViewStore,
    shape: Shape,
    reducers: &mut [&mut dyn Reducer<TreeError>],
    pages: &mut Pages,
) -> Result<(), TreeError> {
    let view = store.view;
    let mut write = |key: Vec<u8>, page: Vec<u8>| {
        let key = view_key(view, &key);
        pages.put(IndexChange { table: IndexTable::Pages, key, row: Some(page) })
    };
    let mut builder = Builder::new(shape);
    for (number, row) in store.scan(&KeyRange::all(), false).enumerate() {
        make_way(number);
        let (row_key, row) = row?;
        let stored = StoredRow::decode(&row)?;
        let apart;
        let value = match stored.value {
            PlacedValue::Here(value) => value,
            PlacedValue::Apart => {
                apart = store.value(&row_key)?;
                &apart
            }
        };
        let row = ReduceRow { row_key: &row_key, key: stored.key, value };
        builder.push(row, reducers, &mut write)?;
    }
    builder.finish(reducers, &mut write)?;
    Ok(())
}
