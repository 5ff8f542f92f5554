//! `_changes` filtered by functions of design documents.

use refuge_tests::{Client, database_name};
use serde_json::{Value, json};

use crate::{NODE, ids, put_all};

const KINDS: &str = "function (doc, req) { return doc.kind === req.query.kind; }";

/// A database with filters and `documents` of two kinds in turn.
async fn filtered(story: &str, documents: usize) -> (Client, String) {
    // One shard, so that the feed's order is that of the documents.
    let (client, path) = (NODE.client(), format!("/{}", database_name(story)));
    client.put_nothing(&format!("{path}?q=1")).await.expect(201);
    let design = json!({
        "filters": {
            "kind": KINDS,
            "broken": "function (doc) { return doc.a.b; }",
            "none": "function (",
            "asked": "function (doc, req) {
                return req.method === 'GET' && req.userCtx.roles[0] === '_admin'
                    && req.headers['X-Wanted'] === doc._id && !req.headers.Authorization
                    && req.info.doc_count > 0;
            }",
        },
        "views": {"even": {"map": "function (doc) { if (doc.kind === 'even') emit(doc._id); }"}},
    });
    client.put(&format!("{path}/_design/app"), design).await.expect(201);
    let rows = (0..documents).map(|number| {
        let kind = if number % 2 == 0 { "even" } else { "odd" };
        json!({"_id": format!("d{number:04}"), "kind": kind})
    });
    let docs = json!({"docs": rows.collect::<Vec<Value>>()});
    client.post(&format!("{path}/_bulk_docs"), docs).await.expect(201);
    (client, path)
}

#[tokio::test]
async fn a_function_lets_documents_through_and_limit_counts_behind_it() {
    let (client, path) = filtered("filter", 500).await;
    let feed = format!("{path}/_changes?filter=app/kind&kind=odd");
    let told = client.get(&feed).await.expect(200).json();
    assert_eq!(ids(&told).len(), 250);
    let told = client.get(&format!("{feed}&limit=3&include_docs=true")).await.expect(200).json();
    assert_eq!(ids(&told), ["d0001", "d0003", "d0005"]);
    assert_eq!(told["results"][2]["doc"]["kind"], "odd");
    let since = told["last_seq"].as_str().unwrap();
    let told = client.get(&format!("{feed}&limit=1&since={since}")).await.expect(200).json();
    assert_eq!(ids(&told), ["d0007"]);
    let told = client.get(&format!("{feed}&limit=2&descending=true")).await.expect(200).json();
    assert_eq!(ids(&told), ["d0499", "d0497"]);
}

#[tokio::test]
async fn a_view_lets_through_what_it_emits_for() {
    let (client, path) = filtered("filter-view", 10).await;
    let told = client.get(&format!("{path}/_changes?filter=_view&view=app/even")).await.json();
    assert_eq!(ids(&told), ["d0000", "d0002", "d0004", "d0006", "d0008"]);
}

#[tokio::test]
async fn a_filter_sees_the_request() {
    let (client, path) = filtered("filter-request", 4).await;
    let asked = format!("{path}/_changes?filter=app/asked");
    let reply = client.request("GET", &asked).header("X-Wanted", "d0002").send().await;
    assert_eq!(ids(&reply.expect(200).json()), ["d0002"]);
}

#[tokio::test]
async fn what_a_filter_lets_through_for_one_request_is_not_known_for_another() {
    let (client, path) = filtered("filter-tags", 4).await;
    let plain = client.get(&format!("{path}/_changes")).await.expect(200);
    let known = plain.header("etag").to_owned();
    assert!(!known.is_empty());
    let asked = format!("{path}/_changes?filter=app/asked");
    for wanted in ["d0001", "d0003"] {
        let request = client.request("GET", &asked).header("X-Wanted", wanted);
        let reply = request.header("if-none-match", &known).send().await.expect(200);
        assert_eq!(reply.header("etag"), "");
        assert_eq!(ids(&reply.json()), [wanted]);
    }
}

#[tokio::test]
async fn all_leaves_are_asked_about_where_all_are_told() {
    let (client, path) = filtered("filter-leaves", 0).await;
    let edits = json!({"new_edits": false, "docs": [
        {"_id": "a", "_rev": "1-b", "kind": "odd"},
        {"_id": "a", "_rev": "1-a", "kind": "even"},
    ]});
    client.post(&format!("{path}/_bulk_docs"), edits).await.expect(201);
    let feed = format!("{path}/_changes?filter=app/kind&kind=even");
    assert!(ids(&client.get(&feed).await.json()).is_empty());
    let told = client.get(&format!("{feed}&style=all_docs")).await.expect(200).json();
    assert_eq!(told["results"][0]["changes"], json!([{"rev": "1-a"}]));
}

#[tokio::test]
async fn deletions_are_asked_about() {
    let (client, path) = filtered("filter-deletions", 0).await;
    let revisions = put_all(&client, &path, &[("a", json!({"kind": "odd"}))]).await;
    let deletion = json!({"_rev": revisions[0], "_deleted": true, "kind": "even"});
    client.put(&format!("{path}/a"), deletion).await.expect(200);
    let feed = format!("{path}/_changes?filter=app/kind&kind=even");
    let told = client.get(&feed).await.expect(200).json();
    assert_eq!(told["results"][0]["deleted"], true);
}

#[tokio::test]
async fn a_continuous_feed_tells_what_passes_as_it_comes() {
    let (client, path) = filtered("filter-continuous", 2).await;
    let feed = format!("{path}/_changes?feed=continuous&filter=app/kind&kind=odd&heartbeat=60000");
    let lines = client.request("GET", &feed).lines().await;
    let mut lines = lines.unwrap_or_else(|broken| panic!("{}", broken.0));
    assert_eq!(lines.row().await["id"], "d0001");
    for number in 0..20 {
        let kind = if number % 2 == 0 { "even" } else { "odd" };
        let id = format!("n{number:02}");
        put_all(&client, &path, &[(&id, json!({"kind": kind}))]).await;
        if kind == "odd" {
            assert_eq!(lines.row().await["id"], id);
        }
    }
}

#[tokio::test]
async fn what_is_not_there_or_cannot_be_run_is_told() {
    let (client, path) = filtered("filter-missing", 1).await;
    for (filter, status) in [
        ("app/missing", 404),
        ("missing/kind", 404),
        ("_view&view=app/missing", 404),
        ("_view", 400),
        ("app", 400),
        ("app/none", 500),
    ] {
        let reply = client.get(&format!("{path}/_changes?filter={filter}")).await;
        assert_eq!(reply.status, status, "{filter}: {}", reply.text());
    }
}

#[tokio::test]
async fn what_a_filter_throws_before_the_first_row_is_told_by_the_status() {
    let (client, path) = filtered("filter-throws", 3).await;
    let design = json!({"filters": {
        "refuses": "function (doc) { throw {forbidden: 'not this feed'}; }",
        "late": "function (doc) { if (doc.kind === 'bad') throw {forbidden: 'bad'}; return true; }",
    }});
    client.put(&format!("{path}/_design/throws"), design).await.expect(201);
    for feed in ["normal", "longpoll", "continuous&heartbeat=1000", "eventsource"] {
        let asked = format!("{path}/_changes?filter=throws/refuses&feed={feed}");
        let reply = client.get(&asked).await;
        reply.error(403, "forbidden", "not this feed");
    }
    client.get(&format!("{path}/_changes?filter=app/broken")).await.expect(500);
    let feed = format!("{path}/_changes?feed=continuous&heartbeat=1000&filter=throws/late");
    let lines = client.request("GET", &feed).lines().await;
    let mut lines = lines.unwrap_or_else(|broken| panic!("{}", broken.0));
    let mut last = lines.row().await;
    while last["id"] != "_design/throws" {
        last = lines.row().await;
    }
    put_all(&client, &path, &[("bad", json!({"kind": "bad"}))]).await;
    assert_eq!(lines.row().await, json!({"error": "forbidden", "reason": "bad"}));
    let end = lines.next_row().await.unwrap_or_else(|broken| panic!("{}", broken.0));
    assert_eq!(end, None);
}
