//! Partitioned databases: what they are, which documents they take, and what is asked of one partition.

mod documents;
mod finding;
mod listing;
mod model;
mod range;
mod replicated;
mod views;

use refuge_tests::{Client, database_name};
use serde_json::{Value, json};

use crate::NODE;

/// An admin's client and a new partitioned database, as a path.
async fn partitioned(story: &str) -> (Client, String) {
    let client = NODE.client();
    let path = format!("/{}", database_name(story));
    client.put_nothing(&format!("{path}?partitioned=true")).await.expect(201);
    (client, path)
}

/// The same with documents `bar:00` to `bar:19` and `foo:00` to `foo:19`: `n` is the number, `class` its
/// remainder by three.
async fn filled(story: &str) -> (Client, String) {
    let (client, path) = partitioned(story).await;
    let of = |partition: &str| -> Vec<Value> {
        let one = |n: usize| json!({"_id": format!("{partition}:{n:02}"), "n": n, "class": n % 3});
        (0..20).map(one).collect()
    };
    let documents = [of("foo"), of("bar")].concat();
    client.post(&format!("{path}/_bulk_docs"), json!({"docs": documents})).await.expect(201);
    (client, path)
}

/// Ids of a partition's documents.
fn ids_of(partition: &str, numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|n| format!("{partition}:{n:02}")).collect()
}
