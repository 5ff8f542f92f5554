//! Documents that no node has and that a function of a design document makes, for somebody who may write them.

use refuge_tests::{Client, Node, Options, Reply};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{pair, user};

const MISSING: (u16, &str, &str) = (404, "not_found", "missing");

/// Names the function of `_design/maker`, and writes it.
async fn make_by(admin: &Client, source: &str) {
    let revision = admin.get("/work/_design/maker").await.json()["_rev"].clone();
    let mut design = json!({"on_demand": source});
    if revision.is_string() {
        design["_rev"] = revision;
    }
    admin.put("/work/_design/maker", design).await.expect(201);
    let wish = json!({"enabled": true, "timeout_ms": 20_000, "function": "maker"});
    admin.put("/work/_on_demand", wish).await.expect(200);
}

/// A node that knows no other, with the database `work`, open to all.
async fn alone(source: &str) -> Node {
    let node = Node::start(Options::default());
    let admin = node.client();
    admin.put_nothing("/work").await.expect(201);
    admin.put("/work/_security", json!({})).await.expect(200);
    make_by(&admin, source).await;
    node
}

async fn is_missing(client: &Client, id: &str) {
    let (status, error, reason) = MISSING;
    client.get(&format!("/work/{id}")).await.error(status, error, reason);
}

async fn rows(client: &Client) -> Value {
    client.get("/work/_all_docs").await.expect(200).json()["total_rows"].clone()
}

#[tokio::test]
async fn what_no_node_has_is_made_of_its_id_and_the_request() {
    let (one, two) = pair().await;
    let (here, there) = (one.client(), two.client());
    make_by(
        &here,
        "function (id, req) {
            if (id === 'nothing') return null;
            if (id === 'undefined') return;
            return {_id: id, path: req.path, colour: req.query.colour, told: req.id,
                by: req.userCtx.name, design: this._id, uuid: req.uuid,
                _attachments: {a: {content_type: 'text/plain', data: 'aGVsbG8='}}};
        }",
    )
    .await;
    there.put("/work/theirs", json!({"by": "two"})).await.expect(201);
    assert_eq!(here.get("/work/theirs").await.expect(200).json()["by"], "two", "a node has it");
    let made = here.get("/work/new?colour=red").await.expect(200).json();
    assert_eq!(made["path"], json!(["work", "new"]));
    let by = here.get("/_session").await.expect(200).json()["userCtx"]["name"].clone();
    assert_eq!((&made["colour"], &made["told"]), (&json!("red"), &json!("new")));
    assert_eq!((&made["by"], &made["design"]), (&by, &json!("_design/maker")));
    assert_eq!(made["uuid"].as_str().map(str::len), Some(32), "{made}");
    assert!(made["_rev"].as_str().unwrap().starts_with("1-"), "{made}");
    assert_eq!(here.get("/work/new/a").await.expect(200).text(), "hello");
    assert_eq!(here.get("/work/new?colour=blue").await.expect(200).json(), made, "it is stored");
    for id in ["nothing", "undefined"] {
        is_missing(&here, id).await;
    }
    // Whoever asks for a revision does not ask for what anybody might make.
    here.get(&format!("/work/other?rev={}", made["_rev"].as_str().unwrap())).await.expect(404);
    assert_eq!(rows(&here).await, 3);
}

#[tokio::test]
async fn a_node_that_is_alone_makes_it_as_well_and_a_node_without_the_database_hinders_nobody() {
    let (one, mut two) = pair().await;
    let here = one.client();
    two.client().delete("/work").await.expect(200);
    make_by(&here, "function (id) { return {made: id} }").await;
    assert_eq!(here.get("/work/a").await.expect(200).json()["made"], "a");
    two.kill_hard();
    one.sees("two", false).await;
    assert_eq!(here.get("/work/b").await.expect(200).json()["made"], "b");
}

#[tokio::test]
async fn nothing_is_made_for_those_who_may_not_write_and_no_design_document_for_anybody() {
    let node = alone("function (id) { return {language: 'javascript'} }").await;
    let admin = node.client();
    is_missing(&node.anonymous(), "a").await;
    is_missing(&admin, "_design/a").await;
    let user = user(&node, "user").await;
    is_missing(&user, "_design/a").await;
    let members = json!({"members": {"names": ["other"], "roles": []}});
    admin.put("/work/_security", members).await.expect(200);
    user.get("/work/a").await.expect(403);
    assert_eq!(rows(&admin).await, 1);
    admin.put("/work/_security", json!({})).await.expect(200);
    user.get("/work/a").await.expect(200);
}

#[tokio::test]
async fn a_function_that_fails_makes_nothing_and_the_node_goes_on() {
    let node = alone(
        "function (id) {
            switch (id) {
                case 'throws': throw new Error('out of order');
                case 'loops': for (;;) {}
                case 'number': return 5;
                case 'array': return [1];
                case 'other': return {_id: 'another'};
                case 'revision': return {_rev: '1-967a00dff5e02add41819138abb3284d'};
                case 'deletion': return {_deleted: true};
                case 'member': return {_unknown: 1};
                default: return {};
            }
        }",
    )
    .await;
    let admin = node.client();
    for id in ["throws", "number", "array", "loops", "other", "revision", "deletion", "member"] {
        is_missing(&admin, id).await;
    }
    for told in ["out of order", "ran longer", "neither `_rev`"] {
        let is_told =
            |line: &str| (line.contains("_design/maker") && line.contains(told)).then_some(());
        node.error_line(told, is_told);
    }
    admin.get("/work/good").await.expect(200);
    admin.get("/work/another").await.expect(200);
    assert_eq!(rows(&admin).await, 3);
    // Nor does one that is not there, or is no function.
    for design in [json!({"on_demand": "function ("}), json!({"on_demand": 5}), json!({})] {
        let revision = admin.get("/work/_design/maker").await.member("_rev");
        let mut design = design;
        design["_rev"] = revision.into();
        admin.put("/work/_design/maker", design).await.expect(201);
        let wish = json!({"enabled": true, "timeout_ms": 20_000, "function": "maker"});
        admin.put("/work/_on_demand", wish).await.expect(200);
        is_missing(&admin, "further").await;
    }
    admin.get("/work/good").await.expect(200);
}

#[tokio::test]
async fn design_documents_judge_what_is_made_for_the_one_who_asks() {
    let node = alone("function (id) { return {} }").await;
    let admin = node.client();
    let judge = "function (doc, old, user) { if (user.name !== 'writer') throw {forbidden: 'no'} }";
    admin.put("/work/_design/judge", json!({"validate_doc_update": judge})).await.expect(201);
    let (reader, writer) = (user(&node, "reader").await, user(&node, "writer").await);
    is_missing(&reader, "a").await;
    assert_eq!(rows(&admin).await, 2);
    // That another was refused is no miss.
    writer.get("/work/a").await.expect(200);
    reader.get("/work/a").await.expect(200);
}

#[tokio::test]
async fn a_function_may_refuse_one_and_not_another() {
    let source = "function (id, req) {
        if (req.userCtx.name !== 'writer') throw {forbidden: 'not for you'};
        return {};
    }";
    let node = alone(source).await;
    is_missing(&user(&node, "reader").await, "a").await;
    user(&node, "writer").await.get("/work/a").await.expect(200);
}

#[tokio::test]
async fn what_was_deleted_is_not_made_again() {
    let node = alone("function (id) { return {} }").await;
    let admin = node.client();
    let revision = admin.get("/work/a").await.expect(200).member("_rev");
    admin.delete(&format!("/work/a?rev={revision}")).await.expect(200);
    admin.get("/work/a").await.error(404, "not_found", "deleted");
    let changes = admin.get("/work/_changes").await.expect(200).json();
    let found = changes["results"].as_array().unwrap().iter().find(|row| row["id"] == "a");
    assert_eq!(found.expect("a row")["deleted"], true, "{changes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_while_it_is_made_stays_deleted() {
    let node = alone("function (id) { return {made: true} }").await;
    let admin = node.client();
    // They are asked one after another.
    let first = "function (doc) { if (doc.made) log('judged first ' + doc._id) }";
    let second = "function (doc) {
        var end = Date.now() + 4000;
        while (doc.made && Date.now() < end);
    }";
    for (name, judge) in [("first", first), ("second", second)] {
        let design = json!({"validate_doc_update": judge});
        admin.put(&format!("/work/_design/{name}"), design).await.expect(201);
    }
    // A machine that stands still for seconds lets one be stored before it is written here: then another.
    for number in 0..5 {
        if is_deleted_while_it_is_made(&node, &format!("a{number}")).await {
            return;
        }
    }
    panic!("none was written while it was made");
}

/// Whether somebody else was in time to write and delete a document while it was being made.
async fn is_deleted_while_it_is_made(node: &Node, id: &str) -> bool {
    let (admin, path) = (node.client(), format!("/work/{id}"));
    let asked = tokio::spawn({
        let (client, path) = (node.client(), path.clone());
        async move { client.get(&path).await }
    });
    // It is made, nothing was known of it, and it is being judged longer than this takes.
    let judged = format!("judged first {id}");
    node.error_line("it is judged", |line: &str| line.contains(&judged).then_some(()));
    let written = admin.put(&path, json!({})).await;
    if written.status == 409 {
        asked.await.unwrap().expect(200);
        return false;
    }
    let revision = written.expect(201).member("rev");
    let tombstone = admin.delete(&format!("{path}?rev={revision}")).await.expect(200);
    asked.await.unwrap().expect(404);
    let keys = format!("/work/_all_docs?keys=%5B%22{id}%22%5D");
    let rows = admin.get(&keys).await.expect(200).json();
    assert_eq!(rows["rows"][0]["value"], json!({"rev": tombstone.member("rev"), "deleted": true}));
    true
}

#[tokio::test]
async fn functions_of_one_database_that_loop_leave_places_to_another() {
    let node = alone("function (id) { for (;;) {} }").await;
    let admin = node.client();
    admin.put_nothing("/other").await.expect(201);
    let maker = json!({"on_demand": "function (id) { return {} }"});
    admin.put("/other/_design/maker", maker).await.expect(201);
    let wish = admin.get("/work/_on_demand").await.expect(200).json();
    admin.put("/other/_on_demand", wish).await.expect(200);
    let looping = tokio::spawn({
        let admin = node.client();
        async move {
            let ask = |number| {
                let (admin, path) = (admin.clone(), format!("/work/{number}"));
                async move { admin.get(&path).await }
            };
            (0..9).map(ask).collect::<JoinSet<Reply>>().join_all().await
        }
    });
    admin.get("/other/a").await.expect(200);
    let mut replies = looping.await.unwrap();
    replies.sort_by_key(|reply| reply.status);
    let refused = replies.pop().expect("the last");
    let reason = "8 documents of this database are being asked for: ask again later";
    refused.error(429, "too_many_on_demand", reason);
    assert!(replies.iter().all(|reply| reply.status == 404), "{replies:?}");
}

#[tokio::test]
async fn a_function_that_made_nothing_is_not_asked_again_within_a_minute() {
    let node = alone("function (id) { return null }").await;
    let admin = node.client();
    is_missing(&admin, "a").await;
    let mut design = admin.get("/work/_design/maker").await.expect(200).json();
    design["on_demand"] = "function (id) { return {} }".into();
    admin.put("/work/_design/maker", design).await.expect(201);
    is_missing(&admin, "a").await;
    admin.get("/work/b").await.expect(200);
    // Whoever sets it anew has it asked anew.
    let wish = admin.get("/work/_on_demand").await.expect(200).json();
    admin.put("/work/_on_demand", wish).await.expect(200);
    admin.get("/work/a").await.expect(200);
}

#[tokio::test]
async fn many_who_ask_at_once_get_one_document_and_no_more_than_ten_are_made_in_a_second() {
    let node = alone("function (id) { return {n: Math.random()} }").await;
    let same = all(&node, std::iter::repeat_n("a".to_owned(), 8)).await;
    let made: Vec<Value> = same.iter().map(Reply::json).collect();
    assert!(made.iter().all(|one| one["n"].is_number() && *one == made[0]), "{made:?}");
    let replies = all(&node, (0..60).map(|number| format!("many-{number}"))).await;
    let count = replies.iter().filter(|reply| reply.status == 200).count();
    assert!(count < replies.len(), "all were made");
    assert_eq!(rows(&node.client()).await, count + 2);
}

/// Asks for all at once.
async fn all(node: &Node, ids: impl Iterator<Item = String>) -> Vec<Reply> {
    let ask = |id: String| {
        let client = node.client();
        async move { client.get(&format!("/work/{id}")).await }
    };
    ids.map(ask).collect::<JoinSet<Reply>>().join_all().await
}
