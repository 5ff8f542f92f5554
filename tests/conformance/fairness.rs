//! Slow functions of one database do not hold up those of another.

use std::time::{Duration, Instant};

use refuge_tests::{Node, Options};
use serde_json::json;

#[tokio::test]
async fn functions_that_loop_keep_their_own_database_waiting_and_no_other() {
    let node = Node::start(Options::default());
    let client = node.client();
    for path in ["/slow", "/quick"] {
        client.put_nothing(path).await.expect(201);
    }
    let looping = json!({"shows": {"loop": "function () { while (true) {} }"}});
    client.put("/slow/_design/d", looping).await.expect(201);
    let validation =
        json!({"validate_doc_update": "function (doc) { if (doc.no) throw {forbidden: 'no'} }"});
    client.put("/quick/_design/d", validation).await.expect(201);
    client.put("/quick/before", json!({})).await.expect(201);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let loops: Vec<_> = (0..4 * threads)
        .map(|_| {
            let client = node.client();
            tokio::spawn(async move { client.get("/slow/_design/d/_show/loop").await.status })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    client.put("/quick/now", json!({})).await.expect(201);
    client.put("/quick/no", json!({"no": true})).await.expect(403);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "it waited behind another database: {took:?}");
    loops.into_iter().for_each(|asked| asked.abort());
}
