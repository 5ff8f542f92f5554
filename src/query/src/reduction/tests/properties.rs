//! Random batches of documents: the tree equals a rebuilt one, and answers as a naive computation.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::memory::{Memory, emitted, reducers};
use super::{maker, *};
use crate::FormatError;
use crate::view::{BackIndex, group_key, row_changes};

/// What one document emits: two small numbers and a value each.
type Emits = Vec<(u8, u8, i8)>;

/// Documents that change in one batch.
type Batch = BTreeMap<u8, Emits>;

fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let emits = prop::collection::vec((0_u8..4, 0_u8..5, any::<i8>()), 0..4);
    let batch = prop::collection::btree_map(0_u8..60, emits, 0..30);
    prop::collection::vec(batch, 1..8)
}

/// Where in a list, as a share of it.
fn place() -> impl Strategy<Value = prop::sample::Index> {
    any::<prop::sample::Index>()
}

#[derive(Default)]
struct View {
    remembered: BTreeMap<u8, BackIndex>,
}

impl View {
    fn apply(&mut self, memory: &mut Memory, batch: &Batch) {
        let maker = maker();
        let mut changes = BTreeMap::new();
        for (document, emits) in batch {
            let texts: Vec<_> = emits
                .iter()
                .map(|(first, second, value)| match first {
                    0 => (format!("\"{second}\""), value.to_string()),
                    _ => (format!("[{first},{second}]"), value.to_string()),
                })
                .collect();
            let emits: Vec<_> = texts
                .iter()
                .map(|(key, value)| Emit { key: key.as_bytes(), value: value.as_bytes() })
                .collect();
            let rows = maker.rows(&format!("d{document}"), &emits).rows;
            let new = BackIndex::of(&[(0, &rows)]);
            let old = self.remembered.insert(*document, new).unwrap_or_default();
            let difference = row_changes(old.rows(0).to_vec(), rows);
            changes.extend(difference.removed.into_iter().map(|row| (row.key, None)));
            changes.extend(difference.put.iter().map(|row| {
                let (key, emitted) = emitted(row);
                (key, Some(emitted))
            }));
        }
        memory.apply(changes.into_iter().collect());
    }
}

/// Key, count and reductions of groups, computed from the rows alone.
fn naive_groups(memory: &Memory, range: &KeyRange, level: GroupLevel) -> Vec<Group> {
    let mut groups: Vec<(Vec<u8>, Group, Memory)> = Vec::new();
    for (row_key, emitted) in memory.rows.iter().filter(|(key, _)| range.contains(key)) {
        let prefix = level.prefix(row_key).unwrap();
        if groups.last().is_none_or(|(last, ..)| last != prefix) {
            let key = group_key(level, &emitted.0);
            let group = Group { key, count: 0, reductions: Vec::new() };
            groups.push((prefix.to_vec(), group, Memory::new(memory.shape)));
        }
        let (_, group, rows) = groups.last_mut().unwrap();
        group.count += 1;
        rows.rows.insert(row_key.clone(), emitted.clone());
    }
    let finished = groups.into_iter().map(|(_, group, rows)| {
        let reductions = naive_totals(&rows, &KeyRange::all()).reductions;
        Group { reductions, ..group }
    });
    finished.collect()
}

fn naive_totals(memory: &Memory, range: &KeyRange) -> Totals {
    let rows: Vec<ReduceRow<'_>> = memory
        .rows
        .iter()
        .filter(|(key, _)| range.contains(key))
        .map(|(row_key, (key, value))| ReduceRow { row_key, key, value })
        .collect();
    let reduce = |reducer: &mut Box<dyn Reducer<FormatError>>| match rows.is_empty() {
        true => Reduction::None,
        false => reducer.reduce(&[&rows]).unwrap().remove(0),
    };
    let reductions = reducers().iter_mut().map(reduce).collect();
    Totals { count: rows.len() as u64, reductions }
}

fn check_range(memory: &Memory, range: &KeyRange) {
    let tree = Tree::open(memory).unwrap();
    let mut columns = reducers();
    let mut columns = columns.iter_mut().map(|one| &mut **one as _).collect::<Vec<_>>();
    let totals = tree.totals(range, &mut columns).unwrap();
    let naive = naive_totals(memory, range);
    assert_eq!(totals.count, naive.count);
    if totals.count > 0 || *range != KeyRange::all() {
        assert_eq!(totals.reductions, naive.reductions);
    }
    assert_eq!(tree.count(range).unwrap(), totals.count);
    let inside: Vec<_> = memory.rows.keys().filter(|key| range.contains(key)).collect();
    for skip in [0, 1, 5, 1000] {
        for descending in [false, true] {
            let rest = tree.skip(range, descending, skip).unwrap();
            let left: Vec<_> = memory.rows.keys().filter(|key| rest.contains(key)).collect();
            let skip = inside.len().min(skip as usize);
            let kept = if descending { &inside[..inside.len() - skip] } else { &inside[skip..] };
            assert_eq!(left, kept);
        }
    }
    let levels = [1, 2].map(|level: usize| GroupLevel::Elements(level.try_into().unwrap()));
    for level in levels.into_iter().chain([GroupLevel::Exact]) {
        let mut naive = naive_groups(memory, range, level);
        for descending in [false, true] {
            for (limit, skip) in [(1000, 0), (2, 0), (3, 2)] {
                let found = all_pages(&tree, range, level, descending, limit, skip);
                assert_eq!(found, naive[naive.len().min(skip as usize)..]);
            }
            naive.reverse();
        }
    }
}

/// All groups, page by page.
fn all_pages(
    tree: &Tree<'_, Memory>,
    range: &KeyRange,
    level: GroupLevel,
    descending: bool,
    limit: usize,
    mut skip: u64,
) -> Vec<Group> {
    let mut columns = reducers();
    let mut columns = columns.iter_mut().map(|one| &mut **one as _).collect::<Vec<_>>();
    let mut groups = Vec::new();
    let mut rest = Some(range.clone());
    while let Some(range) = rest {
        let query = GroupsQuery { range: &range, level, descending, skip, limit };
        let page = tree.groups(&query, &mut columns).unwrap();
        assert!(page.groups.len() <= limit);
        assert!(page.next.is_none() || page.groups.len() == limit);
        groups.extend(page.groups);
        rest = page.next;
        skip = 0;
    }
    groups
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_tree_depends_on_the_rows_alone(
        batches in batches(), seed: u64, bits in 1_u8..4, first in place(), second in place()
    ) {
        let mut memory = Memory::new(Shape { seed, bits });
        let mut view = View::default();
        for batch in &batches {
            view.apply(&mut memory, batch);
            prop_assert_eq!(&memory.pages, &memory.rebuilt());
        }
        check_range(&memory, &KeyRange::all());
        // Bounds at rows, behind keys, and before and behind everything.
        let mut places = vec![Vec::new(), vec![0x55], vec![0xFE]];
        for key in memory.rows.keys() {
            places.push(key.clone());
            places.push(crate::collation::behind(GroupLevel::Exact.prefix(key).unwrap()));
        }
        places.sort();
        let (first, second) = (first.get(&places).clone(), second.get(&places).clone());
        let (from, to) = (first.clone().min(second.clone()), first.max(second));
        check_range(&memory, &KeyRange { from: from.clone(), to: Some(to) });
        check_range(&memory, &KeyRange { from, to: None });
        let keys: Vec<_> = memory.rows.keys().cloned().collect();
        let tree = Tree::open(&memory).unwrap();
        for (index, key) in keys.iter().enumerate() {
            prop_assert_eq!(&tree.nth(index as u64).unwrap(), &Some(key.clone()));
            prop_assert_eq!(tree.rank(key).unwrap(), index as u64);
        }
        prop_assert!(tree.nth(keys.len() as u64).unwrap().is_none());
    }

    #[test]
    fn one_row_after_another_makes_the_same_tree(
        keys in prop::collection::vec((0_u8..40, any::<bool>()), 1..120), seed: u64
    ) {
        let mut memory = Memory::new(Shape { seed, bits: 1 });
        for (key, is_there) in keys {
            let emitted = is_there.then(|| (b"1".to_vec(), key.to_string().into_bytes()));
            memory.apply(vec![(row_key(key), emitted)]);
            prop_assert_eq!(&memory.pages, &memory.rebuilt());
        }
    }
}

fn row_key(number: u8) -> Vec<u8> {
    let key = number.to_string();
    maker().rows("d", &[Emit { key: key.as_bytes(), value: b"0" }]).rows.remove(0).key
}
