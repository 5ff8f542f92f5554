//! Random edits, branches, deletions, changes of `_access` and purges by admins and others: after each of them
//! the indexes by reader tell what a look at every document tells, and nobody wrote what they may not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use refuge_document::{Access, Body, RevisionTree};
use refuge_http::PurgedDocument;
use refuge_storage::{
    ChangeRange, DatabaseId, DatabaseOptions, DocumentRange, Engine, NewDatabase, Operation,
    Options, Outcome, ReaderChange, Snapshot, Store,
};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::*;
use crate::shard::batch::{Destination, UpdateRequest, prepare};
use crate::shard::purge::{self, PurgeRequest};

const IDS: [&str; 6] = ["a", "b", "ab", "c:1", "é", "_design/d"];
const PRINCIPALS: [&str; 4] = ["anna", "bob", "ann", "editors"];

/// Numbers that look random, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn some(&mut self) -> Vec<String> {
        let chosen = self.below(1 << PRINCIPALS.len());
        let named = PRINCIPALS.iter().enumerate().filter(|(bit, _)| chosen >> bit & 1 == 1);
        named.map(|(_, name)| (*name).to_owned()).collect()
    }
}

struct World {
    directory: TempDir,
    engine: Engine,
    database: DatabaseId,
    dice: Dice,
    /// Who can read each document, as of the last step.
    readers: BTreeMap<String, BTreeSet<String>>,
    /// Who was told at which sequence that a document cannot be read any more.
    removed: BTreeMap<(String, String), u64>,
    bodies: u32,
}

/// A document as a look at it tells.
struct Looked {
    id: String,
    sequence: u64,
    deleted: bool,
    readers: BTreeSet<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut engine = Engine::open(Options::new(directory.path())).unwrap();
        let create = Operation::CreateDatabase(NewDatabase {
            name: "db".to_owned(),
            shards: 1,
            created_unix_ms: 1,
            instance: [1; 16],
            partitioned: false,
            access: true,
            options: DatabaseOptions::default(),
            security: None,
        });
        let Outcome::Created(record) = engine.commit(vec![create]).unwrap().remove(0) else {
            panic!("not created");
        };
        let (readers, removed) = (BTreeMap::new(), BTreeMap::new());
        let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Self { directory, engine, database: record.id, dice, readers, removed, bodies: 0 }
    }

    fn store(&self) -> Store {
        self.engine.store()
    }

    fn look(&self, snapshot: &Snapshot) -> Vec<Looked> {
        let documents = snapshot.documents(self.database, &DocumentRange::default());
        let look = |(id, record): (String, refuge_storage::DocumentRecord)| {
            let tree = record.tree().unwrap();
            let winner = tree.winner().unwrap();
            let readers = match id.starts_with("_design/") {
                true => BTreeSet::from([EVERYBODY.to_owned()]),
                false => self.access_at(snapshot, winner.place),
            };
            Looked { id, sequence: record.sequence, deleted: winner.deleted, readers }
        };
        documents.map(|row| look(row.unwrap())).collect()
    }

    fn access_at(&self, snapshot: &Snapshot, place: BodyPlace) -> BTreeSet<String> {
        let BodyPlace::At(sequence) = place else { return BTreeSet::new() };
        let body = snapshot.body(self.database, sequence).unwrap();
        let access = body.map(|record| record.body.access()).unwrap_or_default();
        access.principals().iter().cloned().collect()
    }

    fn tree_of(&self, id: &str) -> RevisionTree {
        let snapshot = self.store().snapshot().unwrap();
        let record = snapshot.document(self.database, id).unwrap();
        record.map(|record| record.tree().unwrap()).unwrap_or_default()
    }

    fn step(&mut self) {
        let id = IDS[self.dice.below(IDS.len())];
        let tree = self.tree_of(id);
        let purged = match self.dice.below(8) {
            0 if !tree.is_empty() => {
                self.purge(id, &tree);
                true
            }
            _ => {
                self.edit(id, &tree);
                false
            }
        };
        self.note(id, purged);
        self.compare();
    }

    fn edit(&mut self, id: &str, tree: &RevisionTree) {
        let leaves = tree.leaves();
        let leaf = (!leaves.is_empty()).then(|| &leaves[self.dice.below(leaves.len())]);
        let parent = leaf.filter(|_| self.dice.below(6) > 0).map(|leaf| leaf.revision.clone());
        self.bodies += 1;
        let body = Body::parse(format!("{{\"n\":{}}}", self.bodies).as_bytes()).unwrap();
        let listed = self.dice.some();
        let listed = serde_json::to_vec(&listed).unwrap();
        let deleted = self.dice.below(5) == 0;
        let inherits = deleted && self.dice.below(2) == 0;
        let body = match inherits || id.starts_with("_design/") {
            true => body,
            false => body.with_access(&Access::read(&listed).unwrap()),
        };
        let kind = match self.dice.below(3) {
            0 => {
                let depth = parent.as_ref().map_or(0, |parent| parent.depth) + 1;
                let newest = format!("{depth}-{:032x}", self.bodies).parse().unwrap();
                EditKind::Replicated {
                    path: std::iter::once(newest).chain(parent).collect(),
                    beside: None,
                }
            }
            _ => EditKind::Interactive { parent },
        };
        let writer = match self.dice.below(2) {
            0 => None,
            _ => Some(self.dice.some()),
        };
        let update = Update { id: id.to_owned(), deleted, body, attachments: Vec::new(), kind };
        self.apply(update, writer, tree);
    }

    fn apply(&mut self, update: Update, writer: Option<Vec<String>>, tree: &RevisionTree) {
        let snapshot = self.store().snapshot().unwrap();
        let all_admit = writer.as_ref().is_none_or(|writer| {
            let admits = |place| {
                let access = self.access_at(&snapshot, place);
                writer.iter().any(|one| access.contains(one))
            };
            !update.id.starts_with("_design/")
                && tree
                    .leaves()
                    .iter()
                    .enumerate()
                    .all(|(place, leaf)| (place > 0 && leaf.deleted) || admits(leaf.place))
        });
        let (reply, _told) = oneshot::channel();
        let id = update.id.clone();
        let request = UpdateRequest {
            updates: vec![update],
            live: None,
            writer: writer.map(Into::into),
            reply,
            slot: None,
        };
        let destination =
            Destination { database: self.database, revisions_limit: 1000, access: true };
        let prepared = prepare(&snapshot, destination, vec![request]).ok().unwrap();
        let stored = prepared.due[0].results[0].is_ok();
        assert!(!stored || all_admit, "somebody wrote {id} who may not");
        if let Some(write) = prepared.write {
            self.engine.commit(vec![Operation::Documents(write)]).unwrap();
        }
    }

    fn purge(&mut self, id: &str, tree: &RevisionTree) {
        let leaves = tree.leaves();
        let leaf = leaves[self.dice.below(leaves.len())].revision.clone();
        let (reply, _told) = oneshot::channel();
        let documents = vec![PurgedDocument { id: id.to_owned(), revisions: vec![leaf] }];
        let request = PurgeRequest { documents, tombstones_until_ms: None, reply, slot: None };
        let prepared = purge::prepare(&self.store(), (self.database, true), request).unwrap();
        self.engine.commit(vec![Operation::Purge(prepared.write)]).unwrap();
    }

    /// Keeps what readers have to be told of a document that changed, or left.
    fn note(&mut self, id: &str, purged: bool) {
        let snapshot = self.store().snapshot().unwrap();
        let looked = self.look(&snapshot).into_iter().find(|looked| looked.id == id);
        let before = self.readers.remove(id).unwrap_or_default();
        let Some(looked) = looked else {
            assert!(purged || before.is_empty());
            return;
        };
        for lost in before.difference(&looked.readers) {
            self.removed.insert((lost.clone(), id.to_owned()), looked.sequence);
        }
        for reader in &looked.readers {
            self.removed.remove(&(reader.clone(), id.to_owned()));
        }
        self.readers.insert(id.to_owned(), looked.readers);
    }

    fn compare(&self) {
        let snapshot = self.store().snapshot().unwrap();
        let looked = self.look(&snapshot);
        for chosen in 0..1 << PRINCIPALS.len() {
            let named = PRINCIPALS.iter().enumerate().filter(|(bit, _)| chosen >> bit & 1 == 1);
            let mut principals: Vec<String> = named.map(|(_, name)| (*name).to_owned()).collect();
            if chosen % 3 > 0 {
                principals.push(EVERYBODY.to_owned());
            }
            self.compare_feed(&snapshot, &looked, &principals);
            let sees = |one: &&Looked| principals.iter().any(|who| one.readers.contains(who));
            let expected: Vec<(String, bool)> =
                looked.iter().filter(sees).map(|one| (one.id.clone(), one.deleted)).collect();
            let all = DocumentRange::default();
            let found = snapshot.reader_documents(self.database, &principals, &all);
            assert_eq!(found.collect::<Result<Vec<_>, _>>().unwrap(), expected);
            let down = DocumentRange { descending: true, ..DocumentRange::default() };
            let found = snapshot.reader_documents(self.database, &principals, &down);
            let mut found = found.collect::<Result<Vec<_>, _>>().unwrap();
            found.reverse();
            assert_eq!(found, expected);
        }
    }

    fn compare_feed(&self, snapshot: &Snapshot, looked: &[Looked], principals: &[String]) {
        let mut expected = BTreeMap::new();
        for one in looked {
            if principals.iter().any(|who| one.readers.contains(who)) {
                expected.insert(one.sequence, None);
            }
        }
        for id in IDS {
            let lost = |who: &String| self.removed.get(&(who.clone(), id.to_owned()));
            let is_seen = looked
                .iter()
                .any(|one| one.id == id && principals.iter().any(|who| one.readers.contains(who)));
            if let (false, Some(sequence)) = (is_seen, principals.iter().filter_map(lost).max()) {
                expected.insert(*sequence, Some(id.to_owned()));
            }
        }
        let expected: Vec<(u64, Option<String>)> = expected.into_iter().collect();
        let told = |change: ReaderChange| match change {
            ReaderChange::Visible(sequence) => (sequence, None),
            ReaderChange::Removed(row) => {
                assert!(row.removed && row.body == 0 && row.leaves.len() == 1);
                assert!(row.leaves[0].deleted);
                (row.sequence, Some(row.id))
            }
        };
        let walk = |range| {
            let found = snapshot.reader_changes(self.database, principals, range);
            found.map(|change| told(change.unwrap())).collect::<Vec<_>>()
        };
        assert_eq!(walk(ChangeRange::default()), expected);
        let mut down = walk(ChangeRange { descending: true, ..ChangeRange::default() });
        down.reverse();
        assert_eq!(down, expected);
        let last = snapshot.last_reader_change(self.database, principals).unwrap();
        assert_eq!(last, expected.last().map_or(0, |(sequence, _)| *sequence));
        if let Some((middle, _)) = expected.get(expected.len() / 2) {
            let after = ChangeRange { after: *middle, ..ChangeRange::default() };
            assert_eq!(walk(after), expected[expected.len() / 2 + 1..]);
        }
    }
}

#[test]
fn the_indexes_by_reader_tell_what_a_look_at_every_document_tells() {
    for seed in 1..=6 {
        let mut world = World::new(seed);
        for _ in 0..120 {
            world.step();
        }
        let World { directory, engine, .. } = world;
        engine.close(Duration::from_secs(60));
        let mut problems = Vec::new();
        let options = Options::new(directory.path());
        refuge_storage::check(options, &mut |problem| problems.push(problem.to_owned())).unwrap();
        assert_eq!(problems, Vec::<String>::new(), "seed {seed}");
    }
}
