//! How a view follows its documents: edits, deletions, conflicts, purges, design documents that change, and
//! functions that fail.

use std::time::{Duration, Instant};

use refuge_tests::{Node, Options, eventually};
use serde_json::{Value, json};

use super::{ask, design, fill, keys, rows};
use crate::{database, put_all};

#[tokio::test]
async fn rows_follow_edits_and_deletions() {
    let (client, path) = database("view-edits").await;
    let map = "function (doc) { doc.tags.forEach(function (tag) { emit(tag, doc._id) }) }";
    design(&client, &path, json!({"tags": {"map": map, "reduce": "_count"}})).await;
    let documents = [("a", json!({"tags": ["x", "y"]})), ("b", json!({"tags": ["y"]}))];
    let revisions = put_all(&client, &path, &documents).await;
    assert_eq!(keys(&client, &path, "tags", "reduce=false").await, ["x", "y", "y"]);
    let edit = json!({"_rev": revisions[0], "tags": ["z"]});
    let revision = client.put(&format!("{path}/a"), edit).await.expect(201).member("rev");
    assert_eq!(keys(&client, &path, "tags", "reduce=false").await, ["y", "z"]);
    client.delete(&format!("{path}/a?rev={revision}")).await.expect(200);
    assert_eq!(keys(&client, &path, "tags", "reduce=false").await, ["y"]);
    assert_eq!(rows(&client, &path, "tags", "").await, [json!({"key": null, "value": 1})]);
}

#[tokio::test]
async fn conflicts_are_seen_and_the_winner_is_mapped() {
    let (client, path) = database("view-conflicts").await;
    let map = "function (doc) { emit(doc.v, doc._conflicts || null) }";
    design(&client, &path, json!({"v": {"map": map}})).await;
    let leaves = json!({"new_edits": false, "docs": [
        {"_id": "a", "_rev": "1-aa", "v": "low"},
        {"_id": "a", "_rev": "1-bb", "v": "high"},
    ]});
    client.post(&format!("{path}/_bulk_docs"), leaves).await.expect(201);
    let found = rows(&client, &path, "v", "").await;
    assert_eq!(found, [json!({"id": "a", "key": "high", "value": ["1-aa"]})]);
}

#[tokio::test]
async fn what_was_purged_leaves_the_view() {
    let (client, path) = database("view-purges").await;
    design(&client, &path, json!({"n": {"map": "function (doc) { emit(doc.n, 1) }"}})).await;
    let documents = [("a", json!({"n": 1})), ("b", json!({"n": 2}))];
    let revisions = put_all(&client, &path, &documents).await;
    assert_eq!(keys(&client, &path, "n", "").await, [json!(1), json!(2)]);
    client.post(&format!("{path}/_purge"), json!({"a": [revisions[0]]})).await.expect(201);
    assert_eq!(keys(&client, &path, "n", "").await, [json!(2)]);
}

#[tokio::test]
async fn a_function_that_throws_leaves_out_its_document_alone() {
    let (client, path) = database("view-throws").await;
    let map = "function (doc) { emit(doc.deep.value, 1) }";
    let views =
        json!({"deep": {"map": map}, "all": {"map": "function (doc) { emit(doc._id, 1) }"}});
    design(&client, &path, views).await;
    fill(&client, &path, vec![json!({"_id": "bad"}), json!({"_id": "good", "deep": {"value": 5}})])
        .await;
    assert_eq!(keys(&client, &path, "deep", "").await, [json!(5)]);
    assert_eq!(keys(&client, &path, "all", "").await, ["bad", "good"]);
}

#[tokio::test]
async fn a_changed_design_document_is_another_index() {
    let (client, path) = database("view-changes").await;
    fill(&client, &path, vec![json!({"_id": "a", "n": 1})]).await;
    design(&client, &path, json!({"v": {"map": "function (doc) { emit(doc.n, 1) }"}})).await;
    assert_eq!(keys(&client, &path, "v", "").await, [json!(1)]);
    let signature = async || -> Value {
        let told = client.get(&format!("{path}/_design/d/_info")).await.expect(200).json();
        told["view_index"]["signature"].clone()
    };
    let before = signature().await;
    let stored = client.get(&format!("{path}/_design/d")).await.expect(200).json();
    let views = json!({"v": {"map": "function (doc) { emit([doc.n], 1) }"}});
    let edit = json!({"_rev": stored["_rev"], "views": views});
    client.put(&format!("{path}/_design/d"), edit).await.expect(201);
    assert_eq!(keys(&client, &path, "v", "").await, [json!([1])]);
    assert_ne!(signature().await, before);
    client.post(&format!("{path}/_view_cleanup"), json!({})).await.expect(202);
    assert_eq!(keys(&client, &path, "v", "").await, [json!([1])]);
}

#[tokio::test]
async fn an_index_that_was_cleaned_up_begins_anew_when_its_functions_come_back() {
    // Of a node of its own: on the shared one, others have unused indexes looked for.
    let node = Node::start(Options::default());
    let (client, path) = (node.client(), "/view-cleanup");
    client.put_nothing(path).await.expect(201);
    fill(&client, path, vec![json!({"n": 1})]).await;
    let design = format!("{path}/_design/d");
    let change = async |map: &str| {
        let stored = client.get(&design).await.json();
        let mut changed = json!({"views": {"v": {"map": map}}});
        if let Some(revision) = stored.get("_rev") {
            changed["_rev"] = revision.clone();
        }
        client.put(&design, changed).await.expect(201);
    };
    let is_new = async || -> bool {
        let told = client.get(&format!("{design}/_info")).await.expect(200).json();
        told["view_index"]["update_seq"].as_str().expect("text").starts_with("0-")
    };
    let (one, other) = ("function (doc) { emit(doc.n) }", "function (doc) { emit([doc.n]) }");
    change(one).await;
    assert!(is_new().await);
    assert_eq!(keys(&client, path, "v", "").await, [json!(1)]);
    change(other).await;
    assert_eq!(keys(&client, path, "v", "").await, [json!([1])]);
    // Nobody has cleaned up.
    change(one).await;
    assert!(!is_new().await);
    change(other).await;
    eventually("the unused index has gone", || async {
        client.post(&format!("{path}/_view_cleanup"), json!({})).await.expect(202);
        change(one).await;
        let gone = is_new().await;
        change(other).await;
        gone.then_some(())
    })
    .await;
    assert!(!is_new().await, "the index that is used has stayed");
    assert_eq!(keys(&client, path, "v", "update=false").await, [json!([1])]);
}

#[tokio::test]
async fn stale_answers_are_as_they_are_and_catch_up() {
    for lazy in ["update=lazy", "stale=update_after"] {
        let mut node = Node::start(Options::default());
        let path = "/view-stale";
        let client = node.client();
        client.put_nothing(path).await.expect(201);
        design(&client, path, json!({"n": {"map": "function (doc) { emit(doc.n, 1) }"}})).await;
        assert!(keys(&client, path, "n", "").await.is_empty());
        let mut written = 0;
        // A new process does not know that something is to be built in the background, unless the old one
        // was so slow to end that it had built it.
        let (client, stale) = loop {
            fill(&node.client(), path, vec![json!({"n": written})]).await;
            written += 1;
            node.restart();
            let client = node.client();
            let stale = keys(&client, path, "n", "update=false").await.len();
            if stale < written {
                break (client, stale);
            }
        };
        assert_eq!(keys(&client, path, "n", "stale=ok").await.len(), stale);
        assert!(keys(&client, path, "n", lazy).await.len() <= written);
        // In the background it is brought up to date.
        eventually("the index has caught up", || async {
            (keys(&client, path, "n", "update=false").await.len() == written).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn options_of_a_design_document_say_what_is_mapped() {
    let (client, path) = database("view-options").await;
    fill(&client, &path, vec![json!({"_id": "a"})]).await;
    let views = json!({"v": {"map": "function (doc) { emit(doc._id, doc._local_seq) }"}});
    let options = json!({"include_design": true, "local_seq": true});
    let path_of = format!("{path}/_design/d");
    client.put(&path_of, json!({"views": views, "options": options})).await.expect(201);
    let found = rows(&client, &path, "v", "").await;
    assert_eq!(found[0]["key"], "_design/d");
    assert_eq!(found[1]["key"], "a");
    assert!(found[1]["value"].is_u64(), "{found:?}");
    let shown = client.get(&format!("{path}/a?local_seq=true")).await.expect(200).json();
    assert_eq!(shown["_local_seq"], found[1]["value"]);
}

#[tokio::test]
async fn map_functions_share_a_library() {
    let (client, path) = database("view-library").await;
    fill(&client, &path, vec![json!({"n": 4})]).await;
    let views = json!({
        "lib": {"double": "exports.of = function (n) { return n * 2 }"},
        "v": {"map": "function (doc) { emit(require('views/lib/double').of(doc.n), null) }"},
    });
    design(&client, &path, views).await;
    assert_eq!(keys(&client, &path, "v", "").await, [json!(8)]);
}

#[tokio::test]
async fn an_endless_loop_costs_its_document_alone() {
    let (client, path) = database("view-loops").await;
    let map = "function (doc) { if (doc.loop) { while (true) {} } emit(doc._id, 1) }";
    design(&client, &path, json!({"v": {"map": map}})).await;
    fill(
        &client,
        &path,
        vec![json!({"_id": "a"}), json!({"_id": "b", "loop": true}), json!({"_id": "c"})],
    )
    .await;
    assert_eq!(keys(&client, &path, "v", "").await, ["a", "c"]);
    ask(&client, &path, "v", "").await.expect(200);
}

#[tokio::test]
async fn who_does_not_want_to_wait_gets_what_is_there() {
    let (client, path) = database("view-unbuilt").await;
    // Long enough that it would be noticed.
    let map =
        "function (doc) { var end = Date.now() + 20; while (Date.now() < end) {} emit(doc.n, 1) }";
    fill(&client, &path, (0..300).map(|n| json!({"n": n})).collect()).await;
    let views = json!({"v": {"map": map, "reduce": "_sum"}});
    client
        .put(&format!("{path}/_design/d"), json!({"views": views, "autoupdate": false}))
        .await
        .expect(201);
    let began = Instant::now();
    for query in ["update=false", "stale=ok", "update=lazy"] {
        let told = ask(&client, &path, "v", &format!("reduce=false&{query}")).await.expect(200);
        assert_eq!(told.json(), json!({"total_rows": 0, "offset": 0, "rows": []}), "{query}");
    }
    assert_eq!(rows(&client, &path, "v", "update=false").await, Vec::<Value>::new());
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // The lazy one began to build, and that is told from the beginning.
    eventually("the build is told of", || async {
        let tasks = client.get("/_active_tasks").await.expect(200).json();
        let tasks = tasks.as_array().expect("tasks").clone();
        let name = path.trim_start_matches('/');
        tasks.iter().any(|task| task["type"] == "indexer" && task["database"] == name).then_some(())
    })
    .await;
    assert_eq!(keys(&client, &path, "v", "reduce=false").await.len(), 300);
}

#[tokio::test]
async fn an_index_is_not_built_after_writes_where_its_document_says_so() {
    let (client, path) = database("view-autoupdate").await;
    let views = json!({"v": {"map": "function (doc) { emit(doc.n, 1) }"}});
    let other = json!({"v": {"map": "function (doc) { emit([doc.n], 1) }"}});
    client
        .put(&format!("{path}/_design/left"), json!({"views": views, "autoupdate": false}))
        .await
        .expect(201);
    client.put(&format!("{path}/_design/built"), json!({"views": other})).await.expect(201);
    fill(&client, &path, vec![json!({"n": 1})]).await;
    let asked = async |name: &str| {
        let view = format!("{path}/_design/{name}/_view/v?update=false");
        client.get(&view).await.expect(200).json()["rows"].as_array().expect("rows").len()
    };
    eventually("the other index is built", || async { (asked("built").await == 1).then_some(()) })
        .await;
    assert_eq!(asked("left").await, 0);
    client.get(&format!("{path}/_design/left/_view/v")).await.expect(200);
    assert_eq!(asked("left").await, 1);
}
