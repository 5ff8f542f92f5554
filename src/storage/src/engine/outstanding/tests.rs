//! What is noted of documents that stand out, against what a walk over all documents finds.

use bytes::Bytes;
use fjall::Readable;
use proptest::prelude::*;
use refuge_document::{Body, BodyPlace, Edit, EditKind, Revision, RevisionTree};
use tempfile::TempDir;

use crate::database::{DatabaseId, DatabaseOptions};
use crate::engine::Engine;
use crate::keys::{self, RegistryKey};
use crate::operation::{
    BodyRecord, DocumentWrite, DocumentsWrite, NewDatabase, Operation, Outcome,
};
use crate::options::Options;
use crate::purge::{DocumentPurge, PurgeChange, PurgeWrite};
use crate::snapshot::{DocumentRange, Snapshot};
use crate::{check, records};

/// One step of a random life.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Another leaf beside those that are there.
    Branch { with_body: bool, deleted: bool },
    /// A revision on top of the `leaf`-th leaf.
    Edit { leaf: usize, with_body: bool, deleted: bool },
    /// The `leaf`-th leaf is purged.
    Purge { leaf: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (any::<bool>(), any::<bool>())
            .prop_map(|(with_body, deleted)| Step::Branch { with_body, deleted }),
        (0..3_usize, any::<bool>(), any::<bool>())
            .prop_map(|(leaf, with_body, deleted)| Step::Edit { leaf, with_body, deleted }),
        (0..3_usize).prop_map(|leaf| Step::Purge { leaf }),
    ]
}

struct Life {
    directory: TempDir,
    engine: Engine,
    database: DatabaseId,
    /// Makes each body another one.
    count: u64,
}

impl Life {
    fn new() -> Self {
        Self::open(tempfile::tempdir().unwrap())
    }

    fn open(directory: TempDir) -> Self {
        let mut engine = Engine::open(Options::new(directory.path())).unwrap();
        let create = Operation::CreateDatabase(NewDatabase {
            name: "db".to_owned(),
            shards: 1,
            created_unix_ms: 1,
            instance: [3; 16],
            partitioned: false,
            access: false,
            options: DatabaseOptions::default(),
            security: None,
        });
        let Outcome::Created(record) = engine.commit(vec![create]).unwrap().remove(0) else {
            panic!("not created");
        };
        Self { directory, engine, database: record.id, count: 0 }
    }

    fn snapshot(&self) -> Snapshot {
        self.engine.store().snapshot().unwrap()
    }

    fn live(&mut self, id: &str, step: Step) {
        let record = self.snapshot().document(self.database, id).unwrap();
        let mut tree = record.as_ref().map(|one| one.tree().unwrap()).unwrap_or_default();
        let previous = record
            .map(|record| record.previous(tree.winner().unwrap().deleted, tree.is_conflicted()));
        let leaf = |tree: &RevisionTree, number: usize| tree.leaves().get(number).cloned();
        let (kind, with_body, deleted) = match step {
            Step::Branch { with_body, deleted } => {
                let revision: Revision = format!("1-{:032x}", self.count + 1).parse().unwrap();
                (EditKind::Replicated { path: vec![revision], beside: None }, with_body, deleted)
            }
            Step::Edit { leaf: number, with_body, deleted } => {
                let Some(leaf) = leaf(&tree, number) else { return };
                (EditKind::Interactive { parent: Some(leaf.revision) }, with_body, deleted)
            }
            Step::Purge { leaf: number } => {
                let Some(leaf) = leaf(&tree, number) else { return };
                let purged = tree.purge(&[leaf.revision]);
                let remaining =
                    (!tree.is_empty()).then(|| write_of(id, &tree, previous, Vec::new()));
                let change = PurgeChange {
                    previous: previous.unwrap(),
                    remaining,
                    bodies: purged.bodies,
                    readers: Vec::new(),
                };
                self.count += 1;
                let uuid = u128::from(self.count).to_be_bytes();
                let id = id.to_owned();
                let purge =
                    DocumentPurge { id, uuid, revisions: purged.leaves, change: Some(change) };
                let write = PurgeWrite {
                    database: self.database,
                    time_ms: 1,
                    tombstones_until_ms: None,
                    documents: vec![purge],
                };
                self.engine.commit(vec![Operation::Purge(write)]).unwrap();
                return;
            }
        };
        self.count += 1;
        let text = if with_body { format!(r#"{{"n":{}}}"#, self.count) } else { "{}".to_owned() };
        let body = Body::from_stored(Bytes::from(text));
        let edit = Edit { deleted, body: body.clone(), attachments: Vec::new(), kind };
        if tree.apply(&edit, BodyPlace::Pending(0), 1000).is_err() {
            return;
        }
        let write =
            write_of(id, &tree, previous, vec![BodyRecord { body, attachments: Vec::new() }]);
        let documents = vec![write];
        let write = DocumentsWrite { database: self.database, documents };
        self.engine.commit(vec![Operation::Documents(write)]).unwrap();
    }

    /// What is noted is what a walk over all documents finds.
    fn compare(&self) {
        let snapshot = self.snapshot();
        let range = DocumentRange::default();
        let conflicts: Vec<_> = snapshot
            .conflicts(self.database, &range)
            .map(|row| row.unwrap())
            .map(|row| (row.id, row.leaves, row.body))
            .collect();
        let (mut expected, mut tombstones) = (Vec::new(), Vec::new());
        for document in snapshot.documents(self.database, &range) {
            let (id, record) = document.unwrap();
            let tree = record.tree().unwrap();
            let winner = tree.winner().unwrap();
            let BodyPlace::At(place) = winner.place else { panic!("no body") };
            if tree.leaves().iter().filter(|leaf| !leaf.deleted).count() > 1 {
                expected.push((id.clone(), tree.leaf_summaries(), place));
            }
            let body = snapshot.body(self.database, place).unwrap();
            if winner.deleted && body.is_some_and(|body| body.body.as_bytes() != b"{}") {
                tombstones.push(id);
            }
        }
        assert_eq!(conflicts, expected);
        let told = snapshot.told_tombstones(self.database, (0, u64::MAX), 1000).unwrap().unwrap();
        assert!(tombstones.iter().all(|id| told.contains(id)), "{told:?} {tombstones:?}");
    }

    fn reopen(self) -> Self {
        let Self { directory, engine, database, count } = self;
        drop(engine);
        let engine = Engine::open(Options::new(directory.path())).unwrap();
        Self { directory, engine, database, count }
    }

    /// Makes the database one of a version that noted nothing.
    fn forget(&mut self) {
        let keyspaces = &self.engine.shared.keyspaces;
        let view = self.engine.shared.database.snapshot();
        for guard in view.iter(&keyspaces.outstanding) {
            keyspaces.outstanding.remove(guard.key().unwrap()).unwrap();
        }
        let key = keys::registry_key(RegistryKey::Outstanding, self.database);
        keyspaces.databases.remove(key).unwrap();
    }
}

fn write_of(
    id: &str,
    tree: &RevisionTree,
    previous: Option<crate::operation::Previous>,
    bodies: Vec<BodyRecord>,
) -> DocumentWrite {
    let (mut encoded, mut pending) = (Vec::new(), Vec::new());
    tree.encode(&mut encoded, &mut pending);
    DocumentWrite {
        id: id.to_owned(),
        tree: encoded,
        pending,
        leaves: tree.leaf_summaries(),
        winner_place: tree.winner().unwrap().place,
        bodies,
        previous,
        obsolete: Vec::new(),
        readers: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_noted_is_what_a_walk_finds(steps in prop::collection::vec((0..4_u8, step()), 1..40)) {
        let mut life = Life::new();
        for (id, step) in steps {
            life.live(&format!("d{id}"), step);
            life.compare();
        }
    }

    #[test]
    fn databases_of_an_earlier_version_get_their_notes_between_writes(
        before in prop::collection::vec((0..6_u8, step()), 1..30),
        during in prop::collection::vec((0..6_u8, step()), 0..6),
    ) {
        let mut life = Life::new();
        for (id, step) in before {
            life.live(&format!("d{id}"), step);
        }
        life.forget();
        let mut life = life.reopen();
        prop_assert!(!life.snapshot().is_noted(life.database).unwrap());
        let mut during = during.into_iter();
        while life.engine.note_documents(1).unwrap() {
            if let Some((id, step)) = during.next() {
                life.live(&format!("d{id}"), step);
            }
        }
        prop_assert!(life.snapshot().is_noted(life.database).unwrap());
        life.compare();
        let Life { directory, engine, .. } = life;
        drop(engine);
        let mut told = Vec::new();
        check(Options::new(directory.path()), &mut |one| told.push(one.to_owned())).unwrap();
        // These writes do not tell which bodies may leave.
        told.retain(|one| !one.contains("no leaf needs it"));
        prop_assert_eq!(told, Vec::<String>::new());
    }
}

#[test]
fn data_of_an_earlier_version_keeps_its_format_for_a_while_and_is_noted_then() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("format");
    std::fs::write(&file, "refuge storage format 1\n").unwrap();
    let mut life = Life::open(directory);
    for _ in 0..2 {
        life.live("d", Step::Branch { with_body: true, deleted: false });
    }
    assert!(!life.engine.raise_format().unwrap(), "the former version may come back");
    assert!(!life.engine.note_documents(10).unwrap());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "refuge storage format 1\n");
    assert!(!life.snapshot().is_noted(life.database).unwrap());
    let noted = &life.engine.shared.keyspaces.outstanding;
    assert_eq!(life.engine.shared.database.snapshot().iter(noted).count(), 0);

    life.engine.options.raise_format_after = std::time::Duration::ZERO;
    assert!(life.engine.raise_format().unwrap());
    assert!(!life.engine.raise_format().unwrap(), "once");
    life.live("e", Step::Branch { with_body: true, deleted: false });
    while life.engine.note_documents(10).unwrap() {}
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "refuge storage format 2\n");
    assert!(life.snapshot().is_noted(life.database).unwrap());
    life.compare();
}

#[test]
fn conflicts_are_listed_in_order_both_ways_and_counted() {
    let mut life = Life::new();
    for id in ["a", "b", "c", "d"] {
        life.live(id, Step::Branch { with_body: true, deleted: false });
        if id != "b" {
            life.live(id, Step::Branch { with_body: true, deleted: false });
        }
    }
    let snapshot = life.snapshot();
    let listed = |range: DocumentRange| -> Vec<String> {
        snapshot.conflicts(life.database, &range).map(|row| row.unwrap().id).collect()
    };
    assert_eq!(listed(DocumentRange::default()), ["a", "c", "d"]);
    let start = Some("c".to_owned());
    let down = DocumentRange { start, descending: true, ..DocumentRange::default() };
    assert_eq!(listed(down), ["c", "a"]);
    assert_eq!(snapshot.count_conflicts(life.database, 3).unwrap(), Some(3));
    assert_eq!(snapshot.count_conflicts(life.database, 2).unwrap(), None);
}

#[test]
fn a_wrong_note_is_found_by_the_check() {
    let mut life = Life::new();
    life.live("a", Step::Branch { with_body: true, deleted: false });
    let keyspaces = &life.engine.shared.keyspaces;
    let mut row = Vec::new();
    records::encode_change(&mut row, 1, &[], "");
    keyspaces.outstanding.insert(keys::conflict_key(life.database, "a"), row).unwrap();
    let Life { directory, engine, .. } = life;
    drop(engine);
    let mut told = Vec::new();
    check(Options::new(directory.path()), &mut |one| told.push(one.to_owned())).unwrap();
    assert!(told.iter().any(|one| one.contains("tells other leaves")), "{told:?}");
}
