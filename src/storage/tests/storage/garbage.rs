//! What nobody needs leaves, and nothing else: random edits, uploads, deletions, steps of the
//! collector and restarts against a small model.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;
use refuge_document::{Attachment, BodyPlace, Encoding};
use refuge_storage::{DatabaseId, DocumentWrite, GarbageRange, Operation, Outcome};

use crate::fixture::{Fixture, delete, document, write, written};

/// More than any lease lasts.
const LONG_MS: u64 = 60 * 60 * 1000;

fn attachment(content: u8) -> Attachment {
    Attachment {
        name: format!("a{content}"),
        content_type: "image/png".to_owned(),
        revpos: 1,
        digest: [content; 16],
        content: [content; 32],
        length: 3,
        stored_length: 3,
        encoding: Encoding::Identity,
    }
}

fn chunk(database: DatabaseId, upload: u8, number: u32) -> Operation {
    let bytes = Bytes::from(vec![upload; 5000]);
    Operation::Chunk { database, upload: [upload; 16], number, bytes }
}

fn finish(database: DatabaseId, upload: u8, content: u8) -> Operation {
    Operation::FinishUpload {
        database,
        upload: [upload; 16],
        content: [content; 32],
        chunks: 2,
        stored_length: 10_000,
    }
}

fn upload(fixture: &mut Fixture, database: DatabaseId, name: u8, content: u8) -> Outcome {
    let group = vec![chunk(database, name, 0), chunk(database, name, 1)];
    fixture.engine().commit(group).unwrap();
    fixture.commit_one(finish(database, name, content))
}

/// The next revision of a document with these contents; the one before becomes obsolete.
fn edit(fixture: &mut Fixture, database: DatabaseId, id: &str, contents: &[u8]) -> DocumentWrite {
    let stored = fixture.snapshot().document(database, id).unwrap();
    let obsolete = stored.as_ref().map(|record| BodyPlace::At(record.sequence));
    let mut asked = document(id, &["{}"], stored.map(|record| record.previous(false, false)));
    asked.obsolete = obsolete.into_iter().collect();
    asked.bodies[0].attachments = contents.iter().map(|one| attachment(*one)).collect();
    asked
}

#[test]
fn a_replaced_body_leaves_after_its_grace() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    fixture.engine().tell_time(1_000);
    let first = edit(&mut fixture, database, "a", &[]);
    fixture.write(database, vec![first]);
    let second = edit(&mut fixture, database, "a", &[]);
    fixture.write(database, vec![second]);
    let range = GarbageRange { now_unix_ms: 10_999, grace_ms: 10_000, rows: 9, ..<_>::default() };
    assert!(fixture.snapshot().garbage(&range).unwrap().is_empty(), "it is still its grace");
    let due = fixture.snapshot().garbage(&GarbageRange { now_unix_ms: 11_000, ..range }).unwrap();
    let done = fixture.engine().collect(due).unwrap();
    assert!(done.bytes > 0);
    assert_eq!(fixture.snapshot().body(database, 1).unwrap(), None);
    assert!(fixture.snapshot().body(database, 2).unwrap().is_some());
}

#[test]
fn a_content_that_is_gone_refuses_the_document_and_no_other() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    assert_eq!(upload(&mut fixture, database, 1, 9), Outcome::Done);
    let documents =
        vec![edit(&mut fixture, database, "a", &[8]), edit(&mut fixture, database, "b", &[9])];
    let committed = written(fixture.commit_one(write(database, documents)));
    assert_eq!((committed.refused, committed.documents), (vec![0], vec![1]));
    assert_eq!(fixture.snapshot().document(database, "a").unwrap(), None);
}

#[test]
fn a_lease_keeps_an_upload_until_its_document_comes_or_it_runs_out() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    upload(&mut fixture, database, 1, 9);
    fixture.collect(9 * 60 * 1000);
    assert!(fixture.snapshot().content(database, &[9; 32]).unwrap().is_some());
    fixture.collect(LONG_MS);
    assert!(fixture.snapshot().content(database, &[9; 32]).unwrap().is_none());
    assert!(fixture.snapshot().chunk(database, &[1; 16], 0).unwrap().is_none());
}

#[test]
fn an_upload_that_rests_too_long_is_given_up_and_says_so() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    fixture.commit_one(chunk(database, 1, 0));
    fixture.reopen();
    fixture.collect(1_000);
    assert_eq!(fixture.commit_one(chunk(database, 1, 1)), Outcome::Done, "a restart ends none");
    fixture.collect(LONG_MS);
    assert_eq!(fixture.snapshot().chunk(database, &[1; 16], 0).unwrap(), None);
    assert_eq!(fixture.commit_one(chunk(database, 1, 2)), Outcome::NoSuchUpload);
    assert_eq!(fixture.commit_one(finish(database, 1, 3)), Outcome::NoSuchUpload);
}

#[derive(Clone, Debug)]
enum Step {
    Begin(u8),
    Upload(u8, u8),
    Edit(u8, Vec<u8>),
    Collect(u64),
    Reopen,
    Crash,
    DropDatabase,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..60u8).prop_map(Step::Begin),
        6 => (60..200u8, 0..6u8).prop_map(|(name, content)| Step::Upload(name, content)),
        9 => (0..5u8, prop::collection::vec(0..6u8, 0..3)).prop_map(|(id, c)| Step::Edit(id, c)),
        4 => (0..400_000u64).prop_map(Step::Collect),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
        1 => Just(Step::DropDatabase),
    ]
}

#[derive(Default)]
struct Model {
    documents: BTreeMap<u8, (u64, BTreeSet<u8>)>,
    uploads: BTreeSet<u8>,
    now: u64,
}

impl Model {
    fn run(&mut self, fixture: &mut Fixture, database: &mut DatabaseId, step: &Step) {
        match step {
            Step::Begin(name) => {
                fixture.commit_one(chunk(*database, *name, 0));
                self.uploads.insert(*name);
            }
            // The name of an upload is used once.
            Step::Upload(name, content) if self.uploads.insert(*name) => {
                upload(fixture, *database, *name, *content);
            }
            Step::Upload(..) => {}
            Step::Edit(id, contents) => self.edit(fixture, *database, *id, contents),
            Step::Collect(later) => {
                self.now += later;
                fixture.collect(self.now);
            }
            Step::Reopen => fixture.reopen(),
            Step::Crash => {
                let engine = fixture.take_engine();
                drop(engine);
                fixture.reopen();
            }
            Step::DropDatabase => {
                fixture.commit_one(delete("db"));
                fixture.engine().drop_rows(3).unwrap();
                *database = fixture.create("db");
                self.documents.clear();
            }
        }
    }

    fn edit(&mut self, fixture: &mut Fixture, database: DatabaseId, id: u8, contents: &[u8]) {
        let there = contents.iter().all(|content| {
            fixture.snapshot().content(database, &[*content; 32]).unwrap().is_some()
        });
        let asked = edit(fixture, database, &format!("d{id}"), contents);
        let committed = written(fixture.commit_one(write(database, vec![asked])));
        assert_eq!(committed.refused.is_empty(), there);
        if there {
            let contents = contents.iter().copied().collect();
            self.documents.insert(id, (committed.last, contents));
        }
    }

    /// What is referenced is there at any time.
    fn holds(&self, fixture: &mut Fixture, database: DatabaseId) {
        let snapshot = fixture.snapshot();
        for (sequence, contents) in self.documents.values() {
            assert!(snapshot.body(database, *sequence).unwrap().is_some());
            for content in contents {
                let record = snapshot.content(database, &[*content; 32]).unwrap().unwrap();
                assert!(snapshot.chunk(database, &record.upload, 1).unwrap().is_some());
            }
        }
    }

    /// Nothing else is there once all leases ran out.
    fn holds_nothing_else(&self, fixture: &mut Fixture, database: DatabaseId) {
        for round in 1..4 {
            fixture.collect(self.now + round * LONG_MS);
        }
        while fixture.engine().drop_rows(1000).unwrap() {}
        self.holds(fixture, database);
        let snapshot = fixture.snapshot();
        let live: BTreeSet<u64> = self.documents.values().map(|one| one.0).collect();
        let last = snapshot.update_sequence(database).unwrap();
        let bodies = (1..=last).filter(|at| snapshot.body(database, *at).unwrap().is_some());
        assert_eq!(bodies.collect::<BTreeSet<_>>(), live);
        let referenced: BTreeSet<u8> =
            self.documents.values().flat_map(|one| one.1.iter().copied()).collect();
        let mut kept = BTreeSet::new();
        for content in 0..6 {
            let record = snapshot.content(database, &[content; 32]).unwrap();
            assert_eq!(record.is_some(), referenced.contains(&content), "content {content}");
            kept.extend(record.map(|record| record.upload[0]));
        }
        for name in &self.uploads {
            let there = snapshot.chunk(database, &[*name; 16], 0).unwrap().is_some();
            assert_eq!(there, kept.contains(name), "upload {name}");
        }
        let range = GarbageRange { now_unix_ms: u64::MAX, rows: 10, ..GarbageRange::default() };
        assert!(snapshot.garbage(&range).unwrap().is_empty(), "the queue is empty");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn exactly_what_is_referenced_stays(steps in prop::collection::vec(step(), 1..60)) {
        let mut fixture = Fixture::new();
        let mut database = fixture.create("db");
        let mut model = Model { now: 1_000, ..Model::default() };
        for step in &steps {
            let now = model.now;
            fixture.engine().tell_time(now);
            model.run(&mut fixture, &mut database, step);
            model.holds(&mut fixture, database);
        }
        model.holds_nothing_else(&mut fixture, database);
    }
}
