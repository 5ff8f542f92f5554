//! The client against a small server: what goes over the wire, and what comes back of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "in a test a panic is the message"
)]

mod attached;
mod documents;
mod mending;
mod packed;
mod server;
mod storing;
mod uploading;

use std::collections::BTreeMap;
use std::sync::Arc;

use refuge_client::{Connections, RemoteDatabase};
use refuge_replication::{
    Answer, Choice, DocumentsPage, EndFailureKind, FilterFunction, Instance, RemoteAddress,
    Request, Selection, Wanted,
};
use serde_json::json;
use server::Server;

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
            "GET /db" => r#"{"update_seq":"7-x","instance_start_time":"12","instance":"ab"}"#,
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
    assert_eq!(
        information.instance,
        Instance { started: "12".to_owned(), unique: "ab".to_owned() }
    );
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
    assert_eq!(
        database.perform(&Request::EnsureFullCommit).await.unwrap(),
        Answer::Committed { instance: Instance::started("12") }
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

#[tokio::test]
async fn a_database_that_is_elsewhere_is_followed_and_no_credentials_to_other_hosts() {
    let elsewhere = Server::start(|_| (200, r#"{"update_seq":"7-x"}"#.into())).await;
    let url = format!("http://{}/moved", elsewhere.address);
    let server = Server::start_with_headers(move |seen| {
        let rest = seen.line.rsplit_once("/db").map_or("", |(_, rest)| rest);
        (307, vec![("location", format!("{url}{rest}"))], String::new())
    })
    .await;
    let database = server.database();
    for _ in 0..2 {
        database.perform(&Request::Information).await.unwrap();
    }
    assert_eq!(server.seen().len(), 1, "it is remembered");
    assert!(server.seen()[0].authorization.is_some());
    for seen in elsewhere.seen() {
        assert_eq!((seen.line.as_str(), seen.authorization), ("GET /moved", None));
    }
    let server = Server::start_with_headers(|seen| {
        let path = seen.line.split(' ').nth(1).unwrap();
        (302, vec![("location", format!("{path}x"))], String::new())
    })
    .await;
    let failure = server.database().perform(&Request::Information).await.unwrap_err();
    assert!(failure.reason.contains("redirects more than 5 times"), "{failure}");
    assert_eq!(server.seen().len(), 6);
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
