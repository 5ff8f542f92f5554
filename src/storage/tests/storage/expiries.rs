//! When revisions expire.

use std::time::Duration;

use refuge_storage::Engine;

use crate::fixture::{Fixture, document, options};

#[test]
fn what_is_due_is_found_before_and_after_memtables_were_sealed() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let body = r#"{"_expires":"2001-01-01T00:00:00.000Z"}"#;
    let later = r#"{"_expires":"2999-01-01T00:00:00.000Z"}"#;
    fixture.write(database, vec![document("a", &[body], None), document("b", &[later], None)]);
    for _ in 0..2 {
        let due = fixture.engine().store().due(1_700_000_000_000, 10).unwrap();
        let ids: Vec<&str> = due.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, ["a"]);
        fixture.take_engine().close(Duration::from_secs(60));
        let engine = Engine::open(options(&fixture.directory)).unwrap();
        fixture.give_engine(engine);
    }
}
