//! The client against a small server: what goes over the wire, and what comes back of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "in a test a panic is the message"
)]

mod attached;
mod mending;
mod packed;
mod server;
mod uploading;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use refuge_client::{Connections, RemoteDatabase};
use refuge_replication::{
    Answer, Choice, DocumentsPage, EndFailureKind, FilterFunction, RemoteAddress, Request,
    Selection, Wanted,
};
use serde_json::json;
use server::{Seen, Server};

fn wanted(id: &str, revisions: &[&str]) -> Wanted {
    Wanted {
        id: id.to_owned(),
        revisions: revisions.iter().map(|text| text.parse().unwrap()).collect(),
        possible_ancestors: Vec::new(),
    }
}

fn documents(wanted: Vec<Wanted>, limit_bytes: usize) -> Request {
    Request::Documents { wanted, limit_bytes }
}

async fn fetch(database: &RemoteDatabase, wanted: Vec<Wanted>, limit: usize) -> DocumentsPage {
    match database.perform(&documents(wanted, limit)).await.unwrap() {
        Answer::Documents(page) => page,
        other => panic!("{other:?}"),
    }
}

fn texts(page: &DocumentsPage) -> Vec<&str> {
    let documents = page.documents.iter();
    documents.map(|text| std::str::from_utf8(text).unwrap()).collect()
}

#[tokio::test]
async fn credentials_travel_in_a_header_and_show_nowhere() {
    let server = Server::start(|_| (401, r#"{"error":"unauthorized","reason":"no"}"#.into())).await;
    let database = server.database();
    let failure = database.perform(&Request::Information).await.unwrap_err();
    assert_eq!(failure.kind, EndFailureKind::Unauthorized);
    assert_eq!(failure.reason, "it answered 401 unauthorized: no");
    let seen = server.seen();
    assert_eq!(seen[0].line, "GET /db");
    assert_eq!(seen[0].authorization.as_deref(), Some("Basic Ym9iOnNlY3JldA=="));
    assert!(!format!("{database:?}").contains("secret"));
}

#[tokio::test]
async fn information_checkpoints_and_commits_are_read() {
    let server = Server::start(|seen| {
        let body = match seen.line.as_str() {
            "GET /db" => r#"{"update_seq":"7-x","instance_start_time":"12"}"#,
            "GET /db/_local/abc" => r#"{"_id":"_local/abc","_rev":"0-3","session_id":"s"}"#,
            "PUT /db/_local/abc" => r#"{"ok":true,"id":"_local/abc","rev":"0-4"}"#,
            "POST /db/_ensure_full_commit" => r#"{"ok":true,"instance_start_time":"12"}"#,
            _ => return (404, r#"{"error":"not_found","reason":"missing"}"#.into()),
        };
        (200, body.into())
    })
    .await;
    let database = server.database();
    let Answer::Information(information) = database.perform(&Request::Information).await.unwrap()
    else {
        panic!("not information");
    };
    assert_eq!(information.update_sequence, "7-x");
    assert_eq!(information.instance_start_time, "12");
    let read = |local_id: &str| Request::Checkpoint { local_id: local_id.to_owned() };
    let found = database.perform(&read("abc")).await.unwrap();
    assert!(matches!(found, Answer::Checkpoint(Some(log)) if log.revision == "0-3"));
    let none = database.perform(&read("none")).await.unwrap();
    assert_eq!(none, Answer::Checkpoint(None));
    let write = Request::WriteCheckpoint {
        local_id: "abc".to_owned(),
        body: json!({"session_id": "s"}),
        revision: Some("0-3".to_owned()),
    };
    let revision = "0-4".to_owned();
    assert_eq!(database.perform(&write).await.unwrap(), Answer::CheckpointWritten { revision });
    assert_eq!(
        server.seen().last().unwrap().body,
        r#"{"session_id":"s","_id":"_local/abc","_rev":"0-3"}"#
    );
    let instance_start_time = "12".to_owned();
    assert_eq!(
        database.perform(&Request::EnsureFullCommit).await.unwrap(),
        Answer::Committed { instance_start_time }
    );
    let connections: Vec<usize> = server.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [1; 5], "connections are kept");
}

#[tokio::test]
async fn a_missing_database_is_told_from_a_missing_document() {
    let missing = r#"{"error":"not_found","reason":"Database does not exist."}"#;
    let server = Server::start(move |_| (404, missing.into())).await;
    let database = server.database();
    let local_id = "abc".to_owned();
    for request in [
        Request::Information,
        Request::Checkpoint { local_id },
        Request::RevisionsDiff { revisions: BTreeMap::new() },
        documents(vec![wanted("a", &["1-a"])], 1_000),
        Request::EnsureFullCommit,
    ] {
        let failure = database.perform(&request).await.unwrap_err();
        assert_eq!(failure.kind, EndFailureKind::DatabaseMissing, "{request:?}");
    }
}

#[tokio::test]
async fn a_database_that_is_there_already_counts_as_made() {
    let server = Server::start(|_| (412, r#"{"error":"file_exists"}"#.into())).await;
    let request =
        Request::CreateDatabase { ttl: false, access: false, partitioned: true, shards: Some(4) };
    let made = server.database().perform(&request).await;
    assert_eq!(made, Ok(Answer::Created));
}

#[tokio::test]
async fn pages_of_changes_are_read_whatever_the_peer_calls_a_sequence() {
    let server = Server::start(|seen| {
        let body = if seen.line.contains("longpoll") {
            r#"{"results":[{"seq":8,"id":"b","changes":[{"rev":"1-b"}],"deleted":true}],"last_seq":8}"#
        } else {
            r#"{"results":[{"seq":"7-x","id":"a","changes":[{"rev":"2-a"},{"rev":"1-c"}]}],
                "last_seq":"7-x","pending":3}"#
        };
        (200, body.into())
    })
    .await;
    let database = server.database();
    let selection = Arc::<Selection>::default();
    let changes = |since: &str, wait: bool| Request::Changes {
        selection: selection.clone(),
        since: since.to_owned(),
        limit: 5,
        wait,
    };
    let Answer::Changes(page) = database.perform(&changes("0", false)).await.unwrap() else {
        panic!("not a page");
    };
    assert_eq!(page.rows[0].revisions.len(), 2);
    assert_eq!((page.last_sequence.as_str(), page.finished), ("7-x", false));
    let Answer::Changes(page) = database.perform(&changes("7+x", true)).await.unwrap() else {
        panic!("not a page");
    };
    assert_eq!((page.last_sequence.as_str(), page.finished), ("8", true));
    let lines: Vec<String> = server.seen().into_iter().map(|seen| seen.line).collect();
    assert_eq!(
        lines,
        [
            "GET /db/_changes?style=all_docs&since=0&limit=5",
            "GET /db/_changes?style=all_docs&since=7%2Bx&limit=5&feed=longpoll&timeout=50000",
        ]
    );
}

#[tokio::test]
async fn what_is_left_out_is_left_out_at_the_source() {
    let server =
        Server::start(|_| (200, r#"{"results":[],"last_seq":"20-x","pending":0}"#.into())).await;
    let database = server.database();
    let parameters = BTreeMap::from([("who".to_owned(), "b&b".to_owned())]);
    let function = FilterFunction {
        design: "app".to_owned(),
        name: "mine".to_owned(),
        is_view: false,
        parameters,
    };
    for choice in [
        Choice::Documents(vec!["a".to_owned(), "b/c".to_owned()]),
        Choice::Selector(json!({"a": {"$eq": 1}})),
        Choice::Function(function),
    ] {
        let selection = Arc::new(Selection { choice, winners_only: false });
        let request = Request::Changes { selection, since: "0".to_owned(), limit: 5, wait: false };
        let Answer::Changes(page) = database.perform(&request).await.unwrap() else {
            panic!("not a page");
        };
        assert_eq!((page.last_sequence.as_str(), page.finished), ("20-x", true));
    }
    let seen = server.seen();
    let asked: Vec<(&str, &str)> =
        seen.iter().map(|seen| (seen.line.as_str(), seen.body.as_str())).collect();
    assert_eq!(
        asked,
        [
            (
                "POST /db/_changes?style=all_docs&filter=_doc_ids&since=0&limit=5&heartbeat=10000",
                r#"{"doc_ids":["a","b/c"]}"#
            ),
            (
                "POST /db/_changes?style=all_docs&filter=_selector&since=0&limit=5&heartbeat=10000",
                r#"{"selector":{"a":{"$eq":1}}}"#
            ),
            (
                "GET /db/_changes?style=all_docs&filter=app%2Fmine&who=b%26b&since=0&limit=5&heartbeat=10000",
                ""
            ),
        ]
    );
}

#[tokio::test]
async fn revisions_are_compared() {
    let server = Server::start(|_| {
        let body = r#"{"a":{"missing":["2-b"],"possible_ancestors":["1-a"]}}"#;
        (200, body.into())
    })
    .await;
    let revisions = BTreeMap::from([("a".to_owned(), vec!["2-b".parse().unwrap()])]);
    let request = Request::RevisionsDiff { revisions };
    let Answer::Differences(found) = server.database().perform(&request).await.unwrap() else {
        panic!("not differences");
    };
    assert_eq!(found["a"].possible_ancestors[0].to_string(), "1-a");
    assert_eq!(server.seen()[0].body, r#"{"a":["2-b"]}"#);
}

/// Members that JSON libraries stumble over: big numbers, duplicate keys, serde_json's own names.
const AWKWARD: &str = r#"{"_id":"a","_rev":"1-a", "n":1.0000000000000000000001e5, "$serde_json::private::Number":"1", "n":-0 }"#;

#[tokio::test]
async fn documents_pass_byte_for_byte() {
    let server = Server::start(|seen| {
        if seen.line.contains("_bulk_docs") {
            return (201, "[]".into());
        }
        let gone = r#"{"error":{"id":"b","rev":"1-b","error":"not_found","reason":"missing"}}"#;
        let body = format!(
            r#"{{"results":[{{"id":"a","docs":[{{"ok":{AWKWARD}}}]}}, {{"id":"b","docs":[{gone}]}}]}}"#
        );
        (200, body)
    })
    .await;
    let database = server.database();
    let page = fetch(&database, vec![wanted("a", &["1-a"]), wanted("b", &["1-b"])], 1_000).await;
    assert_eq!(texts(&page), [AWKWARD]);
    assert_eq!((page.gone, page.remaining.len()), (1, 0));
    let documents = page.documents;
    let stored = database.perform(&Request::Store { documents }).await;
    assert_eq!(stored, Ok(Answer::Stored { refused: vec![] }));
    let seen = server.seen();
    assert_eq!(seen[0].line, "POST /db/_bulk_get?revs=true&latest=true");
    assert_eq!(seen[0].body, r#"{"docs":[{"id":"a","rev":"1-a"},{"id":"b","rev":"1-b"}]}"#);
    assert_eq!(seen[1].body, format!(r#"{{"new_edits":false,"docs":[{AWKWARD}]}}"#));
}

/// A peer whose documents are `bytes` long.
fn bulk_get_answer(seen: &Seen, bytes: usize) -> String {
    let asked: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
    let results: Vec<String> = asked["docs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let id = one["id"].as_str().unwrap();
            let text = "x".repeat(bytes);
            format!(r#"{{"id":"{id}","docs":[{{"ok":{{"_id":"{id}","text":"{text}"}}}}]}}"#)
        })
        .collect();
    format!(r#"{{"results":[{}]}}"#, results.join(","))
}

#[tokio::test]
async fn a_large_answer_is_broken_off_and_the_rest_named() {
    let server = Server::start(|seen| (200, bulk_get_answer(seen, 10_000))).await;
    let database = server.database();
    let ids: Vec<String> = (0..100).map(|number| format!("d{number}")).collect();
    let mut remaining: Vec<Wanted> = ids.iter().map(|id| wanted(id, &["1-a"])).collect();
    let mut pages = Vec::new();
    while !remaining.is_empty() {
        let page = fetch(&database, remaining, 50_000).await;
        assert!(!page.documents.is_empty() && page.documents.len() <= 11);
        remaining = page.remaining;
        pages.push(page.documents.len());
    }
    assert_eq!(pages.iter().sum::<usize>(), 100);
    // The first answer was broken off; then it knew how many fit.
    let asked = server.seen()[1].body.matches("\"id\"").count();
    assert!(asked <= 5, "{asked}");
}

#[tokio::test]
async fn an_answer_that_lacks_a_document_is_no_answer() {
    let server = Server::start(|_| (200, r#"{"results":[{"id":"a","docs":[]}]}"#.into())).await;
    let asked = documents(vec![wanted("a", &["1-a"]), wanted("b", &["1-b"])], 1_000);
    let failure = server.database().perform(&asked).await.unwrap_err();
    assert!(failure.is_transient(), "{failure}");
}

#[tokio::test]
async fn peers_without_bulk_get_are_asked_for_one_document_after_the_other() {
    let server = Server::start(|seen| {
        if seen.line.contains("_bulk_get") {
            return (405, r#"{"error":"method_not_allowed"}"#.into());
        }
        if seen.line.starts_with("GET /db/gone") {
            return (404, r#"{"error":"not_found","reason":"missing"}"#.into());
        }
        let body = r#"[{"ok":{"_id":"x","n":1.50}},{"missing":"1-z"}]"#;
        (200, body.into())
    })
    .await;
    let database = server.database();
    let asked = vec![
        wanted("a/ü", &["2-b", "1-z"]),
        wanted("gone", &["1-a"]),
        wanted("_design/x", &["1-a"]),
    ];
    let page = fetch(&database, asked, 1_000).await;
    assert_eq!(texts(&page), [r#"{"_id":"x","n":1.50}"#; 2]);
    assert_eq!(page.gone, 3);
    fetch(&database, vec![wanted("a", &["1-a"])], 1_000).await;
    let lines: Vec<String> = server.seen().into_iter().map(|seen| seen.line).collect();
    let bulk = lines.iter().filter(|line| line.contains("_bulk_get"));
    assert_eq!(bulk.count(), 1, "it is asked once");
    assert!(
        lines.contains(
            &"GET /db/a%2F%C3%BC?revs=true&latest=true\
          &open_revs=%5B%222-b%22%2C%221-z%22%5D"
                .to_owned()
        )
    );
}

#[tokio::test]
async fn refused_documents_are_named_and_oversized_ones_found() {
    let server = Server::start(|seen| {
        let too_large = seen.body.matches("_id").count() > 2 || seen.body.contains("huge");
        match too_large {
            true => (413, r#"{"error":"too_large"}"#.into()),
            false if seen.body.contains("evil") => {
                let body = r#"[{"id":"evil","rev":"1-a","error":"forbidden","reason":"no"}]"#;
                (201, body.into())
            }
            false => (201, "[]".into()),
        }
    })
    .await;
    let ids = ["a", "b", "huge", "c", "evil", "d", "e"];
    let documents = ids.map(|id| Bytes::from(format!(r#"{{"_id":"{id}"}}"#)));
    let request = Request::Store { documents: documents.to_vec() };
    let Answer::Stored { refused } = server.database().perform(&request).await.unwrap() else {
        panic!("not stored");
    };
    let refused: Vec<(&str, &str)> =
        refused.iter().map(|one| (one.id.as_str(), one.error.as_str())).collect();
    assert_eq!(refused, [("huge", "too_large"), ("evil", "forbidden")]);
}

#[tokio::test]
async fn overload_and_broken_connections_are_tried_again_later() {
    let server = Server::start(|_| (503, "{}".into())).await;
    let failure = server.database().perform(&Request::Information).await;
    let retry_after_ms = Some(3_000);
    assert_eq!(failure.unwrap_err().kind, EndFailureKind::Transient { retry_after_ms });
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let address = RemoteAddress::parse(&format!("http://u:secret@{closed}/db")).unwrap();
    let database = RemoteDatabase::new(Connections::default(), &address).unwrap();
    let failure = database.perform(&Request::Information).await.unwrap_err();
    assert!(failure.is_transient());
    assert!(!failure.reason.contains("secret"), "{failure}");
}

#[tokio::test]
async fn tls_to_a_server_without_it_says_so() {
    let server = Server::start(|_| (200, "{}".into())).await;
    let address = RemoteAddress::parse(&format!("https://{}/db", server.address)).unwrap();
    let database = RemoteDatabase::new(Connections::default(), &address).unwrap();
    let failure = database.perform(&Request::Information).await.unwrap_err();
    assert!(failure.is_transient());
    assert!(failure.reason.contains("no TLS connection"), "{failure}");
}
