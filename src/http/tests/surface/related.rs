//! Documents with their attachments behind them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use crate::client::Client;

const TYPE: &[(&str, &str)] = &[("content-type", "multipart/related; boundary=\"xyz\"")];

fn related(document: &str, parts: &[(&str, &str)]) -> String {
    let mut body = format!("--xyz\r\nContent-Type: application/json\r\n\r\n{document}");
    for (headers, bytes) in parts {
        body.push_str(&format!("\r\n--xyz\r\n{headers}\r\n{bytes}"));
    }
    body.push_str("\r\n--xyz--");
    body
}

#[tokio::test]
async fn a_document_is_stored_with_what_follows_it() {
    let mut client = Client::with_database().await;
    let digest = STANDARD.encode(Md5::digest("second\r\n--xy"));
    let document = format!(
        r#"{{"n":1,"_attachments":{{"one":{{"follows":true,"length":5}},"two":{{"follows":true,"digest":"md5-{digest}"}},"in":{{"data":"AA=="}}}}}}"#
    );
    let named = "Content-Disposition: attachment; filename=\"two\"\r\n";
    let body = related(&document, &[(named, "second\r\n--xy"), ("", "first")]);
    client.send("PUT /db/a", TYPE, body).await.expect(201);
    assert_eq!(client.send("GET /db/a/one", &[], "").await.expect(200).text(), "first");
    assert_eq!(client.send("GET /db/a/two", &[], "").await.expect(200).text(), "second\r\n--xy");
    assert_eq!(client.send("GET /db/a/in", &[], "").await.expect(200).body.len(), 1);
}

#[tokio::test]
async fn what_does_not_follow_or_does_not_fit_is_refused() {
    let mut client = Client::with_database().await;
    let document =
        r#"{"_attachments":{"one":{"follows":true,"digest":"md5-XUFAKrxLKna5cZ2REBfFkg=="}}}"#;
    let none = related(document, &[]);
    client.send("PUT /db/a", TYPE, none).await.expect(400);
    let damaged = related(document, &[("", "hellO")]);
    let refused = client.send("PUT /db/a", TYPE, damaged).await.expect(400);
    assert_eq!(refused.json()["error"], "content_md5_mismatch");
    let cut = related(document, &[("", "hello")]).replace("--xyz--", "");
    client.send("PUT /db/a", TYPE, cut).await.expect(400);
    let bare = [("content-type", "multipart/related")];
    client.send("PUT /db/a", &bare, "x").await.expect(400);
    let two = related(document, &[("", "hello"), ("", "more")]);
    client.send("PUT /db/a", TYPE, two).await.expect(400);
    for (length, reason) in [(4, "longer"), (6, "shorter")] {
        let document =
            format!(r#"{{"_attachments":{{"one":{{"follows":true,"length":{length}}}}}}}"#);
        let wrong = related(&document, &[("", "hello")]);
        let refused = client.send("PUT /db/a", TYPE, wrong).await.expect(400);
        assert_eq!(refused.json()["reason"], format!("attachment {reason} than expected"));
    }
    let no_json = related(document, &[("", "hello")]).replace("application/json", "text/plain");
    client.send("PUT /db/a", TYPE, no_json).await.expect(415);
    client.get("/db/a").await.expect(404);
    let good = related(document, &[("", "hello")]);
    client.send("PUT /db/a", TYPE, good).await.expect(201);
}

#[tokio::test]
async fn packed_bytes_that_follow_are_kept_with_both_lengths() {
    let mut client = Client::with_database().await;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, "word ".repeat(100).as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let document = format!(
        r#"{{"_attachments":{{"one":{{"follows":true,"content_type":"text/plain","encoding":"gzip","length":500,"encoded_length":{}}}}}}}"#,
        packed.len()
    );
    let mut body = related(&document, &[("", "")]).into_bytes();
    let end = body.len() - "\r\n--xyz--".len();
    body.splice(end..end, packed.iter().copied());
    client.send("PUT /db/a", TYPE, body).await.expect(201);
    let told = client.get("/db/a?att_encoding_info=true").await.json();
    let stub = &told["_attachments"]["one"];
    assert_eq!((stub["length"].as_u64(), stub["encoding"].as_str()), (Some(500), Some("gzip")));
    assert_eq!(stub["encoded_length"], packed.len());
    let plain = client.send("GET /db/a/one", &[], "").await.expect(200);
    assert_eq!(plain.text(), "word ".repeat(100));
}

#[tokio::test]
async fn what_was_sent_related_can_be_put_back() {
    let mut client = Client::with_database().await;
    let body = r#"{"n":1,"_attachments":{"a \"b\".txt":{"content_type":"text/plain","data":"aGVsbG8="},"c":{"data":"AAEC"}}}"#;
    let revision = client.store("/db/a", body).await;
    let accept = [("accept", "multipart/related")];
    let sent = client.send("GET /db/a?attachments=true&revs=true", &accept, "").await.expect(200);
    let content_type = sent.header("content-type").unwrap().to_owned();
    assert!(content_type.starts_with("multipart/related; boundary="), "{content_type}");
    assert!(sent.text().contains("\"follows\":true"));
    let headers = [("content-type", content_type.as_str())];
    client.send("PUT /db/b?new_edits=false", &headers, sent.body.clone()).await.expect(201);
    let copy = client.get("/db/b?attachments=true").await.expect(200).json();
    assert_eq!(copy["_rev"], revision);
    assert_eq!(copy["_attachments"]["a \"b\".txt"]["data"], "aGVsbG8=");
    let original = client.get("/db/a").await.json();
    assert_eq!(client.get("/db/b").await.json()["_attachments"], original["_attachments"]);
    let mixed = client.send("GET /db/a?open_revs=all", &[], "").await.expect(200);
    assert!(mixed.text().contains("Content-Encoding: gzip"));
    assert!(mixed.text().contains("filename=\"a \\\"b\\\".txt\""));
}
