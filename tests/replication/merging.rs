//! Conflicts that a design document's function `merge` resolves.

use std::time::{SystemTime, UNIX_EPOCH};

use refuge_tests::{Client, Node, Options, contents, eventually};
use serde_json::{Value, json};

use crate::continuous::start;
use crate::{database, replicate};

/// Takes the tags of all leaves together, and the greatest number.
const UNION: &str = "function (id, leaves, base) {
    var tags = {}, n = 0;
    leaves.forEach(function (leaf) {
        (leaf.tags || []).forEach(function (tag) { tags[tag] = true; });
        n = Math.max(n, leaf.n || 0);
    });
    return {tags: Object.keys(tags).sort(), n: n, leaves: leaves.length};
}";

/// The same with what the leaves come from.
const WITH_BASE: &str = "function (id, leaves, base) {
    return {tags: leaves.map(function (leaf) { return leaf.tags[0]; }), base: base && base.n};
}";

async fn with_merge(client: &Client, name: &str, design: &str, function: &str) -> String {
    let path = format!("/{name}/_design/{design}");
    let mut body = json!({"merge": function});
    let known = client.get(&path).await;
    if known.status == 200 {
        body["_rev"] = known.member("_rev").into();
    }
    client.put(&path, body).await.expect(201).member("rev")
}

/// Stores leaves beside each other.
async fn put_leaves(client: &Client, name: &str, leaves: &[Value]) {
    let body = json!({"docs": leaves, "new_edits": false});
    client.post(&format!("/{name}/_bulk_docs"), body).await.expect(201);
}

/// The document once it has no conflict any more.
async fn merged(client: &Client, path: &str) -> Value {
    eventually("the conflict is merged", || async {
        let document = client.get(&format!("{path}?conflicts=true&deleted_conflicts=true")).await;
        let document = (document.status == 200).then(|| document.json())?;
        (document.get("_conflicts").is_none() && document.get("_deleted_conflicts").is_some())
            .then_some(document)
    })
    .await
}

/// Has the merger come through: what is written to another document after this one is merged after it.
async fn pass(client: &Client, name: &str, mark: &str) {
    let leaf = |rev: &str| json!({"_id": mark, "_rev": rev, "tags": [rev], "mark": true});
    put_leaves(client, name, &[leaf("1-a"), leaf("1-b")]).await;
    merged(client, &format!("/{name}/{mark}")).await;
}

#[tokio::test]
async fn two_nodes_with_edits_of_the_same_documents_come_to_the_same_single_revisions() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    let (left, right) = (one.client(), two.client());
    left.put_nothing("/a").await.expect(201);
    with_merge(&left, "a", "tags", UNION).await;
    for number in 0..40 {
        let body = json!({"tags": ["base"], "n": number});
        left.put(&format!("/a/d{number}"), body).await.expect(201);
    }
    let there = json!({"source": "a", "target": database(&two, "a"), "create_target": true});
    replicate(&left, there.clone()).await;
    for (client, who) in [(&left, "left"), (&right, "right")] {
        for number in 0..40 {
            let path = format!("/a/d{number}");
            let rev = client.get(&path).await.member("_rev");
            let body = json!({"_rev": rev, "tags": ["base", who], "n": number * 2});
            client.put(&path, body).await.expect(201);
        }
    }
    // Both ways, both nodes merging while they replicate.
    start(&left, there).await;
    start(&left, json!({"source": database(&two, "a"), "target": "a"})).await;
    eventually("both hold the same, without conflicts", || async {
        let same = contents(&left, "a").await == contents(&right, "a").await;
        let without = |answer: Value| answer["rows"].as_array().is_some_and(Vec::is_empty);
        let settled = without(left.get("/a/_conflicts").await.json())
            && without(right.get("/a/_conflicts").await.json());
        let document = right.get("/a/d7").await.json();
        (same && settled && document["leaves"] == 2).then_some(())
    })
    .await;
    for number in 0..40 {
        let path = format!("/a/d{number}?meta=true&revs=true&deleted_conflicts=true");
        let (here, there) = (left.get(&path).await.json(), right.get(&path).await.json());
        assert_eq!(here, there);
        assert_eq!(here["tags"], json!(["base", "left", "right"]));
        assert!(here["_rev"].as_str().unwrap().starts_with("3-"), "{here}");
        assert_eq!(here["n"], number * 2);
        assert_eq!(here["_deleted_conflicts"].as_array().unwrap().len(), 1, "{here}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merges_that_race_with_edits_and_replication_both_ways_come_to_one_document_with_all_of_them()
 {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    let (left, right) = (one.client(), two.client());
    left.put_nothing("/a").await.expect(201);
    right.put_nothing("/a").await.expect(201);
    with_merge(&left, "a", "tags", UNION).await;
    start(&left, json!({"source": "a", "target": database(&two, "a")})).await;
    start(&right, json!({"source": "a", "target": database(&one, "a")})).await;
    eventually("both have the function", || async {
        (right.get("/a/_design/tags").await.status == 200).then_some(())
    })
    .await;
    // Each side adds tags of its own to the same documents, as fast as it can, whatever is merged meanwhile.
    let edits = [(&left, "l"), (&right, "r")].map(|(client, side)| async move {
        for number in 0..120 {
            let path = format!("/a/d{}", number % 6);
            let mut told = 0;
            for _ in 0..1_000 {
                let known = client.get(&path).await;
                let mut body = json!({"tags": [], "n": 0});
                if known.status == 200 {
                    body = known.json();
                    body.as_object_mut().unwrap().remove("leaves");
                }
                body["tags"].as_array_mut().unwrap().push(json!(format!("{side}{number:03}")));
                told = client.put(&path, body).await.status;
                if told == 201 {
                    break;
                }
            }
            assert_eq!(told, 201, "{path} of {side}: the last answer");
        }
    });
    let [here, there] = edits;
    tokio::join!(here, there);
    eventually("both hold the same, without conflicts", || async {
        let same = contents(&left, "a").await == contents(&right, "a").await;
        let without = |answer: Value| answer["rows"].as_array().is_some_and(Vec::is_empty);
        let settled = without(left.get("/a/_conflicts").await.json())
            && without(right.get("/a/_conflicts").await.json());
        (same && settled).then_some(())
    })
    .await;
    for document in 0..6 {
        let told = left.get(&format!("/a/d{document}")).await.expect(200).json();
        let tags: std::collections::BTreeSet<&str> =
            told["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
        let numbers = (0..120).filter(|number| number % 6 == document);
        let expected: std::collections::BTreeSet<String> =
            numbers.flat_map(|number| [format!("l{number:03}"), format!("r{number:03}")]).collect();
        assert!(tags.iter().map(|tag| (*tag).to_owned()).eq(expected), "d{document}: {tags:?}");
    }
}

#[tokio::test]
async fn conflicts_that_are_there_are_merged_when_a_function_comes_and_the_first_answer_counts() {
    let mut node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let base = client.put("/a/known", json!({"n": 7})).await.expect(201).member("rev");
    let (depth, hash) = base.split_once('-').unwrap();
    assert_eq!(depth, "1");
    let child = |leaf: &str, n: u32| {
        let revisions = json!({"start": 2, "ids": [leaf, hash]});
        json!({"_id": "known", "_rev": format!("2-{leaf}"), "_revisions": revisions, "n": n, "tags": [leaf]})
    };
    put_leaves(&client, "a", &[child("aa", 1), child("bb", 2), child("cc", 3)]).await;
    with_merge(&client, "a", "1-silent", "function () { return null; }").await;
    with_merge(&client, "a", "2-tags", WITH_BASE).await;
    with_merge(&client, "a", "3-late", "function () { return {late: true}; }").await;
    let found = merged(&client, "/a/known").await;
    assert_eq!(found["tags"], json!(["cc", "bb", "aa"]), "the winner is the first");
    assert_eq!(found["base"], 7, "{found}");
    assert_eq!(found["_deleted_conflicts"].as_array().unwrap().len(), 2);
    // A crash between the write and the merge loses nothing: a node asks about all conflicts when it starts.
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let ready = now() + 1_500;
    // Validations see the clock, which a merge does not.
    let guard = format!(
        "function (doc) {{ if (doc.n === 2 && Date.now() < {ready}) throw({{forbidden: 'too early'}}); }}"
    );
    client.put("/a/_design/guard", json!({"validate_doc_update": guard})).await.expect(201);
    let counts = "function (id, leaves) { return {n: leaves.length}; }";
    with_merge(&client, "a", "2-tags", counts).await;
    with_merge(&client, "a", "3-late", "function () { return null; }").await;
    let leaf = |rev: &str| json!({"_id": "later", "_rev": rev});
    put_leaves(&client, "a", &[leaf("1-x"), leaf("1-y")]).await;
    node.kill_hard();
    eventually("the function is ready", || async { (now() > ready).then_some(()) }).await;
    node.restart();
    assert_eq!(merged(&node.client(), "/a/later").await["n"], 2);
    node.terminate();
    node.ended();
    node.check();
}

#[tokio::test]
async fn a_function_that_fails_leaves_the_conflict_until_it_or_the_document_changes() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let throwing = format!(
        "function (id, leaves, base) {{
            if (leaves[0].mark) return ({UNION})(id, leaves, base);
            if (leaves[0].mode === 'throw') throw 'not this one';
            if (leaves[0].mode === 'loop') while (true) {{}}
            if (leaves[0].mode === 'text') return 'no document';
            if (leaves[0].mode === 'new') return {{_attachments: {{a: {{data: 'AA=='}}}}}};
            if (leaves[0].mode === 'other') return {{_id: 'another'}};
            return null;
        }}"
    );
    with_merge(&client, "a", "tags", &throwing).await;
    let modes = ["throw", "text", "new", "other", "silent", "loop"];
    for mode in modes {
        let leaf = |rev: &str| json!({"_id": mode, "_rev": rev, "mode": mode, "tags": [rev]});
        put_leaves(&client, "a", &[leaf("1-a"), leaf("1-b")]).await;
    }
    pass(&client, "a", "mark").await;
    let line = node.error_line("the failure names the document", |line| {
        (line.contains("a merge function failed") && line.contains("throw"))
            .then(|| line.to_owned())
    });
    assert!(line.contains("not this one"), "{line}");
    let listed = client.get("/a/_conflicts").await.expect(200).json();
    let left: Vec<&str> =
        listed["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    let mut expected = modes;
    expected.sort_unstable();
    assert_eq!(left, expected);
    // The document changes.
    let leaf =
        json!({"_id": "throw", "_rev": "1-c", "mode": "better", "mark": true, "tags": ["1-c"]});
    put_leaves(&client, "a", &[leaf]).await;
    assert_eq!(merged(&client, "/a/throw").await["tags"], json!(["1-a", "1-b", "1-c"]));
    // The function changes.
    with_merge(&client, "a", "tags", UNION).await;
    for mode in ["text", "new", "other", "silent", "loop"] {
        assert_eq!(merged(&client, &format!("/a/{mode}")).await["tags"], json!(["1-a", "1-b"]));
    }
}

#[tokio::test]
async fn what_other_design_documents_forbid_is_not_written_and_the_conflict_stays() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let leaf = |id: &str, rev: &str| json!({"_id": id, "_rev": rev, "tags": [rev]});
    put_leaves(&client, "a", &[leaf("guarded", "1-a"), leaf("guarded", "1-b")]).await;
    let validation = "function (doc) {
        if (doc._id === 'guarded' && doc.leaves) throw({forbidden: 'not merged'});
    }";
    client.put("/a/_design/guard", json!({"validate_doc_update": validation})).await.expect(201);
    with_merge(&client, "a", "tags", UNION).await;
    pass(&client, "a", "mark").await;
    let line = node.error_line("the refusal is told", |line| {
        line.contains("could not be stored").then(|| line.to_owned())
    });
    assert!(line.contains("guarded") && line.contains("not merged"), "{line}");
    assert_eq!(client.get("/a/_conflicts").await.json()["total_rows"], 1);
}

#[tokio::test]
async fn attachments_of_the_winner_stay_and_stubs_of_any_leaf_may_be_kept() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    let (left, right) = (one.client(), two.client());
    left.put_nothing("/a").await.expect(201);
    let attached = |id: &str, rev: &str, names: &[&str]| {
        let file = |name: &&str| {
            let data =
                if *name == "shared" { format!("AAA{}", &rev[2..3]) } else { "AAEC".to_owned() };
            ((*name).to_owned(), json!({"content_type": "application/x-test", "data": data}))
        };
        let files: serde_json::Map<String, Value> = names.iter().map(file).collect();
        json!({"_id": id, "_rev": rev, "rev": rev, "_attachments": files})
    };
    for id in ["plain", "all", "none"] {
        let leaves =
            [attached(id, "1-b", &["shared", "winner"]), attached(id, "1-a", &["shared", "loser"])];
        put_leaves(&left, "a", &leaves).await;
    }
    let function = "function (id, leaves) {
        var merged = {by: leaves.map(function (leaf) { return leaf.rev; })};
        if (id === 'none') merged._attachments = {};
        if (id === 'all') {
            merged._attachments = {
                shared: leaves[0]._attachments.shared,
                winner: leaves[0]._attachments.winner,
                loser: leaves[1]._attachments.loser
            };
        }
        return merged;
    }";
    with_merge(&left, "a", "files", function).await;
    let names = |document: &Value| {
        let files = document.get("_attachments").and_then(Value::as_object);
        files.map_or_else(Vec::new, |files| files.keys().cloned().collect::<Vec<_>>())
    };
    let plain = merged(&left, "/a/plain").await;
    assert_eq!(names(&plain), ["shared", "winner"]);
    assert_eq!(names(&merged(&left, "/a/none").await), Vec::<String>::new());
    let all = merged(&left, "/a/all").await;
    let mut kept = names(&all);
    kept.sort_unstable();
    assert_eq!(kept, ["loser", "shared", "winner"]);
    assert_eq!(all["_attachments"]["loser"]["revpos"], 2, "{all}");
    // What came from another leaf travels as any attachment does, to one who knew the winner's branch alone.
    right.put_nothing("/a").await.expect(201);
    put_leaves(&right, "a", &[attached("all", "1-b", &["shared", "winner"])]).await;
    replicate(&left, json!({"source": "a", "target": database(&two, "a")})).await;
    for (client, name) in [(&left, "loser"), (&right, "loser"), (&right, "winner")] {
        let bytes = client.get(&format!("/a/all/{name}")).await.expect(200);
        assert_eq!(bytes.body.as_ref(), [0, 1, 2], "{name}");
    }
}
