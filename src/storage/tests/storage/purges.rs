//! Purges: what leaves, what is remembered, and for how long.

use refuge_document::{BodyPlace, PendingPlace};
use refuge_storage::{
    ChangeRange, DatabaseId, DocumentPurge, Operation, Outcome, PurgeChange, PurgeCommitted,
    PurgeWrite,
};

use crate::fixture::{Fixture, document, leaf};

/// More than any grace lasts.
const LONG_MS: u64 = 60 * 60 * 1000;

fn nothing_of(id: &str, number: u8) -> DocumentPurge {
    let revisions = vec![leaf(u32::from(number), false).revision];
    DocumentPurge { id: id.to_owned(), uuid: [number; 16], revisions, change: None }
}

fn purge(
    fixture: &mut Fixture,
    database: DatabaseId,
    documents: Vec<DocumentPurge>,
) -> PurgeCommitted {
    let write =
        PurgeWrite { database, time_ms: 1_700_000_000_000, tombstones_until_ms: None, documents };
    match fixture.commit_one(Operation::Purge(write)) {
        Outcome::Purged(committed) => committed,
        other => panic!("not purged: {other:?}"),
    }
}

/// A whole document leaves.
fn whole(fixture: &mut Fixture, database: DatabaseId, id: &str, number: u8) -> DocumentPurge {
    let record = fixture.snapshot().document(database, id).unwrap().unwrap();
    let change = PurgeChange {
        previous: record.previous(false, false),
        remaining: None,
        bodies: vec![record.sequence],
        readers: Vec::new(),
    };
    DocumentPurge { change: Some(change), ..nothing_of(id, number) }
}

fn remembered(fixture: &mut Fixture, database: DatabaseId) -> Vec<u64> {
    let records = fixture.snapshot().purges(database, 0, 1000).unwrap();
    records.into_iter().map(|record| record.sequence).collect()
}

#[test]
fn a_purged_document_leaves_no_row_behind() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let documents = vec![document("a", &["{\"a\":1}"], None), document("b", &["{}"], None)];
    fixture.write(database, documents);
    let gone = whole(&mut fixture, database, "a", 1);

    let done = purge(&mut fixture, database, vec![gone]);

    assert_eq!((done.committed.removed.as_slice(), done.committed.last), ([1].as_slice(), 3));
    assert_eq!(done.purge_sequence, 1);
    fixture.reopen();
    fixture.collect(LONG_MS);
    let snapshot = fixture.snapshot();
    assert!(snapshot.document(database, "a").unwrap().is_none());
    assert!(snapshot.body(database, 1).unwrap().is_none());
    let rows = snapshot.changes(database, ChangeRange::default()).map(|row| row.unwrap().id);
    assert_eq!(rows.collect::<Vec<_>>(), ["b"]);
    let information = snapshot.information(database).unwrap().unwrap();
    assert_eq!((information.documents, information.deleted_documents), (1, 0));
    assert_eq!((information.update_sequence, information.purge_sequence), (3, 1));
    assert_eq!(information.external_bytes, 2);
    let record = snapshot.purges(database, 0, 10).unwrap().remove(0);
    assert_eq!((record.id.as_str(), record.uuid), ("a", [1; 16]));
    assert_eq!(record.revisions, [leaf(1, false).revision]);
}

#[test]
fn what_remains_of_a_document_stands_under_a_new_sequence_with_its_own_size() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    fixture.write(database, vec![document("a", &["{\"long\":\"winner\"}", "{}"], None)]);
    let before = fixture.snapshot().document(database, "a").unwrap().unwrap();
    let mut remaining = document("a", &["{}"], Some(before.previous(false, false)));
    remaining.bodies.clear();
    remaining.pending = Vec::<PendingPlace>::new();
    remaining.winner_place = BodyPlace::At(1);
    let change = PurgeChange {
        previous: before.previous(false, false),
        remaining: Some(remaining),
        bodies: vec![2],
        readers: Vec::new(),
    };

    let done = purge(
        &mut fixture,
        database,
        vec![DocumentPurge { change: Some(change), ..nothing_of("a", 1) }],
    );

    assert_eq!(done.committed.documents, [3]);
    assert_eq!(done.committed.removed, [2]);
    fixture.collect(LONG_MS);
    let snapshot = fixture.snapshot();
    assert_eq!(snapshot.document(database, "a").unwrap().unwrap().sequence, 3);
    let information = snapshot.information(database).unwrap().unwrap();
    assert_eq!((information.documents, information.external_bytes), (1, 17));
    assert!(snapshot.body(database, 1).unwrap().is_some());
    assert!(snapshot.body(database, 2).unwrap().is_none());
}

#[test]
fn a_purge_that_is_known_by_its_uuid_is_not_carried_out_again() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    assert_eq!(purge(&mut fixture, database, vec![nothing_of("a", 1)]).purge_sequence, 1);
    fixture.reopen();
    let again = purge(&mut fixture, database, vec![nothing_of("a", 1), nothing_of("b", 2)]);
    assert_eq!(again.purge_sequence, 2);
    assert_eq!(remembered(&mut fixture, database), [1, 2]);
}

#[test]
fn records_beyond_the_limit_are_forgotten_once_every_index_has_followed() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let checkpoint = |index: &str, sequence| Operation::SetPurgeCheckpoint {
        database,
        index: index.to_owned(),
        sequence,
    };
    fixture.commit_one(Operation::SetPurgeRecordsLimit { database, limit: 2 });
    fixture.commit_one(checkpoint("fast", Some(3)));
    fixture.commit_one(checkpoint("slow", Some(1)));
    for number in 1..=5 {
        purge(&mut fixture, database, vec![nothing_of("a", number)]);
    }
    assert_eq!(remembered(&mut fixture, database), [2, 3, 4, 5]);
    fixture.reopen();
    fixture.commit_one(checkpoint("slow", None));
    purge(&mut fixture, database, vec![nothing_of("a", 6)]);
    assert_eq!(remembered(&mut fixture, database), [4, 5, 6]);
    fixture.commit_one(checkpoint("fast", Some(9)));
    fixture.commit_one(Operation::SetPurgeRecordsLimit { database, limit: 1 });
    assert_eq!(remembered(&mut fixture, database), [6]);
    let state = fixture.snapshot().purge_state(database).unwrap();
    assert_eq!((state.sequence, state.forgotten, state.records_limit), (6, 5, 1));
}

#[test]
fn purges_of_one_group_count_on() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let operation = |number| {
        let documents = vec![nothing_of("a", number)];
        Operation::Purge(PurgeWrite { database, time_ms: 1, tombstones_until_ms: None, documents })
    };
    fixture.engine().commit(vec![operation(1), operation(2)]).unwrap();
    assert_eq!(remembered(&mut fixture, database), [1, 2]);
    let missing = PurgeWrite {
        database: DatabaseId(99),
        time_ms: 1,
        tombstones_until_ms: None,
        documents: Vec::new(),
    };
    assert_eq!(fixture.commit_one(Operation::Purge(missing)), Outcome::NoSuchDatabase);
}

#[test]
fn purged_tombstones_raise_the_floor_and_marks_leave_when_they_are_through() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    fixture.write(database, vec![document("a", &["{}"], None), document("b", &["{}"], None)]);
    fixture.commit_one(Operation::MarkTime { database, time_ms: 100 });
    fixture.write(database, vec![document("c", &["{}"], None)]);
    fixture.commit_one(Operation::MarkTime { database, time_ms: 200 });
    let mark = fixture.snapshot().time_mark(database, 150).unwrap().unwrap();
    assert_eq!((mark.time_ms, mark.sequence), (100, 2));
    assert_eq!(fixture.snapshot().time_mark(database, 99).unwrap(), None);

    let documents = vec![whole(&mut fixture, database, "b", 1)];
    let write = PurgeWrite { database, time_ms: 300, tombstones_until_ms: Some(100), documents };
    fixture.commit_one(Operation::Purge(write));
    fixture.commit_one(Operation::TombstonesSwept { database, mark });

    fixture.reopen();
    let snapshot = fixture.snapshot();
    let state = snapshot.information(database).unwrap().unwrap().tombstones;
    assert_eq!((state.swept, state.floor, state.floor_time_ms), (2, 2, 100));
    assert_eq!(snapshot.time_mark(database, 150).unwrap(), None);
    assert_eq!(snapshot.time_mark(database, 250).unwrap().unwrap().sequence, 3);
}
