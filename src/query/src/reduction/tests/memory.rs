//! A view in memory, and reducers that show how they were asked.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::FormatError;
use crate::reduction::*;
use crate::view::{KeyRange, NewRow};

type Emitted = (Vec<u8>, Vec<u8>);
type Columns = Vec<Box<dyn Reducer<FormatError>>>;

pub(super) struct Memory {
    pub(super) shape: Shape,
    pub(super) rows: BTreeMap<Vec<u8>, Emitted>,
    pub(super) pages: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) reducers: fn() -> Columns,
    /// Pages and rows that were read.
    pub(super) reads: Cell<(usize, usize)>,
}

pub(super) fn reducers() -> Columns {
    let builtin = |name| Box::new(Builtin::parse(name, None).unwrap());
    vec![Box::<Path>::default(), builtin("_sum"), builtin("_stats"), builtin("_top_2")]
}

impl Memory {
    pub(super) fn new(shape: Shape) -> Self {
        let (rows, pages) = (BTreeMap::new(), BTreeMap::new());
        Self { shape, rows, pages, reducers, reads: Cell::default() }
    }

    pub(super) fn put(&mut self, row: &NewRow) {
        let (key, emitted) = emitted(row);
        self.rows.insert(key, emitted);
    }

    /// Changes rows and keeps the tree up.
    pub(super) fn apply(&mut self, changes: Vec<(Vec<u8>, Option<Emitted>)>) {
        let borrowed: Vec<RowChange<'_>> = changes
            .iter()
            .map(|(row_key, emitted)| RowChange {
                row_key,
                emitted: emitted.as_ref().map(|(key, value)| (key.as_slice(), value.as_slice())),
            })
            .collect();
        let mut columns = (self.reducers)();
        let mut columns = columns.iter_mut().map(|one| &mut **one as _).collect::<Vec<_>>();
        let writes = update(self.shape, self, &borrowed, &mut columns).unwrap();
        for (key, page) in writes {
            match page {
                Some(page) => self.pages.insert(key, page),
                None => self.pages.remove(&key),
            };
        }
        for (key, emitted) in changes {
            match emitted {
                Some(emitted) => self.rows.insert(key, emitted),
                None => self.rows.remove(&key),
            };
        }
    }

    /// The pages of a tree that is built from the rows.
    pub(super) fn rebuilt(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut columns = (self.reducers)();
        let mut columns = columns.iter_mut().map(|one| &mut **one as _).collect::<Vec<_>>();
        let mut pages = BTreeMap::new();
        let mut write = |key, page| {
            assert!(pages.insert(key, page).is_none(), "a page is written twice");
            Ok(())
        };
        let mut builder = Builder::new(self.shape);
        for (row_key, (key, value)) in &self.rows {
            let row = ReduceRow { row_key, key, value };
            builder.push(row, &mut columns, &mut write).unwrap();
        }
        let count = builder.finish(&mut columns, &mut write).unwrap();
        assert_eq!(count, self.rows.len() as u64);
        pages
    }
}

/// A new row's key, and what was emitted.
pub(super) fn emitted(row: &NewRow) -> (Vec<u8>, Emitted) {
    let (key, value) = row.emitted().unwrap();
    (row.key.clone(), (key.to_vec(), value.to_vec()))
}

impl Store for Memory {
    type Error = FormatError;

    fn page(&self, key: &[u8]) -> Result<Option<Vec<u8>>, FormatError> {
        let (pages, rows) = self.reads.get();
        self.reads.set((pages + 1, rows));
        Ok(self.pages.get(key).cloned())
    }

    fn rows(&self, range: &KeyRange, wanted: Wanted, out: &mut Rows) -> Result<(), FormatError> {
        for (row_key, (key, value)) in self.rows.range(range.from.clone()..) {
            if !range.contains(row_key) {
                break;
            }
            let (pages, rows) = self.reads.get();
            self.reads.set((pages, rows + 1));
            let key = if wanted >= Wanted::Keys { key.as_slice() } else { &[] };
            let value = if wanted >= Wanted::Values { value.as_slice() } else { &[] };
            out.push(ReduceRow { row_key, key, value });
        }
        Ok(())
    }
}

/// Puts values behind one another, so that the order and every row show.
#[derive(Debug, Default)]
pub(super) struct Path {
    /// Calls of reduce and of rereduce.
    pub(super) calls: (usize, usize),
}

impl Reducer<FormatError> for Path {
    fn wanted(&self) -> Wanted {
        Wanted::Values
    }

    fn reduce(&mut self, groups: &[&[ReduceRow<'_>]]) -> Result<Vec<Reduction>, FormatError> {
        self.calls.0 += 1;
        let join = |rows: &&[ReduceRow<'_>]| {
            assert!(!rows.is_empty());
            rows.iter().map(|row| row.value).collect::<Vec<_>>().join(&b","[..])
        };
        Ok(groups.iter().map(join).map(Reduction::Value).collect())
    }

    fn rereduce(&mut self, groups: &[Vec<&[u8]>]) -> Result<Vec<Reduction>, FormatError> {
        self.calls.1 += 1;
        let join = |parts: &Vec<&[u8]>| {
            assert!(parts.len() > 1);
            parts.join(&b","[..])
        };
        Ok(groups.iter().map(join).map(Reduction::Value).collect())
    }
}

/// Fails where a value is negative.
#[derive(Debug)]
pub(super) struct Picky;

impl Reducer<FormatError> for Picky {
    fn wanted(&self) -> Wanted {
        Wanted::Values
    }

    fn reduce(&mut self, groups: &[&[ReduceRow<'_>]]) -> Result<Vec<Reduction>, FormatError> {
        let one = |rows: &&[ReduceRow<'_>]| match rows.iter().find(|row| row.value[0] == b'-') {
            None => Reduction::Value(b"fine".to_vec()),
            Some(bad) => Reduction::Failed {
                error: "picky".to_owned(),
                reason: String::from_utf8(bad.value.to_vec()).unwrap(),
            },
        };
        Ok(groups.iter().map(one).collect())
    }

    fn rereduce(&mut self, groups: &[Vec<&[u8]>]) -> Result<Vec<Reduction>, FormatError> {
        Ok(groups.iter().map(|_| Reduction::Value(b"fine".to_vec())).collect())
    }
}

/// A reduction as text.
pub(super) fn shown(reduction: &Reduction) -> String {
    match reduction {
        Reduction::None => "none".to_owned(),
        Reduction::Value(value) => String::from_utf8(value.clone()).unwrap(),
        Reduction::Failed { error, reason } => format!("{error}: {reason}"),
    }
}
