//! Groups: their order, their outcomes, the sequences they give, and what is there afterwards.

use std::ops::Bound;

use refuge_storage::{
    ChangeRange, DatabaseRange, LocalWrite, MAXIMUM_ID_BYTES, Operation, Outcome,
};

use crate::fixture::{Fixture, create, created, delete, document, places, write, written};

#[test]
fn a_database_is_created_once_and_its_number_is_never_given_again() {
    let mut fixture = Fixture::new();
    let outcomes = fixture
        .engine()
        .commit(vec![create("one"), create("one"), delete("one"), create("one"), delete("no")])
        .unwrap();
    let [first, second, deleted, third, missing] = outcomes.try_into().unwrap();
    let first = created(first);
    assert_eq!(second, Outcome::AlreadyExists);
    assert_eq!(deleted, Outcome::Deleted(first.id));
    assert_ne!(created(third).id, first.id);
    assert_eq!(missing, Outcome::NoSuchDatabase);

    let last = fixture.engine().store().database("one").unwrap().unwrap();
    assert_eq!(last.name, "one");
    assert_eq!((last.shards, last.created_unix_ms), (2, 1_700_000_000_000));
    fixture.commit_one(delete("one"));
    fixture.reopen();
    assert!(fixture.create("one") > last.id);
}

#[test]
fn databases_are_listed_by_name_from_where_one_asks() {
    let mut fixture = Fixture::new();
    for name in ["b", "a", "d", "c/x"] {
        fixture.create(name);
    }
    let store = fixture.engine().store();
    let names = |low: Bound<&str>, high: Bound<&str>, descending, limit| -> Vec<String> {
        let (low, high) = (low.map(str::to_owned), high.map(str::to_owned));
        let found = store.databases(&DatabaseRange { low, high, descending, limit }).unwrap();
        found.into_iter().map(|record| record.name).collect()
    };
    let all = Bound::Unbounded;
    assert_eq!(names(all, all, false, 10), ["a", "b", "c/x", "d"]);
    assert_eq!(names(Bound::Included("b"), all, false, 2), ["b", "c/x"]);
    assert_eq!(names(Bound::Excluded("b"), all, false, 10), ["c/x", "d"]);
    assert_eq!(names(all, Bound::Included("c/x"), true, 2), ["c/x", "b"]);
    assert_eq!(names(all, Bound::Excluded("b"), true, 10), ["a"]);
    assert_eq!(names(Bound::Included("d"), Bound::Included("a"), false, 10), [""; 0]);
    assert_eq!(names(Bound::Excluded("b"), Bound::Excluded("b"), true, 10), [""; 0]);
}

#[test]
fn each_new_body_takes_one_sequence_and_the_row_stands_at_the_last() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let committed = fixture.write(
        database,
        vec![document("a", &["{\"n\":1}"], None), document("b", &["{\"n\":2}", "{\"n\":3}"], None)],
    );
    assert_eq!((committed.first, committed.last), (1, 3));
    assert_eq!(committed.documents, [1, 3]);

    let snapshot = fixture.snapshot();
    let row = snapshot.document(database, "b").unwrap().unwrap();
    assert_eq!(row.sequence, 3);
    assert_eq!(places(row.encoded_tree()), [2, 3]);
    for (sequence, text) in [(1, "{\"n\":1}"), (2, "{\"n\":2}"), (3, "{\"n\":3}")] {
        let record = snapshot.body(database, sequence).unwrap().unwrap();
        assert_eq!(record.body.as_bytes(), text.as_bytes());
    }
    let changes: Vec<_> = snapshot
        .changes(database, ChangeRange::default())
        .map(Result::unwrap)
        .map(|row| (row.sequence, row.id, row.body))
        .collect();
    assert_eq!(changes, [(1, "a".to_owned(), 1), (3, "b".to_owned(), 3)]);
    assert_eq!(snapshot.update_sequence(database).unwrap(), 3);
}

#[test]
fn an_update_moves_the_row_and_leaves_the_old_body() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    fixture.write(database, vec![document("a", &["{\"n\":1}"], None)]);
    let row = fixture.snapshot().document(database, "a").unwrap().unwrap();
    let update = document("a", &["{\"n\":2}"], Some(row.previous(false, false)));
    let committed = fixture.write(database, vec![update]);
    assert_eq!(committed.removed, [1]);

    let snapshot = fixture.snapshot();
    let sequences: Vec<_> = snapshot
        .changes(database, ChangeRange::default())
        .map(|row| row.unwrap().sequence)
        .collect();
    assert_eq!(sequences, [2]);
    let old = snapshot.body(database, 1).unwrap().unwrap();
    assert_eq!(old.body.as_bytes(), b"{\"n\":1}");
}

#[test]
fn operations_of_a_group_see_the_ones_before_them() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let outcomes = fixture
        .engine()
        .commit(vec![
            write(database, vec![document("a", &["{}"], None)]),
            write(database, vec![document("b", &["{}"], None)]),
            delete("db"),
            write(database, vec![document("c", &["{}"], None)]),
            Operation::SetRevisionsLimit { database, limit: 5 },
            Operation::SetSecurity { database, json: b"{}".to_vec() },
        ])
        .unwrap();
    let [first, second, deleted, after, limit, security] = outcomes.try_into().unwrap();
    assert_eq!(written(first).last, 1);
    assert_eq!(written(second).first, 2);
    assert_eq!(deleted, Outcome::Deleted(database));
    for outcome in [after, limit, security] {
        assert_eq!(outcome, Outcome::NoSuchDatabase);
    }
    let store = fixture.engine().store();
    assert_eq!(store.information(database).unwrap(), None);
    assert_eq!(store.database("db").unwrap(), None);
}

#[test]
fn settings_locals_and_node_records_are_there_after_reopening() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let local = |id: &str, value: Option<&str>| LocalWrite {
        id: id.to_owned(),
        value: value.map(|text| text.as_bytes().to_vec()),
    };
    let node = |key: &str, value: Option<&str>| Operation::Node {
        key: key.to_owned(),
        value: value.map(|text| text.as_bytes().to_vec()),
    };
    let outcomes = fixture
        .engine()
        .commit(vec![
            Operation::SetSecurity { database, json: b"{\"admins\":{}}".to_vec() },
            Operation::SetRevisionsLimit { database, limit: 12 },
            Operation::Locals {
                database,
                writes: vec![local("one", Some("1")), local("two", Some("2")), local("one", None)],
            },
            node("job/1", Some("x")),
            node("job/2", Some("y")),
            node("job/1", None),
        ])
        .unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done));

    fixture.reopen();
    let store = fixture.engine().store();
    assert_eq!(store.security(database).unwrap().unwrap(), b"{\"admins\":{}}");
    let information = store.information(database).unwrap().unwrap();
    assert_eq!(information.revisions_limit, 12);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.local(database, "one").unwrap(), None);
    assert_eq!(&snapshot.local(database, "two").unwrap().unwrap()[..], b"2");
    assert_eq!(store.node("job/1").unwrap(), None);
    assert_eq!(store.node_records("job/").unwrap(), [("job/2".to_owned(), b"y".to_vec())]);
}

#[test]
fn an_id_too_long_for_a_key_is_refused_alone() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let long = "x".repeat(MAXIMUM_ID_BYTES);
    let longer = "x".repeat(MAXIMUM_ID_BYTES + 1);
    let outcomes = fixture
        .engine()
        .commit(vec![
            write(database, vec![document(&longer, &["{}"], None)]),
            write(database, vec![document(&long, &["{}"], None)]),
        ])
        .unwrap();
    assert_eq!(outcomes[0], Outcome::IdTooLong);
    assert!(matches!(outcomes[1], Outcome::Documents(_)));
    let snapshot = fixture.snapshot();
    assert!(snapshot.document(database, &long).unwrap().is_some());
}

#[test]
fn everything_committed_is_there_after_reopening() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let text = format!("{{\"text\":\"{}\"}}", "x".repeat(400));
    for round in 0..20 {
        let documents =
            (0..50).map(|number| document(&format!("{round}-{number}"), &[&text], None)).collect();
        fixture.write(database, documents);
    }
    fixture.reopen();
    let information = fixture.snapshot().information(database).unwrap().unwrap();
    assert_eq!(information.documents, 1000);
    assert_eq!(information.update_sequence, 1000);
    let rows = fixture
        .snapshot()
        .changes_with_bodies(database, ChangeRange::default())
        .map(Result::unwrap)
        .filter(|(_, record)| record.as_ref().unwrap().body.as_bytes() == text.as_bytes())
        .count();
    assert_eq!(rows, 1000);
    assert_eq!(fixture.write(database, vec![document("next", &["{}"], None)]).first, 1001);
}

#[test]
fn a_record_written_after_a_clean_close_follows_what_was_there() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    fixture.write(database, vec![document("a", &["{}"], None)]);
    fixture.take_engine().close(std::time::Duration::from_secs(30));
    let journals: u64 = std::fs::read_dir(fixture.directory.path().join("store"))
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.path().extension().is_some_and(|one| one == "jnl"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert_eq!(journals, 0, "nothing is left to replay");
    for round in 0..3 {
        fixture.reopen();
        let id = format!("b{round}");
        let committed = fixture.write(database, vec![document(&id, &["{}"], None)]);
        assert_eq!(committed.first, 2 + round);
        assert!(fixture.snapshot().document(database, "a").unwrap().is_some());
    }
}
