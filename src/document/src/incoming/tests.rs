//! Tests of documents and bulk requests as clients send them.

use super::*;

fn document(text: &str) -> Incoming {
    parse_document(text.as_bytes()).unwrap()
}

fn refusal(text: &str) -> (String, String) {
    let error = parse_document(text.as_bytes()).unwrap_err();
    (error.error().to_owned(), error.to_string())
}

fn revision(text: &str) -> Revision {
    text.parse().unwrap()
}

#[test]
fn special_members_are_taken_out_of_the_body() {
    let incoming = document(
        r#" { "_id" : "x", "a": 1, "_rev": "2-b", "_deleted": true, "b": {"_id": 7}, "_conflicts": [1],
             "_revs_info": 0, "_local_seq": 1, "_deleted_conflicts": {} } "#,
    );
    assert_eq!(incoming.id.as_deref(), Some("x"));
    assert_eq!(incoming.revision, Some(revision("2-b")));
    assert_eq!(incoming.revisions, None);
    assert!(incoming.deleted);
    assert_eq!(incoming.body.as_bytes(), br#"{"a":1,"b":{"_id":7}}"#);
    for text in ["{}", " { } ", r#"{"_id":"a"}"#, r#"{"_deleted":false}"#] {
        assert!(document(text).body.is_empty_object(), "{text}");
        assert!(!document(text).deleted);
    }
}

#[test]
fn special_members_stand_anywhere() {
    for text in [
        r#"{"_id":"x","a":1,"b":2}"#,
        r#"{"a":1,"_id":"x","b":2}"#,
        r#"{"a":1,"b":2,"_id":"x"}"#,
        r#"{"a":0,"_id":"y","a":1,"b":2,"_id":"x"}"#,
        "{\n\"a\": 1,\n\"b\": 2,\n\"\\u005fid\": \"x\"\n}",
        r#"{"\u0061":1,"_id":"x","\u0062":2}"#,
    ] {
        let incoming = document(text);
        assert_eq!(incoming.id.as_deref(), Some("x"), "{text}");
        assert_eq!(incoming.body.as_bytes(), br#"{"a":1,"b":2}"#, "{text}");
    }
}

#[test]
fn the_replicators_marks_stay_in_the_body() {
    let text = r#"{"_replication_state":"completed","_replication_state_time":"x","_replication_state_reason":1,"_replication_id":"i","_replication_stats":{},"a":1}"#;
    assert_eq!(document(text).body.as_bytes(), text.as_bytes());
    let escaped = r#"{"\u005freplication_id":"i","a":1,"_replication_id":"j"}"#;
    assert_eq!(document(escaped).body.as_bytes(), br#"{"a":1,"_replication_id":"j"}"#);
}

#[test]
fn unknown_special_members_are_refused() {
    let refused =
        |name: &str| ("doc_validation".to_owned(), format!("Bad special document member: {name}"));
    assert_eq!(refusal(r#"{"_x":1}"#), refused("_x"));
    assert_eq!(refusal(r#"{"a":1,"\u005fx":1}"#), refused("_x"));
    assert_eq!(refusal(r#"{"_":1}"#), refused("_"));
    for name in ["_deleted", "_revisions", "_attachments"] {
        assert_eq!(refusal(&format!("{{\"{name}\":1}}")), refused(name));
    }
}

#[test]
fn ids_and_revisions_are_checked() {
    let expect = |text: &str, error: &str, reason: &str| {
        assert_eq!(refusal(text), (error.to_owned(), reason.to_owned()), "{text}");
    };
    expect(r#"{"_id":1}"#, "illegal_docid", "Document id must be a string");
    expect(r#"{"_id":""}"#, "illegal_docid", "Document id must not be empty");
    expect(
        r#"{"_id":"_x"}"#,
        "illegal_docid",
        "Only reserved document ids may start with underscore.",
    );
    for rev in ["1", "\"\"", "\"x\"", "\"1\"", "null", "\"-1-a\""] {
        expect(&format!("{{\"_rev\":{rev}}}"), "bad_request", "Invalid rev format");
    }
    for text in ["[]", "1", "\"x\"", "null"] {
        expect(text, "bad_request", "Document must be a JSON object");
    }
    for text in ["", "{", "{}x", "[", "{\"a\":1e400}", "{\"_x\":1,}", "{\"_id\":\"\\ud800\"}"] {
        expect(text, "bad_request", "invalid UTF-8 JSON");
    }
}

#[test]
fn revisions_are_listed_newest_first() {
    let incoming = document(r#"{"_rev":"9-z","_revisions":{"ids":["c","b"],"start":3}}"#);
    assert_eq!(incoming.revision, Some(revision("3-c")));
    assert_eq!(incoming.revisions, Some(vec![revision("3-c"), revision("2-b")]));
    let empty = document(r#"{"_rev":"9-z","_revisions":{"ids":[],"start":0}}"#);
    assert_eq!((empty.revision, empty.revisions), (Some(revision("9-z")), None));
    for (text, reason) in [
        (r#"{"start":"1","ids":[]}"#, "_revisions.start isn't an integer."),
        (r#"{"ids":[]}"#, "_revisions.start isn't an integer."),
        (r#"{"start":1}"#, "_revisions.ids isn't a array."),
        (r#"{"start":1,"ids":{}}"#, "_revisions.ids isn't a array."),
        (r#"{"start":1,"ids":[1]}"#, "RevId isn't a string"),
        (
            r#"{"start":1,"ids":["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]}"#,
            "RevId isn't a valid hexadecimal",
        ),
        (
            r#"{"start":1,"ids":["b","a"]}"#,
            "_revisions.ids has more members than _revisions.start allows.",
        ),
    ] {
        let refused = refusal(&format!("{{\"_revisions\":{text}}}"));
        assert_eq!(refused, ("doc_validation".to_owned(), reason.to_owned()));
    }
}

#[test]
fn attachments_are_inline_stubs_or_follow() {
    let incoming = document(
        r#"{"_attachments":{
            "z":{"content_type":"text/plain","data":"aGVs\r\nbG8="},
            "a/b":{"stub":true,"revpos":2,"digest":"md5-x","length":5,"content_type":"image/png"},
            "f":{"follows":true,"length":17,"encoding":"gzip","encoded_length":28,"revpos":null}}}"#,
    );
    let [inline, stub, follows] = &incoming.attachments[..] else {
        panic!("three attachments in their order");
    };
    assert_eq!((inline.name.as_str(), inline.content_type.as_str()), ("z", "text/plain"));
    assert_eq!(inline.content, IncomingContent::Inline(b"hello".to_vec()));
    assert_eq!(
        *stub,
        IncomingAttachment {
            name: "a/b".to_owned(),
            content_type: "image/png".to_owned(),
            revpos: Some(2),
            digest: Some("md5-x".to_owned()),
            length: Some(5),
            encoding: None,
            encoded_length: None,
            content: IncomingContent::Stub,
        }
    );
    assert_eq!(follows.content, IncomingContent::Follows);
    assert_eq!(follows.content_type, "application/octet-stream");
    assert_eq!((follows.length, follows.encoded_length), (Some(17), Some(28)));
    assert_eq!((follows.encoding.as_deref(), follows.revpos), (Some("gzip"), None));
}

#[test]
fn wrong_attachments_are_refused() {
    let refused = |attachments: &str| refusal(&format!("{{\"_attachments\":{attachments}}}"));
    let data = ("bad_request".to_owned(), "Invalid attachment data for a".to_owned());
    assert_eq!(refused(r#"{"a":{}}"#), data);
    assert_eq!(refused(r#"{"a":{"data":1}}"#), data);
    assert_eq!(refused(r#"{"a":{"data":"?"}}"#), data);
    assert_eq!(refused(r#"{"a":{"data":"aGVsbG8"}}"#), data);
    let description = "Invalid attachment description for a".to_owned();
    for value in ["1", r#"{"stub":true,"length":-1}"#, r#"{"stub":true,"content_type":1}"#] {
        assert_eq!(refused(&format!("{{\"a\":{value}}}")).1, description, "{value}");
    }
    assert_eq!(
        refused(r#"{"_a":{"stub":true}}"#).1,
        "Attachment name '_a' starts with prohibited character '_'"
    );
}

#[test]
fn private_names_of_other_parsers_stay_ordinary() {
    for name in ["$serde_json::private::RawValue", "$serde_json::private::Number"] {
        let text = format!("{{\"{name}\":\"1\"}}");
        assert_eq!(document(&text).body.as_bytes(), text.as_bytes());
    }
}

#[test]
fn a_bulk_request_is_split_into_slices() {
    let text =
        br#" {"new_edits" : false , "docs" : [ {"a":"]}\"\\"} , {"b":[{},[1]]},3 ] , "x":{}} "#;
    let request = parse_bulk(text).unwrap();
    assert!(!request.new_edits);
    assert_eq!(request.documents, [&br#"{"a":"]}\"\\"}"#[..], br#"{"b":[{},[1]]}"#, b"3"]);
    let request = parse_bulk(br#"{"docs":[]}"#).unwrap();
    assert!(request.new_edits && request.documents.is_empty());
}

#[test]
fn of_repeated_members_of_a_bulk_request_the_last_counts() {
    let request =
        parse_bulk(br#"{"docs":[1],"new_edits":false,"docs":[{}],"new_edits":true}"#).unwrap();
    assert!(request.new_edits);
    assert_eq!(request.documents, [b"{}"]);
    assert!(parse_bulk(br#"{"docs":[{"a":]}],"docs":[]}"#).is_err());
    assert!(parse_bulk(br#"{"docs":1,"docs":[]}"#).is_ok());
    assert!(parse_bulk(br#"{"docs":[],"\u0064ocs":1}"#).is_err());
}

#[test]
fn wrong_bulk_requests_are_refused_as_couchdb_does() {
    for (text, reason) in [
        ("{}", "POST body must include `docs` parameter."),
        (r#"{"docs":{}}"#, "`docs` parameter must be an array."),
        (r#"{"docs":[],"new_edits":1}"#, "`new_edits` parameter must be a boolean."),
        ("[]", "Request body must be a JSON object"),
        ("", "invalid UTF-8 JSON"),
        (r#"{"docs":[}"#, "invalid UTF-8 JSON"),
        (r#"{"docs":[{]}"#, "invalid UTF-8 JSON"),
        (r#"{"docs":[{}{}]}"#, "invalid UTF-8 JSON"),
        (r#"{"docs":[{},]}"#, "invalid UTF-8 JSON"),
        (r#"{"docs":[]} x"#, "invalid UTF-8 JSON"),
    ] {
        let error = parse_bulk(text.as_bytes()).unwrap_err();
        assert_eq!(
            (error.error(), error.to_string()),
            ("bad_request", reason.to_owned()),
            "{text}"
        );
    }
}

mod against_a_model {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bulk_request_whose_documents_all_parse_is_json(text in r#"\{"docs":[\[\]{}:,"\\a1 ]{0,20}\}"#) {
            let whole = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            let ours = match super::parse_bulk(text.as_bytes()) {
                Ok(request) => request.documents.iter().all(|document| crate::json::normalise(document).is_ok()),
                Err(error) => !matches!(error, super::BadDocument::Json(_)),
            };
            prop_assert_eq!(whole, ours);
        }
    }
}

#[test]
fn a_list_of_readers_is_told_once_whatever_its_name_is_written_like() {
    let incoming = document(r#"{"\u005faccess":["a"],"b":1}"#);
    assert_eq!(incoming.access.as_deref(), Some(br#"["a"]"#.as_slice()));
    assert_eq!(incoming.body.as_bytes(), br#"{"b":1}"#);
    for text in [
        r#"{"_access":["a"],"_access":["b"]}"#,
        r#"{"_access":["a"],"x":1,"\u005faccess":["a"]}"#,
        r#"{"\u005f\u0061ccess":["a"],"_access":["a"],"_acces\u0073":["a"]}"#,
    ] {
        assert_eq!(refusal(text).0, "doc_validation", "{text}");
    }
    assert!(Body::parse(br#"{"_access":["a"]}"#).is_err());
}
