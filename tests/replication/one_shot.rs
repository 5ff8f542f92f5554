//! Replications that end: pull, push, local, and what they bring along.

use refuge_tests::{Node, Options, eventually};
use serde_json::json;

use crate::{database, diverge, fill, replicate, same};

#[tokio::test]
async fn pull_brings_everything_once() {
    let (source, target) = (Node::start(Options::default()), Node::start(Options::default()));
    let (from, to) = (source.client(), target.client());
    fill(&from, "a").await;
    let request = json!({"source": database(&source, "a"), "target": "b", "create_target": true});
    let told = replicate(&to, request.clone()).await.json();
    assert_eq!(told["ok"], true);
    assert!(told["session_id"].is_string() && told["source_last_seq"].is_string(), "{told}");
    let history = &told["history"][0];
    assert_eq!(history["doc_write_failures"], 0, "{told}");
    assert_eq!(history["docs_read"], history["docs_written"]);
    assert!(history["docs_written"].as_u64().unwrap() >= 258, "{history}");
    same((&from, "a"), (&to, "b")).await;
    to.get("/b/_local/mine").await.expect(404);

    let again = replicate(&to, request.clone()).await.json();
    assert_eq!((&again["ok"], &again["no_changes"]), (&json!(true), &json!(true)), "{again}");
    from.put("/a/one-more", json!({})).await.expect(201);
    let more = replicate(&to, request).await.json();
    assert_eq!(more["history"][0]["docs_written"], 1, "only what is new: {more}");
    assert_eq!(more["history"][1]["session_id"], told["session_id"], "{more}");
    same((&from, "a"), (&to, "b")).await;
}

#[tokio::test]
async fn push_brings_everything() {
    let (source, target) = (Node::start(Options::default()), Node::start(Options::default()));
    let (from, to) = (source.client(), target.client());
    fill(&from, "a").await;
    to.put_nothing("/b").await.expect(201);
    let address = format!("http://{}/b", target.address());
    let request = json!({"source": "a", "target": {"url": address, "auth": {"basic": {"username": "admin", "password": "secret"}}}});
    let told = replicate(&from, request).await.json();
    assert_eq!(told["history"][0]["doc_write_failures"], 0, "{told}");
    same((&from, "a"), (&to, "b")).await;
}

#[tokio::test]
async fn databases_of_one_node_replicate_too() {
    let node = Node::start(Options::default());
    let client = node.client();
    fill(&client, "a").await;
    replicate(&client, json!({"source": "a", "target": "b", "create_target": true})).await;
    same((&client, "a"), (&client, "b")).await;
}

#[tokio::test]
async fn both_ways_ends_with_the_same_winners_and_conflicts() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    let (left, right) = (one.client(), two.client());
    fill(&left, "a").await;
    let pull = json!({"source": database(&one, "a"), "target": "a", "create_target": true});
    replicate(&right, pull.clone()).await;
    diverge(&left, "a", "left").await;
    diverge(&right, "a", "right").await;
    let gone = left.get("/a/doc-0003").await.member("_rev");
    left.delete(&format!("/a/doc-0003?rev={gone}")).await.expect(200);
    right.put("/a/doc-0003", json!({"_rev": gone, "kept": true})).await.expect(201);
    replicate(&right, pull).await;
    replicate(&right, json!({"source": "a", "target": database(&one, "a")})).await;
    same((&left, "a"), (&right, "a")).await;
    let told = left.get("/a/doc-0007?conflicts=true").await.expect(200).json();
    assert_eq!(told["_conflicts"].as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(
        left.get("/a/doc-0003").await.expect(200).json()["kept"],
        true,
        "an edit beats a deletion"
    );
}

#[tokio::test]
async fn large_attachments_arrive_whole() {
    let (source, target) = (Node::start(Options::default()), Node::start(Options::default()));
    let (from, to) = (source.client(), target.client());
    from.put_nothing("/a").await.expect(201);
    let bytes: Vec<u8> =
        (0..3_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    let text = "many words ".repeat(100_000);
    for (name, kind, body) in [
        ("binary", "application/octet-stream", bytes.clone()),
        ("text", "text/plain", text.clone().into_bytes()),
    ] {
        let put =
            from.request("PUT", &format!("/a/{name}/file")).header("content-type", kind).body(body);
        put.send().await.expect(201);
    }
    replicate(&to, json!({"source": database(&source, "a"), "target": "a", "create_target": true}))
        .await;
    assert!(to.get("/a/binary/file").await.expect(200).body == bytes);
    assert!(to.get("/a/text/file").await.expect(200).body == text.as_bytes());
    let stub = |told: serde_json::Value| told["_attachments"]["file"].clone();
    for name in ["binary", "text"] {
        let asked = format!("/a/{name}?att_encoding_info=true");
        assert_eq!(stub(from.get(&asked).await.json()), stub(to.get(&asked).await.json()));
    }
}

#[tokio::test]
async fn a_replication_whose_checkpoint_is_too_old_begins_anew() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    let (from, to) = (one.client(), two.client());
    from.put_nothing("/a").await.expect(201);
    let rev = from.put("/a/x", json!({})).await.expect(201).member("rev");
    let pull = json!({"source": database(&one, "a"), "target": "b", "create_target": true});
    replicate(&to, pull.clone()).await;
    from.delete(&format!("/a/x?rev={rev}")).await.expect(200);
    from.put("/a/later", json!({})).await.expect(201);
    from.put("/a/_options", json!({"tombstone_days": 0.000_007})).await.expect(200);
    eventually("the tombstone is purged", || async {
        let information = from.get("/a").await.expect(200).json();
        (information["doc_del_count"] == 0).then_some(())
    })
    .await;
    let told = replicate(&to, pull).await.json();
    assert_eq!(told["history"][0]["docs_written"], 1, "{told}");
    assert_eq!(told["history"][0]["start_last_seq"], "0", "{told}");
    to.get("/b/later").await.expect(200);
    // Its deletion is told no more: only a target that is made anew is rid of it.
    to.get("/b/x").await.expect(200);
}
