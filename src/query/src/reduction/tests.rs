//! Tests of the tree against naive computation over the rows.

mod memory;
mod properties;

use memory::{Memory, Path, Picky, reducers, shown};

use super::*;
use crate::collation::Collation;
use crate::view::{Emit, GroupLevel, KeyRange, RowMaker};

fn maker() -> RowMaker {
    RowMaker::new(Collation::Unicode, 1).unwrap()
}

/// A view over documents that emit `[number of the document / 10, number]` and the number.
fn many(count: usize, bits: u8) -> Memory {
    let mut memory = Memory::new(Shape { seed: 5, bits });
    let maker = maker();
    for number in 0..count {
        let (key, value) = (format!("[{},{number}]", number / 10), number.to_string());
        let emit = Emit { key: key.as_bytes(), value: value.as_bytes() };
        for row in maker.rows(&format!("{number}"), &[emit]).rows {
            memory.put(&row);
        }
    }
    memory.pages = memory.rebuilt();
    memory
}

#[test]
fn an_empty_view_has_no_pages_and_answers() {
    let memory = Memory::new(Shape::new(3));
    assert!(memory.rebuilt().is_empty());
    let tree = Tree::open(&memory).unwrap();
    assert_eq!(tree.total(), Totals::default());
    assert_eq!(tree.nth(0).unwrap(), None);
    let range = KeyRange { from: vec![1], to: None };
    let mut columns = reducers();
    let mut columns = columns.iter_mut().map(|one| &mut **one as _).collect::<Vec<_>>();
    assert_eq!(tree.totals(&range, &mut columns).unwrap().count, 0);
    let query = GroupsQuery {
        range: &range,
        level: GroupLevel::Exact,
        descending: false,
        skip: 0,
        limit: 10,
    };
    assert_eq!(tree.groups(&query, &mut columns).unwrap().groups, []);
}

#[test]
fn what_is_emptied_leaves_nothing() {
    let mut memory = many(500, 2);
    let keys: Vec<_> = memory.rows.keys().cloned().collect();
    for keys in keys.chunks(37) {
        let changes = keys.iter().map(|key| (key.clone(), None)).collect();
        memory.apply(changes);
        assert_eq!(memory.pages, memory.rebuilt());
    }
    assert!(memory.pages.is_empty());
}

#[test]
fn nodes_are_as_large_as_the_shape_says() {
    let memory = many(20_000, Shape::BITS);
    let tree = Tree::open(&memory).unwrap();
    assert_eq!(tree.total().count, 20_000);
    // One in 16 rows begins a node, of which one in 16 has a page.
    let pages = memory.pages.len();
    assert!((40..160).contains(&pages), "{pages} pages");
}

#[test]
fn a_range_is_read_from_few_pages_and_reduced_in_two_calls() {
    let memory = many(20_000, Shape::BITS);
    let keys: Vec<_> = memory.rows.keys().cloned().collect();
    let range = KeyRange { from: keys[777].clone(), to: Some(keys[16_400].clone()) };
    memory.reads.set((0, 0));
    let mut path = Path::default();
    let tree = Tree::open(&memory).unwrap();
    let totals = tree.totals(&range, &mut [&mut path]).unwrap();
    assert_eq!(totals.count, 16_400 - 777);
    let numbers: Vec<_> = memory.rows.values().skip(777).take(16_400 - 777).cloned().collect();
    assert_eq!(shown(&totals.reductions[0]), numbers.map_values());
    assert_eq!(path.calls, (1, 1));
    let (pages, rows) = memory.reads.get();
    assert!(pages < 15 && rows < 300, "{pages} pages, {rows} rows");
    // The same bounds, counted: no reducer is asked.
    assert_eq!(tree.count(&range).unwrap(), totals.count);
    assert_eq!(tree.rank(&keys[16_400]).unwrap(), 16_400);
    assert_eq!(tree.nth(16_400).unwrap().as_ref(), Some(&keys[16_400]));
    // Everything is in the root.
    memory.reads.set((0, 0));
    let mut path = Path::default();
    Tree::open(&memory).unwrap().totals(&KeyRange::all(), &mut [&mut path]).unwrap();
    assert_eq!((path.calls, memory.reads.get()), ((0, 0), (1, 0)));
}

#[test]
fn many_groups_take_one_reduce_and_one_rereduce() {
    let memory = many(5_000, Shape::BITS);
    let tree = Tree::open(&memory).unwrap();
    let mut path = Path::default();
    let range = KeyRange::all();
    let query = GroupsQuery {
        range: &range,
        level: GroupLevel::Elements(1.try_into().unwrap()),
        descending: false,
        skip: 0,
        limit: 1000,
    };
    let page = tree.groups(&query, &mut [&mut path]).unwrap();
    assert_eq!((page.groups.len(), page.next), (500, None));
    assert_eq!(path.calls, (1, 1));
    assert_eq!(page.groups[7].key, b"[7]");
    assert_eq!(shown(&page.groups[7].reductions[0]), "70,71,72,73,74,75,76,77,78,79");
}

#[test]
fn a_failing_function_marks_what_it_saw_and_nothing_else() {
    let mut memory = many(300, 2);
    memory.reducers = || vec![Box::new(Picky), Box::<Path>::default()];
    memory.pages = memory.rebuilt();
    let bad = memory.rows.keys().nth(100).unwrap().clone();
    memory.apply(vec![(bad.clone(), Some((b"[10,100]".to_vec(), b"-1".to_vec())))]);
    assert_eq!(memory.pages, memory.rebuilt());
    let tree = Tree::open(&memory).unwrap();
    let total = tree.total();
    assert_eq!(total.count, 300);
    assert!(matches!(&total.reductions[0], Reduction::Failed { reason, .. } if reason == "-1"));
    assert!(matches!(&total.reductions[1], Reduction::Value(_)));
    let before = KeyRange { from: Vec::new(), to: Some(bad.clone()) };
    let mut columns = (memory.reducers)();
    let mut columns = columns.iter_mut().map(|one| &mut **one as _).collect::<Vec<_>>();
    let totals = tree.totals(&before, &mut columns).unwrap();
    assert_eq!(totals.reductions[0], Reduction::Value(b"fine".to_vec()));
    // A long reason is cut off.
    let long = format!("-{}", "é".repeat(1000)).into_bytes();
    memory.apply(vec![(bad.clone(), Some((b"[10,100]".to_vec(), long)))]);
    let total = Tree::open(&memory).unwrap().total();
    assert!(
        matches!(&total.reductions[0], Reduction::Failed { reason, .. } if reason.len() == 1023)
    );
    // Mended, it is as if it had never been.
    memory.apply(vec![(bad, Some((b"[10,100]".to_vec(), b"100".to_vec())))]);
    assert_eq!(
        Tree::open(&memory).unwrap().total().reductions[0],
        Reduction::Value(b"fine".to_vec())
    );
}

#[test]
fn the_stored_form_is_this_one() {
    // Fixtures of version 1: whoever changes them adds a version and keeps this one readable.
    let entry = Entry {
        start: vec![1, 2],
        key: Some(b"[]".to_vec()),
        count: 300,
        reductions: vec![
            Reduction::None,
            Reduction::Value(b"7".to_vec()),
            Reduction::Failed { error: "e".to_owned(), reason: "r".to_owned() },
        ],
    };
    let second = Entry { start: vec![1, 3], key: None, ..entry.clone() };
    let record = [
        &[1, 3, 0, 2, 1, 2, 172, 2, 3, b'[', b']', 0, 1, 1, b'7', 2, 1, b'e', 1, b'r'][..],
        &[1, 1, 3, 172, 2, 0, 0, 1, 1, b'7', 2, 1, b'e', 1, b'r'],
    ]
    .concat();
    let entries = vec![entry, second];
    assert_eq!(page::encode_page(&entries), record);
    assert_eq!(page::decode_page(&record).unwrap(), entries);
    for end in 1..record.len() {
        let cut = page::decode_page(&record[..end]);
        assert!(cut.is_err() || cut.unwrap().len() < 2);
    }
    let root = page::Root { level: 2, count: 300, reductions: entries[0].reductions.clone() };
    let record = [1, 2, 172, 2, 3, 0, 1, 1, b'7', 2, 1, b'e', 1, b'r'];
    assert_eq!(root.encode(), record);
    assert_eq!(page::Root::decode(&record).unwrap(), root);
    assert!(page::Root::decode(&[1, 0, 0, 0]).is_err());
    assert_eq!(shape::page_key(2, &[9]), [253, 9]);
}

#[test]
fn results_that_do_not_shrink_are_refused() {
    let limit = ReduceLimit::default();
    assert!(limit.check(10, 5000).is_ok());
    assert!(limit.check(20_000, 6000).is_ok());
    assert_eq!(
        limit.check(9000, 6000).unwrap_err().to_string(),
        "Reduce output must shrink more rapidly: input size: 9000 output size: 6000"
    );
}

/// Joins what was emitted as values.
trait MapValues {
    fn map_values(self) -> String;
}

impl MapValues for Vec<(Vec<u8>, Vec<u8>)> {
    fn map_values(self) -> String {
        let values = self.into_iter().map(|(_, value)| String::from_utf8(value).unwrap());
        values.collect::<Vec<_>>().join(",")
    }
}
