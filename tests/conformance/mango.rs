//! Mango: indexes, questions, how they are planned, and pages of answers.

mod indexes;
mod questions;

use refuge_tests::Client;
use serde_json::{Value, json};

use crate::database;

/// A database with people: `p00` to `p29` of ages 0 to 29, three towns, and a design document that is no
/// match for anything.
async fn people(story: &str) -> (Client, String) {
    let (client, path) = database(story).await;
    let towns = ["Ulm", "Graz", "Bern"];
    let documents: Vec<Value> = (0..30)
        .map(|n| json!({"_id": format!("p{n:02}"), "age": n, "town": towns[n % 3], "name": {"first": format!("n{n}")}}))
        .collect();
    client.post(&format!("{path}/_bulk_docs"), json!({"docs": documents})).await.expect(201);
    let design = json!({"age": 5, "views": {"all": {"map": "function (doc) { emit(doc._id); }"}}});
    client.put(&format!("{path}/_design/other"), design).await.expect(201);
    (client, path)
}

/// Makes an index; its answer.
async fn index(client: &Client, path: &str, request: Value) -> Value {
    client.post(&format!("{path}/_index"), request).await.expect(200).json()
}

/// Asks; the answer.
async fn find(client: &Client, path: &str, question: Value) -> Value {
    client.post(&format!("{path}/_find"), question).await.expect(200).json()
}

/// The ids of an answer's documents.
fn found(answer: &Value) -> Vec<String> {
    let documents = answer["docs"].as_array().expect("documents");
    documents.iter().map(|one| one["_id"].as_str().unwrap_or_default().to_owned()).collect()
}
