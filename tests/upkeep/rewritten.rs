//! Ten rewrites of everything leave no more behind than one.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use refuge_tests::{Client, Node, Options};
use serde_json::{Value, json};

use crate::disk::{MIB, until_given_back};

const REWRITES: usize = 10;
const BODY_BYTES: usize = 8 * 1024;
/// Documents in one request.
const BATCH: usize = 128;

/// Live data in MiB: `make soak` asks for 1024.
fn live_mib() -> u64 {
    let asked = std::env::var("REFUGE_UPKEEP_MIB").ok();
    asked.map_or(200, |text| text.parse().expect("REFUGE_UPKEEP_MIB is a number"))
}

/// Text that does not compress much, different each time.
fn text(length: usize) -> String {
    static SEED: AtomicU64 = AtomicU64::new(1);
    let mut state = SEED.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let bytes: Vec<u8> = (0..length / 4 * 3)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect();
    STANDARD.encode(bytes)
}

/// Writes the next revision of each of these documents.
async fn rewrite(client: &Client, first: usize, revisions: &mut [Option<String>]) {
    let documents: Vec<Value> = revisions
        .iter()
        .enumerate()
        .map(|(place, revision)| {
            let id = format!("{:07}", first + place);
            match revision {
                None => json!({"_id": id, "text": text(BODY_BYTES)}),
                Some(revision) => json!({"_id": id, "_rev": revision, "text": text(BODY_BYTES)}),
            }
        })
        .collect();
    let reply = client.post("/db/_bulk_docs", json!({"docs": documents})).await.expect(201);
    let rows = reply.json();
    for (revision, row) in revisions.iter_mut().zip(rows.as_array().expect("rows")) {
        *revision = Some(row["rev"].as_str().expect("a revision").to_owned());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_rewritten_ten_times_give_their_disk_back() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/db").await.expect(201);
    let live = live_mib() * MIB;
    let count = usize::try_from(live).expect("bytes") / BODY_BYTES;
    let mut revisions: Vec<Option<String>> = vec![None; count];
    for _ in 0..=REWRITES {
        let mut writers = tokio::task::JoinSet::new();
        let parts = revisions.len().div_ceil(4).next_multiple_of(BATCH);
        for (number, part) in revisions.chunks(parts).enumerate() {
            let (client, mut part) = (client.clone(), part.to_vec());
            writers.spawn(async move {
                for (batch, revisions) in part.chunks_mut(BATCH).enumerate() {
                    rewrite(&client, number * parts + batch * BATCH, revisions).await;
                }
                (number, part)
            });
        }
        let mut done = writers.join_all().await;
        done.sort_by_key(|(number, _)| *number);
        revisions = done.into_iter().flat_map(|(_, part)| part).collect();
    }
    until_given_back(&node, live).await;
    let information = client.get("/db").await.expect(200).json();
    assert_eq!(information["doc_count"], count);
    let sample = client.get("/db/0000000").await.expect(200).json();
    assert_eq!(sample["_rev"].as_str(), revisions[0].as_deref());

    client.delete("/db").await.expect(200);
    until_given_back(&node, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attachments_rewritten_ten_times_give_their_disk_back() {
    const ATTACHMENTS: usize = 20;
    const ATTACHMENT_BYTES: usize = 2 * MIB as usize;
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/db").await.expect(201);
    let mut revisions = vec![String::new(); ATTACHMENTS];
    let mut last = String::new();
    for round in 0..=REWRITES {
        for (number, revision) in revisions.iter_mut().enumerate() {
            last = text(ATTACHMENT_BYTES);
            let path = match round {
                0 => format!("/db/{number}/picture"),
                _ => format!("/db/{number}/picture?rev={revision}"),
            };
            let request = client.request("PUT", &path).header("content-type", "image/png");
            let reply = request.body(last.clone()).send().await.expect(201).json();
            *revision = reply["rev"].as_str().expect("a revision").to_owned();
        }
    }
    until_given_back(&node, (ATTACHMENTS * ATTACHMENT_BYTES) as u64).await;
    let path = format!("/db/{}/picture", ATTACHMENTS - 1);
    let whole = client.get(&path).await.expect(200);
    assert!(whole.body == last.as_bytes(), "what is referenced stays");
}
