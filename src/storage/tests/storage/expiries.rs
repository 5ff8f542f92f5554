//! Revisions that expire are found when they are due.

use std::time::Duration;

use crate::fixture::{Fixture, document, options};
use refuge_storage::Engine;

/// 2023-11-14T22:13:20.000Z
const EXPIRES_MS: u64 = 1_700_000_000_000;

#[test]
fn what_is_due_is_found_behind_the_mark_of_a_sealed_table() {
    let mut fixture = Fixture::new();
    let database = fixture.create("letters");
    let body = r#"{"a":1,"_expires":"2023-11-14T22:13:20.000Z"}"#;
    fixture.write(database, vec![document("letter", &[body], None)]);
    fixture.take_engine().close(Duration::from_secs(60));
    fixture.give_engine(Engine::open(options(&fixture.directory)).unwrap());
    let due = fixture.engine().store().due(EXPIRES_MS, 10).unwrap();
    let found: Vec<_> = due.iter().map(|row| (row.at_ms, row.database, row.id.as_str())).collect();
    assert_eq!(found, [(EXPIRES_MS, database, "letter")]);
    assert!(fixture.engine().store().due(EXPIRES_MS - 1, 10).unwrap().is_empty());
}
