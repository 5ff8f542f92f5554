//! Map/reduce views: what their rows and reductions are, in what order, and how they follow documents.

mod answers;
mod following;
mod model;
mod order;
mod reductions;

use refuge_tests::{Client, Reply};
use serde_json::{Value, json};

/// Puts a design document with these views.
async fn design(client: &Client, database: &str, views: Value) {
    let path = format!("{database}/_design/d");
    client.put(&path, json!({"views": views})).await.expect(201);
}

/// Writes documents at once.
async fn fill(client: &Client, database: &str, documents: Vec<Value>) {
    client.post(&format!("{database}/_bulk_docs"), json!({"docs": documents})).await.expect(201);
}

/// Asks the view `name` of the design document.
async fn ask(client: &Client, database: &str, name: &str, query: &str) -> Reply {
    client.get(&format!("{database}/_design/d/_view/{name}?{query}")).await
}

/// The rows of an answer.
async fn rows(client: &Client, database: &str, name: &str, query: &str) -> Vec<Value> {
    let answer = ask(client, database, name, query).await.expect(200).json();
    answer["rows"].as_array().expect("rows").clone()
}

/// The keys of an answer.
async fn keys(client: &Client, database: &str, name: &str, query: &str) -> Vec<Value> {
    rows(client, database, name, query).await.into_iter().map(|row| row["key"].clone()).collect()
}

/// A value as it stands in a URL.
fn url(value: &Value) -> String {
    let text = value.to_string();
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
