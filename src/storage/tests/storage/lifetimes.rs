//! Who keeps the directory, and for how long.

use std::time::Duration;

use refuge_storage::{ChangeRange, Engine, OpenError, Operation, Options, StorageError};

use crate::fixture::{Fixture, document, options, write};

#[test]
fn a_store_fails_once_its_engine_is_gone() {
    let mut fixture = Fixture::new();
    let store = fixture.engine().store();
    assert!(store.fits_memory());
    assert!(store.disk_bytes().unwrap() > 0);
    drop(fixture.take_engine());
    assert!(matches!(store.snapshot(), Err(StorageError::Closed)));
    assert!(matches!(store.database("x"), Err(StorageError::Closed)));
    assert!(matches!(store.disk_bytes(), Err(StorageError::Closed)));
    assert!(!store.fits_memory());
}

#[test]
fn data_that_outgrows_the_memory_is_told() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    drop(fixture.take_engine());
    let small = Options { memory_bytes: Some(64 * 1024), ..options(&fixture.directory) };
    fixture.give_engine(Engine::open(small.clone()).unwrap());
    let store = fixture.engine().store();
    assert!(store.fits_memory());
    let text = format!("{{\"text\":\"{}\"}}", "x".repeat(1000));
    for number in 0..300 {
        fixture.write(database, vec![document(&number.to_string(), &[&text], None)]);
    }
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while store.fits_memory() {
        assert!(std::time::Instant::now() < deadline, "the tables grow beyond a quarter of it");
        fixture.engine().maintain();
        fixture.write(database, vec![document("again", &[&text], None)]);
    }
    fixture.take_engine().close(Duration::from_secs(60));
    fixture.give_engine(Engine::open(small).unwrap());
    assert!(!fixture.engine().store().fits_memory(), "nor at the next start");
}

#[test]
fn an_engine_is_opened_again_as_soon_as_the_last_reader_ends() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    fixture.write(database, vec![document("a", &["{}"], None)]);
    let snapshot = fixture.snapshot();
    let mut changes = snapshot.changes(database, ChangeRange::default());
    drop(snapshot);
    drop(fixture.take_engine());

    let mut hurried = options(&fixture.directory);
    hurried.lock_wait = Duration::ZERO;
    assert!(matches!(
        Engine::open(hurried),
        Err(OpenError::Locked { path, .. }) if path == fixture.directory.path()
    ));

    let patient = options(&fixture.directory);
    let opening = std::thread::spawn(move || Engine::open(patient));
    assert_eq!(changes.next().unwrap().unwrap().id, "a");
    drop(changes);
    let engine = opening.join().unwrap().unwrap();
    assert!(engine.store().database("db").unwrap().is_some());
}

#[test]
fn an_engine_dropped_by_a_panic_is_opened_again() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let mut engine = fixture.take_engine();
    let store = engine.store();
    let panicked = std::thread::spawn(move || {
        let group = vec![write(database, vec![document("a", &["{}"], None)])];
        engine.commit(group).unwrap();
        panic!("as an actor that is killed");
    })
    .join();
    assert!(panicked.is_err());
    assert!(matches!(store.snapshot(), Err(StorageError::Closed)));
    fixture.reopen();
    let snapshot = fixture.snapshot();
    assert!(snapshot.document(database, "a").unwrap().is_some());
}

#[test]
fn readers_on_other_threads_see_whole_commits_while_rows_are_written() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let store = fixture.engine().store();
    let reader = std::thread::spawn(move || {
        let mut seen = 0;
        while seen < 400 {
            let snapshot = store.snapshot().unwrap();
            let information = snapshot.information(database).unwrap().unwrap();
            assert_eq!(information.update_sequence % 10, 0, "half a group is seen");
            let rows = snapshot.changes(database, ChangeRange::default()).count();
            assert_eq!(rows as u64, information.documents);
            assert!(information.update_sequence >= seen);
            seen = information.update_sequence;
        }
    });
    for round in 0..40 {
        let documents =
            (0..10).map(|number| document(&format!("{round}-{number}"), &["{}"], None)).collect();
        fixture.write(database, documents);
    }
    reader.join().unwrap();
}

#[test]
fn a_write_larger_than_the_write_buffer_passes() {
    let mut fixture = Fixture::new();
    drop(fixture.take_engine());
    let mut small = options(&fixture.directory);
    small.write_buffer_bytes = 128 * 1024;
    let mut engine = Engine::open(small).unwrap();
    for key in 0..40 {
        engine
            .commit(vec![Operation::Node { key: format!("{key}"), value: Some(vec![7; 50_000]) }])
            .unwrap();
    }
    assert_eq!(engine.store().node("39").unwrap().unwrap().len(), 50_000);
}
