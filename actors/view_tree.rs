//! The reductions of a view as they stand in the index store, and the functions that reduce. What a tree is,
//! and how it is kept up, is told in `refuge-query`.

mod growing;

use std::cell::RefCell;
use std::ops::Bound;

use refuge_http::Failure;
use refuge_query::FormatError;
use refuge_query::reduction::{
    Builtin, ReduceLimit, ReduceRow, Reducer, Reduction, Rows, Store, Wanted,
};
use refuge_query::view::{KeyRange, PlacedValue, StoredRow};
use refuge_sandbox::Views;
use refuge_storage::{IndexNumber, IndexRange, IndexSnapshot, IndexTable, StorageError};

pub(crate) use growing::Growing;

/// Why a tree was not read or not kept up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TreeError {
    /// The store says no.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A record is not what it should be.
    #[error(
        "a record of an index cannot be read ({0}); with the node stopped, remove var/indexes: it is built again"
    )]
    Format(#[from] FormatError),
    /// A function is not there where it should be.
    #[error("the reduce function cannot be run: {0}")]
    Function(String),
}

impl From<TreeError> for Failure {
    fn from(error: TreeError) -> Self {
        match error {
            TreeError::Storage(StorageError::Closed) => crate::unavailable(),
            other => Self::Internal(other.to_string()),
        }
    }
}

/// One view of an index at one moment.
#[derive(Clone)]
pub(crate) struct ViewStore {
    /// All that is stored.
    pub(crate) snapshot: IndexSnapshot,
    /// The index.
    pub(crate) index: IndexNumber,
    /// The number of the view's map function.
    pub(crate) view: u16,
}

impl ViewStore {
    /// The key within the index of what has this key within the view.
    pub(crate) fn key(&self, key: &[u8]) -> Vec<u8> {
        view_key(self.view, key)
    }

    /// Walks over the rows of a range.
    pub(crate) fn scan(
        &self,
        range: &KeyRange,
        descending: bool,
    ) -> impl Iterator<Item = Result<(bytes::Bytes, bytes::Bytes), StorageError>> + use<> {
        /// Bytes of the view's number in front of a key.
        const VIEW_BYTES: usize = 2;
        let high = match &range.to {
            Some(to) => Bound::Excluded(self.key(to)),
            None => match self.view.checked_add(1) {
                Some(next) => Bound::Excluded(next.to_be_bytes().to_vec()),
                None => Bound::Unbounded,
            },
        };
        let range = IndexRange { low: Bound::Included(self.key(&range.from)), high, descending };
        let rows = self.snapshot.rows(IndexTable::Rows, self.index, &range);
        rows.map(|row| row.map(|(key, row)| (key.slice(VIEW_BYTES.min(key.len())..), row)))
    }

    /// A value that stands apart from its row.
    pub(crate) fn value(&self, row_key: &[u8]) -> Result<bytes::Bytes, TreeError> {
        let found = self.snapshot.get(IndexTable::Values, self.index, &self.key(row_key))?;
        found.ok_or(TreeError::Format(FormatError::Damaged))
    }
}

/// The key within an index of what has this key within a view.
pub(crate) fn view_key(view: u16, key: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(2 + key.len());
    full.extend_from_slice(&view.to_be_bytes());
    full.extend_from_slice(key);
    full
}

impl Store for ViewStore {
    type Error = TreeError;

    fn page(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TreeError> {
        let page = self.snapshot.get(IndexTable::Pages, self.index, &self.key(key))?;
        Ok(page.map(|page| page.to_vec()))
    }

    fn rows(&self, range: &KeyRange, wanted: Wanted, rows: &mut Rows) -> Result<(), TreeError> {
        for row in self.scan(range, false) {
            let (row_key, row) = row?;
            push_row(self, &row_key, &row, wanted, rows)?;
        }
        Ok(())
    }
}

fn push_row(
    store: &ViewStore,
    row_key: &[u8],
    row: &[u8],
    wanted: Wanted,
    rows: &mut Rows,
) -> Result<(), TreeError> {
    if wanted == Wanted::RowKeys {
        rows.push(ReduceRow { row_key, key: &[], value: &[] });
        return Ok(());
    }
    let stored = StoredRow::decode(row)?;
    match stored.value {
        PlacedValue::Here(value) => rows.push(ReduceRow { row_key, key: stored.key, value }),
        PlacedValue::Apart if wanted == Wanted::Values => {
            let value = store.value(row_key)?;
            rows.push(ReduceRow { row_key, key: stored.key, value: &value });
        }
        PlacedValue::Apart => rows.push(ReduceRow { row_key, key: stored.key, value: &[] }),
    }
    Ok(())
}

/// A reduce function as a design names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReduceFunction {
    /// A built-in one, by its name.
    Builtin(String),
    /// JavaScript, by its number among the sources.
    Script(usize),
}

/// The JavaScript functions of an index, where any of them is needed, and what is asked of reductions.
pub(crate) struct Scripts<'a> {
    views: Option<RefCell<&'a mut Views>>,
    growing: Growing,
}

impl<'a> Scripts<'a> {
    /// Where no function in JavaScript is needed.
    pub(crate) fn none(growing: Growing) -> Self {
        Self { views: None, growing }
    }

    /// With these.
    pub(crate) fn of(views: &'a mut Views, growing: Growing) -> Self {
        views.limit_reductions(growing.in_sandbox());
        Self { views: Some(RefCell::new(views)), growing }
    }
}

/// The reducers of a view. Where `only` says which one is asked for, the others do nothing.
pub(crate) fn reducers<'a, 'v: 'a>(
    functions: &[ReduceFunction],
    only: Option<usize>,
    scripts: &'a Scripts<'v>,
) -> Result<Vec<Box<dyn Reducer<TreeError> + 'a>>, TreeError> {
    let made = functions.iter().enumerate().map(|(number, function)| {
        Ok(match function {
            _ if only.is_some_and(|only| only != number) => {
                Box::new(Unwanted) as Box<dyn Reducer<TreeError>>
            }
            ReduceFunction::Builtin(name) => Box::new(builtin(name, scripts.growing)?),
            ReduceFunction::Script(function) => {
                let views = scripts.views.as_ref().ok_or_else(|| {
                    TreeError::Function("it is not opened where it is needed".to_owned())
                })?;
                Box::new(Script { views, function: *function })
            }
        })
    });
    made.collect()
}

fn builtin(name: &str, growing: Growing) -> Result<Builtin, TreeError> {
    let limit = (growing == Growing::Refused).then(ReduceLimit::default);
    Builtin::parse(name, limit).map_err(|error| TreeError::Function(error.to_string()))
}

/// Stands in the place of a function that nobody asks for.
struct Unwanted;

impl<E> Reducer<E> for Unwanted {
    fn wanted(&self) -> Wanted {
        Wanted::RowKeys
    }

    fn reduce(&mut self, groups: &[&[ReduceRow<'_>]]) -> Result<Vec<Reduction>, E> {
        Ok(vec![Reduction::None; groups.len()])
    }

    fn rereduce(&mut self, groups: &[Vec<&[u8]>]) -> Result<Vec<Reduction>, E> {
        Ok(vec![Reduction::None; groups.len()])
    }
}

/// A function in JavaScript.
struct Script<'a, 'v> {
    views: &'a RefCell<&'v mut Views>,
    function: usize,
}

impl Script<'_, '_> {
    fn reduction(result: Result<String, refuge_sandbox::Error>) -> Reduction {
        match result {
            Ok(text) => Reduction::Value(text.into_bytes()),
            // As CouchDB does: what a reduce function throws is `null`.
            Err(refuge_sandbox::Error::Exception { name, reason }) => {
                tracing::info!(name, reason, "a reduce function threw; its reduction is null");
                Reduction::Value(b"null".to_vec())
            }
            Err(error) => {
                Reduction::Failed { error: error.name().to_owned(), reason: error.reason() }
            }
        }
    }
}

impl Reducer<TreeError> for Script<'_, '_> {
    fn wanted(&self) -> Wanted {
        Wanted::Values
    }

    fn reduce(&mut self, groups: &[&[ReduceRow<'_>]]) -> Result<Vec<Reduction>, TreeError> {
        let mut ids = Vec::new();
        for group in groups {
            for row in *group {
                ids.push(row.document()?);
            }
        }
        let mut ids = ids.iter();
        let mut rows: Vec<Vec<refuge_sandbox::ReduceRow<'_>>> = Vec::with_capacity(groups.len());
        for group in groups {
            let made = group.iter().zip(ids.by_ref()).map(|(row, id)| {
                Ok(refuge_sandbox::ReduceRow {
                    key: text(row.key)?,
                    id: id.as_ref(),
                    value: text(row.value)?,
                })
            });
            rows.push(made.collect::<Result<_, TreeError>>()?);
        }
        let groups: Vec<&[refuge_sandbox::ReduceRow<'_>]> =
            rows.iter().map(Vec::as_slice).collect();
        let mut views = self.views.borrow_mut();
        let reduced = views.reduce(self.function, &groups);
        tell(&mut views);
        Ok(reduced.into_iter().map(Self::reduction).collect())
    }

    fn rereduce(&mut self, groups: &[Vec<&[u8]>]) -> Result<Vec<Reduction>, TreeError> {
        let texts = groups.iter().map(|group| group.iter().map(|one| text(one)).collect());
        let texts: Vec<Vec<&str>> = texts.collect::<Result<_, TreeError>>()?;
        let groups: Vec<&[&str]> = texts.iter().map(Vec::as_slice).collect();
        let mut views = self.views.borrow_mut();
        let reduced = views.rereduce(self.function, &groups);
        tell(&mut views);
        Ok(reduced.into_iter().map(Self::reduction).collect())
    }
}

/// Tells what reduce functions logged, and which of their reductions grew.
fn tell(views: &mut Views) {
    for line in views.take_log() {
        tracing::info!(line, "from a reduce function");
    }
}

fn text(bytes: &[u8]) -> Result<&str, TreeError> {
    std::str::from_utf8(bytes).map_err(|_| TreeError::Format(FormatError::Damaged))
}
