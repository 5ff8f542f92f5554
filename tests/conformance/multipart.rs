//! `multipart/related` in and out, and `multipart/mixed` for `open_revs`: what CouchDB's own replicator
//! speaks.

use serde_json::{Value, json};

use crate::database;

#[tokio::test]
async fn a_document_with_its_files_in_one_request() {
    let (client, path) = database("multipart").await;
    let document = json!({"n": 1, "_attachments": {
        "one": {"follows": true, "content_type": "application/x", "length": 5},
        "two": {"follows": true, "content_type": "application/y", "length": 4},
    }});
    let body = format!(
        "--limit\r\nContent-Type: application/json\r\n\r\n{document}\r\n--limit\r\n\r\nhello\r\n--limit\r\n\r\n\r\n\r\n\r\n--limit--"
    );
    let put = client
        .request("PUT", &format!("{path}/a"))
        .header("content-type", "multipart/related; boundary=\"limit\"")
        .body(body);
    put.send().await.expect(201);
    assert_eq!(client.get(&format!("{path}/a/one")).await.expect(200).body, "hello");
    assert_eq!(client.get(&format!("{path}/a/two")).await.expect(200).body, "\r\n\r\n");
}

#[tokio::test]
async fn a_document_with_its_files_in_one_answer() {
    let (client, path) = database("multipart").await;
    let body =
        json!({"_attachments": {"one": {"content_type": "application/x", "data": "aGVsbG8="}}});
    client.put(&format!("{path}/a"), body).await.expect(201);
    let got = client
        .request("GET", &format!("{path}/a?attachments=true"))
        .header("accept", "multipart/related")
        .send()
        .await
        .expect(200);
    let boundary = boundary(got.header("content-type"), "multipart/related");
    let parts = parts(&got.text(), &boundary);
    let document: Value = serde_json::from_str(&parts[0].1).unwrap();
    assert_eq!(document["_attachments"]["one"]["follows"], true, "{document}");
    assert_eq!(parts[1].1, "hello");
}

#[tokio::test]
async fn open_revisions_as_parts() {
    let (client, path) = database("mixed").await;
    for rev in ["1-aaa", "1-bbb"] {
        client.put(&format!("{path}/a?new_edits=false"), json!({"_rev": rev})).await.expect(201);
    }
    let asked = format!("{path}/a?open_revs=%5B%221-aaa%22,%221-bbb%22,%221-ccc%22%5D&revs=true");
    let got =
        client.request("GET", &asked).header("accept", "multipart/mixed").send().await.expect(200);
    let boundary = boundary(got.header("content-type"), "multipart/mixed");
    let parts = parts(&got.text(), &boundary);
    let told: Vec<Value> =
        parts.iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect();
    assert_eq!((&told[0]["_rev"], &told[1]["_rev"]), (&json!("1-aaa"), &json!("1-bbb")));
    assert_eq!(told[2], json!({"missing": "1-ccc"}));
    assert!(parts[2].0.contains("error=\"true\""), "{parts:?}");
}

fn boundary(content_type: &str, expected: &str) -> String {
    assert!(content_type.starts_with(expected), "{content_type}");
    let (_, boundary) = content_type.split_once("boundary=").expect("a boundary");
    boundary.trim_matches('"').to_owned()
}

/// Heads and bodies of the parts.
fn parts(text: &str, boundary: &str) -> Vec<(String, String)> {
    let limit = format!("--{boundary}");
    let pieces: Vec<&str> = text.split(&limit).collect();
    assert!(pieces.last().unwrap().starts_with("--"), "no closing limit: {text}");
    let inner = &pieces[1..pieces.len() - 1];
    let part = |piece: &&str| {
        let (head, body) = piece.split_once("\r\n\r\n").expect("a part with a head");
        (head.trim().to_owned(), body.strip_suffix("\r\n").unwrap_or(body).to_owned())
    };
    inner.iter().map(part).collect()
}
