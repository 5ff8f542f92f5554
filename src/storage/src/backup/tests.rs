//! Backups of an engine, put back.

mod going_on;

use std::sync::Arc;

use super::*;
use crate::{Engine, NewDatabase, Operation, Options, Outcome};

fn database(engine: &mut Engine, name: &str) -> DatabaseRecord {
    let new = NewDatabase {
        name: name.to_owned(),
        shards: 1,
        created_unix_ms: 1,
        instance: [7; 16],
        partitioned: false,
        access: false,
        options: crate::DatabaseOptions::default(),
        security: None,
    };
    match engine.commit(vec![Operation::CreateDatabase(new)]).unwrap().remove(0) {
        Outcome::Created(record) => record,
        other => panic!("{other:?}"),
    }
}

fn local(engine: &mut Engine, record: &DatabaseRecord, id: &str, value: &[u8]) {
    let writes = vec![crate::LocalWrite { id: id.to_owned(), value: Some(value.to_vec()) }];
    engine.commit(vec![Operation::Locals { database: record.id, writes }]).unwrap();
}

fn blocks(mut backup: Backup) -> Vec<BackupBlock> {
    std::iter::from_fn(|| backup.next_block().unwrap()).filter(|block| block.rows > 0).collect()
}

fn restored(folder: &std::path::Path, blocks: &[BackupBlock]) -> Engine {
    let options = Options::new(folder.join("data"));
    let mut restoring = Restoring::begin(options.clone()).unwrap();
    for block in blocks {
        restoring.block(&block.bytes).unwrap();
    }
    restoring.finish("x").unwrap();
    Engine::open(options).unwrap()
}

#[test]
fn what_is_put_back_is_what_the_snapshot_held() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = Engine::open(Options::new(folder.path().join("old"))).unwrap();
    let cities = database(&mut engine, "cities");
    let large = vec![b'x'; 3 * BLOCK_BYTES];
    local(&mut engine, &cities, "a", &large);
    local(&mut engine, &cities, "b", b"two");
    let backup = engine.store().snapshot().unwrap().backup(None);
    // What is written later is not part of it.
    local(&mut engine, &cities, "c", b"three");
    let blocks = blocks(backup);
    assert!(blocks.len() > 2, "{} blocks", blocks.len());
    let mut engine = restored(folder.path(), &blocks);
    let snapshot = engine.store().snapshot().unwrap();
    let found = snapshot.database("cities").unwrap().unwrap();
    assert_eq!(found, cities);
    assert_eq!(snapshot.local(found.id, "a").unwrap().unwrap(), large);
    assert_eq!(snapshot.local(found.id, "c").unwrap(), None);
    drop(snapshot);
    // Numbers go on behind those that were given.
    assert!(database(&mut engine, "other").id.0 > cities.id.0);
}

/// Whoever reads is asked in between whether it is still wanted, and large values of others are not held.
#[test]
fn rows_of_others_end_a_block_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = Engine::open(Options::new(folder.path().join("old"))).unwrap();
    let records: Vec<_> =
        (0..=MOST_BY_THEMSELVES).map(|n| database(&mut engine, &format!("d{n}"))).collect();
    let other = database(&mut engine, "other");
    let mut writes = Vec::new();
    for number in 0..=BLOCK_ROWS {
        let id = format!("{number}");
        writes.push(crate::LocalWrite { id, value: Some(b"x".to_vec()) });
    }
    engine.commit(vec![Operation::Locals { database: other.id, writes }]).unwrap();
    local(&mut engine, &records[1], "a", b"mine");
    let mut backup = engine.store().snapshot().unwrap().backup(Some(records.clone()));
    let all: Vec<_> = std::iter::from_fn(|| backup.next_block().unwrap()).collect();
    let wanted: Vec<_> = all.iter().filter(|block| block.rows > 0).cloned().collect();
    assert!(all.iter().filter(|block| block.rows == 0).count() > 1);
    let engine = restored(folder.path(), &wanted);
    let snapshot = engine.store().snapshot().unwrap();
    assert_eq!(snapshot.local(records[1].id, "a").unwrap().unwrap(), b"mine".as_slice());
    assert_eq!(snapshot.database("other").unwrap(), None);
}

#[test]
fn a_backup_of_some_databases_holds_nothing_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = Engine::open(Options::new(folder.path().join("old"))).unwrap();
    let records: Vec<_> =
        ["a", "b", "c"].map(|name| database(&mut engine, name)).into_iter().collect();
    for record in &records {
        local(&mut engine, record, "x", record.name.as_bytes());
    }
    let only = vec![records[2].clone(), records[0].clone()];
    let blocks = blocks(engine.store().snapshot().unwrap().backup(Some(only)));
    let engine = restored(folder.path(), &blocks);
    let snapshot = engine.store().snapshot().unwrap();
    let found = ["a", "b", "c"].map(|name| snapshot.database(name).unwrap().is_some());
    assert_eq!(found, [true, false, true]);
    assert_eq!(snapshot.local(records[2].id, "x").unwrap().unwrap(), "c".as_bytes());
    assert_eq!(snapshot.local(records[1].id, "x").unwrap(), None);
}

#[test]
fn a_backup_under_way_makes_the_engine_keep_nothing_that_is_written_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = Engine::open(Options::new(folder.path().join("old"))).unwrap();
    let record = database(&mut engine, "cities");
    local(&mut engine, &record, "a", b"before");
    let snapshot = engine.store().snapshot().unwrap();
    let (shared, moment) = (Arc::clone(snapshot.shared()), snapshot.view().seqno());
    let backup = snapshot.clone().backup(None);
    // What nobody sees who looks at that moment may leave.
    let is_kept = || {
        // The engine looks at each ten thousandth who is the oldest reader.
        (0..=10_000).for_each(|_| drop(shared.database.snapshot()));
        shared.database.supervisor.snapshot_tracker.get_seqno_safe_to_gc() < moment
    };
    local(&mut engine, &record, "a", b"after");
    assert!(is_kept(), "the snapshot sees it");
    drop(snapshot);
    assert!(!is_kept(), "the backup does not");
    for value in [&b"later"[..], b"last"] {
        shared.keyspaces.locals.rotate_memtable_and_wait().unwrap();
        local(&mut engine, &record, "a", value);
    }
    engine.store().compact_now().unwrap();
    let engine = restored(folder.path(), &blocks(backup));
    let snapshot = engine.store().snapshot().unwrap();
    assert_eq!(snapshot.local(record.id, "a").unwrap().unwrap(), "before");
}

#[test]
fn a_backup_of_many_databases_holds_nothing_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = Engine::open(Options::new(folder.path().join("old"))).unwrap();
    let records: Vec<_> = (0..MOST_BY_THEMSELVES + 2)
        .map(|number| database(&mut engine, &format!("d{number}")))
        .collect();
    for record in &records {
        local(&mut engine, record, "x", record.name.as_bytes());
    }
    let (left_out, only) = records.split_last().unwrap();
    let blocks = blocks(engine.store().snapshot().unwrap().backup(Some(only.to_vec())));
    let engine = restored(folder.path(), &blocks);
    let snapshot = engine.store().snapshot().unwrap();
    for record in only {
        assert_eq!(snapshot.local(record.id, "x").unwrap().unwrap(), record.name.as_bytes());
    }
    assert_eq!(snapshot.database(&left_out.name).unwrap(), None);
    assert_eq!(snapshot.local(left_out.id, "x").unwrap(), None);
}

#[test]
fn a_restore_that_was_cut_off_is_seen_and_the_next_one_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = Engine::open(Options::new(folder.path().join("old"))).unwrap();
    let cities = database(&mut engine, "cities");
    local(&mut engine, &cities, "a", b"one");
    let blocks = blocks(engine.store().snapshot().unwrap().backup(None));
    let options = Options::new(folder.path().join("data"));
    assert_eq!(unfinished_restore(&options.path), None);
    let mut first = Restoring::begin(options.clone()).unwrap();
    first.block(&blocks[0].bytes).unwrap();
    let other =
        Restoring::begin(Options { lock_wait: std::time::Duration::ZERO, ..options.clone() });
    assert!(matches!(other, Err(RestoreError::UnderWay(_))), "the first is still at it");
    drop(first);
    std::fs::create_dir(&options.path).unwrap();
    assert!(unfinished_restore(&options.path).is_some(), "an empty place is no data");
    let engine = restored(folder.path(), &blocks);
    assert_eq!(engine.store().snapshot().unwrap().local(cities.id, "a").unwrap().unwrap(), "one");
    assert_eq!(unfinished_restore(&options.path), None);
}

#[test]
fn a_restore_that_was_killed_at_its_last_step_is_whole_until_a_node_goes_on_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("data"));
    for opened in [false, true] {
        Restoring::begin(options.clone()).unwrap().finish("this").unwrap();
        assert!(matches!(Restoring::begin(options.clone()), Err(RestoreError::NotEmpty(_))));
        assert!(!settle(&options.path, "that").unwrap());
        if opened {
            drop(Engine::open(options.clone()).unwrap());
        }
        assert_eq!(settle(&options.path, "this").unwrap(), !opened);
        assert!(!settle(&options.path, "this").unwrap());
        std::fs::remove_dir_all(&options.path).unwrap();
    }
}

#[test]
fn what_is_no_block_and_a_place_that_is_taken_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("data"));
    let row = |key: &[u8]| {
        let mut block = Vec::new();
        rows::write(&mut block, key, b"value");
        block
    };
    for bytes in [
        vec![],
        vec![99],
        vec![0, 1, 2],
        [vec![0], row(b"b"), row(b"a")].concat(),
        [vec![0], row(b"b"), row(b"b")].concat(),
    ] {
        let mut restoring = Restoring::begin(options.clone()).unwrap();
        let outcome = restoring.block(&bytes);
        assert!(matches!(outcome, Err(RestoreError::Damaged(1))), "{bytes:?}");
    }
    drop(Engine::open(options.clone()).unwrap());
    assert!(matches!(Restoring::begin(options), Err(RestoreError::NotEmpty(_))));
}
