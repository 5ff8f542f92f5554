//! Partitions against a naive model: after random edits, deletions and purges each answers as a list of its
//! documents that is sorted and summed anew.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use refuge_tests::{Client, seed};
use serde_json::{Value, json};

use super::partitioned;

/// Rounds of random edits, each followed by questions.
const ROUNDS: usize = 8;
/// Partitions whose names are each other's beginnings or lie close by.
const PARTITIONS: [&str; 5] = ["p", "pp", "p!", "q", "p;"];

/// What is stored: id → (revision, numbers that are emitted).
type Model = BTreeMap<String, (String, Vec<u32>)>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_is_what_its_documents_say() {
    let mut random = StdRng::seed_from_u64(seed("a partition is what its documents say"));
    let (client, path) = partitioned("partition-model").await;
    let map = "function (doc) { doc.numbers.forEach(function (n) { emit([n % 7, n], n) }) }";
    let script = "function (keys, values) { return sum(values) }";
    let views = json!({
        "sum": {"map": map, "reduce": "_sum"},
        "script": {"map": map, "reduce": script},
    });
    client.put(&format!("{path}/_design/d"), json!({"views": views})).await.expect(201);
    let mut model = Model::new();
    for _ in 0..ROUNDS {
        for _ in 0..random.random_range(1..60) {
            edit(&client, &path, &mut model, &mut random).await;
        }
        for partition in PARTITIONS {
            check(
                &client,
                &format!("{path}/_partition/{partition}"),
                partition,
                &model,
                &mut random,
            )
            .await;
        }
    }
}

async fn edit(client: &Client, path: &str, model: &mut Model, random: &mut StdRng) {
    let partition = PARTITIONS[random.random_range(0..PARTITIONS.len())];
    let id = format!("{partition}:{:02}", random.random_range(0..15));
    let known = model.get(&id).map(|(revision, _)| revision.clone());
    match (known, random.random_range(0..10)) {
        (Some(revision), 0) => {
            client.delete(&format!("{path}/{id}?rev={revision}")).await.expect(200);
            model.remove(&id);
        }
        (Some(revision), 1) => {
            client.post(&format!("{path}/_purge"), json!({&id: [revision]})).await.expect(201);
            model.remove(&id);
        }
        (known, _) => {
            let numbers: Vec<u32> =
                (0..random.random_range(0..5)).map(|_| random.random_range(0..90)).collect();
            let mut document = json!({"numbers": numbers});
            if let Some(revision) = known {
                document["_rev"] = json!(revision);
            }
            let reply = client.put(&format!("{path}/{id}"), document).await.expect(201);
            model.insert(id, (reply.member("rev"), numbers));
        }
    }
}

async fn rows(client: &Client, at: &str, rest: &str) -> Vec<Value> {
    let told = client.get(&format!("{at}/{rest}")).await.expect(200).json();
    told["rows"].as_array().expect("rows").clone()
}

async fn check(client: &Client, at: &str, partition: &str, model: &Model, random: &mut StdRng) {
    let own: Vec<_> =
        model.iter().filter(|(id, _)| id.split(':').next() == Some(partition)).collect();
    let listed = rows(client, at, "_all_docs").await;
    let expected: Vec<Value> = own
        .iter()
        .map(|(id, (revision, _))| json!({"id": id, "key": id, "value": {"rev": revision}}))
        .collect();
    assert_eq!(listed, expected, "{partition}");
    let mut all: Vec<(u32, u32, &str)> = own
        .iter()
        .flat_map(|(id, (_, numbers))| numbers.iter().map(|n| (n % 7, *n, id.as_str())))
        .collect();
    all.sort_unstable();
    let row = |(class, n, id): &(u32, u32, &str)| json!({"id": id, "key": [class, n], "value": n});
    let view = async |query: String| rows(client, at, &format!("_design/d/_view/{query}")).await;
    assert_eq!(view("sum?reduce=false".into()).await, all.iter().map(row).collect::<Vec<_>>());
    let (low, high) = (random.random_range(0..7), random.random_range(0..7));
    let (low, high) = (low.min(high), low.max(high));
    let within: Vec<_> = all.iter().filter(|(class, ..)| (low..=high).contains(class)).collect();
    let range = format!("startkey=[{high},%7B%7D]&endkey=[{low}]&descending=true");
    let skip = random.random_range(0..6);
    let expected: Vec<Value> = within.iter().rev().skip(skip).map(|one| row(one)).collect();
    assert_eq!(view(format!("sum?reduce=false&{range}&skip={skip}")).await, expected);
    let range = format!("startkey=[{low}]&endkey=[{high},%7B%7D]");
    let mut groups: BTreeMap<u32, u32> = BTreeMap::new();
    for (class, n, _) in &within {
        *groups.entry(*class).or_default() += n;
    }
    let groups: Vec<Value> =
        groups.into_iter().map(|(class, sum)| json!({"key": [class], "value": sum})).collect();
    let sum: u32 = within.iter().map(|(_, n, _)| n).sum();
    for name in ["sum", "script"] {
        assert_eq!(view(format!("{name}?group_level=1&{range}")).await, groups);
        let whole = view(format!("{name}?{range}")).await;
        let value = whole.first().map_or(json!(0), |row| row["value"].clone());
        assert_eq!(value, json!(sum), "{partition} {name} {range}");
    }
}
