//! Replications and feeds with a selector that a Mango index answers: they tell what a walk over the feed
//! would tell.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use refuge_tests::{Client, Node, Options, contents, seed};
use serde_json::{Value, json};

use crate::continuous::{number, start};
use crate::{database, replicate};

/// So many that a walk over all is worth avoiding.
const DOCUMENTS: usize = 4_000;

async fn bulk(client: &Client, name: &str, docs: &[Value], new_edits: bool) {
    for some in docs.chunks(1_000) {
        let body = json!({"docs": some, "new_edits": new_edits});
        client.post(&format!("/{name}/_bulk_docs"), body).await.expect(201);
    }
}

/// A database of which every hundredth document is of the kind `wanted`, with an index of kinds.
async fn with_index(client: &Client, name: &str) {
    client.put_nothing(&format!("/{name}")).await.expect(201);
    let document = |number: usize| {
        let kind = if number.is_multiple_of(100) { "wanted" } else { "other" };
        json!({"_id": format!("d{number:05}"), "kind": kind, "n": number})
    };
    let docs: Vec<Value> = (0..DOCUMENTS).map(document).collect();
    bulk(client, name, &docs, true).await;
    let index = json!({"index": {"fields": ["kind"]}, "ddoc": "kinds", "name": "kinds"});
    client.post(&format!("/{name}/_index"), index).await.expect(200);
    build(client, name).await;
}

/// Waits until the index tells of all that is written.
async fn build(client: &Client, name: &str) {
    let question = json!({"selector": {"kind": "wanted"}, "limit": 1});
    client.post(&format!("/{name}/_find"), question).await.expect(200);
}

/// How many feeds an index answered so far.
async fn by_index(client: &Client) -> u64 {
    let figures = client.get("/_node/_local/_prometheus").await.expect(200).text();
    let line = figures.lines().find(|line| line.starts_with("refuge_feed_walks_by_index_total"));
    line.and_then(|line| line.rsplit(' ').next())
        .map_or(0, |number| number.parse().expect("a number"))
}

async fn changes(client: &Client, name: &str, query: &str, selector: &Value) -> Value {
    let body = json!({"selector": selector});
    let path = format!("/{name}/_changes?filter=_selector{query}");
    client.post(&path, body).await.expect(200).json()
}

/// Edits of every kind: what begins to match and ceases to, deletions with and without a body, conflicts whose
/// winner or loser matches, documents whose leaves are deleted one by one, a purge.
async fn edit(client: &Client, name: &str, random: &mut StdRng) {
    for _ in 0..60 {
        let id = format!("d{:05}", random.random_range(0..DOCUMENTS / 50) * 50);
        let known = client.get(&format!("/{name}/{id}?conflicts=true")).await;
        let revs: Vec<Value> = match known.status {
            200 => {
                let document = known.json();
                let others = document["_conflicts"].as_array().cloned().unwrap_or_default();
                std::iter::once(document["_rev"].clone()).chain(others).collect()
            }
            _ => Vec::new(),
        };
        let kind = if random.random() { "wanted" } else { "other" };
        let mut document = json!({"_id": id, "kind": kind, "n": random.random::<u16>()});
        match random.random_range(0..6) {
            0 | 1 => {}
            2 => document["_deleted"] = json!(true),
            3 => {
                document = json!({"_id": id, "_deleted": true});
            }
            _ => {
                document["_rev"] = json!(format!("2-{:032x}", random.random::<u128>()));
                bulk(client, name, &[document], false).await;
                continue;
            }
        }
        if revs.is_empty() {
            if document["_deleted"] == true {
                continue;
            }
        } else {
            document["_rev"] = revs[random.random_range(0..revs.len())].clone();
        }
        bulk(client, name, &[document], true).await;
    }
    let id = format!("d{:05}", random.random_range(0..DOCUMENTS / 50) * 50);
    let known = client.get(&format!("/{name}/{id}")).await;
    if known.status == 200 {
        let body = json!({ id: [known.json()["_rev"]] });
        client.post(&format!("/{name}/_purge"), body).await.expect(201);
    }
}

/// Whether a document or a tombstone matches a selector of this test.
type Matches = fn(&Value) -> bool;

fn selectors() -> [(Value, Matches); 4] {
    [
        (json!({"kind": "wanted"}), |doc| doc["kind"] == "wanted"),
        (json!({"kind": "wanted", "n": {"$lt": 20_000}}), |doc| {
            doc["kind"] == "wanted" && doc["n"].as_u64().is_some_and(|n| n < 20_000)
        }),
        (json!({"kind": "wanted", "_deleted": true}), |doc| {
            doc["kind"] == "wanted" && doc["_deleted"] == true
        }),
        (json!({"kind": {"$gt": "p"}}), |doc| {
            doc["kind"] == "wanted" || doc["kind"].is_object() || doc["kind"].is_array()
        }),
    ]
}

/// Compares feeds with a selector with what of the whole feed matches.
async fn compare(client: &Client, name: &str, middle: &str) {
    for style in ["main_only", "all_docs"] {
        for since in ["0", middle] {
            let query = format!("&style={style}&since={since}");
            let whole = client.get(&format!("/{name}/_changes?include_docs=true{query}")).await;
            let whole = whole.expect(200).json();
            for (selector, matches) in selectors() {
                let rows = whole["results"].as_array().unwrap().iter();
                let rows = rows.filter(|row| matches(&row["doc"])).map(|row| {
                    let mut row = row.clone();
                    row.as_object_mut().unwrap().remove("doc");
                    row
                });
                let rows: Vec<Value> = rows.collect();
                let told = changes(client, name, &query, &selector).await;
                assert_eq!(told["results"], json!(rows), "{selector} {query}");
                assert_eq!(told["last_seq"], whole["last_seq"], "{selector} {query}");
                assert_eq!(told["pending"], 0, "{selector} {query}");
                let first = changes(client, name, &format!("{query}&limit=3"), &selector).await;
                assert_eq!(
                    first["results"],
                    json!(rows[..rows.len().min(3)]),
                    "{selector} {query}"
                );
                let down =
                    changes(client, name, &format!("&style={style}&descending=true"), &selector)
                        .await;
                let down = down["results"].as_array().unwrap().clone();
                if since == "0" {
                    let turned: Vec<Value> = rows.into_iter().rev().collect();
                    assert_eq!(down, turned, "{selector} {query} descending");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_index_tells_what_a_walk_over_the_feed_tells() {
    let mut random = StdRng::seed_from_u64(seed("feeds by index"));
    let node = Node::start(Options::default());
    let client = node.client();
    with_index(&client, "a").await;
    let mut middle = changes(&client, "a", "&limit=3", &json!({"kind": "wanted"})).await;
    for _ in 0..3 {
        let since = middle["last_seq"].as_str().unwrap().to_owned();
        edit(&client, "a", &mut random).await;
        compare(&client, "a", &since).await;
        middle = changes(&client, "a", "&limit=20", &json!({"kind": "wanted"})).await;
    }
    assert!(by_index(&client).await > 0, "an index was used");
}

#[tokio::test]
async fn the_feed_is_walked_where_that_costs_less_or_the_index_could_miss_something() {
    let node = Node::start(Options::default());
    let client = node.client();
    with_index(&client, "a").await;
    let used = by_index(&client).await;
    let expect = async |selector: Value, rows: usize, by: u64| {
        let before = by_index(&client).await;
        let told = changes(&client, "a", "", &selector).await;
        assert_eq!(told["results"].as_array().unwrap().len(), rows, "{selector}");
        assert_eq!(by_index(&client).await - before, by, "{selector}");
    };
    assert_eq!(used, 0);
    expect(json!({"kind": "wanted"}), 40, 1).await;
    expect(json!({"kind": "other"}), DOCUMENTS - 40, 0).await;
    expect(json!({"n": 7}), 1, 0).await;
    expect(json!({"kind": {"$exists": false}}), 1, 0).await;
    // However long the key is, its row is there.
    let keys: Vec<String> = (0..9).map(|number| format!("{number}").repeat(9_000)).collect();
    client.put("/a/long", json!({"kind": keys})).await.expect(201);
    build(&client, "a").await;
    expect(json!({"kind": {"$gte": ["0"]}}), 1, 1).await;
    // What is looked for is longer than what surely stands in the index: all of it would have to be read.
    expect(json!({"kind": keys}), 1, 0).await;
    // With an id that is as long it is left out, and from then on the index may miss something.
    let long = json!({"_id": "\u{1}".repeat(30_000), "kind": keys});
    bulk(&client, "a", &[long], true).await;
    expect(json!({"kind": {"$gte": "wanted"}}), 42, 0).await;
    expect(json!({"kind": "wanted"}), 40, 0).await;
}

#[tokio::test]
async fn few_of_many_documents_are_replicated_by_an_index_and_the_continuous_feed_goes_on() {
    let (source, target) = (Node::start(Options::default()), Node::start(Options::default()));
    let (from, to) = (source.client(), target.client());
    with_index(&from, "a").await;
    let matching = json!({"selector": {"kind": "wanted"}});
    let request = |from: &str, name: &str| {
        let mut request = json!({"source": from, "target": name, "create_target": true});
        request.as_object_mut().unwrap().extend(matching.as_object().unwrap().clone());
        request
    };
    let wanted: BTreeSet<String> =
        (0..DOCUMENTS).step_by(100).map(|n| format!("d{n:05}")).collect();
    for (runner, end) in [(&to, database(&source, "a")), (&from, "a".to_owned())] {
        let before = by_index(&from).await;
        let told = replicate(runner, request(&end, "once")).await.json();
        assert_eq!(told["history"][0]["docs_written"], 40, "{told}");
        assert!(number(&told["source_last_seq"]) > DOCUMENTS as u64, "{told}");
        let arrived: BTreeSet<String> = contents(runner, "once").await.into_keys().collect();
        assert_eq!(arrived, wanted);
        assert!(by_index(&from).await > before, "the index was asked");
        start(runner, request(&end, "on")).await;
    }
    let rev = from.get("/a/d00100").await.member("_rev");
    let tombstone = json!({"_rev": rev, "_deleted": true, "kind": "wanted"});
    from.put("/a/d00100", tombstone).await.expect(200);
    from.put("/a/later", json!({"kind": "wanted"})).await.expect(201);
    for runner in [&to, &from] {
        refuge_tests::eventually("what changes later arrives", || async {
            let arrived = runner.get("/on/later").await.status == 200;
            (arrived && runner.get("/on/d00100").await.status == 404).then_some(())
        })
        .await;
        // A tombstone whose body matches is told to who comes later, too.
        let end = if std::ptr::eq(runner, &to) { database(&source, "a") } else { "a".to_owned() };
        let told = replicate(runner, request(&end, "late")).await.json();
        assert_eq!(told["history"][0]["docs_written"], 41, "{told}");
    }
}
