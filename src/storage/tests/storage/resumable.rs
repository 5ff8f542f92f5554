//! Uploads that may be resumed: who may write, what counts after a restart, bounds, and their end.

use bytes::Bytes;
use refuge_storage::{
    DatabaseId, Operation, Outcome, ResumableUpload, UploadBound, UploadBounds, UploadStep,
    UploadWrite,
};

use crate::fixture::{Fixture, delete};

const UPLOAD: [u8; 16] = [7; 16];
const CHUNK_BYTES: u32 = 10_000;
const DAY_MS: u64 = 86_400_000;
const BOUNDS: UploadBounds =
    UploadBounds { uploads_of_owner: 2, uploads: 3, bytes_of_owner: 100_000, bytes: 150_000 };

fn operation(database: DatabaseId, upload: [u8; 16], step: UploadStep) -> Operation {
    Operation::Upload(UploadWrite { database, upload, bounds: BOUNDS, step })
}

fn record(owner: &str, length: Option<u64>) -> ResumableUpload {
    ResumableUpload {
        owner: Some(owner.to_owned()),
        expires_unix_ms: DAY_MS,
        chunk_bytes: CHUNK_BYTES,
        received: 0,
        length,
        metadata: "filename YQ==".to_owned(),
    }
}

fn step(fixture: &mut Fixture, database: DatabaseId, step: UploadStep) -> Outcome {
    fixture.commit_one(operation(database, UPLOAD, step))
}

fn chunk(holder: u64, number: u32, bytes: usize) -> UploadStep {
    UploadStep::Chunk { holder, number, bytes: Bytes::from(vec![number as u8; bytes]) }
}

fn hold(holder: u64) -> UploadStep {
    UploadStep::Hold { holder, length: None }
}

fn advance(holder: u64, received: u64) -> UploadStep {
    UploadStep::Advance { holder, received, expires_unix_ms: DAY_MS }
}

fn begun() -> (Fixture, DatabaseId) {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let begin = UploadStep::Begin(record("anna", Some(20_000)));
    assert_eq!(step(&mut fixture, database, begin), Outcome::Done);
    (fixture, database)
}

#[test]
fn what_counts_is_there_after_a_restart_and_its_holder_is_not() {
    let (mut fixture, database) = begun();
    let known = Outcome::Upload(Box::new(record("anna", Some(20_000))));
    assert_eq!(step(&mut fixture, database, hold(1)), known);
    assert_eq!(step(&mut fixture, database, hold(2)), Outcome::UploadHeld);
    assert_eq!(step(&mut fixture, database, chunk(2, 0, 5)), Outcome::UploadHeld);
    assert_eq!(step(&mut fixture, database, chunk(1, 0, 10_000)), Outcome::Done);
    assert_eq!(step(&mut fixture, database, chunk(1, 1, 500)), Outcome::Done);
    assert_eq!(step(&mut fixture, database, advance(1, 10_500)), Outcome::Done);
    assert_eq!(step(&mut fixture, database, chunk(1, 1, 9_000)), Outcome::Done);
    fixture.reopen();
    assert_eq!(step(&mut fixture, database, advance(1, 19_000)), Outcome::UploadHeld);
    let snapshot = fixture.snapshot();
    let there = snapshot.resumable_upload(database, &UPLOAD).unwrap().unwrap();
    assert_eq!((there.received, there.is_complete()), (10_500, false));
    drop(snapshot);
    let expected = Outcome::Upload(Box::new(there));
    assert_eq!(step(&mut fixture, database, hold(3)), expected);
    let release = UploadStep::Release { holder: 3 };
    assert_eq!(step(&mut fixture, database, release), Outcome::Done);
    assert_eq!(step(&mut fixture, database, hold(4)), expected);
}

#[test]
fn a_hold_ends_by_itself() {
    let (mut fixture, database) = begun();
    fixture.engine().tell_time(1_000);
    step(&mut fixture, database, hold(1));
    fixture.engine().tell_time(11 * 60 * 1_000);
    assert!(matches!(step(&mut fixture, database, hold(2)), Outcome::Upload(_)));
    assert_eq!(step(&mut fixture, database, chunk(1, 0, 5)), Outcome::UploadHeld);
}

#[test]
fn bounds_hold_within_a_group_and_across() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let begin = |name: u8, owner: &str, length: Option<u64>| {
        operation(database, [name; 16], UploadStep::Begin(record(owner, length)))
    };
    let group = vec![
        begin(1, "anna", Some(90_000)),
        begin(2, "anna", Some(20_000)),
        begin(3, "anna", Some(10_000)),
        begin(4, "anna", Some(0)),
        begin(5, "bob", Some(60_000)),
    ];
    let beyond = Outcome::UploadBeyond;
    assert_eq!(
        fixture.engine().commit(group).unwrap(),
        [
            Outcome::Done,
            beyond(UploadBound::BytesOfOwner),
            Outcome::Done,
            beyond(UploadBound::UploadsOfOwner),
            beyond(UploadBound::Bytes),
        ]
    );
    assert_eq!(fixture.commit_one(begin(5, "bob", None)), Outcome::Done);
    assert_eq!(fixture.commit_one(begin(6, "bob", Some(1))), beyond(UploadBound::Uploads));
    // One whose length is not known counts as it grows.
    let mut of_bob = |step| fixture.commit_one(operation(database, [5; 16], step));
    assert!(matches!(of_bob(hold(1)), Outcome::Upload(_)));
    assert_eq!(of_bob(advance(1, 50_000)), Outcome::Done);
    assert_eq!(of_bob(advance(1, 50_001)), beyond(UploadBound::Bytes));
    of_bob(UploadStep::Release { holder: 1 });
    let longer = UploadStep::Hold { holder: 2, length: Some(50_001) };
    assert_eq!(of_bob(longer), beyond(UploadBound::Bytes));
    let length = UploadStep::Hold { holder: 2, length: Some(50_000) };
    match of_bob(length) {
        Outcome::Upload(known) => assert!(known.is_complete()),
        other => panic!("{other:?}"),
    }
    fixture.commit_one(operation(database, [1; 16], UploadStep::End));
    assert_eq!(fixture.commit_one(begin(6, "bob", Some(1))), Outcome::Done);
}

#[test]
fn chunks_that_do_not_count_yet_are_bounded_too() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let mut of = |upload: u8, step| fixture.commit_one(operation(database, [upload; 16], step));
    let beyond = Outcome::UploadBeyond(UploadBound::BytesOfOwner);
    for upload in [1, 2] {
        assert_eq!(of(upload, UploadStep::Begin(record("anna", None))), Outcome::Done);
        assert!(matches!(of(upload, hold(1)), Outcome::Upload(_)));
    }
    for number in 0..6 {
        assert_eq!(of(1, chunk(1, number, 10_000)), Outcome::Done);
    }
    for number in 0..4 {
        assert_eq!(of(2, chunk(1, number, 10_000)), Outcome::Done);
    }
    assert_eq!(of(2, chunk(1, 4, 1)), beyond);
    assert_eq!(of(1, chunk(1, 6, 1)), beyond);
    // Those that are there already may be written anew: a part that was not right comes again.
    of(1, UploadStep::Release { holder: 1 });
    assert!(matches!(of(1, hold(2)), Outcome::Upload(_)));
    assert_eq!(of(1, chunk(2, 0, 10_000)), Outcome::Done);
    assert_eq!(of(1, advance(2, 60_000)), Outcome::Done);
    assert_eq!(of(1, advance(2, 60_001)), beyond);
    assert_eq!(of(2, UploadStep::End), Outcome::Done);
    assert_eq!(of(1, chunk(2, 6, 10_000)), Outcome::Done);
}

#[test]
fn what_left_makes_room_whichever_way_it_left() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    fixture.engine().tell_time(1_000);
    let begin = |upload: u8| {
        operation(database, [upload; 16], UploadStep::Begin(record("anna", Some(50_000))))
    };
    let beyond = Outcome::UploadBeyond(UploadBound::UploadsOfOwner);
    for upload in [1, 2] {
        assert_eq!(fixture.commit_one(begin(upload)), Outcome::Done);
    }
    assert_eq!(fixture.commit_one(begin(3)), beyond);
    // What is there counts after a restart too.
    fixture.reopen();
    fixture.engine().tell_time(1_000);
    assert_eq!(fixture.commit_one(begin(3)), beyond);
    // One ends, and another begins in its place, in one group.
    let end = operation(database, [1; 16], UploadStep::End);
    let outcomes = fixture.engine().commit(vec![end, begin(3), begin(4)]).unwrap();
    assert_eq!(outcomes, [Outcome::Done, Outcome::Done, beyond.clone()]);
    // The others expire.
    fixture.engine().tell_time(DAY_MS + 11 * 60 * 1_000);
    fixture.collect(DAY_MS + 11 * 60 * 1_000);
    for upload in [5, 6] {
        assert_eq!(fixture.commit_one(begin(upload)), Outcome::Done);
    }
    assert_eq!(fixture.commit_one(begin(7)), beyond);
}

#[test]
fn an_upload_leaves_when_it_ends_or_expires_and_not_before() {
    let (mut fixture, database) = begun();
    let other = fixture.create("other");
    fixture.engine().tell_time(1_000);
    for (database, upload) in [(database, UPLOAD), (other, UPLOAD)] {
        let begin = UploadStep::Begin(record("anna", None));
        fixture.commit_one(operation(database, upload, begin));
        fixture.commit_one(operation(database, upload, hold(1)));
        fixture.commit_one(operation(database, upload, chunk(1, 0, 10_000)));
        fixture.commit_one(operation(database, upload, advance(1, 10_000)));
        fixture.commit_one(operation(database, upload, UploadStep::Release { holder: 1 }));
    }
    let there = |fixture: &mut Fixture, database| {
        fixture.snapshot().chunk(database, &UPLOAD, 0).unwrap().is_some()
    };
    // Long after a plain upload would have been given up.
    fixture.collect(DAY_MS - 1);
    assert!(there(&mut fixture, database) && there(&mut fixture, other));
    fixture.commit_one(operation(other, UPLOAD, UploadStep::End));
    assert_eq!(fixture.commit_one(operation(other, UPLOAD, hold(2))), Outcome::NoSuchUpload);
    fixture.collect(DAY_MS - 1);
    assert!(there(&mut fixture, database) && !there(&mut fixture, other));
    fixture.engine().tell_time(DAY_MS);
    assert_eq!(step(&mut fixture, database, hold(2)), Outcome::NoSuchUpload);
    fixture.collect(DAY_MS + 11 * 60 * 1_000);
    assert!(!there(&mut fixture, database));
    let snapshot = fixture.snapshot();
    assert_eq!(snapshot.resumable_upload(database, &UPLOAD).unwrap(), None);
    drop(snapshot);
    fixture.commit_one(delete("other"));
    let begin = operation(other, UPLOAD, UploadStep::Begin(record("anna", None)));
    assert_eq!(fixture.commit_one(begin), Outcome::NoSuchDatabase);
}
