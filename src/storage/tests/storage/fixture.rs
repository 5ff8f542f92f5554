//! An engine on a directory of its own, and documents to write. Revision trees are opaque to the
//! storage: here one is a byte and the places of its bodies.

use refuge_document::{Body, BodyPlace, LeafSummary, PendingPlace, Revision, RevisionHash};
use refuge_storage::{
    BodyRecord, Committed, DatabaseId, DatabaseRecord, DocumentWrite, DocumentsWrite, Engine,
    GarbageRange, Operation, Options, Outcome, Previous, Snapshot,
};
use tempfile::TempDir;

/// A small memtable, so that a test's rows reach tables too.
const MEMTABLE_BYTES: u64 = 64 * 1024;

/// What a test's tree begins with.
const TREE: u8 = 0xee;

pub(crate) struct Fixture {
    pub(crate) directory: TempDir,
    engine: Option<Engine>,
}

pub(crate) fn options(directory: &TempDir) -> Options {
    Options { memtable_bytes: MEMTABLE_BYTES, ..Options::new(directory.path()) }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let engine = Some(Engine::open(options(&directory)).unwrap());
        Self { directory, engine }
    }

    pub(crate) fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().unwrap()
    }

    pub(crate) fn take_engine(&mut self) -> Engine {
        self.engine.take().unwrap()
    }

    pub(crate) fn give_engine(&mut self, engine: Engine) {
        self.engine = Some(engine);
    }

    pub(crate) fn reopen(&mut self) {
        self.engine = None;
        self.engine = Some(Engine::open(options(&self.directory)).unwrap());
    }

    /// Tells the engine the time and removes all that is due then, without a grace.
    pub(crate) fn collect(&mut self, now_unix_ms: u64) {
        self.engine().tell_time(now_unix_ms);
        let range = GarbageRange { now_unix_ms, rows: 7, ..GarbageRange::default() };
        loop {
            let mut seen = 0;
            let mut after = None;
            loop {
                let range = GarbageRange { after: after.take(), ..range.clone() };
                let mut due = self.snapshot().garbage(&range).unwrap();
                after = due.next.take();
                seen += usize::from(!due.is_empty());
                self.engine().collect(due).unwrap();
                if after.is_none() {
                    break;
                }
            }
            if seen == 0 {
                return;
            }
        }
    }

    pub(crate) fn snapshot(&mut self) -> Snapshot {
        self.engine().store().snapshot().unwrap()
    }

    pub(crate) fn commit_one(&mut self, operation: Operation) -> Outcome {
        let mut outcomes = self.engine().commit(vec![operation]).unwrap();
        self.engine().maintain();
        assert_eq!(outcomes.len(), 1);
        outcomes.remove(0)
    }

    pub(crate) fn create(&mut self, name: &str) -> DatabaseId {
        created(self.commit_one(create(name))).id
    }

    pub(crate) fn write(
        &mut self,
        database: DatabaseId,
        documents: Vec<DocumentWrite>,
    ) -> Committed {
        written(self.commit_one(write(database, documents)))
    }
}

pub(crate) fn create(name: &str) -> Operation {
    Operation::CreateDatabase(refuge_storage::NewDatabase {
        name: name.to_owned(),
        shards: 2,
        created_unix_ms: 1_700_000_000_000,
        instance: *b"0123456789abcdef",
        partitioned: false,
        access: false,
        options: refuge_storage::DatabaseOptions::default(),
    })
}

pub(crate) fn delete(name: &str) -> Operation {
    Operation::DeleteDatabase { name: name.to_owned() }
}

pub(crate) fn write(database: DatabaseId, documents: Vec<DocumentWrite>) -> Operation {
    Operation::Documents(DocumentsWrite { database, documents })
}

pub(crate) fn created(outcome: Outcome) -> DatabaseRecord {
    match outcome {
        Outcome::Created(record) => record,
        other => panic!("not created: {other:?}"),
    }
}

pub(crate) fn written(outcome: Outcome) -> Committed {
    match outcome {
        Outcome::Documents(committed) => committed,
        other => panic!("not written: {other:?}"),
    }
}

pub(crate) fn leaf(depth: u32, deleted: bool) -> LeafSummary {
    LeafSummary {
        revision: Revision { depth, hash: RevisionHash::from_digest([depth as u8; 16]) },
        deleted,
    }
}

pub(crate) fn body(text: &str) -> BodyRecord {
    BodyRecord { body: Body::from_stored(text.to_owned().into()), attachments: Vec::new() }
}

/// A document with one leaf and these new bodies; the last of them is the winner's.
pub(crate) fn document(id: &str, bodies: &[&str], previous: Option<Previous>) -> DocumentWrite {
    let count = u16::try_from(bodies.len()).unwrap();
    let mut tree = vec![TREE];
    let mut pending = Vec::new();
    for ordinal in 0..count {
        pending.push(PendingPlace { offset: tree.len(), ordinal });
        tree.extend_from_slice(&[0; 8]);
    }
    DocumentWrite {
        id: id.to_owned(),
        tree,
        pending,
        leaves: vec![leaf(u32::from(count), false)],
        winner_place: BodyPlace::Pending(count - 1),
        bodies: bodies.iter().map(|text| body(text)).collect(),
        previous,
        obsolete: Vec::new(),
        readers: None,
    }
}

/// The places in a stored test tree.
pub(crate) fn places(tree: &[u8]) -> Vec<u64> {
    let (&first, rest) = tree.split_first().unwrap();
    assert_eq!(first, TREE);
    let numbers = rest.chunks_exact(8);
    numbers.map(|bytes| u64::from_be_bytes(bytes.try_into().unwrap())).collect()
}
