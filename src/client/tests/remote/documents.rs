//! Documents that are fetched: as they are, many at a time, or one after the other where a peer cannot.

use refuge_replication::{Answer, Request, Wanted};

use crate::server::{Seen, Server};
use crate::{documents, fetch, texts, wanted};

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
    assert_eq!(stored, Ok(Answer::Stored { refused: vec![], overdue: vec![] }));
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
async fn a_document_that_fails_in_bulk_is_asked_for_alone() {
    let server = Server::start(|seen| match seen.line.contains("_bulk_get") {
        true => {
            let error = r#"{"error":{"id":"b","rev":"1-b","error":"badmatch","reason":"x"}}"#;
            let ok = r#"{"ok":{"_id":"a","_rev":"1-a"}}"#;
            let body = format!(
                r#"{{"results":[{{"id":"a","docs":[{ok}]}},{{"id":"b","docs":[{error}]}}]}}"#
            );
            (200, body)
        }
        false => (200, r#"[{"ok":{"_id":"b","_rev":"1-b"}}]"#.into()),
    })
    .await;
    let asked = vec![wanted("a", &["1-a"]), wanted("b", &["1-b"])];
    let page = fetch(&server.database(), asked, 1_000_000).await;
    assert_eq!((page.documents.len(), page.remaining.len()), (2, 0));
}
