//! Rows of deleted databases leave in steps, and a restart goes on with it.

use bytes::Bytes;
use refuge_storage::{ChangeRange, DatabaseId, DocumentRange, LocalWrite, Operation};

use crate::fixture::{Fixture, delete, document};

const DOCUMENTS: usize = 120;

fn fill(fixture: &mut Fixture, name: &str) -> DatabaseId {
    let database = fixture.create(name);
    let documents =
        (0..DOCUMENTS).map(|number| document(&format!("{number:03}"), &["{}"], None)).collect();
    fixture.write(database, documents);
    fixture.commit_one(Operation::Locals {
        database,
        writes: vec![LocalWrite { id: "checkpoint".to_owned(), value: Some(b"1".to_vec()) }],
    });
    fixture.commit_one(Operation::Chunk {
        database,
        upload: [7; 16],
        number: 0,
        bytes: Bytes::from_static(b"bytes"),
    });
    database
}

fn rows(fixture: &mut Fixture, database: DatabaseId) -> usize {
    let snapshot = fixture.snapshot();
    let bodies = (1..=DOCUMENTS as u64)
        .filter(|sequence| snapshot.body(database, *sequence).unwrap().is_some())
        .count();
    let chunk = snapshot.chunk(database, &[7; 16], 0).unwrap();
    snapshot.documents(database, &DocumentRange::default()).count()
        + snapshot.changes(database, ChangeRange::default()).count()
        + snapshot.locals(database, &DocumentRange::default()).count()
        + bodies
        + usize::from(chunk.is_some())
}

#[test]
fn rows_of_a_deleted_database_leave_and_its_neighbours_stay() {
    let mut fixture = Fixture::new();
    let before = fill(&mut fixture, "before");
    let database = fill(&mut fixture, "db");
    let after = fill(&mut fixture, "later");
    let all = rows(&mut fixture, database);
    assert_eq!(all, 3 * DOCUMENTS + 2);
    assert!(!fixture.engine().drop_rows(10).unwrap());

    fixture.commit_one(delete("db"));
    let mut steps = 0;
    while fixture.engine().drop_rows(50).unwrap() {
        steps += 1;
        assert_eq!(rows(&mut fixture, database), all.saturating_sub(50 * steps));
    }
    assert_eq!(rows(&mut fixture, database), 0);
    for neighbour in [before, after] {
        assert_eq!(rows(&mut fixture, neighbour), all);
    }
}

#[test]
fn an_engine_opened_again_goes_on_dropping() {
    let mut fixture = Fixture::new();
    let one = fill(&mut fixture, "one");
    let two = fill(&mut fixture, "two");
    fixture.commit_one(delete("one"));
    fixture.commit_one(delete("two"));
    assert!(fixture.engine().drop_rows(100).unwrap());
    fixture.reopen();
    while fixture.engine().drop_rows(100).unwrap() {}
    assert_eq!(rows(&mut fixture, one) + rows(&mut fixture, two), 0);
    fixture.reopen();
    assert!(!fixture.engine().drop_rows(100).unwrap(), "nothing is left to drop");
}

#[test]
fn a_database_created_again_does_not_see_rows_that_still_have_to_leave() {
    let mut fixture = Fixture::new();
    let old = fill(&mut fixture, "db");
    fixture.commit_one(delete("db"));
    let new = fixture.create("db");
    assert_ne!(old, new);
    assert_eq!(rows(&mut fixture, new), 0);
    let information = fixture.snapshot().information(new).unwrap().unwrap();
    assert_eq!(information.update_sequence, 0);
    while fixture.engine().drop_rows(1000).unwrap() {}
    assert_eq!(fixture.write(new, vec![document("a", &["{}"], None)]).first, 1);
}
