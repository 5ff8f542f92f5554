//! Replications of chosen documents: by id, by a selector, by a function of the source.

use std::collections::BTreeSet;

use refuge_tests::{Client, Node, Options, befriend, contents, eventually, share};
use serde_json::{Value, json};

use crate::continuous::{checkpoint, number, start};
use crate::{database, replicate};

/// A database of so many documents, of which every `step`-th is of the kind `wanted`.
async fn numbered(client: &Client, name: &str, documents: usize, step: usize) {
    client.put_nothing(&format!("/{name}")).await.expect(201);
    let all: Vec<usize> = (0..documents).collect();
    for some in all.chunks(5_000) {
        let document = |number: &usize| {
            let kind = if number.is_multiple_of(step) { "wanted" } else { "other" };
            json!({"_id": format!("d{number:05}"), "kind": kind, "n": number})
        };
        let docs: Vec<Value> = some.iter().map(document).collect();
        client.post(&format!("/{name}/_bulk_docs"), json!({"docs": docs})).await.expect(201);
    }
}

/// A design document with filters by kind, of which one lets deletions through.
async fn with_filters(client: &Client, name: &str) {
    let filters = json!({
        "kind": "function (doc, req) { return doc.kind === req.query.kind; }",
        "live": "function (doc, req) { return doc._deleted || doc.kind === 'wanted'; }",
        "admin": "function (doc, req) { return req.userCtx.roles.indexOf('_admin') >= 0 && doc.kind; }",
    });
    let views =
        json!({"wanted": {"map": "function (doc) { if (doc.kind === 'wanted') emit(1); }"}});
    let design = json!({ "filters": filters, "views": views });
    client.put(&format!("/{name}/_design/app"), design).await.expect(201);
}

async fn ids(client: &Client, name: &str) -> BTreeSet<String> {
    contents(client, name).await.into_keys().collect()
}

fn expected(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    numbers.into_iter().map(|number| format!("d{number:05}")).collect()
}

/// A request for a new target with more fields.
fn choosing(source: &str, target: &str, more: &Value) -> Value {
    let mut request = json!({"source": source, "target": target, "create_target": true});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

#[tokio::test]
async fn chosen_documents_and_no_others_arrive_over_http_and_within_a_node() {
    let (source, target) = (Node::start(Options::default()), Node::start(Options::default()));
    let (from, to) = (source.client(), target.client());
    numbered(&from, "a", 60, 3).await;
    with_filters(&from, "a").await;
    let third = || expected((0..60).step_by(3));
    let kind = |kind: &str| json!({"filter": "app/kind", "query_params": {"kind": kind}});
    let view = json!({"filter": "_view", "query_params": {"view": "app/wanted"}});
    for (case, (more, wanted)) in [
        (json!({"selector": {"kind": "wanted"}}), third()),
        (json!({"selector": {"kind": "wanted", "n": {"$lt": 10}}}), expected([0, 3, 6, 9])),
        (json!({"doc_ids": ["d00007", "d00001", "nobody", "d0000%37"]}), expected([1, 7])),
        (json!({"doc_ids": []}), BTreeSet::new()),
        (kind("wanted"), third()),
        (kind("nothing"), BTreeSet::new()),
        (json!({"filter": "app/admin"}), expected(0..60)),
        (view, third()),
        (json!({"filter": "_design"}), BTreeSet::from(["_design/app".to_owned()])),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("case-{case}");
        // Pulled, pushed, and from a database of the same node.
        replicate(&to, choosing(&database(&source, "a"), &name, &more)).await;
        assert_eq!(ids(&to, &name).await, wanted, "pulled: {more}");
        replicate(&from, choosing("a", &database(&target, &format!("{name}-pushed")), &more)).await;
        assert_eq!(ids(&to, &format!("{name}-pushed")).await, wanted, "pushed: {more}");
        replicate(&from, choosing("a", &name, &more)).await;
        assert_eq!(ids(&from, &name).await, wanted, "within a node: {more}");
    }
}

#[tokio::test]
async fn a_continuous_one_follows_what_begins_to_match_and_deletions() {
    let (source, target) = (Node::start(Options::default()), Node::start(Options::default()));
    let (from, to) = (source.client(), target.client());
    numbered(&from, "a", 20, 4).await;
    with_filters(&from, "a").await;
    let remote = database(&source, "a");
    let listed = json!({"doc_ids": ["d00001", "d00002", "later"]});
    let matching = json!({"selector": {"kind": "wanted"}});
    for (runner, end) in [(&to, remote.as_str()), (&from, "a")] {
        start(runner, choosing(end, "listed", &listed)).await;
        start(runner, choosing(end, "matching", &matching)).await;
        start(runner, choosing(end, "live", &json!({"filter": "app/live"}))).await;
        let there = |name: &'static str, wanted: BTreeSet<String>| async move {
            eventually("the chosen documents are there", || async {
                let is_made = runner.get(&format!("/{name}")).await.status == 200;
                (is_made && ids(runner, name).await == wanted).then_some(())
            })
            .await;
        };
        there("listed", expected([1, 2])).await;
        there("matching", expected((0..20).step_by(4))).await;
        there("live", expected((0..20).step_by(4))).await;
    }
    let edit = |id: &'static str, mut body: Value| {
        let from = &from;
        async move {
            let known = from.get(&format!("/a/{id}")).await;
            if known.status == 200 {
                body["_rev"] = known.member("_rev").into();
            }
            let stored = from.put(&format!("/a/{id}"), body).await;
            assert!(stored.status < 300, "{}", stored.text());
        }
    };
    edit("d00003", json!({"kind": "wanted"})).await;
    edit("d00004", json!({"kind": "other", "_deleted": true})).await;
    edit("d00001", json!({"_deleted": true})).await;
    edit("later", json!({"kind": "other"})).await;
    for runner in [&to, &from] {
        eventually("what matches now arrives", || async {
            let all = ["/matching/d00003", "/live/d00003", "/listed/later"];
            for path in all {
                if runner.get(path).await.status != 200 {
                    return None;
                }
            }
            let gone = runner.get("/live/d00004").await.status == 404
                && runner.get("/listed/d00001").await.status == 404;
            gone.then_some(())
        })
        .await;
        // A tombstone does not match the selector: what matched before stays, as in CouchDB.
        runner.get("/matching/d00004").await.expect(200);
        runner.get("/listed/d00003").await.expect(404);
        runner.get("/matching/later").await.expect(404);
    }
}

#[tokio::test]
async fn some_hundred_of_many_thousand_arrive_and_a_restart_goes_on_from_the_end() {
    let mut source = Node::start(Options::default());
    let mut target = Node::start(Options::default());
    numbered(&source.client(), "a", 20_000, 40).await;
    let wanted = || expected((0..20_000).step_by(40));
    let listed = json!({"doc_ids": wanted().into_iter().collect::<Vec<_>>()});
    let jobs = [("listed", listed), ("matching", json!({"selector": {"kind": "wanted"}}))];
    let mut began = Vec::new();
    for (name, more) in &jobs {
        let to = target.client();
        let id = start(&to, choosing(&database(&source, "a"), name, more)).await;
        let found = checkpoint(&to, name, &id, 19_999).await;
        assert_eq!(found["history"][0]["docs_written"], 500, "{found}");
        assert_eq!(found["history"][0]["missing_checked"], 500, "only what passes is compared");
        assert_eq!(ids(&to, name).await, wanted());
        began.push((id, number(&found["source_last_seq"])));
    }
    source.kill_hard();
    target.kill_hard();
    source.restart();
    target.restart();
    let (from, to) = (source.client(), target.client());
    let rev = from.get("/a/d00040").await.member("_rev");
    from.put("/a/d00040", json!({"_rev": rev, "kind": "wanted", "again": true})).await.expect(201);
    for ((name, more), (id, reached)) in jobs.iter().zip(began) {
        let again = start(&to, choosing(&database(&source, "a"), name, more)).await;
        assert_eq!(again, id, "the same replication has the same id");
        let found = checkpoint(&to, name, &id, reached).await;
        let session = &found["history"][0];
        assert!(number(&session["start_last_seq"]) >= 20_000, "it goes on where it was: {session}");
        assert_eq!(session["docs_written"], 1, "{session}");
        assert_eq!(to.get(&format!("/{name}/d00040")).await.expect(200).json()["again"], true);
        assert_eq!(ids(&to, name).await, wanted());
    }
}

#[tokio::test]
async fn what_changes_without_passing_moves_the_checkpoint_on() {
    let node = Node::start(Options::default());
    let client = node.client();
    numbered(&client, "a", 10, 2).await;
    let request = || choosing("a", "b", &json!({"selector": {"kind": "wanted"}}));
    let first = replicate(&client, request()).await.json();
    assert_eq!(first["history"][0]["docs_written"], 5, "{first}");
    let again = replicate(&client, request()).await.json();
    assert_eq!(again["no_changes"], true, "{again}");
    client.put("/a/other", json!({})).await.expect(201);
    let moved = replicate(&client, request()).await.json();
    assert_eq!(moved["history"][0]["docs_written"], 0, "{moved}");
    assert!(number(&moved["source_last_seq"]) > number(&first["source_last_seq"]), "{moved}");
    let again = replicate(&client, request()).await.json();
    assert_eq!(again["no_changes"], true, "{again}");
}

#[tokio::test]
async fn a_changed_function_asks_all_documents_again() {
    let node = Node::start(Options::default());
    let client = node.client();
    numbered(&client, "a", 10, 2).await;
    with_filters(&client, "a").await;
    let request = || choosing("a", "b", &json!({"filter": "app/live"}));
    replicate(&client, request()).await;
    assert_eq!(ids(&client, "b").await, expected([0, 2, 4, 6, 8]));
    let rev = client.get("/a/_design/app").await.member("_rev");
    let filters = json!({"live": "function (doc) { return doc.n > 4; }"});
    let changed = json!({"_rev": rev, "filters": filters});
    client.put("/a/_design/app", changed).await.expect(201);
    let told = replicate(&client, request()).await.json();
    assert_eq!(told["history"][0]["start_last_seq"], "0", "{told}");
    assert_eq!(ids(&client, "b").await, expected([0, 2, 4, 5, 6, 7, 8, 9]));
}

#[tokio::test]
async fn documents_of_replicator_choose_too_and_across_nodes() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    let (here, there) = (one.client(), two.client());
    numbered(&here, "a", 20, 5).await;
    with_filters(&here, "a").await;
    there.put_nothing("/a").await.expect(201);
    share(&there, "a", "family").await;
    let target = json!({"node": "two", "db": "a"});
    let push = json!({"source": "a", "target": target, "selector": {"kind": "wanted"}});
    here.put("/_replicator/push", push).await.expect(201);
    let wanted = || expected((0..20).step_by(5));
    let arrives = |client: Client, name: &'static str| async move {
        eventually("the chosen documents are there", || async {
            let is_made = client.get(&format!("/{name}")).await.status == 200;
            (is_made && ids(&client, name).await == wanted()).then_some(())
        })
        .await;
    };
    arrives(two.client(), "a").await;
    share(&here, "a", "family").await;
    let source = json!({"node": "one", "db": "a"});
    let filter = json!({"source": source, "target": "pulled", "create_target": true,
        "filter": "app/kind", "query_params": {"kind": "wanted"}, "continuous": true});
    there.put("/_replicator/pull", filter).await.expect(201);
    arrives(two.client(), "pulled").await;
    let once = json!({"source": "a", "target": "b", "create_target": true,
        "doc_ids": wanted().into_iter().collect::<Vec<_>>()});
    here.put("/_replicator/once", once).await.expect(201);
    one.replication_is("once", "completed").await;
    assert_eq!(ids(&here, "b").await, wanted());
    let wrong = json!({"source": "a", "target": "b", "doc_ids": [], "selector": {}});
    here.put("/_replicator/wrong", wrong).await.expect(201);
    one.replication_is("wrong", "failed").await;
    let told = eventually("the document says why", || async {
        let document = here.get("/_replicator/wrong").await.expect(200).json();
        document.get("_replication_state_reason").cloned()
    })
    .await;
    assert_eq!(told, "`doc_ids`,`filter`,`selector` are mutually exclusive");
}

#[tokio::test]
async fn winners_alone_and_what_comes_later_alone() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let leaves: Vec<Value> =
        ["1-aaaa", "1-bbbb"].map(|rev| json!({"_id": "conflict", "_rev": rev})).into();
    let body = json!({"docs": leaves, "new_edits": false});
    client.post("/a/_bulk_docs", body).await.expect(201);
    for (target, source) in [("b", "a".to_owned()), ("c", database(&node, "a"))] {
        let request = choosing(&source, target, &json!({"winning_revs_only": true}));
        replicate(&client, request).await;
        let path = format!("/{target}/conflict?conflicts=true");
        let told = client.get(&path).await.expect(200).json();
        assert_eq!((&told["_rev"], told.get("_conflicts")), (&json!("1-bbbb"), None), "{told}");
    }
    let since = client.get("/a").await.json()["update_seq"].clone();
    client.put("/a/later", json!({})).await.expect(201);
    replicate(&client, choosing("a", "d", &json!({ "since_seq": since }))).await;
    assert_eq!(ids(&client, "d").await, BTreeSet::from(["later".to_owned()]));
}

#[tokio::test]
async fn wrong_choices_are_told_why() {
    let node = Node::start(Options::default());
    let client = node.client();
    numbered(&client, "a", 1, 1).await;
    with_filters(&client, "a").await;
    let exclusive = "`doc_ids`,`filter`,`selector` are mutually exclusive";
    for (more, reason) in [
        (json!({"doc_ids": ["a"], "selector": {}}), exclusive),
        (json!({"filter": "app/kind", "selector": {}}), exclusive),
        (json!({"doc_ids": "a"}), "parameter `doc_ids` must be an array"),
        (json!({"selector": 1}), "parameter `selector` must be a JSON object"),
        (json!({"filter": "kind"}), "Invalid filter. Must match `ddocname/filtername`."),
        (
            json!({"filter": "app/kind", "query_params": 1}),
            "parameter `query_params` must be an object",
        ),
    ] {
        let reply = client.post("/_replicate", choosing("a", "b", &more)).await;
        reply.error(400, "bad_request", reason);
    }
    for source in ["a".to_owned(), database(&node, "a")] {
        for (filter, lacks) in [
            ("app/none", "has no filter `none` in `_design/app`"),
            ("none/none", "has no design document `_design/none`"),
        ] {
            let request = choosing(&source, "b", &json!({ "filter": filter }));
            let reply = client.post("/_replicate", request).await;
            assert_eq!(reply.status, 404, "{}", reply.text());
            let reason = reply.member("reason");
            assert!(reason.ends_with(lacks) && !reason.contains("secret"), "{reason}");
        }
    }
}
