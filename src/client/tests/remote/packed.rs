//! Bodies over a slow link: what they are packed with, and what becomes of an end that takes no packed
//! ones.

use std::time::Duration;

use bytes::Bytes;
use refuge_client::RemoteDatabase;
use refuge_replication::{Answer, Request};

use crate::server::{Reply, Seen, Server};

/// Slower than packing: 20 KB in a fifth of a second.
fn slowly() {
    std::thread::sleep(Duration::from_millis(200));
}

/// Stores 20 KB of documents so often.
async fn store(database: &RemoteDatabase, times: usize) {
    let documents: Vec<Bytes> = (0..100)
        .map(|number| {
            format!(r#"{{"_id":"{number}","text":"{}"}}"#, "to and fro ".repeat(16)).into()
        })
        .collect();
    for _ in 0..times {
        let request = Request::Store { documents: documents.clone() };
        let answer = database.perform(&request).await.unwrap();
        assert_eq!(answer, Answer::Stored { refused: Vec::new(), overdue: Vec::new() });
    }
}

fn codings(server: &Server) -> Vec<Option<String>> {
    let seen = server.seen();
    assert!(seen.iter().all(|one| one.body == seen[0].body), "the same, however it was packed");
    seen.into_iter().map(|one| one.coding).collect()
}

fn stored(_: &Seen) -> Reply {
    slowly();
    (201, "[]".into())
}

#[tokio::test]
async fn a_slow_end_that_tells_nothing_is_sent_gzip() {
    let server = Server::start(stored).await;
    store(&server.database(), 3).await;
    let gzip = Some("gzip".to_owned());
    assert_eq!(codings(&server), [None, gzip.clone(), gzip]);
    let accepted: Vec<Option<String>> = server.seen().into_iter().map(|one| one.accepted).collect();
    let asked = Some("zstd, gzip".to_owned());
    assert_eq!(accepted, [None, asked.clone(), asked]);
}

#[tokio::test]
async fn a_slow_end_that_takes_zstd_is_sent_it() {
    let server = Server::start_telling(Some("zstd, gzip, deflate"), stored).await;
    store(&server.database(), 2).await;
    assert_eq!(codings(&server), [None, Some("zstd".to_owned())]);
}

#[tokio::test]
async fn a_fast_end_is_sent_bodies_as_they_are() {
    // A machine that is busy may take it for slow, now and then.
    for _ in 0..5 {
        let server = Server::start(|_| (201, "[]".into())).await;
        store(&server.database(), 3).await;
        if codings(&server) == [None, None, None] {
            return;
        }
    }
    panic!("a fast end was taken for a slow one five times");
}

#[tokio::test]
async fn an_end_that_refuses_packed_bodies_is_sent_no_more_of_them() {
    let server = Server::start(|seen| {
        slowly();
        if seen.coding.is_some() { (415, "{}".into()) } else { (201, "[]".into()) }
    })
    .await;
    store(&server.database(), 3).await;
    assert_eq!(codings(&server), [None, Some("gzip".to_owned()), None, None]);
}
