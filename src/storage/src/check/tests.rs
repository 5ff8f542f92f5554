//! A directory that is right, and one thing after another that is wrong with it.

use bytes::Bytes;
use refuge_document::{Attachment, Body, BodyPlace, Edit, EditKind, Encoding, RevisionTree};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;
use crate::database::DatabaseOptions;
use crate::operation::{
    BodyRecord, DocumentWrite, DocumentsWrite, LocalWrite, NewDatabase, Operation, Outcome,
};
use crate::resumable::{ResumableUpload, UploadBounds, UploadStep, UploadWrite};

const CHUNK: &[u8] = b"the bytes of an attachment";
const UPLOAD: [u8; 16] = [7; 16];
/// An upload that may be resumed, with 4 of 9 bytes.
const RESUMABLE: [u8; 16] = [6; 16];

fn address() -> [u8; 32] {
    Sha256::digest(CHUNK).into()
}

fn options(directory: &TempDir) -> Options {
    Options::new(directory.path())
}

/// A first revision of a document; with an attachment where `attached`.
fn document(id: &str, attached: bool) -> DocumentWrite {
    let attachment = Attachment {
        name: "file".to_owned(),
        content_type: "text/plain".to_owned(),
        revpos: 1,
        digest: [1; 16],
        content: address(),
        length: CHUNK.len() as u64,
        stored_length: CHUNK.len() as u64,
        encoding: Encoding::Identity,
    };
    let edit = Edit {
        deleted: false,
        body: Body::from_stored(Bytes::from(format!(r#"{{"of":"{id}"}}"#))),
        attachments: attached.then_some(attachment).into_iter().collect(),
        kind: EditKind::Interactive { parent: None },
    };
    let mut tree = RevisionTree::default();
    tree.apply(&edit, BodyPlace::Pending(0), 1000).unwrap();
    let (mut encoded, mut pending) = (Vec::new(), Vec::new());
    tree.encode(&mut encoded, &mut pending);
    DocumentWrite {
        id: id.to_owned(),
        tree: encoded,
        pending,
        leaves: tree.leaf_summaries(),
        winner_place: BodyPlace::Pending(0),
        bodies: vec![BodyRecord { body: edit.body, attachments: edit.attachments }],
        previous: None,
        obsolete: Vec::new(),
        readers: None,
    }
}

/// An engine over two documents, a local one and an attachment.
fn written(directory: &TempDir) -> (Engine, DatabaseId) {
    let mut engine = Engine::open(options(directory)).unwrap();
    let create = Operation::CreateDatabase(NewDatabase {
        name: "db".to_owned(),
        shards: 1,
        created_unix_ms: 1,
        instance: [3; 16],
        partitioned: false,
        access: false,
        options: DatabaseOptions::default(),
    });
    let Outcome::Created(record) = engine.commit(vec![create]).unwrap().remove(0) else {
        panic!("not created");
    };
    let database = record.id;
    let chunk = Operation::Chunk { database, upload: UPLOAD, number: 0, bytes: CHUNK.into() };
    let finish = Operation::FinishUpload {
        database,
        upload: UPLOAD,
        content: address(),
        chunks: 1,
        stored_length: CHUNK.len() as u64,
    };
    let documents = vec![document("a", false), document("b", true)];
    let local = LocalWrite { id: "x".to_owned(), value: Some(b"{}".to_vec()) };
    let documents = Operation::Documents(DocumentsWrite { database, documents });
    let locals = Operation::Locals { database, writes: vec![local] };
    engine.commit(vec![chunk, finish]).unwrap();
    for step in resumable_steps() {
        let bounds = UploadBounds { uploads_of_owner: 1, uploads: 1, bytes_of_owner: 9, bytes: 9 };
        let write = UploadWrite { database, upload: RESUMABLE, bounds, step };
        engine.commit(vec![Operation::Upload(write)]).unwrap();
    }
    engine.commit(vec![documents, locals]).unwrap();
    (engine, database)
}

/// The steps of an upload that may be resumed, up to its fourth byte. More is there than counts.
fn resumable_steps() -> [UploadStep; 4] {
    let record = ResumableUpload {
        expires_unix_ms: u64::MAX,
        chunk_bytes: 8,
        length: Some(9),
        ..ResumableUpload::default()
    };
    [
        UploadStep::Begin(record),
        UploadStep::Hold { holder: 1, length: None },
        UploadStep::Chunk { holder: 1, number: 0, bytes: Bytes::from_static(b"parts") },
        UploadStep::Advance { holder: 1, received: 4, expires_unix_ms: u64::MAX },
    ]
}

fn run(directory: &TempDir) -> (Checked, Vec<String>) {
    let mut told = Vec::new();
    let checked = check(options(directory), &mut |problem| told.push(problem.to_owned())).unwrap();
    assert_eq!(checked.problems, told.len() as u64);
    (checked, told)
}

#[test]
fn what_is_right_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    drop(written(&directory));
    let (checked, told) = run(&directory);
    assert_eq!(told, Vec::<String>::new());
    let Checked { databases, documents, bodies, locals, contents, content_bytes, .. } = checked;
    assert_eq!((databases, documents, bodies, locals, contents), (1, 2, 2, 1, 1));
    assert_eq!(content_bytes, CHUNK.len() as u64);
}

/// Something that is done to the rows behind the engine's back.
type Tampering = fn(&Keyspaces, DatabaseId);

use crate::keys;
use crate::keyspaces::Keyspaces;

/// What is done, and how a sentence about it ends.
const TAMPERINGS: &[(Tampering, &str)] = &[
    (
        |keyspaces, database| keyspaces.bodies.remove(keys::sequence_key(database, 1)).unwrap(),
        "is missing",
    ),
    (
        |keyspaces, database| {
            let key = keys::sequence_key(database, 2);
            keyspaces.bodies.insert(key, [99]).unwrap();
        },
        "(its version is unknown); check the disk",
    ),
    (
        |keyspaces, database| {
            let row = keyspaces.bodies.get(keys::sequence_key(database, 1)).unwrap().unwrap();
            keyspaces.bodies.insert(keys::sequence_key(database, 9), row).unwrap();
        },
        "body 9: its sequence was never given",
    ),
    (
        |keyspaces, database| keyspaces.sequences.remove(keys::sequence_key(database, 1)).unwrap(),
        "document a: its row at sequence 1 is missing",
    ),
    (
        |keyspaces, database| {
            let row = keyspaces.sequences.get(keys::sequence_key(database, 1)).unwrap().unwrap();
            keyspaces.sequences.insert(keys::sequence_key(database, 2), row).unwrap();
        },
        "sequence 2: it is not the last change of document a",
    ),
    (
        |keyspaces, database| keyspaces.documents.remove(keys::id_key(database, "a")).unwrap(),
        "sequence 1: it is not the last change of document a",
    ),
    (
        |keyspaces, database| keyspaces.documents.remove(keys::id_key(database, "a")).unwrap(),
        "2 documents counted, 1 found",
    ),
    (
        |keyspaces, database| {
            let key = keys::chunk_key(database, &UPLOAD, 0);
            keyspaces.chunks.insert(key, b"\x01other bytes").unwrap();
        },
        "a content is not what its address says",
    ),
    (
        |keyspaces, database| {
            keyspaces.chunks.remove(keys::chunk_key(database, &UPLOAD, 0)).unwrap();
        },
        "chunk 0 of a content is missing",
    ),
    (
        |keyspaces, database| {
            let key = keys::chunk_key(database, &[8; 16], 0);
            keyspaces.chunks.insert(key, b"\x01lost").unwrap();
        },
        "chunks of an upload that is not known",
    ),
    (
        |keyspaces, database| {
            keyspaces.attachments.remove(keys::content_key(database, &address())).unwrap();
        },
        "the content of attachment file is missing",
    ),
    (
        |keyspaces, database| {
            let mut key = Vec::new();
            keys::write_reference_key(&mut key, database, &address(), ("b", 2));
            keyspaces.attachments.remove(key).unwrap();
        },
        "nothing refers to the content of attachment file",
    ),
    (
        |keyspaces, database| {
            let mut key = Vec::new();
            keys::write_reference_key(&mut key, database, &address(), ("a", 1));
            keyspaces.attachments.insert(key, [1]).unwrap();
        },
        "is said to refer to a content and does not",
    ),
    (
        |keyspaces, database| {
            let key = keys::chunk_key(database, &RESUMABLE, 0);
            keyspaces.chunks.insert(key, b"\x01les").unwrap();
        },
        "chunk 0 of an upload holds less than was acknowledged",
    ),
    (
        |keyspaces, database| keyspaces.locals.insert(keys::id_key(database, "y"), []).unwrap(),
        "(its version is unknown); check the disk",
    ),
    (
        |keyspaces, _| keyspaces.locals.insert(keys::id_key(DatabaseId(77), "y"), [1]).unwrap(),
        "locals: rows of database 77, which is gone",
    ),
    (
        |keyspaces, _| keyspaces.node.insert("some", [42]).unwrap(),
        "(its version is unknown); check the disk",
    ),
];

#[test]
fn each_thing_that_is_wrong_is_told() {
    for (number, (tamper, expected)) in TAMPERINGS.iter().enumerate() {
        let directory = tempfile::tempdir().unwrap();
        let (engine, database) = written(&directory);
        tamper(&engine.shared.keyspaces, database);
        drop(engine);
        let (_, told) = run(&directory);
        let found = told.iter().any(|sentence| sentence.ends_with(expected));
        assert!(found, "number {number}, {expected:?} is not in {told:#?}");
    }
}
