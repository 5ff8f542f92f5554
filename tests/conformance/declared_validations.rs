//! `validate_doc_update` as a selector, and what a design document may say at all.

use refuge_tests::Client;
use serde_json::{Value, json};

use crate::database;

/// Puts a design document with this selector.
async fn declaring(story: &str, selector: Value) -> (Client, String) {
    let (client, path) = database(story).await;
    let design = json!({"language": "query", "validate_doc_update": selector});
    client.put(&format!("{path}/_design/v"), design).await.expect(201);
    (client, path)
}

#[tokio::test]
async fn a_selector_says_what_is_stored_and_a_refusal_what_does_not_hold() {
    let selector = json!({"newDoc": {"type": {"$type": "string"}, "n": {"$lt": 9}}});
    let (client, path) = declaring("declared", selector).await;
    client.put(&format!("{path}/a"), json!({"type": "x", "n": 1})).await.expect(201);
    let reply = client.put(&format!("{path}/b"), json!({"type": 1, "n": 1})).await;
    let reason = r#"document is not valid: it does not match {"newDoc.type":{"$type":"string"}}"#;
    reply.error(403, "forbidden", reason);
    client.get(&format!("{path}/b")).await.expect(404);
    client.post(&path, json!({"type": "x", "n": 10})).await.error_named(403, "forbidden");
    // Local and design documents are not asked about.
    client.put(&format!("{path}/_local/b"), json!({})).await.expect(201);
    client.put(&format!("{path}/_design/other"), json!({})).await.expect(201);
}

#[tokio::test]
async fn a_selector_sees_what_is_stored_before() {
    let selector = json!({"$or": [
        {"oldDoc": {"$exists": false}},
        {"oldDoc": {"state": "open"}, "newDoc": {"_deleted": {"$exists": false}}},
    ]});
    let (client, path) = declaring("declared-before", selector).await;
    let rev = client.put(&format!("{path}/a"), json!({"state": "open"})).await.member("rev");
    client.delete(&format!("{path}/a?rev={rev}")).await.error_named(403, "forbidden");
    let closed = json!({"_rev": rev, "state": "closed"});
    let rev = client.put(&format!("{path}/a"), closed).await.expect(201).member("rev");
    let open = json!({"_rev": rev, "state": "open"});
    client.put(&format!("{path}/a"), open).await.error_named(403, "forbidden");
}

#[tokio::test]
async fn in_bulk_and_in_replication_each_document_has_its_answer() {
    let (client, path) = declaring("declared-bulk", json!({"newDoc": {"ok": true}})).await;
    let docs = json!({"docs": [{"_id": "a", "ok": true}, {"_id": "b"}]});
    let told = client.post(&format!("{path}/_bulk_docs"), docs).await.expect(201).json();
    assert_eq!(told[0]["ok"], true);
    assert_eq!(told[1]["error"], "forbidden", "{told}");
    let many: Vec<Value> = (0..300)
        .map(|n| json!({"_id": format!("r{n}"), "_rev": "1-a", "ok": n % 3 == 0}))
        .collect();
    let edits = json!({"new_edits": false, "docs": many});
    let told = client.post(&format!("{path}/_bulk_docs"), edits).await.expect(201).json();
    assert_eq!(told.as_array().map(Vec::len), Some(200));
    assert_eq!(told[0]["error"], "forbidden", "{told}");
    client.get(&format!("{path}/r3")).await.expect(200);
    client.get(&format!("{path}/r4")).await.expect(404);
}

#[tokio::test]
async fn a_changed_selector_holds_at_once() {
    let (client, path) = declaring("declared-change", json!({"newDoc": {"a": 1}})).await;
    client.put(&format!("{path}/x"), json!({"a": 2})).await.expect(403);
    let stored = client.get(&format!("{path}/_design/v")).await.json();
    let change = json!({"_rev": stored["_rev"], "language": "query",
        "validate_doc_update": {"newDoc": {"a": 2}}});
    client.put(&format!("{path}/_design/v"), change).await.expect(201);
    client.put(&format!("{path}/x"), json!({"a": 2})).await.expect(201);
}

#[tokio::test]
async fn what_is_no_selector_is_not_saved() {
    let (client, path) = database("declared-wrong").await;
    let put = async |selector: Value| {
        let design = json!({"language": "query", "validate_doc_update": selector});
        client.put(&format!("{path}/_design/v"), design).await
    };
    let other = "'validate_doc_update' may only contain 'newDoc' and 'oldDoc' as top-level fields";
    put(json!({"type": "x"})).await.error(400, "invalid_design_doc", other);
    put(json!({"newDoc": {"a": {"$foo": 1}}})).await.error(
        400,
        "invalid_design_doc",
        "Invalid operator: $foo",
    );
    let text = "`validate_doc_update` field must have object type";
    put(json!("function () {}")).await.error(400, "invalid_design_doc", text);
    client.put(&format!("{path}/a"), json!({})).await.expect(201);
}

#[tokio::test]
async fn members_of_another_type_are_refused_in_couchdbs_words() {
    let (client, path) = database("design-types").await;
    let cases = [
        (json!({"validate_doc_update": 1}), "`validate_doc_update` field must have string type"),
        (json!({"filters": {"a": 1}}), "`filters.a` field must have object or string type"),
        (json!({"shows": 1}), "`shows` field must have object type"),
        (json!({"views": {"a": {"reduce": "_sum"}}}), "View `a` must contain map function"),
        (json!({"views": {"lib": 1}}), "`views.lib` field must have object type"),
    ];
    for (design, reason) in cases {
        let reply = client.put(&format!("{path}/_design/d"), design.clone()).await;
        reply.error(400, "invalid_design_doc", reason);
        let mut replicated = design;
        replicated["_id"] = "_design/r".into();
        replicated["_rev"] = "1-a".into();
        let edits = json!({"new_edits": false, "docs": [replicated]});
        let told = client.post(&format!("{path}/_bulk_docs"), edits).await.expect(201).json();
        assert_eq!(told[0]["error"], "invalid_design_doc", "{told}");
    }
    client.put(&format!("{path}/a"), json!({})).await.expect(201);
}
