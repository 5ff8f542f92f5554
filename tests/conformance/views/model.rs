//! A view against a naive model: after random edits, deletions and purges it answers as a list of all
//! documents that is sorted and summed anew.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use refuge_tests::{Client, seed};
use serde_json::{Value, json};

use super::{design, rows};
use crate::database;

/// Rounds of random edits, each followed by questions.
const ROUNDS: usize = 12;
/// Ids that are written to.
const IDS: u32 = 80;

/// What is stored: id → (revision, numbers that are emitted).
type Model = BTreeMap<String, (String, Vec<u32>)>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_is_what_its_documents_say() {
    let mut random = StdRng::seed_from_u64(seed("a view is what its documents say"));
    let (client, path) = database("view-model").await;
    let map = "function (doc) { doc.numbers.forEach(function (n) { emit([n % 10, n], n) }) }";
    let script = "function (keys, values) { return sum(values) }";
    let views = json!({
        "sum": {"map": map, "reduce": "_sum"},
        "script": {"map": map, "reduce": script},
    });
    design(&client, &path, views).await;
    let mut model = Model::new();
    for _ in 0..ROUNDS {
        for _ in 0..random.random_range(1..60) {
            edit(&client, &path, &mut model, &mut random).await;
        }
        check(&client, &path, &model, &mut random).await;
    }
}

async fn edit(client: &Client, path: &str, model: &mut Model, random: &mut StdRng) {
    let id = format!("d{:02}", random.random_range(0..IDS));
    let known = model.get(&id).map(|(revision, _)| revision.clone());
    let what = random.random_range(0..10);
    match (known, what) {
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
                (0..random.random_range(0..5)).map(|_| random.random_range(0..200)).collect();
            let mut document = json!({"numbers": numbers});
            if let Some(revision) = known {
                document["_rev"] = json!(revision);
            }
            let reply = client.put(&format!("{path}/{id}"), document).await.expect(201);
            model.insert(id, (reply.member("rev"), numbers));
        }
    }
}

/// All rows as the model has them: key and id.
fn expected(model: &Model) -> Vec<(u32, u32, String)> {
    let mut all: Vec<_> = model
        .iter()
        .flat_map(|(id, (_, numbers))| numbers.iter().map(|n| (n % 10, *n, id.clone())))
        .collect();
    all.sort();
    all
}

async fn check(client: &Client, path: &str, model: &Model, random: &mut StdRng) {
    let all = expected(model);
    let row =
        |(class, n, id): &(u32, u32, String)| json!({"id": id, "key": [class, n], "value": n});
    let found = rows(client, path, "sum", "reduce=false").await;
    assert_eq!(found, all.iter().map(row).collect::<Vec<_>>());
    let (low, high) = (random.random_range(0..10), random.random_range(0..10));
    let (low, high) = (low.min(high), low.max(high));
    let range =
        format!("startkey=[{low}]&endkey=[{high},{{}}]").replace('{', "%7B").replace('}', "%7D");
    let within: Vec<_> = all.iter().filter(|(class, _, _)| (low..=high).contains(class)).collect();
    let found = rows(client, path, "sum", &format!("reduce=false&{range}")).await;
    assert_eq!(found, within.iter().map(|one| row(one)).collect::<Vec<_>>());
    let mut groups: BTreeMap<u32, u32> = BTreeMap::new();
    for (class, n, _) in &within {
        *groups.entry(*class).or_default() += n;
    }
    let groups: Vec<Value> =
        groups.into_iter().map(|(class, sum)| json!({"key": [class], "value": sum})).collect();
    let sum: u32 = within.iter().map(|(_, n, _)| n).sum();
    for name in ["sum", "script"] {
        assert_eq!(rows(client, path, name, &format!("group_level=1&{range}")).await, groups);
        let whole = rows(client, path, name, &range).await;
        let value = whole.first().map_or(json!(0), |row| row["value"].clone());
        assert_eq!(value, json!(sum), "{name} {range}");
    }
}
