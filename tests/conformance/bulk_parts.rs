//! `_bulk_get` as parts of a multipart answer, and with attachments as JSON.

use refuge_tests::{Client, Reply};
use serde_json::{Value, json};

use crate::database;

async fn bulk_get(client: &Client, path: &str, accept: &str, asked: Value) -> Reply {
    let request = client.request("POST", &format!("{path}/_bulk_get?revs=true"));
    request.header("accept", accept).json(asked.to_string()).send().await.expect(200)
}

/// Headers and content of each part.
fn parts(text: &str, content_type: &str) -> Vec<(String, String)> {
    let boundary = content_type.split("boundary=").nth(1).unwrap().trim_matches('"');
    let text = text.split(&format!("\r\n--{boundary}--")).next().unwrap();
    let parts = format!("\r\n{text}");
    let delimiter = format!("\r\n--{boundary}\r\n");
    let parts = parts.split(&delimiter).skip(1);
    let split = |part: &str| {
        let (headers, content) = part.split_once("\r\n\r\n").expect("headers");
        (headers.to_owned(), content.to_owned())
    };
    parts.map(split).collect()
}

fn json_of(part: &(String, String)) -> Value {
    serde_json::from_str(&part.1).unwrap_or_else(|error| panic!("{error}: {part:?}"))
}

#[tokio::test]
async fn each_document_is_a_part() {
    let (client, path) = database("parts").await;
    client.put(&format!("{path}/plain"), json!({"n": 1})).await.expect(201);
    let attachments = json!({"a": {"content_type": "image/png", "data": "aGVsbG8="}});
    let put = client.put(&format!("{path}/picture"), json!({"_attachments": attachments})).await;
    let rev = put.expect(201).member("rev");
    let asked = json!({"docs": [
        {"id": "plain"}, {"id": "picture"}, {"id": "none"}, {"id": "plain", "rev": "9-x"},
        {"id": "_bad"}, {"id": "picture", "atts_since": [rev]},
    ]});
    for accept in ["multipart/mixed", "multipart/related"] {
        let reply = bulk_get(&client, &path, accept, asked.clone()).await;
        let content_type = reply.header("content-type").to_owned();
        assert!(content_type.starts_with(accept), "{content_type}");
        let parts = parts(&reply.text(), &content_type);
        assert_eq!(parts.len(), 6, "{}", reply.text());
        assert_eq!(parts[0].0, "Content-Type: application/json");
        let plain = json_of(&parts[0]);
        assert_eq!((&plain["n"], &plain["_revisions"]["start"]), (&json!(1), &json!(1)));

        let headers: Vec<&str> = parts[1].0.lines().collect();
        assert_eq!(headers[..2], ["X-Doc-Id: picture".to_owned(), format!("X-Rev-Id: {rev}")]);
        let inner_type = headers[2].strip_prefix("Content-Type: ").unwrap();
        assert!(inner_type.starts_with("multipart/related"), "{inner_type}");
        let inner = self::parts(&parts[1].1, inner_type);
        assert_eq!(json_of(&inner[0])["_attachments"]["a"]["follows"], true);
        assert_eq!(inner[1].1, "hello");

        assert!(parts[2..5].iter().all(|(headers, _)| headers.ends_with("; error=\"true\"")));
        assert_eq!(
            json_of(&parts[2]),
            json!({"id": "none", "rev": "undefined", "error": "not_found", "reason": "missing"})
        );
        assert_eq!(
            json_of(&parts[3]),
            json!({"rev": "9-x", "error": "not_found", "reason": "missing"})
        );
        assert_eq!(json_of(&parts[4])["error"], "illegal_docid");
        // What the client has is not sent.
        assert_eq!(parts[5].0, "Content-Type: application/json");
        assert_eq!(json_of(&parts[5])["_attachments"]["a"]["stub"], true);
    }
    let nothing = bulk_get(&client, &path, "multipart/mixed", json!({"docs": []})).await;
    assert_eq!(nothing.text(), "");
}

#[tokio::test]
async fn who_takes_json_gets_json() {
    let (client, path) = database("json").await;
    client.put(&format!("{path}/a"), json!({})).await.expect(201);
    for accept in ["application/json, multipart/mixed", "*/*", "multipart/mixed, */*;q=0.1"] {
        let reply = bulk_get(&client, &path, accept, json!({"docs": [{"id": "a"}]})).await;
        assert_eq!(reply.json()["results"][0]["docs"][0]["ok"]["_id"], "a", "{accept}");
    }
}

#[tokio::test]
async fn large_attachments_come_whole_among_many_documents() {
    let (client, path) = database("large").await;
    let bytes: Vec<u8> = (0..700_001_u32).flat_map(|n| (n % 65_521).to_be_bytes()).collect();
    let put = client.request("PUT", &format!("{path}/large/blob"));
    put.header("content-type", "image/png").body(bytes.clone()).send().await.expect(201);
    let documents: Vec<Value> = (0..60).map(|n| json!({"_id": format!("d{n:02}")})).collect();
    client.post(&format!("{path}/_bulk_docs"), json!({"docs": documents})).await.expect(201);
    let mut wishes: Vec<Value> = (0..60).map(|n| json!({"id": format!("d{n:02}")})).collect();
    wishes.insert(40, json!({"id": "large"}));
    let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes);

    let asked = json!({"docs": wishes}).to_string();
    let told = client.post_text(&format!("{path}/_bulk_get?attachments=true"), asked).await.json();
    let results = told["results"].as_array().unwrap();
    assert_eq!(results.len(), 61);
    assert!(results[40]["docs"][0]["ok"]["_attachments"]["blob"]["data"] == data.as_str());
    assert_eq!(results[60]["docs"][0]["ok"]["_id"], "d59");

    let all = client.get(&format!("{path}/_all_docs?include_docs=true&attachments=true")).await;
    let rows = all.json()["rows"].clone();
    assert!(rows[60]["doc"]["_attachments"]["blob"]["data"] == data.as_str());
    let query = "_changes?include_docs=true&attachments=true";
    let changes = client.get(&format!("{path}/{query}")).await.json();
    assert!(changes["results"][0]["doc"]["_attachments"]["blob"]["data"] == data.as_str());
    assert_eq!(changes["results"].as_array().unwrap().len(), 61);
}
