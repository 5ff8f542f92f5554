//! Small records of the node itself: reading a range of them.

use refuge_storage::{NodeRange, Operation};

use crate::fixture::Fixture;

fn filled() -> Fixture {
    let mut fixture = Fixture::new();
    // Neighbours on both sides show whether a walk keeps to its prefix.
    for key in
        ["even", "event", "event/3", "event/1", "event/2", "event0", "events", "installation"]
    {
        put(&mut fixture, key, Some(key));
    }
    fixture
}

fn put(fixture: &mut Fixture, key: &str, value: Option<&str>) {
    let value = value.map(|text| text.as_bytes().to_vec());
    fixture.commit_one(Operation::Node { key: key.to_owned(), value });
}

fn keys(fixture: &mut Fixture, after: Option<&str>, limit: usize) -> Vec<String> {
    let range = NodeRange { prefix: "event/", after, limit };
    let found = fixture.engine().store().node_range(&range).unwrap();
    assert!(found.iter().all(|(key, value)| key.as_bytes() == value.as_slice()));
    found.into_iter().map(|(key, _)| key).collect()
}

#[test]
fn a_range_keeps_to_its_prefix_its_beginning_and_its_limit() {
    let mut fixture = filled();
    let none: [&str; 0] = [];
    assert_eq!(keys(&mut fixture, None, 10), ["event/1", "event/2", "event/3"]);
    assert_eq!(keys(&mut fixture, None, 2), ["event/1", "event/2"]);
    assert_eq!(keys(&mut fixture, None, 0), none);
    assert_eq!(keys(&mut fixture, Some("event/1"), 10), ["event/2", "event/3"]);
    assert_eq!(keys(&mut fixture, Some("event/1"), 1), ["event/2"]);
    // A beginning that is not there itself, before the prefix, and behind all of it.
    assert_eq!(keys(&mut fixture, Some("event/11"), 10), ["event/2", "event/3"]);
    assert_eq!(keys(&mut fixture, Some("a"), 1), ["event/1"]);
    assert_eq!(keys(&mut fixture, Some("event/3"), 10), none);
    assert_eq!(keys(&mut fixture, Some("z"), 10), none);
}

#[test]
fn what_was_removed_is_in_no_range() {
    let mut fixture = filled();
    put(&mut fixture, "event/1", None);
    assert_eq!(keys(&mut fixture, None, 1), ["event/2"]);
    fixture.reopen();
    assert_eq!(keys(&mut fixture, None, 10), ["event/2", "event/3"]);
    let all = fixture.engine().store().node_records("event").unwrap();
    let all: Vec<_> = all.into_iter().map(|(key, _)| key).collect();
    assert_eq!(all, ["event", "event/2", "event/3", "event0", "events"]);
}
