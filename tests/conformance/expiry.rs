//! Time to live: documents of a database with the option `ttl` expire by their `_expires`.

use refuge_tests::{Client, Node, Options, consistent, eventually};
use serde_json::{Value, json};

use crate::{NODE, database};

/// Far enough that no test meets it.
const LATER: &str = "2999-12-31T23:59:59.000Z";

async fn expiring(story: &str) -> (Client, String) {
    let (client, path) = database(story).await;
    client.put(&format!("{path}/_options"), json!({"ttl": true})).await.expect(200);
    (client, path)
}

async fn gone(client: &Client, document: &str) {
    eventually("it has expired", || async {
        let reply = client.get(document).await;
        (reply.status == 404).then(|| reply.error(404, "not_found", "deleted"))
    })
    .await;
}

#[tokio::test]
async fn options_are_set_as_a_whole() {
    let (client, path) = database("options").await;
    let options = format!("{path}/_options");
    let default = json!({"ttl": false, "tombstone_days": null});
    assert_eq!(client.get(&options).await.expect(200).json(), default);
    assert_eq!(client.get(&path).await.expect(200).json()["props"], json!({}));
    client.put(&options, json!({"ttl": true, "tombstone_days": 30})).await.expect(200);
    let set = client.get(&options).await.expect(200).json();
    assert_eq!(set, json!({"ttl": true, "tombstone_days": 30.0}));
    assert_eq!(client.get(&path).await.expect(200).json()["props"], json!({"ttl": true}));
    client.put(&options, json!({"ttl": "yes"})).await.error_named(400, "bad_request");
    client.put(&options, json!({"unknown": 1})).await.error_named(400, "bad_request");
    client.put(&options, json!({"tombstone_days": -1})).await.error_named(400, "bad_request");
    assert_eq!(client.get(&options).await.expect(200).json(), set);
    // A security object that is set afterwards leaves them alone.
    client.put(&format!("{path}/_security"), json!({"members": {"roles": []}})).await.expect(200);
    assert_eq!(client.get(&options).await.expect(200).json(), set);
    NODE.anonymous().put(&options, json!({})).await.error_named(401, "unauthorized");
    client.put(&options, json!({})).await.expect(200);
    assert_eq!(client.get(&options).await.expect(200).json(), default);
}

#[tokio::test]
async fn a_design_document_expires_though_its_indexes_change() {
    let (client, path) = expiring("ttl-indexes").await;
    let add = async |name: &str| {
        let request = json!({"index": {"fields": [name]}, "ddoc": "d", "name": name});
        client.post(&format!("{path}/_index"), request).await.expect(200);
    };
    add("a").await;
    let design = format!("{path}/_design/d");
    let mut stored = client.get(&design).await.expect(200).json();
    stored["_expires"] = json!(LATER);
    stored["_attachments"] = json!({"note": {"data": "bm90ZQ=="}});
    client.put(&design, stored).await.expect(201);
    let kept = async |names: Value| {
        let stored = client.get(&design).await.expect(200).json();
        assert_eq!(stored["_expires"], LATER, "{stored}");
        assert_eq!(stored["_attachments"]["note"]["revpos"], 2, "{stored}");
        let views = stored["views"].as_object().expect("views");
        assert_eq!(json!(views.keys().collect::<Vec<_>>()), names);
    };
    add("b").await;
    kept(json!(["a", "b"])).await;
    client.delete(&format!("{path}/_index/d/json/a")).await.expect(200);
    kept(json!(["b"])).await;
    client.delete(&format!("{path}/_index/d/json/b")).await.expect(200);
    client.get(&design).await.error(404, "not_found", "deleted");
}

#[tokio::test]
async fn without_the_option_the_member_is_unknown() {
    let (client, path) = database("ttl").await;
    let reason = "Bad special document member: _expires";
    let document = json!({"_id": "a", "_expires": 60});
    client.put(&format!("{path}/a"), document.clone()).await.error(400, "doc_validation", reason);
    let bulk = json!({"docs": [document]});
    client.post(&format!("{path}/_bulk_docs"), bulk).await.error(400, "doc_validation", reason);
    let local = client.put(&format!("{path}/_local/a"), json!({"_expires": 60})).await;
    local.error(400, "doc_validation", reason);
}

#[tokio::test]
async fn the_moment_is_stored_in_one_form_and_counts_for_the_revision() {
    let (client, path) = expiring("ttl").await;
    let put = async |id: &str, expires: Value| {
        let body = json!({"a": 1, "_expires": expires});
        client.put(&format!("{path}/{id}"), body).await.expect(201).member("rev")
    };
    let one = put("one", json!("2999-12-31T23:59:59Z")).await;
    let other = put("other", json!("3000-01-01T01:59:59.000+02:00")).await;
    assert_eq!(one, other);
    let document = client.get(&format!("{path}/one")).await.expect(200).json();
    assert_eq!((&document["_expires"], &document["a"]), (&json!(LATER), &json!(1)));
    let plain = client.put(&format!("{path}/plain"), json!({"a": 1})).await.expect(201);
    assert_ne!(plain.member("rev"), one);
    // What was read can be written back.
    client.put(&format!("{path}/one"), document).await.expect(201);
    let seconds = client.put(&format!("{path}/seconds"), json!({"_expires": 3600})).await;
    seconds.expect(201);
    let told = client.get(&format!("{path}/seconds")).await.expect(200).member("_expires");
    assert!(told.len() == LATER.len() && told.ends_with('Z'), "{told}");
    for wrong in [json!("tomorrow"), json!(-1), json!(null), json!({}), json!(true)] {
        let reply = client.put(&format!("{path}/wrong"), json!({"_expires": wrong})).await;
        reply.error(
            400,
            "doc_validation",
            "`_expires` is an RFC 3339 time or a number of seconds from now",
        );
    }
}

#[tokio::test]
async fn a_document_expires_into_a_tombstone_that_feeds_tell_of() {
    let (client, path) = expiring("ttl").await;
    let body = json!({"_expires": 0.2});
    let rev = client.put(&format!("{path}/a"), body).await.expect(201).member("rev");
    client.put(&format!("{path}/b"), json!({})).await.expect(201);
    gone(&client, &format!("{path}/a")).await;
    let information = client.get(&path).await.expect(200).json();
    assert_eq!((&information["doc_count"], &information["doc_del_count"]), (&json!(1), &json!(1)));
    let changes = client.get(&format!("{path}/_changes")).await.expect(200).json();
    assert_eq!(changes["results"][1]["id"], "a");
    assert_eq!(changes["results"][1]["deleted"], true);
    let tombstone = changes["results"][1]["changes"][0]["rev"].as_str().unwrap().to_owned();
    let asked = format!("{path}/a?rev={tombstone}&revs=true");
    let document = client.get(&asked).await.expect(200).json();
    assert_eq!(document["_deleted"], true);
    let parent = document["_revisions"]["ids"][1].as_str().unwrap();
    assert_eq!(format!("1-{parent}"), rev);
    consistent(&client, &path[1..]).await;
}

#[tokio::test]
async fn a_newer_edit_wins_over_the_time_of_the_older() {
    let (client, path) = expiring("ttl").await;
    for (id, then) in [("kept", json!({})), ("longer", json!({"_expires": LATER}))] {
        let document = format!("{path}/{id}");
        let rev = client.put(&document, json!({"_expires": 0.3})).await.expect(201).member("rev");
        let mut then = then;
        then["_rev"] = json!(rev);
        client.put(&document, then).await.expect(201);
    }
    client.put(&format!("{path}/witness"), json!({"_expires": 0.4})).await.expect(201);
    gone(&client, &format!("{path}/witness")).await;
    client.get(&format!("{path}/kept")).await.expect(200);
    client.get(&format!("{path}/longer")).await.expect(200);
}

#[tokio::test]
async fn each_leaf_of_a_conflict_expires_by_itself() {
    let (client, path) = expiring("ttl").await;
    let leaf = |hash: char, expires: Value| {
        let rev = format!("1-{}", hash.to_string().repeat(32));
        json!({"_id": "a", "_rev": rev, "of": hash.to_string(), "_expires": expires})
    };
    let docs = json!([leaf('f', json!(0.2)), leaf('e', json!(LATER))]);
    let bulk = json!({"docs": docs, "new_edits": false});
    client.post(&format!("{path}/_bulk_docs"), bulk).await.expect(201);
    assert_eq!(client.get(&format!("{path}/a")).await.expect(200).json()["of"], "f");
    eventually("the other leaf wins", || async {
        let document = client.get(&format!("{path}/a")).await.expect(200).json();
        (document["of"] == "e").then_some(())
    })
    .await;
    consistent(&client, &path[1..]).await;
}

#[tokio::test]
async fn what_is_due_while_the_node_is_down_expires_at_its_start() {
    let mut node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/db").await.expect(201);
    client.put("/db/_options", json!({"ttl": true})).await.expect(200);
    client.put("/db/a", json!({"_expires": 1})).await.expect(201);
    client.put("/db/b", json!({"_expires": LATER})).await.expect(201);
    node.kill_hard();
    node.restart();
    let client = node.client();
    assert_eq!(client.get("/db/_options").await.expect(200).json()["ttl"], true);
    gone(&client, "/db/a").await;
    client.get("/db/b").await.expect(200);
    consistent(&client, "db").await;
}

#[tokio::test]
async fn thousands_expire_at_once() {
    let (client, path) = expiring("ttl").await;
    let docs: Vec<Value> =
        (0..5_000).map(|one| json!({"_id": format!("d{one:05}"), "_expires": 1})).collect();
    client.post(&format!("{path}/_bulk_docs"), json!({"docs": docs})).await.expect(201);
    client.put(&format!("{path}/stays"), json!({})).await.expect(201);
    eventually("all have expired", || async {
        let information = client.get(&path).await.expect(200).json();
        (information["doc_count"] == 1).then_some(())
    })
    .await;
    assert_eq!(client.get(&path).await.expect(200).json()["doc_del_count"], 5_000);
    consistent(&client, &path[1..]).await;
}

#[tokio::test]
async fn a_sweep_is_an_active_task_and_is_counted() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/db?ttl=true").await.expect(201);
    assert_eq!(client.get("/db").await.expect(200).json()["props"], json!({"ttl": true}));
    let docs: Vec<Value> = (0..8_000).map(|_| json!({"_expires": 2})).collect();
    client.post("/db/_bulk_docs", json!({"docs": docs})).await.expect(201);
    let task = task_of(&client, "expiry").await;
    assert_eq!(task["process_status"], "running");
    eventually("all have expired, and the task is gone", || async {
        let documents = client.get("/db").await.expect(200).json()["doc_count"] == 0;
        let tasks = client.get("/_active_tasks").await.expect(200).json();
        let tasks = tasks.as_array().expect("tasks").iter().any(|task| task["type"] == "expiry");
        (documents && !tasks).then_some(())
    })
    .await;
    let metrics = client.get("/_node/_local/_prometheus").await.expect(200).text();
    assert!(metrics.contains("refuge_expired_documents_total 8000"), "{metrics}");
    // The bodies of what expired leave in the background.
    client.put("/_node/_local/_config/storage/upkeep_grace_seconds", json!("0")).await.expect(200);
    let task = task_of(&client, "garbage_collection").await;
    assert!(task["changes_done"].as_u64() > Some(0), "{task}");
}

/// Waits for a task of this type.
async fn task_of(client: &Client, kind: &str) -> Value {
    eventually(kind, || async {
        let tasks = client.get("/_active_tasks").await.expect(200).json();
        tasks.as_array().expect("tasks").iter().find(|task| task["type"] == kind).cloned()
    })
    .await
}
