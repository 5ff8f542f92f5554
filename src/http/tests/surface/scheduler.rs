//! What the scheduler of replications tells.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::client::Client;
use crate::memory::MemoryNode;

async fn admin() -> Client {
    let mut client = Client::with_database().await;
    client.put("/_replicator", "").await.expect(201);
    client
}

fn ids(answer: &Value) -> Vec<&str> {
    let docs = answer["docs"].as_array().unwrap();
    docs.iter().map(|document| document["doc_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn documents_are_listed_in_parts_and_by_state() {
    let mut client = admin().await;
    let all = client.get("/_scheduler/docs").await.expect(200).json();
    assert_eq!((ids(&all), &all["total_rows"]), (vec!["a", "b", "c/d"], &json!(3)));
    let part = client.get("/_scheduler/docs?skip=1&limit=1").await.expect(200).json();
    assert_eq!((ids(&part), &part["offset"]), (vec!["b"], &json!(1)));
    let waiting = client.get("/_scheduler/docs?states=waiting,failed").await.expect(200).json();
    assert_eq!((ids(&waiting), &waiting["total_rows"]), (vec!["b", "c/d"], &json!(2)));
    let turned = client.get("/_scheduler/docs?descending=true").await.expect(200).json();
    assert_eq!(ids(&turned), ["c/d", "b", "a"]);
    client.get("/_scheduler/docs?limit=x").await.expect(400);
    let wrong = client.get("/_scheduler/docs?states=nonsense").await.expect(400).json();
    assert_eq!(wrong["error"], "query_parse_error");
    client.get("/_scheduler").await.expect(404);
    client.post("/_scheduler/docs", "{}").await.expect(405);
}

#[tokio::test]
async fn documents_are_found_by_their_database_and_id() {
    let mut client = admin().await;
    let listed = client.get("/_scheduler/docs/_replicator").await.expect(200).json();
    assert_eq!(ids(&listed).len(), 3);
    client.put("/a%2F_replicator", "").await.expect(201);
    for path in ["/_scheduler/docs/a%2F_replicator", "/_scheduler/docs/a/_replicator"] {
        let none = client.get(path).await.expect(200).json();
        assert_eq!(none, json!({"total_rows": 0, "offset": 0, "docs": []}));
    }
    client.get("/_scheduler/docs/other/_replicator").await.expect(404);
    for path in ["/_scheduler/docs/db", "/_scheduler/docs/db/a"] {
        client.get(path).await.expect(400);
    }
    let one = client.get("/_scheduler/docs/_replicator/b").await.expect(200).json();
    assert_eq!(one["state"], "waiting");
    for path in ["c/d", "c%2Fd"] {
        let path = format!("/_scheduler/docs/_replicator/{path}");
        assert_eq!(client.get(&path).await.expect(200).json()["state"], "failed");
    }
    client.get("/_scheduler/docs/_replicator/x").await.expect(404);
}

#[tokio::test]
async fn jobs_are_listed_and_found_by_id() {
    let mut client = admin().await;
    let jobs = client.get("/_scheduler/jobs").await.expect(200).json();
    assert_eq!((&jobs["total_rows"], &jobs["jobs"][0]["doc_id"]), (&json!(1), &json!("a")));
    let job = client.get("/_scheduler/jobs/7f%2Bcontinuous").await.expect(200).json();
    assert_eq!(job["doc_id"], "a");
    client.get("/_scheduler/jobs/x").await.expect(404);
}

#[tokio::test]
async fn the_scheduler_and_its_documents_are_for_admins() {
    let node = Arc::new(MemoryNode::with_admin());
    let mut ada = Client::named(Arc::clone(&node), "ada", "secret").await;
    ada.put("/_replicator", "").await.expect(201);
    ada.put("/a%2F_replicator", "").await.expect(201);
    ada.put("/_replicator/x", "{}").await.expect(201);
    let mut bob = Client::named(node, "bob", "bob").await;
    for path in ["/_scheduler/docs", "/_scheduler/jobs", "/a%2F_replicator", "/a%2F_replicator/x"] {
        bob.get(path).await.expect(401);
    }
    // `_security` decides who comes to this one, and by default nobody does.
    for path in ["/_replicator", "/_replicator/x"] {
        bob.get(path).await.expect(403);
    }
}
