//! Documents that are stored, and those that a peer does not take.

use bytes::Bytes;
use refuge_replication::{Answer, EndFailureKind, Request};
use serde_json::json;

use crate::server::Server;

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
    let Answer::Stored { refused, .. } = server.database().perform(&request).await.unwrap() else {
        panic!("not stored");
    };
    let refused: Vec<(&str, &str)> =
        refused.iter().map(|one| (one.id.as_str(), one.error.as_str())).collect();
    assert_eq!(refused, [("huge", "too_large"), ("evil", "forbidden")]);
}

#[tokio::test]
async fn a_document_for_which_the_whole_request_is_refused_is_found_and_named() {
    let server = Server::start(|seen| match seen.body.contains("_bad") {
        true => (400, r#"{"error":"illegal_docid","reason":"Only reserved ids"}"#.into()),
        false => (201, "[]".into()),
    })
    .await;
    let documents =
        ["a", "_bad", "b"].map(|id| Bytes::from(format!(r#"{{"_id":"{id}","_rev":"1-a"}}"#)));
    let request = Request::Store { documents: documents.to_vec() };
    let Answer::Stored { refused, .. } = server.database().perform(&request).await.unwrap() else {
        panic!("not stored");
    };
    assert_eq!(refused.len(), 1);
    let told = (refused[0].id.as_str(), refused[0].error.as_str(), refused[0].reason.as_str());
    assert_eq!(told, ("_bad", "illegal_docid", "Only reserved ids"));
    let stored = server.seen().iter().filter(|seen| !seen.body.contains("_bad")).count();
    assert_eq!(stored, 2, "the others are stored");
    // A proxy that takes nothing says nothing of documents.
    let server = Server::start(|_| (400, "<html>".into())).await;
    let failure = server.database().perform(&request).await.unwrap_err();
    assert_eq!(failure.kind, EndFailureKind::Permanent);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn who_takes_too_long_alone_keeps_no_other_from_being_stored() {
    let server = Server::start(|seen| {
        let asked: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
        let docs = asked["docs"].as_array().unwrap();
        // Behind one that loops nothing is looked at.
        let behind = docs.iter().skip_while(|doc| doc["_id"] != "loops");
        let late: Vec<_> = behind
            .map(|doc| json!({"id": doc["_id"], "rev": doc["_rev"], "error": "timeout", "reason": "x"}))
            .collect();
        (201, serde_json::Value::from(late).to_string())
    })
    .await;
    let documents = ["a", "loops", "b", "c", "d"]
        .map(|id| Bytes::from(format!(r#"{{"_id":"{id}","_rev":"1-a"}}"#)));
    let request = Request::Store { documents: documents.to_vec() };
    let Answer::Stored { refused, overdue } = server.database().perform(&request).await.unwrap()
    else {
        panic!("not stored");
    };
    let overdue: Vec<&str> = overdue.iter().map(|one| one.id.as_str()).collect();
    assert_eq!((refused.len(), overdue), (0, vec!["loops"]));
}
