//! Indexes on disk: what is written is read again, what is dropped leaves, and a crash of the machine
//! leaves nothing half written.

use std::ops::Bound;
use std::path::Path;
use std::time::Duration;

use fjall::AbstractTree as _;

use super::*;
use crate::database::DatabaseId;

fn options(path: &Path) -> IndexOptions {
    IndexOptions {
        path: path.to_owned(),
        cache_bytes: 1024 * 1024,
        memtable_bytes: 64 * 1024,
        lock_wait: Duration::from_secs(10),
    }
}

fn definition(database: u32, signature: u8) -> IndexDefinition {
    IndexDefinition {
        database: DatabaseId(database),
        instance: [3; 16],
        signature: [signature; 16],
        collation: "test 1".to_owned(),
        seed: 7,
        views: 2,
        made_ms: 1,
    }
}

/// A write that fits to where the index stands.
fn write(engine: &IndexEngine, index: IndexNumber, keys: &[&str], position: u64) -> IndexWrite {
    let base = engine.store().snapshot().unwrap().state(index).unwrap().unwrap_or_default();
    let changes = keys.iter().map(|key| IndexChange {
        table: IndexTable::Rows,
        key: key.as_bytes().to_vec(),
        row: Some(b"row".to_vec()),
    });
    let state = IndexState { position, purge_position: 0, complete: true, lacking: false };
    IndexWrite { index, base, changes: changes.collect(), state }
}

/// Writes it; whether it was taken.
fn put(
    engine: &mut IndexEngine,
    index: IndexNumber,
    keys: &[&str],
    position: u64,
) -> Result<bool, crate::error::CommitError> {
    let write = write(engine, index, keys, position);
    engine.commit(write)
}

fn all(snapshot: &IndexSnapshot, index: IndexNumber, descending: bool) -> Vec<String> {
    let range = IndexRange { low: Bound::Unbounded, high: Bound::Unbounded, descending };
    let rows = snapshot.rows(IndexTable::Rows, index, &range);
    rows.map(|row| String::from_utf8(row.unwrap().0.to_vec()).unwrap()).collect()
}

#[test]
fn rows_of_indexes_stand_apart_and_are_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = IndexEngine::open(options(directory.path())).unwrap();
    let one = engine.create(&definition(1, 1)).unwrap();
    let two = engine.create(&definition(1, 2)).unwrap();
    put(&mut engine, one.number, &["b", "a"], 5).unwrap();
    put(&mut engine, two.number, &["c"], 6).unwrap();
    for round in 0..2 {
        let snapshot = engine.store().snapshot().unwrap();
        assert_eq!(all(&snapshot, one.number, false), ["a", "b"], "round {round}");
        assert_eq!(all(&snapshot, one.number, true), ["b", "a"]);
        assert_eq!(all(&snapshot, two.number, false), ["c"]);
        assert_eq!(snapshot.state(two.number).unwrap().unwrap().position, 6);
        assert_eq!(snapshot.find(DatabaseId(1), &[1; 16]).unwrap(), Some(one.clone()));
        assert_eq!(snapshot.indexes(None).unwrap().len(), 2);
        assert!(snapshot.indexes(Some(DatabaseId(2))).unwrap().is_empty());
        drop(snapshot);
        engine.close(Duration::from_secs(10));
        engine = IndexEngine::open(options(directory.path())).unwrap();
    }
}

#[test]
fn an_index_that_is_dropped_leaves_with_its_rows() {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = IndexEngine::open(options(directory.path())).unwrap();
    let one = engine.create(&definition(1, 1)).unwrap();
    let two = engine.create(&definition(2, 1)).unwrap();
    put(&mut engine, one.number, &["a", "b", "c"], 5).unwrap();
    put(&mut engine, two.number, &["d"], 5).unwrap();
    engine.drop_index(&one).unwrap();
    let gone = engine.store().snapshot().unwrap();
    assert_eq!(gone.find(DatabaseId(1), &[1; 16]).unwrap(), None);
    assert_eq!(gone.state(one.number).unwrap(), None);
    while engine.drop_rows(2).unwrap() {}
    // Whoever was about to write to it leaves nothing behind.
    assert!(!put(&mut engine, one.number, &["late"], 6).unwrap());
    let after = engine.store().snapshot().unwrap();
    assert!(all(&after, one.number, false).is_empty());
    assert_eq!(all(&after, two.number, false), ["d"]);
    // A number is not given twice.
    assert!(engine.create(&definition(1, 1)).unwrap().number > two.number);
}

#[test]
fn an_index_that_is_made_anew_replaces_the_old_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = IndexEngine::open(options(directory.path())).unwrap();
    let old = engine.create(&definition(1, 1)).unwrap();
    put(&mut engine, old.number, &["a"], 5).unwrap();
    let new = engine.create(&definition(1, 1)).unwrap();
    let snapshot = engine.store().snapshot().unwrap();
    assert_eq!(snapshot.find(DatabaseId(1), &[1; 16]).unwrap().unwrap().number, new.number);
    assert_eq!(snapshot.state(new.number).unwrap(), Some(IndexState::default()));
    while engine.drop_rows(100).unwrap() {}
    let snapshot = engine.store().snapshot().unwrap();
    assert!(all(&snapshot, old.number, false).is_empty());
}

#[test]
fn what_the_machine_left_open_is_built_anew() {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = IndexEngine::open(options(directory.path())).unwrap();
    let one = engine.create(&definition(1, 1)).unwrap();
    put(&mut engine, one.number, &["a"], 5).unwrap();
    // The process crashes: what it wrote is trusted.
    drop(engine);
    let engine = IndexEngine::open(options(directory.path())).unwrap();
    assert_eq!(all(&engine.store().snapshot().unwrap(), one.number, false), ["a"]);
    drop(engine);
    // The machine crashes: another run of it finds the mark of the one before.
    std::fs::write(directory.path().join("open"), "another run").unwrap();
    let engine = IndexEngine::open(options(directory.path())).unwrap();
    assert!(engine.store().snapshot().unwrap().indexes(None).unwrap().is_empty());
}

#[test]
fn indexes_that_cannot_be_read_are_built_anew() {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = IndexEngine::open(options(directory.path())).unwrap();
    let one = engine.create(&definition(1, 1)).unwrap();
    put(&mut engine, one.number, &["a"], 5).unwrap();
    engine.close(Duration::from_secs(10));
    std::fs::write(directory.path().join("store").join("version"), "nonsense").unwrap();
    let engine = IndexEngine::open(options(directory.path())).unwrap();
    let snapshot = engine.store().snapshot().unwrap();
    assert!(snapshot.indexes(None).unwrap().is_empty());
}

#[test]
fn many_rows_are_flushed_and_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = IndexEngine::open(options(directory.path())).unwrap();
    let one = engine.create(&definition(1, 1)).unwrap();
    for round in 0..20 {
        let keys: Vec<String> = (0..500).map(|n| format!("{:05}", n * 20 + round)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        put(&mut engine, one.number, &keys, round + 1).unwrap();
    }
    let snapshot = engine.store().snapshot().unwrap();
    let found = all(&snapshot, one.number, false);
    assert_eq!(found.len(), 10_000);
    assert!(found.is_sorted());
}

#[test]
fn memory_is_let_go_while_nothing_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let wide = IndexOptions { memtable_bytes: 64 * 1024 * 1024, ..options(directory.path()) };
    let mut engine = IndexEngine::open(wide).unwrap();
    let index = engine.create(&definition(1, 1)).unwrap().number;
    put(&mut engine, index, &["small"], 1).unwrap();
    engine.rest().unwrap();
    let rows = |engine: &IndexEngine| engine.shared.keyspaces.of(IndexTable::Rows).clone();
    assert!(rows(&engine).tree.active_memtable().size() > 0, "not worth a table");
    let keys: Vec<String> = (0..20_000).map(|number| format!("row {number:05}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    put(&mut engine, index, &keys, 2).unwrap();
    engine.rest().unwrap();
    assert_eq!(rows(&engine).tree.active_memtable().size(), 0);
    assert_eq!(all(&engine.store().snapshot().unwrap(), index, false).len(), 20_001);
}

#[test]
fn what_was_prepared_for_another_state_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = IndexEngine::open(options(directory.path())).unwrap();
    let one = engine.create(&definition(1, 1)).unwrap();
    let stale = write(&engine, one.number, &["stale"], 7);
    assert!(put(&mut engine, one.number, &["a"], 5).unwrap());
    assert!(!engine.commit(stale).unwrap());
    assert_eq!(all(&engine.store().snapshot().unwrap(), one.number, false), ["a"]);
}

#[test]
fn a_flipped_byte_in_the_journal_is_found_and_all_is_built_anew() {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = IndexEngine::open(options(directory.path())).unwrap();
    let one = engine.create(&definition(1, 1)).unwrap();
    for position in 1..20 {
        put(&mut engine, one.number, &["some-key-in-the-journal"], position).unwrap();
    }
    drop(engine);
    let store = directory.path().join("store");
    let journal = std::fs::read_dir(&store)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "jnl"))
        .expect("a journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    let needle = b"some-key-in-the-journal";
    let place = bytes.windows(needle.len()).position(|window| window == needle).expect("the key");
    bytes[place] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    let engine = IndexEngine::open(options(directory.path())).unwrap();
    assert!(engine.store().snapshot().unwrap().indexes(None).unwrap().is_empty());
}
