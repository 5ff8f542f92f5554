//! Documents that the target refuses: counted wherever counts are told, named with their reasons, and no
//! hindrance for the others.

use refuge_tests::{Client, Node, Options, eventually};
use serde_json::{Value, json};

use crate::continuous::checkpoint;
use crate::database;

const VALIDATION: &str =
    "function (doc) { if (doc.bad) throw({forbidden: 'no bad ones: ' + doc._id}); }";

/// A database with 20 good documents and 3 bad ones, and a target that refuses those.
async fn prepare(source: &Client, target: &Client) {
    source.put_nothing("/a").await.expect(201);
    let mut docs: Vec<Value> = (0..20).map(|number| json!({"_id": format!("d{number}")})).collect();
    docs.extend((0..3).map(|number| json!({"_id": format!("bad{number}"), "bad": true})));
    source.post("/a/_bulk_docs", json!({"docs": docs})).await.expect(201);
    target.put_nothing("/b").await.expect(201);
    let design = json!({"validate_doc_update": VALIDATION});
    target.put("/b/_design/app", design).await.expect(201);
}

async fn good_ones_alone(target: &Client) {
    target.get("/b/d19").await.expect(200);
    target.get("/b/bad1").await.expect(404);
    // The design document and 20 others.
    assert_eq!(target.get("/b").await.json()["doc_count"], 21);
}

#[tokio::test]
async fn they_are_counted_and_named_and_the_rest_goes_on() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    let (from, to) = (one.client(), two.client());
    prepare(&from, &to).await;
    let told = from.post("/_replicate", json!({"source": "a", "target": database(&two, "b")}));
    let told = told.await.expect(200).json();
    let session = &told["history"][0];
    assert_eq!((&session["docs_written"], &session["doc_write_failures"]), (&json!(20), &json!(3)));
    let named = told["refused"].as_array().expect("those that were refused");
    assert_eq!(named.len(), 3, "{told}");
    assert_eq!(
        (&named[0]["error"], &named[0]["reason"]),
        (&json!("forbidden"), &json!("no bad ones: bad0"))
    );
    for number in 0..3 {
        let reason = format!("no bad ones: bad{number}");
        one.error_line("of a refused document", |line| line.contains(&reason).then_some(()));
    }
    good_ones_alone(&to).await;
    // The checkpoint knows the count as well.
    let again = from.post("/_replicate", json!({"source": "a", "target": database(&two, "b")}));
    let again = again.await.expect(200).json();
    assert_eq!(
        (&again["no_changes"], &again["history"][0]["doc_write_failures"]),
        (&json!(true), &json!(3))
    );
}

#[tokio::test]
async fn a_continuous_one_tells_the_count_everywhere() {
    let node = Node::start(Options::default());
    let client = node.client();
    prepare(&client, &client).await;
    let document =
        json!({"source": "a", "target": "b", "continuous": true, "checkpoint_interval": 100});
    client.put("/_replicator/one", document).await.expect(201);
    let told = eventually("the count is told", || async {
        let told = client.get("/_scheduler/docs/_replicator/one").await;
        (told.status == 200 && told.json()["info"]["doc_write_failures"] == 3).then(|| told.json())
    })
    .await;
    assert_eq!(told["state"], "running");
    assert_eq!(told["info"]["docs_written"], 20);
    let id = told["id"].as_str().expect("an id").to_owned();
    let job = client.get(&format!("/_scheduler/jobs/{}", id.replace('+', "%2B"))).await.json();
    assert_eq!(job["info"]["doc_write_failures"], 3, "{job}");
    let tasks = client.get("/_active_tasks").await.expect(200).json();
    assert_eq!(tasks[0]["doc_write_failures"], 3, "{tasks}");
    let base = id.split('+').next().expect("a base");
    let kept = checkpoint(&client, "b", base, 0).await;
    assert_eq!(kept["history"][0]["doc_write_failures"], 3, "{kept}");
    good_ones_alone(&client).await;
    // What comes later is not held up by what was refused.
    client.put("/a/later", json!({})).await.expect(201);
    eventually("it arrives", || async {
        (client.get("/b/later").await.status == 200).then_some(())
    })
    .await;
}
