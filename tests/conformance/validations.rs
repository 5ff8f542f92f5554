//! `validate_doc_update`: design documents decide what is stored, and by whom.

use serde_json::{Value, json};

use crate::{NODE, database};

/// Puts a design document with this validation.
async fn validating(story: &str, source: &str) -> (refuge_tests::Client, String) {
    let (client, path) = database(story).await;
    let design = json!({"validate_doc_update": source});
    client.put(&format!("{path}/_design/rules"), design).await.expect(201);
    (client, path)
}

const TITLED: &str = "function (newDoc, oldDoc, userCtx, secObj) {
    if (newDoc._deleted) { if (oldDoc && oldDoc.kept) throw {forbidden: 'kept'}; return; }
    if (newDoc.secret) throw {unauthorized: 'who are you?'};
    if (!newDoc.title) throw {forbidden: 'no title'};
    if (oldDoc && oldDoc.title !== newDoc.title) throw {forbidden: 'was ' + oldDoc.title};
}";

#[tokio::test]
async fn a_refused_document_is_not_stored_and_the_reason_is_told() {
    let (client, path) = validating("refused-doc", TITLED).await;
    let reply = client.put(&format!("{path}/a"), json!({})).await;
    reply.error(403, "forbidden", "no title");
    client.put(&format!("{path}/a"), json!({"secret": 1})).await.error_named(401, "unauthorized");
    client.get(&format!("{path}/a")).await.expect(404);
    let first = client.put(&format!("{path}/a"), json!({"title": "x"})).await.expect(201);
    let second = json!({"_rev": first.member("rev"), "title": "y"});
    let reply = client.put(&format!("{path}/a"), second).await;
    reply.error(403, "forbidden", "was x");
    client.post(&path, json!({"n": 1})).await.expect(403);
    client.put(&format!("{path}/b?batch=ok"), json!({"n": 1})).await.expect(403);
}

#[tokio::test]
async fn deletions_copies_and_attachments_are_asked_about() {
    let (client, path) = validating("other-writes", TITLED).await;
    let kept = json!({"title": "x", "kept": true});
    let revision = client.put(&format!("{path}/a"), kept).await.expect(201).member("rev");
    let reply = client.delete(&format!("{path}/a?rev={revision}")).await;
    reply.error(403, "forbidden", "kept");
    client.put_text(&format!("{path}/new/file"), "bytes").await.expect(403);
    client.put_text(&format!("{path}/a/file?rev={revision}"), "bytes").await.expect(201);
    let copy = client.request("COPY", &format!("{path}/a")).header("destination", "b");
    copy.send().await.expect(201);
    client.put(&format!("{path}/_design/other"), json!({})).await.expect(201);
    client.put(&format!("{path}/_local/x"), json!({})).await.expect(201);
}

#[tokio::test]
async fn in_bulk_each_document_has_its_answer() {
    let (client, path) = validating("bulk-rules", TITLED).await;
    let docs =
        json!({"docs": [{"_id": "a", "title": "x"}, {"_id": "b"}, {"_id": "c", "secret": 1}]});
    let told = client.post(&format!("{path}/_bulk_docs"), docs).await.expect(201).json();
    assert_eq!(told[0]["ok"], true);
    assert_eq!(told[1], json!({"id": "b", "error": "forbidden", "reason": "no title"}));
    assert_eq!(told[2]["error"], "unauthorized");
    let edits = json!({"new_edits": false, "docs": [
        {"_id": "d", "_rev": "1-a", "title": "x"},
        {"_id": "e", "_rev": "1-a"},
        {"_id": "d", "_rev": "2-b", "title": "y", "_revisions": {"start": 2, "ids": ["b", "a"]}},
    ]});
    let told = client.post(&format!("{path}/_bulk_docs"), edits.clone()).await.expect(201).json();
    let expected = json!([{"id": "e", "rev": "1-a", "error": "forbidden", "reason": "no title"}]);
    assert_eq!(told, expected);
    let edits = json!({"new_edits": false, "docs": [
        {"_id": "a", "_rev": "9-c", "title": "z"},
        {"_id": "d", "_rev": "3-c", "title": "z", "_revisions": {"start": 3, "ids": ["c", "b"]}},
    ]});
    let told = client.post(&format!("{path}/_bulk_docs"), edits).await.expect(201).json();
    assert_eq!(told[0]["reason"], "was y", "{told}");
    assert_eq!(told.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn functions_see_the_document_the_user_and_the_security_object() {
    let show = "function (newDoc, oldDoc, userCtx, secObj) {
        throw {forbidden: JSON.stringify([newDoc, oldDoc, userCtx, secObj.members.names])};
    }";
    let (client, path) = database("arguments").await;
    let first = client.put(&format!("{path}/a"), json!({"n": 1})).await.expect(201).member("rev");
    let design = json!({"validate_doc_update": show});
    client.put(&format!("{path}/_design/show"), design).await.expect(201);
    let security = json!({"members": {"names": ["bob"], "roles": []}});
    client.put(&format!("{path}/_security"), security).await.expect(200);
    let told = |reply: refuge_tests::Reply| -> Value {
        let reason = reply.expect(403).member("reason");
        serde_json::from_str(&reason).expect("json")
    };
    let seen = told(client.put(&format!("{path}/new"), json!({"n": 1})).await);
    assert_eq!(seen[0], json!({"_id": "new", "n": 1}));
    assert_eq!(seen[1], Value::Null);
    assert_eq!(seen[2]["db"], path.trim_start_matches('/'));
    assert_eq!(seen[2]["roles"], json!(["_admin"]));
    assert_eq!(seen[3], json!(["bob"]));
    let seen = told(client.put(&format!("{path}/a"), json!({"_rev": first, "n": 2})).await);
    assert_eq!(seen[0]["_rev"], first);
    assert_eq!(seen[0]["_revisions"]["start"], 1);
    assert_eq!(seen[1]["_rev"], first);
    assert_eq!(seen[1]["n"], 1);
}

#[tokio::test]
async fn a_loop_ends_in_an_error_and_the_next_write_works() {
    let source = "function (doc) { if (doc.loop) for (;;); if (doc.wrong) doc.a.b.c; }";
    let (client, path) = validating("loop", source).await;
    let reply = client.put(&format!("{path}/a"), json!({"loop": true})).await;
    assert_eq!(reply.status, 500, "{}", reply.text());
    assert!(reply.member("reason").contains("_design/rules"), "{}", reply.text());
    client.put(&format!("{path}/a"), json!({})).await.expect(201);
    let reply = client.put(&format!("{path}/b"), json!({"wrong": true})).await;
    assert_eq!(reply.expect(500).member("error"), "TypeError");
}

#[tokio::test]
async fn rules_change_and_end_with_their_design_documents() {
    let (client, path) = database("changing-rules").await;
    client.put(&format!("{path}/a"), json!({})).await.expect(201);
    let refusing = json!({"validate_doc_update": "function () { throw {forbidden: 'no'}; }"});
    let put = client.put(&format!("{path}/_design/rules"), refusing).await.expect(201);
    client.put(&format!("{path}/b"), json!({})).await.expect(403);
    let allowing = json!({"_rev": put.member("rev"), "validate_doc_update": "function () {}"});
    let put = client.put(&format!("{path}/_design/rules"), allowing).await.expect(201);
    client.put(&format!("{path}/b"), json!({})).await.expect(201);
    let second = json!({"validate_doc_update": "function () { throw {forbidden: 'no'}; }"});
    let second = client.put(&format!("{path}/_design/second"), second).await.expect(201);
    client.put(&format!("{path}/c"), json!({})).await.expect(403);
    let revision = second.member("rev");
    client.delete(&format!("{path}/_design/second?rev={revision}")).await.expect(200);
    client.put(&format!("{path}/c"), json!({})).await.expect(201);
    assert!(put.member("rev").starts_with("2-"));
}

#[tokio::test]
async fn a_local_replication_leaves_out_what_is_refused() {
    let (client, target) = validating("target-rules", TITLED).await;
    let source = format!("{target}-source");
    client.put_nothing(&source).await.expect(201);
    client.put(&format!("{source}/good"), json!({"title": "x"})).await.expect(201);
    client.put(&format!("{source}/bad"), json!({})).await.expect(201);
    let name = |path: &str| path.trim_start_matches('/').to_owned();
    let job = json!({"source": name(&source), "target": name(&target)});
    let told = NODE.client().post("/_replicate", job).await.expect(200).json();
    assert_eq!(told["history"][0]["doc_write_failures"], 1, "{told}");
    client.get(&format!("{target}/good")).await.expect(200);
    client.get(&format!("{target}/bad")).await.expect(404);
}

#[tokio::test]
async fn functions_that_do_not_compile_are_not_stored() {
    let (client, path) = database("compiling").await;
    let design = |map: &str, reduce: &str| json!({"views": {"v": {"map": map, "reduce": reduce}}});
    let id = format!("{path}/_design/d");
    let map = "function (doc) { emit(1); }";
    client
        .put(&id, design("function (doc) {", "_count"))
        .await
        .error_named(400, "compilation_error");
    client.put(&id, design(map, "function (")).await.error_named(400, "compilation_error");
    client.put(&id, design(map, "_unknown")).await.error_named(400, "invalid_design_doc");
    let docs = json!({"docs": [{"_id": "_design/d", "views": {"v": {"map": "("}}}, {"_id": "a"}]});
    let told = client.post(&format!("{path}/_bulk_docs"), docs).await.expect(201).json();
    assert_eq!(told[0]["error"], "compilation_error");
    assert_eq!(told[1]["ok"], true);
    client.put(&id, design(map, "_sum")).await.expect(201);
}
