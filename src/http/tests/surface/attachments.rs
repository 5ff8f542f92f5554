//! Attachments by themselves and inside documents.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use crate::client::Client;

const TEXT: &[(&str, &str)] = &[("content-type", "text/plain")];
const BINARY: &[(&str, &str)] = &[("content-type", "application/x-thing")];

fn gunzip(packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut plain).unwrap();
    plain
}

#[tokio::test]
async fn a_text_is_stored_packed_and_sent_as_the_client_takes_it() {
    let mut client = Client::with_database().await;
    let text = "all work and no play ".repeat(500);
    let made = client.send("PUT /db/a/b/c.txt", TEXT, text.clone()).await.expect(201);
    assert_eq!(made.header("location"), Some("http://node/db/a/b%2Fc.txt"));
    let plain = client.send("GET /db/a/b/c.txt", &[], "").await.expect(200);
    assert_eq!(plain.text(), text);
    assert_eq!(plain.header("content-type"), Some("text/plain"));
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("content-length"), Some(text.len().to_string().as_str()));
    assert_eq!(plain.header("accept-ranges"), Some("none"));
    let packed =
        client.send("GET /db/a/b/c.txt", &[("accept-encoding", "gzip")], "").await.expect(200);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(gunzip(&packed.body), text.as_bytes());
    let digest = STANDARD.encode(Md5::digest(&packed.body));
    assert_eq!(packed.header("etag"), Some(format!("\"{digest}\"").as_str()));
    let tag = [("if-none-match", packed.header("etag").unwrap())];
    client.send("GET /db/a/b/c.txt", &tag, "").await.expect(304);
    let stub = &client.get("/db/a").await.json()["_attachments"]["b/c.txt"];
    assert_eq!(stub["stub"], true);
    assert_eq!(stub["digest"], format!("md5-{digest}"));
    assert_eq!(stub["length"], text.len());
    assert_eq!(stub["revpos"], 1);
}

#[tokio::test]
async fn bytes_are_sent_in_ranges() {
    let mut client = Client::with_database().await;
    let bytes: Vec<u8> = (0..=99).collect();
    client.send("PUT /db/a/b", BINARY, bytes.clone()).await.expect(201);
    let whole = client.send("GET /db/a/b", &[], "").await.expect(200);
    assert_eq!(whole.body, bytes);
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    for (range, from, to) in [("bytes=3-5", 3, 6), ("bytes=30-70", 30, 71), ("bytes=-1", 99, 100)] {
        let part = client.send("GET /db/a/b", &[("range", range)], "").await.expect(206);
        assert_eq!(part.body, bytes.get(from..to).unwrap(), "{range}");
        let told = format!("bytes {from}-{}/100", to - 1);
        assert_eq!(part.header("content-range"), Some(told.as_str()));
    }
    client.send("GET /db/a/b", &[("range", "bytes=100-")], "").await.expect(416);
    let head = client.send("HEAD /db/a/b", &[], "").await.expect(200);
    assert_eq!(head.header("content-length"), Some("100"));
}

#[tokio::test]
async fn a_rest_is_sent_of_the_same_bytes_alone() {
    let mut client = Client::with_database().await;
    client.send("PUT /db/a/b", BINARY, vec![7; 100]).await.expect(201);
    let whole = client.send("GET /db/a/b", &[], "").await.expect(200);
    let tag = whole.header("etag").unwrap().to_owned();
    let document = client.get("/db/a").await;
    let revision = document.header("etag").unwrap().to_owned();
    let related = ("accept", "multipart/related");
    for (line, tag) in [("GET /db/a/b", tag), ("GET /db/a?attachments=true", revision)] {
        for (known, status) in [(tag.as_str(), 206), ("\"another\"", 200)] {
            let asked = [related, ("range", "bytes=90-"), ("if-range", known)];
            client.send(line, &asked, "").await.expect(status);
        }
    }
}

#[tokio::test]
async fn an_attachment_is_an_edit_of_its_document() {
    let mut client = Client::with_database().await;
    let first = client.store("/db/a", "{\"n\":1}").await;
    client.send("PUT /db/a/x", BINARY, "x").await.expect(409);
    let line = format!("PUT /db/a/x?rev={first}");
    let second = client.send(&line, BINARY, "x").await.expect(201).json()["rev"].clone();
    client.send(&line, BINARY, "y").await.expect(409);
    let line = format!("PUT /db/a/y?rev={}", second.as_str().unwrap());
    let third = client.send(&line, BINARY, "y").await.expect(201).json()["rev"].clone();
    let read = client.get("/db/a").await.json();
    assert_eq!(read["n"], 1);
    assert_eq!(read["_attachments"]["x"]["revpos"], 2);
    assert_eq!(read["_attachments"]["y"]["revpos"], 3);
    let old = format!("GET /db/a/y?rev={}", second.as_str().unwrap());
    client.send(&old, &[], "").await.expect(404);
    client.send("DELETE /db/a/x", &[], "").await.expect(409);
    let line = format!("DELETE /db/a/x?rev={}", third.as_str().unwrap());
    client.send(&line, &[], "").await.expect(200);
    let gone = client.send("GET /db/a/x", &[], "").await.expect(404);
    assert_eq!(gone.json()["reason"], "Document is missing attachment");
    assert_eq!(client.send("GET /db/a/y", &[], "").await.expect(200).text(), "y");
    client.send("PUT /db/a/_x", BINARY, "x").await.expect(400);
    client.send("PUT /db/n/x?rev=1-a", BINARY, "x").await.expect(409);
}

#[tokio::test]
async fn what_comes_packed_stays_so_and_what_is_damaged_is_refused() {
    let mut client = Client::with_database().await;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(b"packed elsewhere").unwrap();
    let packed = encoder.finish().unwrap();
    let digest = STANDARD.encode(Md5::digest(&packed));
    let headers = [("content-encoding", "gzip"), ("content-md5", digest.as_str()), BINARY[0]];
    client.send("PUT /db/a/b", &headers, packed.clone()).await.expect(201);
    let read = client.send("GET /db/a/b", &[("accept-encoding", "gzip")], "").await.expect(200);
    assert_eq!(read.body, packed);
    let read = client.send("GET /db/a/b", &[], "").await.expect(200);
    assert_eq!(read.text(), "packed elsewhere");
    let refused = client.send("PUT /db/n/b", &headers, "other").await;
    assert_eq!(refused.status.as_u16(), 400, "{}", refused.text());
    let headers = [("content-md5", digest.as_str()), BINARY[0]];
    let refused = client.send("PUT /db/n/b", &headers, "other").await.expect(400);
    assert_eq!(refused.json()["error"], "content_md5_mismatch");
    let headers = [("content-encoding", "br"), BINARY[0]];
    client.send("PUT /db/n/b", &headers, "other").await.expect(415);
}

#[tokio::test]
async fn attachments_come_and_go_inside_documents() {
    let mut client = Client::with_database().await;
    let body = r#"{"_attachments":{"t.txt":{"content_type":"text/plain","data":"aGVsbG8="},
        "b":{"data":"AAEC"}}}"#;
    let first = client.store("/db/a", body).await;
    assert_eq!(client.send("GET /db/a/t.txt", &[], "").await.expect(200).text(), "hello");
    let read = client.get("/db/a?attachments=true&att_encoding_info=true").await.json();
    assert_eq!(read["_attachments"]["t.txt"]["data"], "aGVsbG8=");
    assert_eq!(read["_attachments"]["t.txt"]["encoding"], "gzip");
    assert_eq!(read["_attachments"]["b"]["data"], "AAEC");
    assert_eq!(read["_attachments"]["b"]["content_type"], "application/octet-stream");
    let body = format!(
        r#"{{"_rev":"{first}","_attachments":{{"b":{{"stub":true}},"n":{{"data":"AA=="}}}}}}"#
    );
    let second = client.store("/db/a", &body).await;
    let known = format!("/db/a?atts_since=[%22{first}%22]");
    let read = client.get(&known).await.expect(200).json();
    assert_eq!(read["_attachments"]["b"]["stub"], true);
    assert_eq!(read["_attachments"]["n"]["data"], "AA==");
    assert!(read["_attachments"].get("t.txt").is_none());
    let body = format!(r#"{{"_rev":"{second}","_attachments":{{"no":{{"stub":true}}}}}}"#);
    let refused = client.put("/db/a", &body).await.expect(412);
    assert_eq!(refused.json()["error"], "missing_stub");
    assert_eq!(refused.json()["reason"], "Invalid attachment stub in a for no");
    client.put("/db/f", r#"{"_attachments":{"x":{"follows":true}}}"#).await.expect(400);
}

#[tokio::test]
async fn large_attachments_are_streamed_into_json() {
    let mut client = Client::with_database().await;
    let text = "0123456789abcde\n".repeat(40_001);
    let bytes: Vec<u8> = (0..300_001_u32).map(|number| number.to_be_bytes()[3]).collect();
    let first = client.send("PUT /db/a/t.txt", TEXT, text.clone()).await.expect(201);
    let line = format!("PUT /db/a/b?rev={}", first.json()["rev"].as_str().unwrap());
    let second = client.send(&line, BINARY, bytes.clone()).await.expect(201);
    let line = format!("PUT /db/a/small?rev={}", second.json()["rev"].as_str().unwrap());
    client.send(&line, BINARY, "small").await.expect(201);
    for path in ["/db/a?attachments=true", "/db/a?attachments=true&open_revs=all"] {
        let answer = client.get(path).await.expect(200).json();
        let document = answer.get(0).map_or(&answer, |first| &first["ok"]);
        let data = |name: &str| {
            let data = document["_attachments"][name]["data"].as_str().unwrap();
            STANDARD.decode(data).unwrap()
        };
        assert!(data("t.txt") == text.as_bytes(), "{path}");
        assert!(data("b") == bytes, "{path}");
        assert_eq!(data("small"), b"small");
    }
}
