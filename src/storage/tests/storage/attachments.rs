//! Uploads, their addresses, and bodies that list attachments.

use bytes::Bytes;
use refuge_document::{Attachment, Encoding};
use refuge_storage::{ContentRecord, DatabaseId, Operation, Outcome};

use crate::fixture::{Fixture, document};

const CHUNK_BYTES: usize = 256 * 1024;

fn upload(fixture: &mut Fixture, database: DatabaseId, name: u8, content: u8) -> Vec<Outcome> {
    let chunk = |number: u32| Operation::Chunk {
        database,
        upload: [name; 16],
        number,
        bytes: Bytes::from(vec![content; CHUNK_BYTES]),
    };
    fixture.engine().commit(vec![chunk(0), chunk(1)]).unwrap();
    fixture
        .engine()
        .commit(vec![Operation::FinishUpload {
            database,
            upload: [name; 16],
            content: [content; 32],
            chunks: 2,
            stored_length: 2 * CHUNK_BYTES as u64,
        }])
        .unwrap()
}

#[test]
fn an_upload_is_found_by_its_content() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    assert_eq!(upload(&mut fixture, database, 1, 9), [Outcome::Done]);
    fixture.reopen();
    let snapshot = fixture.snapshot();
    let record = snapshot.content(database, &[9; 32]).unwrap().unwrap();
    assert_eq!(
        record,
        ContentRecord { upload: [1; 16], chunks: 2, stored_length: 2 * CHUNK_BYTES as u64 }
    );
    let chunk = snapshot.chunk(database, &record.upload, 1).unwrap().unwrap();
    assert_eq!(chunk, vec![9; CHUNK_BYTES]);
    assert_eq!(snapshot.chunk(database, &record.upload, 2).unwrap(), None);
    assert_eq!(snapshot.content(database, &[8; 32]).unwrap(), None);
}

#[test]
fn a_second_upload_of_the_same_content_leaves_again() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let other = fixture.create("other");
    upload(&mut fixture, database, 1, 9);
    upload(&mut fixture, database, 2, 9);
    upload(&mut fixture, other, 3, 9);
    fixture.collect(1);
    let snapshot = fixture.snapshot();
    let record = snapshot.content(database, &[9; 32]).unwrap().unwrap();
    assert_eq!(record.upload, [1; 16]);
    assert_eq!(snapshot.chunk(database, &[2; 16], 0).unwrap(), None);
    assert!(snapshot.chunk(database, &[1; 16], 0).unwrap().is_some());
    let record = snapshot.content(other, &[9; 32]).unwrap().unwrap();
    assert_eq!(record.upload, [3; 16]);
}

#[test]
fn two_uploads_of_one_content_in_one_group_keep_the_first() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let finish = |name: u8| Operation::FinishUpload {
        database,
        upload: [name; 16],
        content: [5; 32],
        chunks: 1,
        stored_length: 1,
    };
    let chunk = |name: u8| Operation::Chunk {
        database,
        upload: [name; 16],
        number: 0,
        bytes: Bytes::from_static(b"x"),
    };
    let group = vec![chunk(1), chunk(2), finish(1), finish(2)];
    fixture.engine().commit(group).unwrap();
    fixture.collect(1);
    let snapshot = fixture.snapshot();
    let record = snapshot.content(database, &[5; 32]).unwrap().unwrap();
    assert_eq!(record.upload, [1; 16]);
    assert_eq!(snapshot.chunk(database, &[2; 16], 0).unwrap(), None);
}

#[test]
fn uploads_to_a_database_that_is_gone_are_refused() {
    let mut fixture = Fixture::new();
    let outcomes = upload(&mut fixture, DatabaseId(77), 1, 1);
    assert_eq!(outcomes, [Outcome::NoSuchDatabase]);
}

#[test]
fn a_body_comes_back_with_its_attachments_in_order() {
    let mut fixture = Fixture::new();
    let database = fixture.create("db");
    let attachment = |name: &str, encoding| Attachment {
        name: name.to_owned(),
        content_type: "text/plain".to_owned(),
        revpos: 3,
        digest: [1; 16],
        content: [2; 32],
        length: 5000,
        stored_length: 700,
        encoding,
    };
    let attachments =
        vec![attachment("z.txt", Encoding::Gzip), attachment("a é.txt", Encoding::Identity)];
    let mut asked = document("a", &["{\"a\":1}"], None);
    asked.bodies[0].attachments = attachments.clone();
    let expected = asked.bodies[0].clone();
    upload(&mut fixture, database, 1, 2);
    fixture.write(database, vec![asked]);
    fixture.reopen();
    let record = fixture.snapshot().body(database, 1).unwrap().unwrap();
    assert_eq!(record, expected);
    assert_eq!(record.attachments, attachments);
    let information = fixture.snapshot().information(database).unwrap().unwrap();
    assert_eq!(information.external_bytes, 7 + 2 * 5000);
}
