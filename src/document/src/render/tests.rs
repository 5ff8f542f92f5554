//! Tests of the rendered text.

use serde_json::{Value, json};

use super::*;
use crate::attachment::{Encoding, parse_digest};

fn revision(text: &str) -> Revision {
    text.parse().unwrap()
}

fn rendered(document: &Rendering<'_>) -> String {
    let mut out = b"before ".to_vec();
    render_document(&mut out, document);
    let text = String::from_utf8(out).unwrap();
    text.strip_prefix("before ").unwrap().to_owned()
}

#[test]
fn an_empty_body_leaves_id_and_revision() {
    let (rev, body) = (revision("1-a"), Body::empty());
    assert_eq!(rendered(&Rendering::new("a\"b", &rev, &body)), r#"{"_id":"a\"b","_rev":"1-a"}"#);
}

#[test]
fn members_come_in_the_order_of_couchdb() {
    let rev = revision("2-b");
    let body = Body::parse(br#"{"x": 1.50, "y": {}}"#).unwrap();
    let history = [revision("2-b"), revision("1-967a00dff5e02add41819138abb3284d")];
    let info = [
        (revision("2-b"), RevisionStatus::Deleted),
        (revision("1-967a00dff5e02add41819138abb3284d"), RevisionStatus::Missing),
    ];
    let document = Rendering {
        deleted: true,
        revisions: Some(&history),
        revs_info: Some(&info),
        conflicts: &[revision("2-a")],
        deleted_conflicts: &[revision("1-c"), revision("1-b")],
        local_seq: Some(7),
        ..Rendering::new("id", &rev, &body)
    };
    assert_eq!(
        rendered(&document),
        concat!(
            r#"{"_id":"id","_rev":"2-b","x":1.50,"y":{},"_deleted":true,"#,
            r#""_revisions":{"start":2,"ids":["b","967a00dff5e02add41819138abb3284d"]},"#,
            r#""_revs_info":[{"rev":"2-b","status":"deleted"},"#,
            r#"{"rev":"1-967a00dff5e02add41819138abb3284d","status":"missing"}],"#,
            r#""_conflicts":["2-a"],"_deleted_conflicts":["1-c","1-b"],"_local_seq":7}"#
        )
    );
}

fn attachments() -> [Attachment; 2] {
    let plain = Attachment {
        name: "bin".to_owned(),
        content_type: "application/octet-stream".to_owned(),
        revpos: 1,
        digest: parse_digest("md5-XUFAKrxLKna5cZ2REBfFkg==").unwrap(),
        content: [0; 32],
        length: 5,
        stored_length: 5,
        encoding: Encoding::Identity,
    };
    let gzipped = Attachment {
        name: "t.txt".to_owned(),
        content_type: "text/plain".to_owned(),
        length: 17,
        stored_length: 28,
        encoding: Encoding::Gzip,
        ..plain.clone()
    };
    [plain, gzipped]
}

#[test]
fn attachments_are_stubs_unless_their_bytes_are_given() {
    let (rev, body, attachments) = (revision("1-a"), Body::empty(), attachments());
    let document = Rendering {
        attachments: &attachments,
        encoding_info: true,
        ..Rendering::new("id", &rev, &body)
    };
    let shown = |document: &Rendering<'_>| -> Value {
        let value: Value = serde_json::from_str(&rendered(document)).unwrap();
        value["_attachments"].clone()
    };
    let digest = "md5-XUFAKrxLKna5cZ2REBfFkg==";
    let stubs = json!({
        "bin": {"content_type": "application/octet-stream", "revpos": 1, "digest": digest, "length": 5, "stub": true},
        "t.txt": {"content_type": "text/plain", "revpos": 1, "digest": digest, "length": 17, "stub": true,
                  "encoding": "gzip", "encoded_length": 28},
    });
    assert_eq!(shown(&document).to_string(), stubs.to_string());
    let with_bytes = Rendering {
        attachment_forms: &[AttachmentForm::Data(b"hello"), AttachmentForm::Follows],
        encoding_info: false,
        ..document
    };
    let expected = json!({
        "bin": {"content_type": "application/octet-stream", "revpos": 1, "digest": digest, "data": "aGVsbG8="},
        "t.txt": {"content_type": "text/plain", "revpos": 1, "digest": digest, "length": 17, "follows": true},
    });
    assert_eq!(shown(&with_bytes).to_string(), expected.to_string());
}

#[test]
fn long_attachments_are_one_base64_text() {
    for length in [0, 1, 3071, 3072, 3073, 10_000] {
        let bytes: Vec<u8> = (0..length).map(|number| number as u8).collect();
        let mut out = Vec::new();
        write_base64(&mut out, &bytes);
        assert_eq!(out, STANDARD.encode(&bytes).into_bytes());
    }
}

#[test]
fn what_is_rendered_is_read_back() {
    let rev = revision("2-b");
    let body = Body::parse(br#"{"x":[1,"\u0000\""],"$serde_json::private::Number":"1"}"#).unwrap();
    let history = [revision("2-b"), revision("1-\"\\")];
    let text = rendered(&Rendering {
        deleted: true,
        revisions: Some(&history),
        conflicts: &history,
        local_seq: Some(1),
        ..Rendering::new("\u{1}id", &rev, &body)
    });
    let incoming = crate::parse_document(text.as_bytes()).unwrap();
    assert_eq!(incoming.id.as_deref(), Some("\u{1}id"));
    assert_eq!(incoming.revision, Some(rev));
    assert_eq!(incoming.revisions.as_deref(), Some(&history[..]));
    assert_eq!(incoming.body, body);
    assert!(incoming.deleted);
}
