//! Partitioned databases as ends of replications.

use refuge_tests::database_name;
use serde_json::json;

use super::filled;
use crate::{NODE, database, ids};

#[tokio::test]
async fn a_target_is_made_partitioned_where_that_is_asked_for() {
    let (client, path) = filled("source").await;
    let source = &path[1..];
    let target = database_name("target");
    let request = json!({"source": source, "target": target, "create_target": true,
        "create_target_params": {"partitioned": true, "q": 1}});
    client.post("/_replicate", request).await.expect(200);
    let told = client.get(&format!("/{target}")).await.json();
    assert_eq!(told["props"], json!({"partitioned": true}));
    assert_eq!(told["doc_count"], 40);
    let plain = database_name("plain");
    let request = json!({"source": source, "target": plain, "create_target": true});
    client.post("/_replicate", request).await.expect(200);
    assert_eq!(client.get(&format!("/{plain}")).await.json()["props"], json!({}));
}

#[tokio::test]
async fn what_names_no_partition_is_refused_and_the_rest_arrives() {
    let (client, path) = database("mixed").await;
    for id in ["a", "p:a", "p:b", "_design/d"] {
        client.put(&format!("{path}/{id}"), json!({})).await.expect(201);
    }
    let target = database_name("parted");
    let request = json!({"source": path[1..], "target": target, "create_target": true,
        "create_target_params": {"partitioned": true}});
    let told = client.post("/_replicate", request).await.expect(200).json();
    let history = &told["history"][0];
    assert_eq!((&history["docs_written"], &history["doc_write_failures"]), (&json!(3), &json!(1)));
    let listed = NODE.client().get(&format!("/{target}/_all_docs")).await.json();
    assert_eq!(ids(&listed), ["_design/d", "p:a", "p:b"]);
}
