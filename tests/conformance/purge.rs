//! `_purge`: documents leave as if they had never been; `_purged_infos` tells of it for a while.

use refuge_tests::{Client, Node, Options, consistent};
use serde_json::{Value, json};

use crate::{NODE, database, ids, put_all};

async fn purge(client: &Client, path: &str, asked: Value) -> Value {
    let answer = client.post(&format!("{path}/_purge"), asked).await.expect(201).json();
    assert_eq!(answer["purge_seq"], json!(null));
    answer["purged"].clone()
}

fn number(sequence: &Value) -> u64 {
    let text = sequence.as_str().expect("a sequence");
    text.split('-').next().and_then(|number| number.parse().ok()).expect("a number")
}

/// A conflict: a second leaf beside the first revision of a document.
async fn conflict(client: &Client, path: &str, id: &str, hash: &str) -> String {
    let document = json!({"_id": id, "_rev": format!("1-{hash}"), "of": hash});
    let body = json!({"docs": [document], "new_edits": false});
    client.post(&format!("{path}/_bulk_docs"), body).await.expect(201);
    format!("1-{hash}")
}

#[tokio::test]
async fn a_purged_document_never_was() {
    let (client, path) = database("purge").await;
    let revs = put_all(&client, &path, &[("a", json!({"x": 1})), ("b", json!({}))]).await;
    let before = client.get(&path).await.expect(200).json();
    assert_eq!(number(&before["purge_seq"]), 0);

    let purged = purge(&client, &path, json!({"a": [revs[0]]})).await;

    assert_eq!(purged, json!({"a": [revs[0]]}));
    client.get(&format!("{path}/a")).await.error(404, "not_found", "missing");
    client.get(&format!("{path}/a?rev={}", revs[0])).await.expect(404);
    let changes = client.get(&format!("{path}/_changes")).await.expect(200).json();
    assert_eq!(ids(&changes), ["b"]);
    let information = client.get(&path).await.expect(200).json();
    assert_eq!((&information["doc_count"], &information["doc_del_count"]), (&json!(1), &json!(0)));
    assert_eq!(number(&information["purge_seq"]), 1);
    assert!(number(&information["update_seq"]) > number(&before["update_seq"]));
    consistent(&client, &path[1..]).await;
    // A document made anew begins at generation 1.
    let rev = client.put(&format!("{path}/a"), json!({"x": 1})).await.expect(201).member("rev");
    assert_eq!(rev, revs[0]);
    consistent(&client, &path[1..]).await;
}

#[tokio::test]
async fn a_purged_winner_gives_way_to_its_conflict() {
    let (client, path) = database("purge").await;
    client.put(&format!("{path}/a"), json!({"of": "first"})).await.expect(201);
    let winner = conflict(&client, &path, "a", &"f".repeat(32)).await;
    assert_eq!(client.get(&format!("{path}/a")).await.expect(200).json()["_rev"], winner);
    let since = client.get(&path).await.expect(200).json()["update_seq"].clone();

    let purged = purge(&client, &path, json!({"a": [winner]})).await;

    assert_eq!(purged, json!({"a": [winner]}));
    let document = client.get(&format!("{path}/a?conflicts=true")).await.expect(200).json();
    assert_eq!((&document["of"], &document["_conflicts"]), (&json!("first"), &json!(null)));
    let asked = format!("{path}/_changes?since={}", since.as_str().unwrap());
    assert_eq!(ids(&client.get(&asked).await.expect(200).json()), ["a"]);
    consistent(&client, &path[1..]).await;
}

#[tokio::test]
async fn inner_and_unknown_revisions_stay_where_they_are() {
    let (client, path) = database("purge").await;
    let revs = put_all(&client, &path, &[("a", json!({}))]).await;
    let second = client.put(&format!("{path}/a?rev={}", revs[0]), json!({"n": 2})).await;
    let second = second.expect(201).member("rev");
    let asked = json!({"a": [revs[0], "3-0123456789abcdef0123456789abcdef"], "b": [revs[0]]});
    assert_eq!(purge(&client, &path, asked).await, json!({"a": [], "b": []}));
    assert_eq!(client.get(&format!("{path}/a")).await.expect(200).json()["_rev"], second);
    assert_eq!(purge(&client, &path, json!({})).await, json!({}));
    consistent(&client, &path[1..]).await;
}

#[tokio::test]
async fn a_deleted_document_and_its_attachments_leave_as_well() {
    let (client, path) = database("purge").await;
    let attachments = json!({"x.txt": {"content_type": "text/plain", "data": "aGVsbG8="}});
    let body = json!({"_attachments": attachments});
    let rev = client.put(&format!("{path}/a"), body).await.expect(201).member("rev");
    let tombstone = client.delete(&format!("{path}/a?rev={rev}")).await.expect(200).member("rev");
    assert_eq!(client.get(&path).await.expect(200).json()["doc_del_count"], 1);
    purge(&client, &path, json!({"a": [tombstone]})).await;
    assert_eq!(client.get(&path).await.expect(200).json()["doc_del_count"], 0);
    client.get(&format!("{path}/a/x.txt?rev={rev}")).await.expect(404);
    consistent(&client, &path[1..]).await;
}

#[tokio::test]
async fn who_waits_for_a_change_hears_of_a_purge() {
    let (client, path) = database("purge").await;
    let revs = put_all(&client, &path, &[("a", json!({}))]).await;
    conflict(&client, &path, "a", &"f".repeat(32)).await;
    let mut feed = client
        .request("GET", &format!("{path}/_changes?feed=continuous&since=now&heartbeat=1000"))
        .lines()
        .await
        .expect("a feed");
    purge(&client, &path, json!({"a": [revs[0]]})).await;
    assert_eq!(feed.row().await["id"], "a");
}

#[tokio::test]
async fn rows_behind_a_position_are_counted_without_the_purged() {
    let (client, path) = database("purge").await;
    let documents = ["a", "b", "c", "d"].map(|id| (id, json!({})));
    let revs = put_all(&client, &path, &documents).await;
    let asked = format!("{path}/_changes?limit=1");
    assert_eq!(client.get(&asked).await.expect(200).json()["pending"], 3);
    purge(&client, &path, json!({"c": [revs[2]], "d": [revs[3]]})).await;
    assert_eq!(client.get(&asked).await.expect(200).json()["pending"], 1);
}

#[tokio::test]
async fn purges_are_remembered_up_to_their_limit() {
    let (client, path) = database("purge").await;
    let infos = async || {
        let answer = client.get(&format!("{path}/_purged_infos")).await.expect(200).json();
        answer["purged_infos"].clone()
    };
    let limit = format!("{path}/_purged_infos_limit");
    assert_eq!(infos().await, json!([]));
    assert_eq!(client.get(&limit).await.expect(200).json(), 1000);
    let revs = put_all(&client, &path, &[("a", json!({})), ("b", json!({}))]).await;
    purge(&client, &path, json!({"a": [revs[0]]})).await;
    purge(&client, &path, json!({"b": [revs[1]]})).await;
    let expected = json!([{"id": "a", "revs": [revs[0]]}, {"id": "b", "revs": [revs[1]]}]);
    assert_eq!(infos().await, expected);
    client.put_text(&limit, "1").await.expect(200);
    assert_eq!(client.get(&limit).await.expect(200).json(), 1);
    assert_eq!(infos().await, json!([{"id": "b", "revs": [revs[1]]}]));
    for wrong in ["0", "-1", "\"2\"", "1.5", "null"] {
        let reason = "`purged_infos_limit` must be positive integer";
        client.put_text(&limit, wrong).await.error(400, "bad_request", reason);
    }
}

#[tokio::test]
async fn what_is_too_much_or_makes_no_sense_is_refused() {
    let (client, path) = database("purge").await;
    let asked = format!("{path}/_purge");
    let many = |documents: usize, revisions: usize| {
        let revisions: Vec<String> = (0..revisions).map(|one| format!("1-{one:032x}")).collect();
        let documents = (0..documents).map(|one| (format!("d{one}"), json!(revisions)));
        Value::Object(documents.collect())
    };
    client.post(&asked, many(100, 10)).await.expect(201);
    let reason = "Exceeded maximum number of documents.";
    client.post(&asked, many(101, 1)).await.error(400, "bad_request", reason);
    let reason = "Exceeded maximum number of revisions.";
    client.post(&asked, many(1, 1001)).await.error(400, "bad_request", reason);
    for wrong in ["[]", "{", r#"{"a":"1-x"}"#, r#"{"a":["x"]}"#] {
        client.post_text(&asked, wrong).await.error_named(400, "bad_request");
    }
    client.get(&asked).await.error(405, "method_not_allowed", "Only POST allowed");
    let reply = client.post(&format!("{path}/_purged_infos"), json!({})).await;
    reply.error(405, "method_not_allowed", "Only GET allowed");
    let reply = client.post(&format!("{path}/_purged_infos_limit"), json!({})).await;
    reply.error(405, "method_not_allowed", "Only GET,PUT allowed");
}

#[tokio::test]
async fn purging_is_for_server_admins() {
    let (_, path) = database("purge").await;
    let nobody = NODE.anonymous();
    for (method, rest) in
        [("POST", "_purge"), ("GET", "_purged_infos"), ("PUT", "_purged_infos_limit")]
    {
        let reply = nobody.request(method, &format!("{path}/{rest}")).json("{}").send().await;
        reply.error(401, "unauthorized", "You are not a server admin.");
    }
    let peers = NODE.client().post("/_peers/_purge", json!({"a": ["1-x"]})).await;
    peers.error_named(403, "forbidden");
}

#[tokio::test]
async fn a_purge_that_was_answered_survives_a_kill() {
    let mut node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/db").await.expect(201);
    let documents: Vec<(String, Value)> =
        (0..40).map(|one| (format!("d{one:02}"), json!({"n": one}))).collect();
    let documents: Vec<(&str, Value)> =
        documents.iter().map(|(id, body)| (id.as_str(), body.clone())).collect();
    let revs = put_all(&client, "/db", &documents).await;
    let named = |range: std::ops::Range<usize>| -> Value {
        let one = |at: usize| (documents[at].0.to_owned(), json!([revs[at]]));
        Value::Object(range.map(one).collect())
    };
    client.post("/db/_purge", named(0..10)).await.expect(201);
    // The second one is perhaps carried out and perhaps not, but never by half a document.
    let _ = tokio::time::timeout(
        std::time::Duration::from_millis(1),
        client.post("/db/_purge", named(10..20)),
    )
    .await;
    node.kill_hard();
    node.restart();
    let client = node.client();
    consistent(&client, "db").await;
    let all = client.get("/db/_all_docs").await.expect(200).json();
    assert!(ids(&all).iter().all(|id| id.as_str() >= "d10"), "{all}");
    let purges = number(&client.get("/db").await.expect(200).json()["purge_seq"]);
    assert_eq!(purges, 40 - ids(&all).len() as u64);
}

#[tokio::test]
async fn purges_may_be_asked_for_their_head() {
    let (client, path) = database("heads").await;
    client.head(&format!("{path}/_purged_infos")).await.expect(200);
    client.head(&format!("{path}/_purged_infos_limit")).await.expect(200);
}
