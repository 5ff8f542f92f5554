//! The bytes of every record, as versions of refuge wrote them: they must stay readable, so none
//! of these is ever changed; a new version adds its own.

use refuge_document::{Attachment, Body, ChangeRow, Encoding, LeafSummary};

use super::*;
use crate::database::{Counters, DatabaseId, DatabaseRecord};
use crate::operation::BodyRecord;
use crate::resumable::ResumableUpload;

fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    // Whatever a buffer held before must not show.
    let mut out = b"old".to_vec();
    encode(&mut out);
    out
}

fn leaf(revision: &str, deleted: bool) -> LeafSummary {
    LeafSummary { revision: revision.parse().unwrap(), deleted }
}

#[test]
fn a_change_reads_as_version_1_wrote_it() {
    let row = ChangeRow {
        sequence: 9,
        id: "é".to_owned(),
        leaves: vec![leaf("200-000102030405060708090a0b0c0d0e0f", false), leaf("1-ab", true)],
        body: 7,
        removed: false,
    };
    let bytes = [
        &[1, 0, 0, 0, 0, 0, 0, 0, 7, 2, 0x90, 3, 16][..],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        &[3, 2, b'a', b'b', 0xc3, 0xa9],
    ]
    .concat();
    assert_eq!(encoded(|out| encode_change(out, 7, &row.leaves, &row.id)), bytes);
    assert_eq!(decode_change(9, &bytes).unwrap(), row);
    for length in 0..bytes.len() - 2 {
        assert!(decode_change(9, &bytes[..length]).is_err(), "cut at {length}");
    }
}

#[test]
fn a_document_reads_as_version_1_wrote_it() {
    let bytes = [1, 0, 0, 0, 0, 0, 0, 1, 2, 0xac, 2, 5, b't', b'r', b'e', b'e'];
    let sizes = Sizes { active_bytes: 300, external_bytes: 5 };
    assert_eq!(encoded(|out| encode_document(out, 258, sizes, b"tree")), bytes);
    let record = DocumentRecord::decode(Bytes::copy_from_slice(&bytes)).unwrap();
    assert_eq!((record.sequence, &record.encoded_tree()[..]), (258, &b"tree"[..]));
    let previous = record.previous(true, false);
    assert_eq!((previous.active_bytes, previous.external_bytes, previous.deleted), (300, 5, true));
}

#[test]
fn a_body_reads_as_versions_1_and_2_wrote_it() {
    let mut record =
        BodyRecord { body: Body::from_stored(Bytes::from_static(b"{}")), attachments: Vec::new() };
    assert_eq!(encoded(|out| encode_body(out, &record)), b"\x02{}");
    assert_eq!(decode_body(Bytes::from_static(b"\x02{}")).unwrap(), record);

    record.attachments.push(Attachment {
        name: "n".to_owned(),
        content_type: "t/p".to_owned(),
        revpos: 3,
        digest: [8; 16],
        content: [9; 32],
        length: 128,
        stored_length: 1,
        encoding: Encoding::Gzip,
    });
    let bytes =
        [&b"\x01\x01\x01n\x03t/p\x03"[..], &[8; 16], &[9; 32], &[0x80, 1, 1, 1], b"{}"].concat();
    assert_eq!(encoded(|out| encode_body(out, &record)), bytes);
    assert_eq!(decode_body(bytes.into()).unwrap(), record);
}

#[test]
fn registry_rows_read_as_version_1_wrote_them() {
    let record = DatabaseRecord {
        id: DatabaseId(258),
        name: "db".to_owned(),
        shards: 3,
        instance: [6; 16],
        created_unix_ms: 259,
        partitioned: false,
        access: false,
    };
    let bytes = [&[1, 0, 0, 1, 2, 0, 3][..], &[6; 16], &[0, 0, 0, 0, 0, 0, 1, 3]].concat();
    assert_eq!(decode_database("db", &bytes).unwrap(), record);
    for (partitioned, flag) in [(false, 0), (true, 1)] {
        let record = DatabaseRecord { partitioned, ..record.clone() };
        let bytes = [&[2][..], &bytes[1..], &[flag]].concat();
        assert_eq!(encoded(|out| encode_database(out, &record)), bytes);
        assert_eq!(decode_database("db", &bytes).unwrap(), record);
        assert!(decode_database("db", &bytes[..bytes.len() - 1]).is_err());
    }
    for (partitioned, flags) in [(false, 2), (true, 3)] {
        let record = DatabaseRecord { partitioned, access: true, ..record.clone() };
        let bytes = [&[3][..], &bytes[1..], &[flags]].concat();
        assert_eq!(encoded(|out| encode_database(out, &record)), bytes);
        assert_eq!(decode_database("db", &bytes).unwrap(), record);
    }

    let counters = Counters {
        update_sequence: u64::MAX,
        documents: 1,
        deleted_documents: 2,
        active_bytes: 3,
        external_bytes: 4,
    };
    let bytes = [&[1][..], &[0xff; 9], &[1, 1, 2, 3, 4]].concat();
    assert_eq!(encoded(|out| encode_counters(out, &counters)), bytes);
    assert_eq!(decode_counters(&bytes).unwrap(), counters);

    assert_eq!(encoded(|out| encode_revisions_limit(out, 1000)), [1, 0, 0, 3, 0xe8]);
    assert_eq!(decode_revisions_limit(&[1, 0, 0, 3, 0xe8]).unwrap(), 1000);
    assert_eq!(decode_next_number(&encoded(|out| encode_next_number(out, 5))).unwrap(), 5);
}

#[test]
fn contents_and_opaque_rows_read_as_version_1_wrote_them() {
    let record = ContentRecord { upload: [4; 16], chunks: 200, stored_length: 5 };
    let bytes = [&[1][..], &[4; 16], &[0xc8, 1, 5]].concat();
    assert_eq!(encoded(|out| encode_content(out, &record)), bytes);
    assert_eq!(ContentRecord::decode(&bytes).unwrap(), record);
    assert_eq!(encoded(|out| encode_opaque(out, b"x")), b"\x01x");
    assert_eq!(opaque("locals", b"\x01x").unwrap(), b"x");
}

#[test]
fn states_of_uploads_read_as_versions_1_and_2_wrote_them() {
    for (state, bytes) in [(UploadState::Open, [1, 1]), (UploadState::Abandoned, [1, 2])] {
        assert_eq!(encoded(|out| encode_upload(out, &state)), bytes);
        assert_eq!(decode_upload(&bytes).unwrap(), state);
    }
    let upload = ResumableUpload {
        owner: Some("anna".to_owned()),
        expires_unix_ms: 260,
        chunk_bytes: 256,
        received: 128,
        length: Some(300),
        metadata: "a YQ==".to_owned(),
    };
    let bytes: &[u8] = b"\x02\0\0\0\0\0\0\x01\x04\0\0\x01\0\x80\x01\xad\x02\x01\x04annaa YQ==";
    let state = UploadState::Resumable(Box::new(upload.clone()));
    assert_eq!(encoded(|out| encode_upload(out, &state)), bytes);
    assert_eq!(decode_upload(bytes).unwrap(), state);
    let nobodys = ResumableUpload { owner: None, length: None, ..upload };
    let state = UploadState::Resumable(Box::new(nobodys));
    let bytes = encoded(|out| encode_upload(out, &state));
    assert_eq!(decode_upload(&bytes).unwrap(), state);
    assert!(decode_upload(&bytes[..12]).is_err() && decode_upload(&[3, 1]).is_err());
}

#[test]
fn a_version_that_is_not_known_is_an_error_everywhere() {
    let row: &[u8] = &[99; 80];
    assert!(decode_change(1, row).is_err());
    assert!(DocumentRecord::decode(Bytes::from_static(&[99; 80])).is_err());
    assert!(decode_body(Bytes::from_static(&[99; 80])).is_err());
    assert!(decode_database("db", row).is_err());
    assert!(decode_counters(row).is_err());
    assert!(ContentRecord::decode(row).is_err());
    assert!(opaque("locals", row).is_err());
}
