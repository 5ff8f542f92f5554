//! `_all_docs`.

use serde_json::{Value, json};

use crate::client::{Answer, Client};

async fn four_documents() -> Client {
    let mut client = Client::with_database().await;
    for id in ["a", "b", "B", "c"] {
        client.put(&format!("/db/{id}"), r#"{"n":1}"#).await.expect(201);
    }
    let revision = client.store("/db/gone", "{}").await;
    client.send(&format!("DELETE /db/gone?rev={revision}"), &[], "").await.expect(200);
    client
}

fn ids(answer: &Answer) -> Vec<String> {
    let rows = answer.json()["rows"].as_array().unwrap().clone();
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn live_documents_are_listed_in_byte_order() {
    let mut client = four_documents().await;
    let answer = client.get("/db/_all_docs").await.expect(200);
    assert_eq!(ids(&answer), ["B", "a", "b", "c"]);
    let text = answer.text();
    assert!(text.starts_with("{\"total_rows\":4,\"offset\":0,\"rows\":[\r\n{\"id\":\"B\",\"key\":\"B\",\"value\":{\"rev\":\"1-"));
    assert!(text.ends_with("\"}}\r\n]}\n"), "{text}");
}

#[tokio::test]
async fn ranges_limits_and_directions() {
    let mut client = four_documents().await;
    for (query, expected) in [
        ("startkey=%22b%22", vec!["b", "c"]),
        ("end_key=%22b%22", vec!["B", "a", "b"]),
        ("endkey=%22b%22&inclusive_end=false", vec!["B", "a"]),
        ("key=%22b%22", vec!["b"]),
        ("key=%22gone%22", vec![]),
        ("startkey=%22c%22&endkey=%22a%22", vec![]),
        ("startkey=%22c%22&endkey=%22a%22&descending=true", vec!["c", "b", "a"]),
        ("descending=true&limit=2", vec!["c", "b"]),
        ("skip=1&limit=2", vec!["a", "b"]),
        ("skip=9", vec![]),
        ("limit=0", vec![]),
    ] {
        let answer = client.get(&format!("/db/_all_docs?{query}")).await.expect(200);
        assert_eq!(ids(&answer), expected, "{query}");
        assert_eq!(answer.json()["total_rows"], 4, "{query}");
    }
    let answer = client.get("/db/_all_docs?skip=3&update_seq=true").await.expect(200);
    assert_eq!(
        (&answer.json()["offset"], &answer.json()["update_seq"]),
        (&json!(3), &json!("6-memory"))
    );
}

#[tokio::test]
async fn keys_have_rows_whatever_is_known_of_them() {
    let mut client = four_documents().await;
    let body = r#"{"keys":["c","none","gone","a","c"]}"#;
    let answer = client.post("/db/_all_docs?include_docs=true", body).await.expect(200).json();
    assert_eq!((&answer["total_rows"], &answer["offset"]), (&json!(4), &Value::Null));
    let rows = answer["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[0]["doc"]["_id"], "c");
    assert_eq!(rows[1], json!({"key": "none", "error": "not_found"}));
    assert_eq!((&rows[2]["value"]["deleted"], &rows[2]["doc"]), (&json!(true), &Value::Null));
    assert!(rows[2].as_object().unwrap().contains_key("doc"));
    let answer = client.get("/db/_all_docs?keys=[%22a%22]").await.expect(200);
    assert_eq!(ids(&answer), ["a"]);
    let answer = client.post("/db/_all_docs?skip=1&limit=1&descending=true", body).await;
    assert_eq!(ids(&answer.expect(200)), ["a"]);
    let answer = client.post("/db/_all_docs", r#"{"startkey":"b","limit":1}"#).await.expect(200);
    assert_eq!(ids(&answer), ["b"]);
    client.post("/db/_all_docs", r#"{"keys":"a"}"#).await.expect(400);
}

#[tokio::test]
async fn documents_are_included_with_their_conflicts() {
    let mut client = Client::with_database().await;
    let body = r#"{"new_edits":false,"docs":[{"_id":"x","_rev":"1-a"},{"_id":"x","_rev":"1-b"}]}"#;
    assert_eq!(client.post("/db/_bulk_docs", body).await.expect(201).text(), "[]\n");
    let path = "/db/_all_docs?include_docs=true&conflicts=true";
    let document = client.get(path).await.expect(200).json()["rows"][0]["doc"].clone();
    assert_eq!(document, json!({"_id": "x", "_rev": "1-b", "_conflicts": ["1-a"]}));
}

#[tokio::test]
async fn more_than_a_page_is_listed_whole() {
    let mut client = Client::with_database().await;
    let documents: Vec<Value> =
        (0..4500).map(|number| json!({"_id": format!("{number:04}")})).collect();
    let body = json!({"docs": documents}).to_string();
    client.post("/db/_bulk_docs", &body).await.expect(201);
    for query in ["", "?include_docs=true"] {
        let answer = client.get(&format!("/db/_all_docs{query}")).await.expect(200);
        let expected: Vec<String> = (0..4500).map(|number| format!("{number:04}")).collect();
        assert!(ids(&answer) == expected, "{query}");
    }
    let answer = client.get("/db/_all_docs?descending=true&limit=2001").await.expect(200);
    assert_eq!(ids(&answer).len(), 2001);
}
