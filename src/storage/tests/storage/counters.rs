//! Random groups against a small model: counters, rows by id and rows by sequence always say the
//! same.

use std::collections::BTreeMap;

use proptest::prelude::*;
use refuge_document::BodyPlace;
use refuge_storage::{ChangeRange, DatabaseId, DocumentRange, DocumentWrite};

use crate::fixture::{Fixture, document, leaf, places, write, written};

/// One write of one document.
#[derive(Clone, Debug)]
struct Step {
    id: u8,
    bodies: usize,
    leaves: usize,
    deleted: bool,
    /// The winner is not among the new bodies.
    old_winner: bool,
}

fn step() -> impl Strategy<Value = Step> {
    (0..10u8, 1..4usize, 1..4usize, any::<bool>(), any::<bool>()).prop_map(
        |(id, bodies, leaves, deleted, old_winner)| Step {
            id,
            bodies,
            leaves,
            deleted,
            old_winner,
        },
    )
}

/// Groups of operations of documents; between two groups the engine may be opened again.
fn groups() -> impl Strategy<Value = Vec<(Vec<Vec<Step>>, bool)>> {
    let operation = prop::collection::vec(step(), 1..5);
    let group = (prop::collection::vec(operation, 1..4), prop::bool::weighted(0.1));
    prop::collection::vec(group, 1..8)
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    sequence: u64,
    deleted: bool,
    leaves: usize,
    body: u64,
}

#[derive(Default)]
struct Model {
    last: u64,
    rows: BTreeMap<String, Row>,
}

impl Model {
    /// The write that this step asks for, and what it does to the model.
    fn apply(&mut self, step: &Step, fixture: &mut Fixture, database: DatabaseId) -> DocumentWrite {
        let id = format!("d{}", step.id);
        let texts = vec!["{\"a\":1}"; step.bodies];
        let known = self.rows.get(&id).cloned();
        let stored = fixture.snapshot().document(database, &id).unwrap();
        let previous = known.as_ref().map(|row| {
            // Within a group the row is not stored yet; its sizes do not matter here.
            let stored = stored.filter(|stored| stored.sequence == row.sequence);
            let mut previous = stored.map_or_else(
                || refuge_storage::Previous {
                    sequence: 0,
                    deleted: false,
                    conflicted: false,
                    active_bytes: 0,
                    external_bytes: 0,
                },
                |stored| stored.previous(false, false),
            );
            previous.sequence = row.sequence;
            previous.deleted = row.deleted;
            previous
        });
        let mut asked = document(&id, &texts, previous);
        asked.leaves = (0..step.leaves).map(|one| leaf(9 - one as u32, step.deleted)).collect();
        let base = self.last + 1;
        self.last += step.bodies as u64;
        let mut body = self.last;
        if let (true, Some(row)) = (step.old_winner, &known) {
            body = row.body;
            asked.winner_place = BodyPlace::At(body);
        }
        assert_eq!(asked.bodies.len() as u64, self.last + 1 - base);
        self.rows.insert(
            id,
            Row { sequence: self.last, deleted: step.deleted, leaves: step.leaves, body },
        );
        asked
    }

    fn compare(&self, fixture: &mut Fixture, database: DatabaseId) {
        let snapshot = fixture.snapshot();
        let information = snapshot.information(database).unwrap().unwrap();
        let deleted = self.rows.values().filter(|row| row.deleted).count() as u64;
        assert_eq!(information.update_sequence, self.last);
        assert_eq!(information.deleted_documents, deleted);
        assert_eq!(information.documents, self.rows.len() as u64 - deleted);

        let by_sequence: BTreeMap<_, _> = snapshot
            .changes(database, ChangeRange::default())
            .map(Result::unwrap)
            .map(|row| {
                let deleted = row.winner().unwrap().deleted;
                let stored = Row {
                    sequence: row.sequence,
                    deleted,
                    leaves: row.leaves.len(),
                    body: row.body,
                };
                (row.id, stored)
            })
            .collect();
        assert_eq!(by_sequence, self.rows);
        let rows = snapshot.changes(database, ChangeRange::default()).count();
        assert_eq!(rows, self.rows.len(), "one row for each document");

        let by_id: Vec<_> = snapshot
            .documents(database, &DocumentRange::default())
            .map(Result::unwrap)
            .map(|(id, record)| (id, record.sequence, places(record.encoded_tree())))
            .collect();
        assert_eq!(by_id.len(), self.rows.len());
        for (id, sequence, places) in by_id {
            assert_eq!(self.rows[&id].sequence, sequence);
            assert_eq!(places.last(), Some(&sequence));
            for place in places {
                assert!(snapshot.body(database, place).unwrap().is_some());
            }
        }
        for (after, until) in [(0, 3), (1, u64::MAX), (self.last / 2, self.last)] {
            let range = ChangeRange { after, until, descending: false };
            let counted = snapshot.count_changes(database, range).unwrap();
            let walked = snapshot.changes(database, range).count() as u64;
            assert_eq!(counted, walked, "{after}..={until}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn counters_and_rows_agree_after_any_groups(groups in groups()) {
        let mut fixture = Fixture::new();
        let database = fixture.create("db");
        let mut model = Model::default();
        for (operations, reopen) in groups {
            let mut group = Vec::new();
            for steps in &operations {
                let mut documents: Vec<DocumentWrite> = Vec::new();
                for step in steps {
                    let id = format!("d{}", step.id);
                    if documents.iter().all(|one| one.id != id) {
                        documents.push(model.apply(step, &mut fixture, database));
                    }
                }
                group.push(write(database, documents));
            }
            let mut last = 0;
            for outcome in fixture.engine().commit(group).unwrap() {
                let committed = written(outcome);
                prop_assert!(committed.first > last);
                last = committed.last;
            }
            prop_assert_eq!(last, model.last);
            if reopen {
                fixture.reopen();
            }
            model.compare(&mut fixture, database);
        }
    }
}

/// Sizes go up and down with the documents and end where they began.
#[test]
fn sizes_follow_updates_and_deletions() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let text = format!("{{\"text\":\"{}\"}}", "x".repeat(1000));
    fixture.write(database, vec![document("a", &[&text], None)]);
    let first = fixture.snapshot().information(database).unwrap().unwrap();
    assert_eq!(first.external_bytes, text.len() as u64);
    assert!(first.active_bytes > first.external_bytes);
    assert!(first.active_bytes < first.external_bytes + 200);

    let row = fixture.snapshot().document(database, "a").unwrap().unwrap();
    let previous = row.previous(false, false);
    fixture.write(database, vec![document("a", &["{}"], Some(previous))]);
    let second = fixture.snapshot().information(database).unwrap().unwrap();
    assert_eq!(second.external_bytes, 2);
    assert_eq!(first.active_bytes - second.active_bytes, text.len() as u64 - 2);
}
