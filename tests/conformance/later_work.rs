//! What is not built yet says so, with a reason; what only tunes is ignored.

use serde_json::json;

use crate::database;

#[tokio::test]
async fn endpoints_of_later_work() {
    let (client, path) = database("later").await;
    client
        .put(&format!("{path}/_design/app"), json!({"views": {"all": {"map": "function(doc){}"}}}))
        .await
        .expect(201);
    for (method, rest) in [("GET", "/_auto_purge"), ("GET", "/_time_seq")] {
        let reply = client
            .request(method, &format!("{path}{rest}"))
            .json(r#"{"selector":{}}"#)
            .send()
            .await;
        assert_eq!(reply.status, 501, "{method} {rest}: {}", reply.text());
        reply.not_implemented();
    }
}

#[tokio::test]
async fn parameters_that_only_tune() {
    let (client, path) = database("tune").await;
    client.put(&format!("{path}/a?w=1&n=3"), json!({})).await.expect(201);
    client.get(&format!("{path}/a?r=1")).await.expect(200);
    client.get(&format!("{path}/_all_docs?stable=true&update=true")).await.expect(200);
    client.put_nothing(&format!("{path}-tuned?q=1&n=1")).await.expect(201);
}
