//! Whether an id is taken by a hidden document: edits of it are refused as those of a new document would be, and only
//! what would have made a document tells.

use refuge_tests::{Client, Reply};
use serde_json::{Value, json};

use super::{LOSING, papers};
use crate::{make_user, node_with_users, options};

const HIDDEN: &str = "hidden-document";
const ABSENT: &str = "absent-document";
/// Refuses what says so, and would say what it sees.
const JUDGE: &str = "function (newDoc, oldDoc) {
    if (newDoc.refuse) throw {forbidden: 'refused, before: ' + JSON.stringify(oldDoc)};
}";

async fn ask(client: &Client, (method, path, body): (&str, &str, &str)) -> Reply {
    let request = client.request(method, path).header("accept", "application/json");
    if path.contains(".txt") {
        return request.header("content-type", "text/plain").body(body.to_owned()).send().await;
    }
    let request = if body.is_empty() { request } else { request.json(body.to_owned()) };
    request.send().await
}

/// Asks all of it about a hidden document and about one that is not there.
async fn compare(bob: &Client, rev: &str, all: &[(&str, &str, &str)]) {
    for &(method, path, body) in all {
        let of = |text: &str, id: &str| {
            let text = text.replace("{id}", id).replace("{rev}", rev);
            text.replace("{losing}", LOSING)
        };
        let hidden = ask(bob, (method, &of(path, HIDDEN), &of(body, HIDDEN))).await;
        let absent = ask(bob, (method, &of(path, ABSENT), &of(body, ABSENT))).await;
        let told = absent.text().replace(ABSENT, HIDDEN);
        assert_eq!(
            (hidden.status, hidden.text()),
            (absent.status, told),
            "{} {body}",
            hidden.asked
        );
        let is_refused = absent.status >= 400 || absent.text().contains("\"error\"");
        assert!(is_refused, "{} {}", absent.asked, absent.text());
    }
}

async fn check_taken(bob: &Client, made: Value) {
    let bulk = |id: &str, more: Value| {
        let mut document = made.clone();
        document["_id"] = json!(id);
        document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        document
    };
    let path = format!("/papers/{HIDDEN}");
    bob.put(&path, made.clone()).await.error(409, "conflict", "Document update conflict.");
    bob.post("/papers", bulk(HIDDEN, json!({}))).await.error_named(409, "conflict");
    let copied = bob.put("/papers/mine", made.clone()).await.expect(201).member("rev");
    let copy = bob.request("COPY", "/papers/mine").header("destination", HIDDEN);
    copy.send().await.error_named(409, "conflict");
    bob.delete(&format!("/papers/mine?rev={copied}")).await.expect(200);
    let told = bob.post("/papers/_bulk_docs", json!({"docs": [bulk(HIDDEN, json!({}))]})).await;
    assert_eq!(told.expect(201).json()[0]["error"], "conflict");
    let elsewhere = bulk(HIDDEN, json!({"_rev": format!("1-{LOSING}")}));
    let told = json!({"new_edits": false, "docs": [elsewhere]});
    let told = bob.post("/papers/_bulk_docs", told).await.expect(201).json();
    assert_eq!(told[0]["error"], "forbidden", "{told}");
    bob.put(&format!("/papers/{ABSENT}"), made.clone()).await.expect(201);
}

#[tokio::test]
async fn an_edit_of_a_document_that_lists_others_is_refused_as_one_of_a_new_document() {
    let papers = papers().await;
    papers
        .admin
        .put("/papers/_design/judge", json!({"validate_doc_update": JUDGE}))
        .await
        .expect(201);
    let rev = papers.write(HIDDEN, json!(["anna"]), "secret").await;
    compare(
        &papers.bob,
        &rev,
        &[
            ("PUT", "/papers/{id}", r#"{"a":1}"#),
            ("PUT", "/papers/{id}?batch=ok", r#"{"a":1}"#),
            ("PUT", "/papers/{id}", r#"{"_access":["carl"]}"#),
            ("PUT", "/papers/{id}?rev={rev}", r#"{"a":1}"#),
            ("PUT", "/papers/{id}?rev={rev}", r#"{"_access":["bob"],"refuse":true}"#),
            ("PUT", "/papers/{id}", r#"{"_access":["bob"],"refuse":true}"#),
            ("PUT", "/papers/{id}", r#"{"_access":["bob"],"_attachments":{"a":{"stub":true,"content_type":"text/plain"}}}"#),
            ("PUT", "/papers/{id}?rev={rev}", r#"{"_access":["bob"],"_attachments":{"a":{"stub":true,"content_type":"text/plain"}}}"#),
            ("PUT", "/papers/{id}/a.txt", "text"),
            ("PUT", "/papers/{id}/a.txt?rev={rev}", "text"),
            ("POST", "/papers", r#"{"_id":"{id}"}"#),
            ("POST", "/papers/_bulk_docs", r#"{"docs":[{"_id":"{id}","_rev":"{rev}","_deleted":true}]}"#),
            ("POST", "/papers/_bulk_docs", r#"{"docs":[{"_id":"{id}","_access":["bob"],"refuse":1},{"_id":"{id}"}]}"#),
            ("POST", "/papers/_bulk_docs", r#"{"new_edits":false,"docs":[{"_id":"{id}","_rev":"3-{losing}"}]}"#),
            ("POST", "/papers/_bulk_docs", r#"{"new_edits":false,"docs":[{"_id":"{id}","_rev":"3-{losing}","_access":["carl"]}]}"#),
            ("POST", "/papers/_bulk_docs", r#"{"new_edits":false,"docs":[{"_id":"{id}","_rev":"3-{losing}","_access":["bob"],"refuse":1}]}"#),
            ("POST", "/papers/_bulk_docs", r#"{"new_edits":false,"docs":[{"_id":"{id}","_rev":"3-{losing}","_access":["bob"],"_attachments":{"a":{"stub":true,"content_type":"text/plain"}}}]}"#),
        ],
    )
    .await;
    check_taken(&papers.bob, json!({"_access": ["bob"]})).await;
    assert_eq!(papers.admin.get(&format!("/papers/{HIDDEN}")).await.member("_rev"), rev);
    papers.check();
}

#[tokio::test]
async fn an_edit_of_a_document_that_a_function_hides_is_refused_as_one_of_a_new_document() {
    let node = node_with_users(options()).await;
    let admin = node.client();
    let bob = make_user(&node, "bob", "pear", &["staff"]).await;
    admin.put_nothing("/papers").await.expect(201);
    admin.put("/papers/_security", json!({"members": {"roles": ["staff"]}})).await.expect(200);
    let reading = "function (doc, user) { if (doc.owner) throw {forbidden: 'no'}; }";
    let design = json!({"validate_doc_update": JUDGE, "validate_doc_read": reading});
    admin.put("/papers/_design/judge", design).await.expect(201);
    let rev = admin.put(&format!("/papers/{HIDDEN}"), json!({"owner": "anna"})).await.member("rev");
    compare(
        &bob,
        &rev,
        &[
            ("PUT", "/papers/{id}", r#"{"refuse":true}"#),
            ("PUT", "/papers/{id}?rev={rev}", r#"{"refuse":true}"#),
            ("PUT", "/papers/{id}", r#"{"_attachments":{"a":{"stub":true,"content_type":"text/plain"}}}"#),
            ("PUT", "/papers/{id}/a.txt?rev={rev}", "text"),
            ("POST", "/papers", r#"{"_id":"{id}","refuse":true}"#),
            ("POST", "/papers/_bulk_docs", r#"{"docs":[{"_id":"{id}","_rev":"{rev}","_deleted":true}]}"#),
            ("POST", "/papers/_bulk_docs", r#"{"new_edits":false,"docs":[{"_id":"{id}","_rev":"3-{losing}","refuse":1}]}"#),
            ("POST", "/papers/_bulk_docs", r#"{"new_edits":false,"docs":[{"_id":"{id}","_rev":"3-{losing}","_attachments":{"a":{"stub":true,"content_type":"text/plain"}}}]}"#),
        ],
    )
    .await;
    check_taken(&bob, json!({"a": 1})).await;
}
