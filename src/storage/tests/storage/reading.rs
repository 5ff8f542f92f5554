//! Walks: by id, by sequence, with bodies, in both directions.

use refuge_document::BodyPlace;
use refuge_storage::{ChangeRange, DatabaseId, DocumentRange, LocalWrite, Operation};

use crate::fixture::{Fixture, document, leaf};

fn five_documents(fixture: &mut Fixture) -> DatabaseId {
    // Neighbours on both sides show whether a walk keeps to its database.
    let before = fixture.create("before");
    let database = fixture.create("db");
    let after = fixture.create("later");
    for neighbour in [before, after] {
        fixture.write(neighbour, vec![document("zz", &["{}"], None)]);
    }
    for id in ["c", "a", "é", "b", "d"] {
        let text = format!("{{\"id\":\"{id}\"}}");
        fixture.write(database, vec![document(id, &[&text], None)]);
    }
    database
}

#[test]
fn documents_come_in_order_of_their_ids_within_the_range() {
    let mut fixture = Fixture::new();
    let database = five_documents(&mut fixture);
    let snapshot = fixture.snapshot();
    let ids = |range: DocumentRange| -> Vec<String> {
        snapshot.documents(database, &range).map(|row| row.unwrap().0).collect()
    };
    let range = |start: &str, end: &str| DocumentRange {
        start: Some(start.to_owned()),
        end: Some(end.to_owned()),
        ..DocumentRange::default()
    };
    assert_eq!(ids(DocumentRange::default()), ["a", "b", "c", "d", "é"]);
    assert_eq!(ids(range("b", "d")), ["b", "c", "d"]);
    assert_eq!(ids(range("b1", "d")), ["c", "d"]);
    assert_eq!(
        ids(DocumentRange { start_inclusive: false, end_inclusive: false, ..range("b", "d") }),
        ["c"]
    );
    assert_eq!(ids(DocumentRange { descending: true, ..range("c", "a") }), ["c", "b", "a"]);
    assert_eq!(
        ids(DocumentRange {
            descending: true,
            end: Some("c".to_owned()),
            ..DocumentRange::default()
        }),
        ["é", "d", "c"]
    );
    assert!(ids(range("d", "a")).is_empty());
    assert_eq!(ids(range("b", "b")), ["b"]);
    assert!(ids(DocumentRange { end_inclusive: false, ..range("b", "b") }).is_empty());
}

#[test]
fn changes_come_in_order_of_their_sequences_within_the_range() {
    let mut fixture = Fixture::new();
    let database = five_documents(&mut fixture);
    let snapshot = fixture.snapshot();
    let sequences = |after, until, descending| -> Vec<u64> {
        let range = ChangeRange { after, until, descending };
        let rows: Vec<_> =
            snapshot.changes(database, range).map(|row| row.unwrap().sequence).collect();
        let count = snapshot.count_changes(database, range).unwrap();
        assert_eq!(count, rows.len() as u64);
        rows
    };
    assert_eq!(sequences(0, u64::MAX, false), [1, 2, 3, 4, 5]);
    assert_eq!(sequences(2, 4, false), [3, 4]);
    assert_eq!(sequences(1, u64::MAX, true), [5, 4, 3, 2]);
    assert_eq!(sequences(5, u64::MAX, false), [] as [u64; 0]);
    assert_eq!(sequences(7, 3, false), [] as [u64; 0]);
}

#[test]
fn local_documents_come_in_order_and_apart_from_documents() {
    let mut fixture = Fixture::new();
    let database = five_documents(&mut fixture);
    let writes =
        ["y", "x"].map(|id| LocalWrite { id: id.to_owned(), value: Some(id.as_bytes().to_vec()) });
    fixture.commit_one(Operation::Locals { database, writes: writes.to_vec() });
    let locals: Vec<_> = fixture
        .snapshot()
        .locals(database, &DocumentRange::default())
        .map(|row| row.unwrap().0)
        .collect();
    assert_eq!(locals, ["x", "y"]);
}

/// Bodies far behind their changes (an old winner), long stretches of left bodies between two
/// changes, and both directions.
#[test]
fn each_change_comes_with_its_winners_body_wherever_that_stands() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let mut expected = Vec::new();
    fixture.write(database, vec![document("old", &["{\"old\":1}"], None)]);
    for number in 0..60 {
        let id = format!("d{number}");
        // Some documents have many revisions: their bodies are passed over, or jumped over.
        let count = if number % 7 == 0 { 40 } else { 1 + number % 3 };
        let texts: Vec<_> = (0..count).map(|one| format!("{{\"{id}\":{one}}}")).collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        fixture.write(database, vec![document(&id, &texts, None)]);
        expected.push((id, (*texts.last().unwrap()).to_owned()));
        if number == 30 {
            // A losing branch arrives: the winner's body stays where it is.
            let row = fixture.snapshot().document(database, "old").unwrap().unwrap();
            let mut losing = document("old", &["{\"loser\":1}"], Some(row.previous(false, false)));
            losing.leaves = vec![leaf(2, false), leaf(1, false)];
            losing.winner_place = BodyPlace::At(1);
            fixture.write(database, vec![losing]);
            expected.push(("old".to_owned(), "{\"old\":1}".to_owned()));
        }
    }
    for descending in [false, true] {
        for after in [0, 1, 100, 200] {
            let snapshot = fixture.snapshot();
            let range = ChangeRange { after, descending, ..ChangeRange::default() };
            let rows: Vec<_> = snapshot
                .changes_with_bodies(database, range)
                .map(|row| {
                    let (change, record) = row.unwrap();
                    let body = record.unwrap().body;
                    (change.id, String::from_utf8(body.as_bytes().to_vec()).unwrap())
                })
                .collect();
            let count = rows.len();
            let mut wanted = expected.split_at(expected.len() - count).1.to_vec();
            if descending {
                wanted.reverse();
            }
            assert_eq!(rows, wanted, "after {after}, descending {descending}");
            assert!(after != 0 || count == 61);
        }
    }
}

#[test]
fn a_snapshot_does_not_see_what_is_committed_after_it() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    fixture.write(database, vec![document("a", &["{}"], None)]);
    let snapshot = fixture.snapshot();
    fixture.write(database, vec![document("b", &["{}"], None)]);
    assert_eq!(snapshot.update_sequence(database).unwrap(), 1);
    assert!(snapshot.document(database, "b").unwrap().is_none());
    assert_eq!(snapshot.changes(database, ChangeRange::default()).count(), 1);
}
