//! Two nodes and the databases between them.

mod continuous;
mod encrypted;
mod expiry;
mod fields;
mod indexed;
mod limits;
mod links;
mod many;
mod merging;
mod one_shot;
mod proxies;
mod refusals;
mod replicators;
mod requests;
mod selective;
mod soak;
mod tasks;
mod turns;
mod verb;

use refuge_tests::{Client, Node, Reply, contents};
use serde_json::{Value, json};

/// Runs one replication to its end.
async fn replicate(client: &Client, request: Value) -> Reply {
    client.post("/_replicate", request).await.expect(200)
}

/// The URL of a database with the admin's credentials.
fn database(node: &Node, name: &str) -> String {
    format!("{}/{name}", node.url())
}

/// Checks that two databases hold the same: every leaf of every document, and the winners' bodies.
async fn same(one: (&Client, &str), two: (&Client, &str)) {
    assert_eq!(contents(one.0, one.1).await, contents(two.0, two.1).await);
    let asked =
        |name: &str| format!("/{name}/_all_docs?include_docs=true&conflicts=true&attachments=true");
    let left = one.0.get(&asked(one.1)).await.expect(200).json();
    let right = two.0.get(&asked(two.1)).await.expect(200).json();
    assert_eq!(left["rows"], right["rows"]);
}

/// A database with documents of every kind: plain, changed, deleted, in conflict, with attachments,
/// with odd ids, design documents.
async fn fill(client: &Client, name: &str) {
    client.put_nothing(&format!("/{name}")).await.expect(201);
    let docs: Vec<Value> = (0..250).map(|number| json!({"_id": format!("doc-{number:04}"), "n": number, "text": "é\u{1F30D}\n"})).collect();
    let told =
        client.post(&format!("/{name}/_bulk_docs"), json!({"docs": docs})).await.expect(201).json();
    let mut again = Vec::new();
    for row in told.as_array().unwrap().iter().step_by(5) {
        again.push(json!({"_id": row["id"], "_rev": row["rev"], "changed": true}));
    }
    for row in told.as_array().unwrap().iter().skip(1).step_by(5) {
        again.push(json!({"_id": row["id"], "_rev": row["rev"], "_deleted": true}));
    }
    client.post(&format!("/{name}/_bulk_docs"), json!({"docs": again})).await.expect(201);
    let conflicts: Vec<Value> = ["1-aaaa", "1-bbbb", "1-cccc"]
        .iter()
        .map(|rev| json!({"_id": "conflict", "_rev": rev, "branch": rev}))
        .collect();
    client
        .post(&format!("/{name}/_bulk_docs"), json!({"docs": conflicts, "new_edits": false}))
        .await
        .expect(201);
    for (id, kind, data) in [
        ("binary", "application/octet-stream", "AAECAwQ="),
        ("text", "text/plain", "aGVsbG8gaGVsbG8gaGVsbG8="),
    ] {
        let body = json!({"_attachments": {"file": {"content_type": kind, "data": data}, "second": {"content_type": "image/png", "data": "Bgc="}}});
        let rev = client.put(&format!("/{name}/{id}"), body).await.expect(201).member("rev");
        let body = json!({"_rev": rev, "_attachments": {"file": {"stub": true}}, "later": true});
        client.put(&format!("/{name}/{id}"), body).await.expect(201);
    }
    for id in ["a%2Fb", "%2B", "%20", "%C3%BC", "a%22b", "_design/app"] {
        client.put(&format!("/{name}/{id}"), json!({"odd": id})).await.expect(201);
    }
    client.put(&format!("/{name}/_local/mine"), json!({})).await.expect(201);
}

/// Adds conflicting changes of the same documents.
async fn diverge(client: &Client, name: &str, who: &str) {
    for number in (2..250).step_by(5) {
        let id = format!("/{name}/doc-{number:04}");
        let got = client.get(&id).await;
        if got.status == 200 {
            client.put(&id, json!({"_rev": got.member("_rev"), "by": who})).await.expect(201);
        }
    }
}
