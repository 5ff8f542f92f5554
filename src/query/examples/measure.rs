//! What views cost without a store: one line a figure, `name value unit`.
//!
//! `cargo run --release -p refuge-query --example measure -- [rows]`. Rows are held in memory, so the
//! figures are those of the code here alone.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use refuge_query::FormatError;
use refuge_query::collation::{Collation, SortKeys};
use refuge_query::reduction::{
    Builder, Builtin, GroupsQuery, ReduceRow, Reducer, RowChange, Rows, Shape, Store, Tree, Wanted,
    update,
};
use refuge_query::view::{Emit, GroupLevel, KeyRange, PlacedValue, RowMaker, StoredRow};

type Failure = Box<dyn std::error::Error>;
type Functions = Vec<Box<dyn Reducer<FormatError>>>;

const SHAPE: Shape = Shape { seed: 7, bits: Shape::BITS };

/// Groups of `group_level=1`.
const GROUPS: u64 = 100;

fn main() -> Result<(), Failure> {
    let count: u64 = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    sort_keys()?;
    let mut memory = rows(count)?;
    for names in [&[][..], &["_sum"], &["_stats"], &["_approx_count_distinct"]] {
        build(&mut memory, names)?;
    }
    build(&mut memory, &["_sum"])?;
    ranges(&memory, count)?;
    groups(&memory)?;
    for batch in [1000, 1] {
        updates(&mut memory, batch)?;
    }
    Ok(())
}

fn figure(name: &str, value: f64, unit: &str) {
    println!("{name} {value:.2} {unit}");
}

/// Microseconds since then, for each of so many.
fn micros(started: Instant, each: u64) -> f64 {
    started.elapsed().as_secs_f64() * 1e6 / each.max(1) as f64
}

fn functions(names: &[&str]) -> Result<Functions, Failure> {
    let mut functions: Functions = Vec::new();
    for name in names {
        functions.push(Box::new(Builtin::parse(name, None)?));
    }
    Ok(functions)
}

fn sort_keys() -> Result<(), Failure> {
    let keys = SortKeys::new(Collation::Unicode)?;
    let raw = SortKeys::new(Collation::Raw)?;
    for (name, keys, text) in [
        ("ascii_21", &keys, r#""the quick brown fox j""#),
        ("accents_21", &keys, r#""thé quick brôwn fox j""#),
        ("number", &keys, "1234.5"),
        ("array", &keys, r#"["Germany",2026,11,28]"#),
        ("raw_array", &raw, r#"["Germany",2026,11,28]"#),
    ] {
        let (started, rounds) = (Instant::now(), 200_000);
        let mut out = Vec::new();
        for _ in 0..rounds {
            out.clear();
            keys.append(&mut out, text.as_bytes())?;
        }
        figure(&format!("sort_key_{name}"), 1.0 / micros(started, rounds), "M/s");
    }
    Ok(())
}

fn rows(count: u64) -> Result<Memory, Failure> {
    let maker = RowMaker::new(Collation::Unicode, 1)?;
    let mut memory = Memory::default();
    let (started, mut bytes) = (Instant::now(), 0);
    for number in 0..count {
        let key = format!("[\"group {:03}\",{number}]", number % GROUPS);
        let value = (number % 1000).to_string();
        let emit = Emit { key: key.as_bytes(), value: value.as_bytes() };
        let id = format!("document-{number:09}");
        for row in maker.rows(&id, &[emit]).rows {
            bytes += row.key.len() + row.row.len();
            memory.rows.insert(row.key, row.row);
        }
    }
    figure("rows_made", 1e6 / micros(started, count), "rows/s, with a map's insertions");
    figure("row", bytes as f64 / count as f64, "bytes");
    Ok(memory)
}

fn build(memory: &mut Memory, names: &[&str]) -> Result<(), Failure> {
    let mut functions = functions(names)?;
    let mut reducers: Vec<_> = functions.iter_mut().map(|one| &mut **one as _).collect();
    memory.pages.clear();
    let started = Instant::now();
    let mut builder = Builder::new(SHAPE);
    let pages = &mut memory.pages;
    let mut write = |key, page| {
        pages.insert(key, page);
        Ok(())
    };
    for (row_key, row) in &memory.rows {
        let (key, value) = emitted(row)?;
        builder.push(ReduceRow { row_key, key, value }, &mut reducers, &mut write)?;
    }
    let count = builder.finish(&mut reducers, &mut write)?;
    let name = names.first().unwrap_or(&"_none");
    figure(&format!("build{name}"), micros(started, count), "µs/row");
    let bytes: usize = memory.pages.iter().map(|(key, page)| key.len() + page.len()).sum();
    figure(&format!("pages{name}"), bytes as f64 / count as f64, "bytes/row");
    Ok(())
}

fn ranges(memory: &Memory, count: u64) -> Result<(), Failure> {
    let keys: Vec<_> = memory.rows.keys().collect();
    let mut functions = functions(&["_sum"])?;
    let mut reducers: Vec<_> = functions.iter_mut().map(|one| &mut **one as _).collect();
    let rounds = 2000;
    let mut draw = 1_u64;
    let mut next = || {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (draw >> 33) % count
    };
    let bounds: Vec<_> = (0..rounds).map(|_| (next(), next())).collect();
    let place = |index: u64| keys.get(index as usize).map(|key| key.to_vec()).unwrap_or_default();
    let started = Instant::now();
    for (first, second) in &bounds {
        let range =
            KeyRange { from: place(*first.min(second)), to: Some(place(*first.max(second))) };
        Tree::open(memory)?.totals(&range, &mut reducers)?;
    }
    figure("random_range", micros(started, rounds), "µs");
    let started = Instant::now();
    for (first, _) in &bounds {
        Tree::open(memory)?.rank(&place(*first))?;
    }
    figure("rank", micros(started, rounds), "µs");
    let started = Instant::now();
    for (first, _) in &bounds {
        Tree::open(memory)?.nth(*first)?;
    }
    figure("nth", micros(started, rounds), "µs");
    Ok(())
}

fn groups(memory: &Memory) -> Result<(), Failure> {
    let mut functions = functions(&["_sum"])?;
    let mut reducers: Vec<_> = functions.iter_mut().map(|one| &mut **one as _).collect();
    let range = KeyRange::all();
    let level = GroupLevel::Elements(1.try_into()?);
    for (name, level) in [("group_level_1", level), ("group_exact", GroupLevel::Exact)] {
        let query = GroupsQuery { range: &range, level, descending: false, skip: 0, limit: 1000 };
        let (started, rounds) = (Instant::now(), 20);
        let mut groups = 0;
        for _ in 0..rounds {
            groups = Tree::open(memory)?.groups(&query, &mut reducers)?.groups.len();
        }
        let each = micros(started, rounds);
        figure(name, each / 1e3, &format!("ms for {groups} groups"));
    }
    Ok(())
}

fn updates(memory: &mut Memory, batch: usize) -> Result<(), Failure> {
    let mut functions = functions(&["_sum"])?;
    let mut reducers: Vec<_> = functions.iter_mut().map(|one| &mut **one as _).collect();
    let keys: Vec<_> = memory.rows.keys().cloned().collect();
    let (mut spent, mut changed, mut written) = (0.0, 0, 0);
    for round in 0..20 {
        let rows = keys.iter().skip(round).step_by(keys.len() / batch).take(batch);
        let rows: Vec<_> =
            rows.filter_map(|key| memory.rows.get(key).map(|row| (key, row))).collect();
        let mut changes = Vec::new();
        for (row_key, row) in &rows {
            let (key, _) = emitted(row)?;
            let value = if round % 2 == 0 { b"1" } else { b"2" };
            changes.push(RowChange { row_key, emitted: Some((key, value)) });
        }
        let started = Instant::now();
        let writes = update(SHAPE, memory, &changes, &mut reducers)?;
        spent += micros(started, 1);
        changed += changes.len();
        written += writes.len();
    }
    figure(&format!("update_{batch}"), spent / changed as f64, "µs/row");
    figure(&format!("pages_written_{batch}"), written as f64 / changed as f64, "pages/row");
    Ok(())
}

#[derive(Default)]
struct Memory {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    pages: HashMap<Vec<u8>, Vec<u8>>,
}

fn emitted(row: &[u8]) -> Result<(&[u8], &[u8]), FormatError> {
    let stored = StoredRow::decode(row)?;
    match stored.value {
        PlacedValue::Here(value) => Ok((stored.key, value)),
        PlacedValue::Apart => Err(FormatError::Damaged),
    }
}

impl Store for Memory {
    type Error = FormatError;

    fn page(&self, key: &[u8]) -> Result<Option<Vec<u8>>, FormatError> {
        Ok(self.pages.get(key).cloned())
    }

    fn rows(&self, range: &KeyRange, _: Wanted, rows: &mut Rows) -> Result<(), FormatError> {
        for (row_key, row) in self.rows.range::<[u8], _>((
            std::ops::Bound::Included(range.from.as_slice()),
            range.to.as_deref().map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded),
        )) {
            let (key, value) = emitted(row)?;
            rows.push(ReduceRow { row_key, key, value });
        }
        Ok(())
    }
}
