//! `_bulk_docs`, `_bulk_get`, `_revs_diff`, `_missing_revs`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::client::Client;
use crate::memory::MemoryNode;

#[tokio::test]
async fn every_document_has_a_result() {
    let mut client = Client::with_database().await;
    client.put("/db/taken", "{}").await.expect(201);
    let body = r#"{"docs":[{"_id":"a","n":1},{"n":2},{"_id":"taken"},{"_id":"_local/l","n":3}]}"#;
    let answer = client.post("/db/_bulk_docs", body).await.expect(201).json();
    let results = answer.as_array().unwrap();
    assert_eq!(results.len(), 4);
    assert_eq!((&results[0]["ok"], &results[0]["id"]), (&json!(true), &json!("a")));
    assert_eq!(results[1]["id"].as_str().map(str::len), Some(32));
    let conflict =
        json!({"id": "taken", "error": "conflict", "reason": "Document update conflict."});
    assert_eq!(results[2], conflict);
    assert_eq!(results[3], json!({"ok": true, "id": "_local/l", "rev": "0-1"}));
    assert_eq!(client.get("/db/a").await.expect(200).json()["n"], 1);
    assert_eq!(client.get("/db/_local/l").await.expect(200).json()["n"], 3);
}

#[tokio::test]
async fn a_bad_document_stores_none() {
    let mut client = Client::with_database().await;
    for body in [
        r#"{"docs":[{"_id":"a"},{"_id":"_bad"}]}"#,
        r#"{"docs":[{"_id":"a"},{"_x":1}]}"#,
        r#"{"new_edits":false,"docs":[{"_id":"a","_rev":"1-a"},{"_id":"b"}]}"#,
        r#"{"docs":[{"_id":"a"}"#,
        r#"{"docs":1}"#,
        "{}",
    ] {
        client.post("/db/_bulk_docs", body).await.expect(400);
    }
    assert_eq!(client.get("/db").await.expect(200).json()["doc_count"], 0);
    client.get("/db/_bulk_docs").await.expect(405);
    let headers = [("content-type", "text/plain")];
    client.send("POST /db/_bulk_docs", &headers, "{\"docs\":[]}").await.expect(415);
}

#[tokio::test]
async fn design_documents_are_for_admins_each_by_itself() {
    let node = Arc::new(MemoryNode::with_admin());
    let mut admin = Client::named(node.clone(), "ada", "secret").await;
    admin.send("PUT /db", &[], "").await.expect(201);
    let open = r#"{"admins":{"names":[],"roles":[]},"members":{"names":[],"roles":[]}}"#;
    admin.put("/db/_security", open).await.expect(200);
    let mut client = Client::anonymous(node).await;
    let body = r#"{"docs":[{"_id":"_design/d"},{"_id":"a"}]}"#;
    let results = client.post("/db/_bulk_docs", body).await.expect(201).json();
    assert_eq!(results[0]["error"], "unauthorized");
    assert_eq!(results[1]["ok"], true);
    assert_eq!(admin.post("/db/_bulk_docs", body).await.expect(201).json()[0]["ok"], true);
}

#[tokio::test]
async fn revisions_are_got_as_they_are_wished() {
    let mut client = Client::with_database().await;
    let first = client.store("/db/a", r#"{"n":1}"#).await;
    let second = client.store("/db/a", &format!(r#"{{"_rev":"{first}","n":2}}"#)).await;
    let wishes = json!({"docs": [
        {"id": "a"}, {"id": "a", "rev": first}, {"id": "a", "rev": "3-x"}, {"id": "none"}, {}
    ]});
    let answer = client.post("/db/_bulk_get", &wishes.to_string()).await.expect(200).json();
    let docs = |number: usize| answer["results"][number]["docs"].clone();
    assert_eq!(docs(0)[0]["ok"], json!({"_id": "a", "_rev": second, "n": 2}));
    assert_eq!(docs(1)[0]["ok"]["n"], 1);
    let missing = |id: &str, revision: &str| json!([{"error": {"id": id, "rev": revision, "error": "not_found", "reason": "missing"}}]);
    assert_eq!(docs(2), missing("a", "3-x"));
    assert_eq!(docs(3), missing("none", "undefined"));
    assert_eq!(docs(4)[0]["error"]["error"], "bad_request");
    let wishes = json!({"docs": [{"id": "a", "rev": first}]}).to_string();
    let answer = client.post("/db/_bulk_get?latest=true&revs=true", &wishes).await.expect(200);
    let document = answer.json()["results"][0]["docs"][0]["ok"].clone();
    assert_eq!((&document["_rev"], &document["_revisions"]["start"]), (&json!(second), &json!(2)));
    client.post("/db/_bulk_get", "{}").await.expect(400);
    client.post("/db/_bulk_get?rev=1-a", &wishes).await.expect(400);
}

#[tokio::test]
async fn attachments_are_got_where_they_are_wished() {
    let mut client = Client::with_database().await;
    let body = r#"{"_attachments":{"a.txt":{"content_type":"text/plain","data":"aGVsbG8="}}}"#;
    let revision = client.store("/db/a", body).await;
    let attachment =
        |answer: Value| answer["results"][0]["docs"][0]["ok"]["_attachments"]["a.txt"].clone();
    let wish = json!({"docs": [{"id": "a"}]}).to_string();
    let answer = client.post("/db/_bulk_get", &wish).await.expect(200).json();
    assert_eq!(attachment(answer)["stub"], true);
    let answer = client.post("/db/_bulk_get?attachments=true", &wish).await.expect(200).json();
    assert_eq!(attachment(answer)["data"], "aGVsbG8=");
    let wish = json!({"docs": [{"id": "a", "atts_since": [revision]}]}).to_string();
    let answer = client.post("/db/_bulk_get", &wish).await.expect(200).json();
    assert_eq!(attachment(answer)["stub"], true);
}

#[tokio::test]
async fn more_than_a_group_is_got_in_order() {
    let mut client = Client::with_database().await;
    let documents: Vec<Value> = (0..100).map(|n| json!({"_id": format!("{n:03}")})).collect();
    let body = json!({"docs": documents}).to_string();
    client.post("/db/_bulk_docs", &body).await.expect(201);
    let wishes: Vec<Value> = (0..100).map(|n| json!({"id": format!("{n:03}")})).collect();
    let body = json!({"docs": wishes}).to_string();
    let answer = client.post("/db/_bulk_get", &body).await.expect(200).json();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 100);
    for (number, result) in results.iter().enumerate() {
        assert_eq!(result["docs"][0]["ok"]["_id"], format!("{number:03}"));
    }
    let empty = client.post("/db/_bulk_get", r#"{"docs":[]}"#).await.expect(200);
    assert_eq!(empty.text(), "{\"results\":[]}\n");
}

#[tokio::test]
async fn missing_revisions_are_told_with_possible_ancestors() {
    let mut client = Client::with_database().await;
    let known = client.store("/db/a", "{}").await;
    let asked = json!({"a": [known, "2-x"], "b": ["1-y"], "c": []}).to_string();
    let answer = client.post("/db/_revs_diff", &asked).await.expect(200).json();
    let expected = json!({
        "a": {"missing": ["2-x"], "possible_ancestors": [known]},
        "b": {"missing": ["1-y"]}
    });
    assert_eq!(answer, expected);
    let answer = client.post("/db/_missing_revs", &asked).await.expect(200).json();
    assert_eq!(answer, json!({"missing_revs": {"a": ["2-x"], "b": ["1-y"]}}));
    let nothing = json!({"a": [known]}).to_string();
    assert_eq!(client.post("/db/_revs_diff", &nothing).await.expect(200).text(), "{}\n");
    client.post("/db/_revs_diff", "[]").await.expect(400);
    client.get("/db/_revs_diff").await.expect(405);
}
