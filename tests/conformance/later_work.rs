//! What is not built yet says so, with a reason; what only tunes is ignored.

use serde_json::json;

use crate::database;

#[tokio::test]
async fn endpoints_of_later_work() {
    let (client, path) = database("later").await;
    for rest in ["/_auto_purge", "/_partition/p", "/_time_seq"] {
        client.get(&format!("{path}{rest}")).await.not_implemented();
    }
}

#[tokio::test]
async fn parameters_of_later_work() {
    let (client, path) = database("later").await;
    client.get(&format!("{path}/_changes?filter=app/mine")).await.not_implemented();
    client.get(&format!("{path}/_changes?filter=_view&view=app/mine")).await.not_implemented();
    client.put_nothing(&format!("{path}-partitioned?partitioned=true")).await.not_implemented();
}

#[tokio::test]
async fn parameters_that_only_tune() {
    let (client, path) = database("tune").await;
    client.put(&format!("{path}/a?w=1&n=3"), json!({})).await.expect(201);
    client.get(&format!("{path}/a?r=1")).await.expect(200);
    client.get(&format!("{path}/_all_docs?stable=true&update=true")).await.expect(200);
    client.put_nothing(&format!("{path}-tuned?q=1&n=1")).await.expect(201);
}
