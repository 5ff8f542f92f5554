//! Replications: of what a reader sees, towards targets that know permissions and towards those that do not.

use refuge_tests::{Client, Node, eventually};
use serde_json::{Value, json};

use super::{ids, papers};
use crate::{node_with_users, options};

async fn replicate(client: &Client, job: Value) -> Value {
    let told = client.post("/_replicate", job).await.expect(200).json();
    told["history"][0].clone()
}

fn as_user(node: &Node, user: &str, database: &str) -> String {
    format!("http://{user}@{}/{database}", node.address())
}

#[tokio::test]
async fn a_reader_replicates_what_the_reader_sees() {
    let papers = papers().await;
    papers.write("a", json!(["anna"]), "for anna").await;
    papers.write("b", json!(["bob"]), "for bob").await;
    let source = as_user(&papers.node, "bob:pear", "papers");
    let other = node_with_users(options()).await;
    let job = json!({"source": source, "target": "copy", "create_target": true});
    let told = replicate(&other.client(), job.clone()).await;
    assert_eq!(told["doc_write_failures"], 0, "{told}");
    let copy = other.client();
    assert_eq!(copy.get("/copy").await.json()["props"], json!({"access": true}));
    assert_eq!(ids(&copy.get("/copy/_all_docs").await, "rows"), ["b"]);
    // A checkpoint of bob's is nobody else's.
    let locals = papers.carl.get("/papers/_local_docs").await.expect(200).json();
    assert_eq!(locals["rows"], json!([]), "{locals}");
    let own = papers.bob.get("/papers/_local_docs").await.expect(200).json();
    assert_eq!(own["rows"].as_array().map(Vec::len), Some(1), "{own}");
    papers.write("c", json!(["bob"]), "for bob").await;
    let told = replicate(&copy, job).await;
    assert_eq!((&told["docs_read"], &told["missing_checked"]), (&json!(1), &json!(1)), "{told}");
}

#[tokio::test]
async fn a_target_that_does_not_know_permissions_gets_no_document_that_has_some() {
    let papers = papers().await;
    papers.write("a", json!(["anna"]), "for anna").await;
    papers.admin.put("/papers/plain", json!({"x": 1})).await.expect(201);
    let large = "x".repeat(600 * 1024);
    let attached = papers.admin.request("PUT", "/papers/large/bytes");
    attached
        .header("content-type", "application/octet-stream")
        .body(large)
        .send()
        .await
        .expect(201);
    let rev = papers.admin.get("/papers/large").await.member("_rev");
    let stubs = papers.admin.get("/papers/large").await.json()["_attachments"].clone();
    let document = json!({"_rev": rev, "_access": ["anna"], "_attachments": stubs});
    papers.admin.put("/papers/large", document).await.expect(201);
    let admin = &papers.admin;
    for (target, source) in
        [("here", json!("papers")), ("there", json!(format!("{}/papers", papers.node.url())))]
    {
        admin.put_nothing(&format!("/{target}")).await.expect(201);
        let mut job = json!({"source": source, "target": target});
        let told = replicate(admin, job.clone()).await;
        assert_eq!(told["doc_write_failures"], 2, "{told}");
        assert_eq!(ids(&admin.get(&format!("/{target}/_all_docs")).await, "rows"), ["plain"]);
        job["strip"] = json!(true);
        replicate(admin, job).await;
        let shown = admin.get(&format!("/{target}/a")).await.expect(200).json();
        assert_eq!((&shown["text"], shown.get("_access")), (&json!("for anna"), None));
    }
}

#[tokio::test]
async fn a_replication_of_somebody_sees_what_its_owner_sees() {
    let papers = papers().await;
    papers.write("a", json!(["anna"]), "for anna").await;
    papers.write("b", json!(["bob"]), "for bob").await;
    let admin = &papers.admin;
    admin.put_nothing("/mirror?access=true").await.expect(201);
    admin.put("/mirror/_security", json!({"members": {"roles": ["staff"]}})).await.expect(200);
    eventually("there is a database of replications", || async {
        (admin.get("/_replicator").await.status == 200).then_some(())
    })
    .await;
    let job = json!({"source": "papers", "target": "mirror",
        "user_ctx": {"name": "bob", "roles": ["staff"]}});
    admin.put("/_replicator/mirror", job).await.expect(201);
    eventually("it is through", || async {
        let state = admin.get("/_scheduler/docs/_replicator/mirror").await.json();
        (state["state"] == "completed").then_some(())
    })
    .await;
    assert_eq!(ids(&admin.get("/mirror/_all_docs").await, "rows"), ["b"]);
}

#[tokio::test]
async fn what_somebody_pushes_is_held_to_the_targets_permissions() {
    let papers = papers().await;
    papers.write("theirs", json!(["anna"]), "for anna").await;
    let other = node_with_users(options()).await;
    let source = other.client();
    source.put_nothing("/own?access=true").await.expect(201);
    source.put("/own/mine", json!({"_access": ["bob"]})).await.expect(201);
    source.put("/own/theirs", json!({"_access": ["bob"], "forged": true})).await.expect(201);
    source.put("/own/nobodys", json!({"a": 1})).await.expect(201);
    let target = as_user(&papers.node, "bob:pear", "papers");
    let told = replicate(&source, json!({"source": "own", "target": target})).await;
    assert_eq!(
        (&told["docs_written"], &told["doc_write_failures"]),
        (&json!(1), &json!(2)),
        "{told}"
    );
    papers.bob.get("/papers/mine").await.expect(200);
    let kept = papers.anna.get("/papers/theirs?conflicts=true").await.expect(200).text();
    assert!(!kept.contains("forged") && !kept.contains("_conflicts"), "{kept}");
    papers.check();
}
