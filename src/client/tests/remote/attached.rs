//! Documents with attachments: which come inside their text, and which are carried as streams.

use async_trait::async_trait;
use refuge_client::{CarriageSource, CarriedDocument};
use refuge_replication::{Carriage, EndFailure};
use serde_json::json;

use crate::server::{Seen, Server};
use crate::{fetch, texts, wanted};

/// A peer that has `small` and `large`; with `attachments=true` it sends the text that the first asks
/// for whole.
fn peer(seen: &Seen) -> (u16, String) {
    if seen.line.starts_with("PUT ") {
        return if seen.line.contains("refused") {
            (403, r#"{"error":"forbidden","reason":"no"}"#.into())
        } else {
            (201, r#"{"ok":true}"#.into())
        };
    }
    if seen.line.starts_with("GET /db/gone") {
        return (404, r#"{"error":"not_found","reason":"missing"}"#.into());
    }
    if seen.line.starts_with("GET ") {
        return (200, r#"{"_id":"large"}"#.into());
    }
    let asked: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
    let whole = seen.line.contains("attachments=true");
    let results = asked["docs"].as_array().unwrap().iter().map(|one| {
        let length = if one["id"] == "large" { 1 << 30 } else { 3 };
        let file = if whole {
            json!({"revpos": 2, "data": "AAEC"})
        } else {
            json!({"revpos": 2, "length": length, "stub": true})
        };
        let document = json!({"_id": one["id"], "_rev": "2-b", "_attachments": {"f": file},
            "_revisions": {"start": 2, "ids": ["b", "a"]}});
        json!({"id": one["id"], "docs": [{"ok": document}]})
    });
    (200, json!({"results": results.collect::<Vec<_>>()}).to_string())
}

/// A source that is never opened again: nothing is cut.
struct Nowhere;

#[async_trait]
impl CarriageSource for Nowhere {
    async fn open(&self, _: u64) -> Result<Option<CarriedDocument>, EndFailure> {
        Err(EndFailure::permanent("it is not asked"))
    }
}

#[tokio::test]
async fn small_attachments_come_inside_and_large_ones_are_to_be_carried() {
    let server = Server::start(peer).await;
    let mut small = wanted("small", &["2-b"]);
    small.possible_ancestors = vec!["1-a".parse().unwrap()];
    let page = fetch(&server.database(), vec![small, wanted("large", &["2-b"])], 1_000).await;
    assert_eq!(page.carried, [wanted("large", &["2-b"])]);
    let [text] = texts(&page)[..] else { panic!("one text") };
    assert!(text.contains("\"data\":\"AAEC\""), "{text}");
    let seen = server.seen();
    assert_eq!(seen[1].line, "POST /db/_bulk_get?revs=true&attachments=true");
    let body = r#"{"docs":[{"id":"small","rev":"2-b","atts_since":["1-a"]}]}"#;
    assert_eq!(seen[1].body, body);
}

#[tokio::test]
async fn what_the_target_knows_is_not_asked_for_again() {
    let server = Server::start(peer).await;
    let mut known = wanted("large", &["3-c"]);
    known.possible_ancestors = vec!["2-b".parse().unwrap()];
    let page = fetch(&server.database(), vec![known], 1_000).await;
    assert_eq!((page.documents.len(), page.carried.len(), server.seen().len()), (1, 0, 1));
}

#[tokio::test]
async fn a_revision_passes_from_one_database_into_another() {
    let (source, target) = (Server::start(peer).await, Server::start(peer).await);
    let mut large = wanted("_design/la rge", &["2-b"]);
    large.possible_ancestors = vec!["1-a".parse().unwrap()];
    let read = source.database().read_revision(&large, 0).await.unwrap().expect("it is there");
    let stored = target.database().store_revision(&large.id, read, &Nowhere).await.unwrap();
    assert_eq!(stored, Carriage::Stored);
    let asked =
        "GET /db/_design/la%20rge?revs=true&attachments=true&rev=2-b&atts_since=%5B%221-a%22%5D";
    assert_eq!(source.seen()[0].line, asked);
    let put = &target.seen()[0];
    assert_eq!(put.line, "PUT /db/_design/la%20rge?new_edits=false");
    assert_eq!(put.body, r#"{"_id":"large"}"#);
    assert!(put.authorization.is_some());

    assert!(source.database().read_revision(&wanted("gone", &["1-a"]), 0).await.unwrap().is_none());
    let read = source.database().read_revision(&large, 0).await.unwrap().expect("it is there");
    let refused = target.database().store_revision("refused", read, &Nowhere).await.unwrap();
    assert!(matches!(refused, Carriage::Refused(refusal) if refusal.error == "forbidden"));
}
