//! CouchDB 3.5's HTTP interface as far as it is built: one module per group of endpoints. All tests
//! share one node and have databases of their own; what needs a node of its own starts one.

mod all_documents;
mod attachments;
mod authorisation;
mod batches;
mod bodies;
mod bulk;
mod bulk_parts;
mod busy;
mod changes;
mod cluster_setup;
mod conditional;
mod conflicts;
mod copies;
mod database_updates;
mod databases;
mod declared_validations;
mod documents;
mod expiry;
mod fairness;
mod feeds;
mod function_filters;
mod functions;
mod garbage;
mod idle;
mod later_work;
mod listings;
mod lists;
mod lists_of_databases;
mod local_documents;
mod mango;
mod many_databases;
mod multipart;
mod packed;
mod partitions;
mod protocol;
mod purge;
mod random_documents;
mod revisions;
mod rewrites;
mod server;
mod shards;
mod this_node;
mod tombstones;
mod uploads;
mod validations;
mod vectors;
mod views;
mod virtual_hosts;

use std::sync::LazyLock;

use refuge_tests::{Client, Node, Options, database_name};
use serde_json::Value;

/// The node that most tests share.
static NODE: LazyLock<Node> = LazyLock::new(|| Node::start(Options::default()));

/// An admin's client on the shared node and a new database, as a path.
async fn database(story: &str) -> (Client, String) {
    let client = NODE.client();
    let path = format!("/{}", database_name(story));
    client.put_nothing(&path).await.expect(201);
    (client, path)
}

/// Puts documents, in order; their revisions.
async fn put_all(client: &Client, database: &str, documents: &[(&str, Value)]) -> Vec<String> {
    let mut revisions = Vec::new();
    for (id, body) in documents {
        let reply = client.put(&format!("{database}/{id}"), body.clone()).await.expect(201);
        revisions.push(reply.member("rev"));
    }
    revisions
}

/// The ids of an answer's rows, in order.
fn ids(answer: &Value) -> Vec<String> {
    let rows = answer["rows"].as_array().or(answer["results"].as_array()).expect("rows");
    rows.iter().map(|row| row["id"].as_str().unwrap_or_default().to_owned()).collect()
}
