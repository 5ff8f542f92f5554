//! `_changes` over a connection. The feeds' own behaviour is tested beside them.

use serde_json::{Value, json};

use crate::client::{Answer, Client};

fn ids(answer: &Answer) -> Vec<String> {
    let rows = answer.json()["results"].as_array().unwrap().clone();
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

async fn three_documents() -> Client {
    let mut client = Client::with_database().await;
    client.put("/db/a", r#"{"n":1}"#).await.expect(201);
    client.put("/db/_design/d", r#"{"n":2}"#).await.expect(201);
    let revision = client.store("/db/c", r#"{"n":3}"#).await;
    client.send(&format!("DELETE /db/c?rev={revision}"), &[], "").await.expect(200);
    client
}

#[tokio::test]
async fn a_normal_feed_has_couchdbs_layout() {
    let mut client = three_documents().await;
    let answer = client.get("/db/_changes").await.expect(200);
    let text = answer.text();
    assert!(text.starts_with(
        "{\"results\":[\n{\"seq\":\"1-memory\",\"id\":\"a\",\"changes\":[{\"rev\":\"1-"
    ));
    assert!(
        text.ends_with("\"deleted\":true}\n],\n\"last_seq\":\"4-memory\",\"pending\":0}\n"),
        "{text}"
    );
    assert_eq!(text.matches(",\r\n").count(), 2);
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn documents_are_included_deleted_ones_too() {
    let mut client = three_documents().await;
    let answer = client.get("/db/_changes?include_docs=true&since=2").await.expect(200);
    let row = &answer.json()["results"][0];
    assert_eq!(row["doc"]["_deleted"], true);
    assert_eq!(row["doc"]["_rev"], row["changes"][0]["rev"]);
}

#[tokio::test]
async fn attachments_are_included_with_their_bytes_where_asked() {
    let mut client = Client::with_database().await;
    let body = r#"{"_attachments":{"a.txt":{"content_type":"text/plain","data":"aGVsbG8="}}}"#;
    client.put("/db/a", body).await.expect(201);
    let shown =
        |answer: Answer| answer.json()["results"][0]["doc"]["_attachments"]["a.txt"].clone();
    let stub = shown(client.get("/db/_changes?include_docs=true").await.expect(200));
    assert_eq!(stub["stub"], true);
    let path = "/db/_changes?include_docs=true&attachments=true";
    let whole = shown(client.get(path).await.expect(200));
    assert_eq!((&whole["data"], &whole["stub"]), (&json!("aGVsbG8="), &Value::Null));
}

#[tokio::test]
async fn listed_and_design_documents_are_filtered_out() {
    let mut client = three_documents().await;
    let listed = client.post("/db/_changes?filter=_doc_ids", r#"{"doc_ids":["c","x"]}"#).await;
    assert_eq!(ids(&listed.expect(200)), ["c"]);
    let listed = client.get("/db/_changes?filter=_doc_ids&doc_ids=[%22a%22]").await.expect(200);
    assert_eq!(ids(&listed), ["a"]);
    let design = client.get("/db/_changes?filter=_design").await.expect(200);
    assert_eq!(ids(&design), ["_design/d"]);
    client.post("/db/_changes?filter=_doc_ids", "{}").await.expect(400);
    let chosen = r#"{"selector":{"_id":"c"}}"#;
    let chosen = client.post("/db/_changes?filter=_selector", chosen).await.expect(200);
    assert_eq!(ids(&chosen), ["c"]);
    client.post("/db/_changes?filter=_selector", "{}").await.expect(400);
    assert_eq!(ids(&client.post("/db/_changes", "").await.expect(200)).len(), 3);
    client.post("/db/_changes", "[").await.expect(400);
}

#[tokio::test]
async fn an_event_source_says_what_it_is() {
    let mut client = three_documents().await;
    let answer = client.get("/db/_changes?feed=eventsource&limit=1").await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert!(answer.text().ends_with("\nid: \"1-memory\"\n\n"), "{}", answer.text());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let mut client = Client::with_database().await;
    for query in ["feed=x", "since=x", "heartbeat=0", "style=x", "filter=_x", "limit=-1"] {
        let answer = client.get(&format!("/db/_changes?{query}")).await.expect(400);
        assert_eq!(answer.json()["error"], "bad_request", "{query}");
    }
    client.send("DELETE /db/_changes", &[], "").await.expect(405);
    client.get("/other/_changes").await.expect(404);
}
