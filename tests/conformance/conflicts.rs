//! `_conflicts`: the documents with more than one live leaf.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use refuge_tests::{Client, Node, Options, seed};
use serde_json::{Value, json};

use crate::{database, ids};

/// Stores revisions as a replicator does.
async fn put_leaves(client: &Client, path: &str, leaves: &[(&str, &str)]) {
    let docs: Vec<Value> =
        leaves.iter().map(|(id, rev)| json!({"_id": id, "_rev": rev, "of": rev})).collect();
    let body = json!({"docs": docs, "new_edits": false});
    client.post(&format!("{path}/_bulk_docs"), body).await.expect(201);
}

async fn listed(client: &Client, path: &str, query: &str) -> Value {
    client.get(&format!("{path}/_conflicts{query}")).await.expect(200).json()
}

#[tokio::test]
async fn documents_are_listed_while_they_are_in_conflict() {
    let (client, path) = database("conflicts").await;
    client.put(&format!("{path}/plain"), json!({})).await.expect(201);
    assert_eq!(listed(&client, &path, "").await, json!({"total_rows": 0, "offset": 0, "rows": []}));
    put_leaves(&client, &path, &[("a", "1-a"), ("a", "1-b"), ("a", "2-c"), ("b", "1-x")]).await;
    let answer = listed(&client, &path, "").await;
    let value = json!({"rev": "2-c", "conflicts": ["1-b", "1-a"]});
    let row = json!({"id": "a", "key": "a", "value": value});
    assert_eq!(answer, json!({"total_rows": 1, "offset": 0, "rows": [row]}));
    // With the winner as any list shows it.
    let shown = listed(&client, &path, "?include_docs=true&conflicts=true").await;
    let doc = json!({"_id": "a", "_rev": "2-c", "of": "2-c", "_conflicts": ["1-b", "1-a"]});
    assert_eq!(shown["rows"][0]["doc"], doc);
    // A leaf that is deleted or purged leaves, and with the last of them the row.
    client.delete(&format!("{path}/a?rev=1-b")).await.expect(200);
    assert_eq!(listed(&client, &path, "").await["rows"][0]["value"]["conflicts"], json!(["1-a"]));
    client.post(&format!("{path}/_purge"), json!({"a": ["1-a"]})).await.expect(201);
    assert_eq!(ids(&listed(&client, &path, "").await), Vec::<String>::new());
    // The purge of a winner leaves a document without a conflict behind.
    put_leaves(&client, &path, &[("b", "1-y"), ("b", "1-z")]).await;
    client.post(&format!("{path}/_purge"), json!({"b": ["1-z", "1-y"]})).await.expect(201);
    assert_eq!(listed(&client, &path, "").await["total_rows"], 0);
}

#[tokio::test]
async fn pages_are_those_of_all_docs() {
    let (client, path) = database("conflict-pages").await;
    let names: Vec<String> = (0..1_234).map(|number| format!("d{number:04}")).collect();
    let leaves: Vec<(&str, &str)> =
        names.iter().flat_map(|name| [(name.as_str(), "1-a"), (name.as_str(), "1-b")]).collect();
    put_leaves(&client, &path, &leaves).await;
    let all = listed(&client, &path, "").await;
    assert_eq!((ids(&all), &all["total_rows"]), (names.clone(), &json!(1_234)));
    for (query, from, to) in [
        ("?limit=3", 0, 3),
        ("?limit=3&skip=700", 700, 703),
        ("?startkey=%22d0100%22&endkey=%22d0102%22", 100, 103),
        ("?start_key=%22d0100%22&end_key=%22d0102%22&inclusive_end=false", 100, 102),
        ("?key=%22d0007%22", 7, 8),
        ("?startkey=%22e%22", 0, 0),
        ("?limit=0", 0, 0),
    ] {
        assert_eq!(ids(&listed(&client, &path, query).await), names[from..to], "{query}");
    }
    let down = listed(&client, &path, "?descending=true&startkey=%22d0003%22&limit=2").await;
    assert_eq!(ids(&down), ["d0003", "d0002"]);
    assert_eq!(listed(&client, &path, "?skip=5&limit=1").await["offset"], 5);
    client
        .get(&format!("{path}/_conflicts?keys=%5B%22a%22%5D"))
        .await
        .error_named(400, "query_parse_error");
    assert_eq!(client.post(&format!("{path}/_conflicts"), json!({})).await.status, 405);
}

#[tokio::test]
async fn who_may_not_read_the_database_reads_no_conflicts() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let security = json!({"members": {"names": ["bob"], "roles": []}});
    client.put("/a/_security", security).await.expect(200);
    assert_eq!(node.anonymous().get("/a/_conflicts").await.status, 401);
    client.get("/a/_conflicts").await.expect(200);
    client.get("/nobody/_conflicts").await.expect(404);
}

/// What a client knows of documents: the live leaves of each.
type Model = BTreeMap<String, Vec<String>>;

#[tokio::test]
async fn after_random_edits_the_list_is_what_the_documents_say() {
    let mut random = StdRng::seed_from_u64(seed("random conflicts"));
    let (client, path) = database("random-conflicts").await;
    let mut model = Model::new();
    for number in 0..400_u32 {
        let id = format!("d{}", random.random_range(0..12));
        let live = model.entry(id.clone()).or_default();
        match random.random_range(0..6) {
            0..3 => {
                let rev = format!("1-{number:032x}");
                put_leaves(&client, &path, &[(id.as_str(), rev.as_str())]).await;
                live.push(rev);
            }
            3 if !live.is_empty() => {
                let old = live.remove(random.random_range(0..live.len()));
                let body = json!({"_rev": old, "n": number});
                let told = client.put(&format!("{path}/{id}"), body).await.expect(201);
                live.push(told.member("rev"));
            }
            4 if !live.is_empty() => {
                let old = live.remove(random.random_range(0..live.len()));
                client.delete(&format!("{path}/{id}?rev={old}")).await.expect(200);
            }
            5 if !live.is_empty() => {
                let old = live.remove(random.random_range(0..live.len()));
                client.post(&format!("{path}/_purge"), json!({ id: [old] })).await.expect(201);
            }
            _ => {}
        }
    }
    // Winning order: deeper first, then the greater hash.
    let order = |rev: &String| {
        let (depth, hash) = rev.split_once('-').expect("a revision");
        (depth.parse::<u32>().expect("a depth"), hash.to_owned())
    };
    let mut expected = Vec::new();
    for (id, mut live) in model {
        live.sort_by_key(|rev| std::cmp::Reverse(order(rev)));
        if live.len() > 1 {
            let value = json!({"rev": live[0], "conflicts": live[1..]});
            expected.push(json!({"id": id, "key": id, "value": value}));
        }
    }
    let answer = listed(&client, &path, "").await;
    assert_eq!(answer["rows"], Value::Array(expected));
}
