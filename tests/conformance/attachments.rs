//! Attachments: inline, as stubs, and on their own.

use serde_json::json;

use crate::{NODE, database};

#[tokio::test]
async fn inline_attachments_become_stubs() {
    let (client, path) = database("inline").await;
    let doc = format!("{path}/a");
    let body = json!({"n": 1, "_attachments": {"f.bin": {"content_type": "application/octet-stream", "data": "aGVsbG8="}}});
    let rev = client.put(&doc, body).await.expect(201).member("rev");
    let got = client.get(&doc).await.expect(200).json();
    assert_eq!(
        got,
        json!({"_id": "a", "_rev": rev, "n": 1, "_attachments": {"f.bin": {
        "content_type": "application/octet-stream", "revpos": 1, "digest": "md5-XUFAKrxLKna5cZ2REBfFkg==", "length": 5, "stub": true}}})
    );
    let with_data = client
        .request("GET", &format!("{doc}?attachments=true"))
        .header("accept", "application/json");
    let with_data = with_data.send().await.expect(200).json();
    assert_eq!(with_data["_attachments"]["f.bin"]["data"], "aGVsbG8=");
    let file = client.get(&format!("{doc}/f.bin")).await.expect(200);
    assert_eq!(file.body, "hello");
    assert_eq!(file.header("content-type"), "application/octet-stream");
    assert_eq!(file.header("etag"), "\"XUFAKrxLKna5cZ2REBfFkg==\"");
    let head = client.head(&format!("{doc}/f.bin")).await.expect(200);
    assert_eq!(head.header("content-length"), "5");
}

#[tokio::test]
async fn stubs_keep_and_absence_removes() {
    let (client, path) = database("stubs").await;
    let doc = format!("{path}/a");
    let attachment = |data: &str| json!({"content_type": "image/png", "data": data});
    let body = json!({"_attachments": {"one": attachment("AAEC"), "two": attachment("AwQF")}});
    let rev = client.put(&doc, body).await.expect(201).member("rev");
    let body =
        json!({"_rev": rev, "_attachments": {"two": {"stub": true}, "three": attachment("Bgc=")}});
    let rev = client.put(&doc, body).await.expect(201).member("rev");
    let got = client.get(&doc).await.json();
    assert_eq!(got["_attachments"]["two"]["revpos"], 1);
    assert_eq!(got["_attachments"]["three"]["revpos"], 2);
    client.get(&format!("{doc}/one")).await.error(
        404,
        "not_found",
        "Document is missing attachment",
    );
    assert_eq!(client.get(&format!("{doc}/two")).await.body, &[3, 4, 5][..]);
    let body = json!({"_rev": rev, "_attachments": {"nowhere": {"stub": true}}});
    client.put(&doc, body).await.error_named(412, "missing_stub");
}

#[tokio::test]
async fn a_file_is_put_and_removed_on_its_own() {
    let (client, path) = database("file").await;
    let file = format!("{path}/a/pictures/cat.png");
    let put = client
        .request("PUT", &file)
        .header("content-type", "image/png")
        .body(&b"\x89PNG"[..])
        .send()
        .await
        .expect(201);
    let rev = put.member("rev");
    assert_eq!(put.json(), json!({"ok": true, "id": "a", "rev": rev}));
    let got = client.get(&file).await.expect(200);
    assert_eq!((got.header("content-type"), &got.body[..]), ("image/png", &b"\x89PNG"[..]));
    let second =
        client.request("PUT", &file).header("content-type", "image/png").body("other").send().await;
    second.error(409, "conflict", "Document update conflict.");
    let second = client
        .request("PUT", &format!("{file}?rev={rev}"))
        .header("content-type", "image/png")
        .body("other");
    let rev = second.send().await.expect(201).member("rev");
    assert_eq!(
        client.get(&format!("{path}/a")).await.json()["_attachments"]["pictures/cat.png"]["revpos"],
        2
    );
    client.delete(&file).await.error(409, "conflict", "Document update conflict.");
    let gone = client.delete(&format!("{file}?rev={rev}")).await.expect(200);
    assert!(gone.member("rev").starts_with("3-"));
    client.get(&file).await.error(404, "not_found", "Document is missing attachment");
    client.get(&format!("{path}/a")).await.expect(200);
    client.get(&format!("{path}/missing/cat.png")).await.expect(404);
}

#[tokio::test]
async fn text_is_kept_gzipped_and_given_out_plain() {
    let (client, path) = database("gzip").await;
    let doc = format!("{path}/a");
    let text = "hello ".repeat(1000);
    let put = client
        .request("PUT", &format!("{doc}/t.txt"))
        .header("content-type", "text/plain")
        .body(text.clone());
    put.send().await.expect(201);
    let plain = client.get(&format!("{doc}/t.txt")).await.expect(200);
    assert_eq!(plain.text(), text);
    let told = client.get(&format!("{doc}?att_encoding_info=true")).await.json();
    let stub = &told["_attachments"]["t.txt"];
    assert_eq!((&stub["encoding"], &stub["length"]), (&json!("gzip"), &json!(6000)));
    let encoded = stub["encoded_length"].as_u64().unwrap();
    assert!(encoded < 200, "{stub}");
    let zipped = client
        .request("GET", &format!("{doc}/t.txt"))
        .header("accept-encoding", "gzip")
        .send()
        .await
        .expect(200);
    assert_eq!((zipped.header("content-encoding"), zipped.body.len() as u64), ("gzip", encoded));
}

#[tokio::test]
async fn a_large_file_streams_whole() {
    let (client, path) = database("large").await;
    let bytes: Vec<u8> =
        (0..5_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let put = client
        .request("PUT", &format!("{path}/a/large"))
        .header("content-type", "application/octet-stream")
        .body(bytes.clone());
    put.send().await.expect(201);
    let got = client.get(&format!("{path}/a/large")).await.expect(200);
    assert!(got.body == bytes, "{} bytes came back", got.body.len());
    let part = client
        .request("GET", &format!("{path}/a/large"))
        .header("range", "bytes=999999-1000003")
        .send()
        .await
        .expect(206);
    assert_eq!(&part.body[..], &bytes[999_999..=1_000_003]);
    assert_eq!(part.header("content-range"), "bytes 999999-1000003/5000000");
    let beyond = client
        .request("GET", &format!("{path}/a/large"))
        .header("range", "bytes=6000000-")
        .send()
        .await;
    assert_eq!(beyond.status, 416);
}

#[tokio::test]
async fn wrong_attachments_are_refused() {
    let (client, path) = database("wrong").await;
    let doc = format!("{path}/a");
    for attachments in [
        json!(1),
        json!({"f": 1}),
        json!({"f": {"content_type": "a/b", "data": "not base64!"}}),
        json!({"_f": {"content_type": "a/b", "data": ""}}),
    ] {
        let reply = client.put(&doc, json!({"_attachments": attachments})).await;
        assert_eq!(reply.status, 400, "{attachments}: {}", reply.text());
    }
    let lying = client.request("PUT", &format!("{doc}/f")).header("content-type", "a/b");
    let lying = lying.header("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==").body("hello").send().await;
    assert_eq!(lying.status, 400, "{}", lying.text());
    let right = client.request("PUT", &format!("{doc}/f")).header("content-type", "a/b");
    right.header("content-md5", "XUFAKrxLKna5cZ2REBfFkg==").body("hello").send().await.expect(201);
}

#[tokio::test]
async fn a_body_in_pieces_may_tell_its_digest_behind_it() {
    let (_, path) = database("pieces").await;
    let send = async |name: &str, digest: &str| {
        let request = format!(
            "PUT {path}/a/{name} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWRtaW46c2VjcmV0\r\n\
             Content-Type: a/b\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\
             Trailer: Content-MD5\r\nConnection: close\r\n\r\n\
             3\r\nhel\r\n2\r\nlo\r\n0\r\nContent-MD5: {digest}\r\n\r\n"
        );
        let answer = refuge_tests::exchange(NODE.address(), request.as_bytes()).await;
        String::from_utf8(answer).expect("text")
    };
    let lying = send("f", "AAAAAAAAAAAAAAAAAAAAAA==").await;
    assert!(lying.starts_with("HTTP/1.1 100"), "{lying}");
    assert!(lying.contains("400 Bad Request") && lying.contains("content_md5_mismatch"), "{lying}");
    let right = send("f", "XUFAKrxLKna5cZ2REBfFkg==").await;
    assert!(right.contains("201 Created"), "{right}");
}

#[tokio::test]
async fn a_digest_that_does_not_fit_is_refused() {
    let (client, path) = database("digest").await;
    let document = |digest: &str| json!({"_attachments": {"f": {"content_type": "a/b", "data": "aGVsbG8=", "digest": digest}}});
    let lying = client.put(&format!("{path}/a"), document("md5-AAAAAAAAAAAAAAAAAAAAAA==")).await;
    lying.error_named(400, "content_md5_mismatch");
    let right = document("md5-XUFAKrxLKna5cZ2REBfFkg==");
    client.put(&format!("{path}/a"), right).await.expect(201);
}

#[tokio::test]
async fn attachments_come_with_lists_on_request() {
    let (client, path) = database("lists").await;
    let body =
        json!({"_attachments": {"f": {"content_type": "application/x", "data": "aGVsbG8="}}});
    client.put(&format!("{path}/a"), body).await.expect(201);
    let changes = client
        .get(&format!("{path}/_changes?include_docs=true&attachments=true"))
        .await
        .expect(200)
        .json();
    assert_eq!(changes["results"][0]["doc"]["_attachments"]["f"]["data"], "aGVsbG8=");
    let all = client
        .get(&format!("{path}/_all_docs?include_docs=true&attachments=true"))
        .await
        .expect(200)
        .json();
    assert_eq!(all["rows"][0]["doc"]["_attachments"]["f"]["data"], "aGVsbG8=");
    let bulk = client
        .post(&format!("{path}/_bulk_get?attachments=true"), json!({"docs": [{"id": "a"}]}))
        .await
        .expect(200)
        .json();
    assert_eq!(bulk["results"][0]["docs"][0]["ok"]["_attachments"]["f"]["data"], "aGVsbG8=");
    let stub = client.get(&format!("{path}/_all_docs?include_docs=true")).await.expect(200).json();
    assert_eq!(stub["rows"][0]["doc"]["_attachments"]["f"]["stub"], true);
}

#[tokio::test]
async fn attachments_outlive_the_process() {
    let mut node = refuge_tests::Node::start(refuge_tests::Options::default());
    let bytes = vec![7_u8; 600_000];
    let client = node.client();
    client.put_nothing("/files").await.expect(201);
    let put = client
        .request("PUT", "/files/a/f")
        .header("content-type", "application/x")
        .body(bytes.clone());
    put.send().await.expect(201);
    node.restart();
    assert!(node.client().get("/files/a/f").await.expect(200).body == bytes);
    assert_ne!(node.address(), NODE.address());
}

#[tokio::test]
async fn an_attachment_tells_the_digest_of_what_is_sent() {
    let (client, path) = database("md5").await;
    let body = json!({"_attachments": {
        "b": {"content_type": "image/png", "data": "aGVsbG8="},
        "t": {"content_type": "text/plain", "data": "aGVsbG8gaGVsbG8="}}});
    client.put(&format!("{path}/a"), body).await.expect(201);
    let told = client.get(&format!("{path}/a")).await.json();
    let plain = client.get(&format!("{path}/a/b")).await.expect(200);
    assert_eq!(plain.header("content-md5"), "XUFAKrxLKna5cZ2REBfFkg==");
    let packed = client.request("GET", &format!("{path}/a/t")).header("accept-encoding", "gzip");
    let packed = packed.send().await.expect(200);
    let digest = format!("md5-{}", packed.header("content-md5"));
    assert_eq!(told["_attachments"]["t"]["digest"], digest);
    let unpacked = client.get(&format!("{path}/a/t")).await.expect(200);
    assert!(unpacked.header("content-md5").is_empty(), "those bytes are not stored");
    let part = client.request("GET", &format!("{path}/a/b")).header("range", "bytes=1-2");
    assert!(part.send().await.expect(206).header("content-md5").is_empty());
}

#[tokio::test]
async fn several_ranges_come_as_parts() {
    let (client, path) = database("ranges").await;
    let file = format!("{path}/a/f");
    let put = client.request("PUT", &file).header("content-type", "image/png");
    put.body("0123456789").send().await.expect(201);
    let ask =
        async |range: String| client.request("GET", &file).header("range", &range).send().await;
    let parts = ask("bytes=0-1, 4-4,-2".to_owned()).await.expect(206);
    let content_type = parts.header("content-type");
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=\"");
    let boundary = boundary.and_then(|rest| rest.strip_suffix('"')).expect("a boundary");
    let part = |range: &str, bytes: &str| {
        format!(
            "--{boundary}\r\nContent-Type: image/png\r\nContent-Range: bytes {range}/10\r\n\r\n{bytes}\r\n"
        )
    };
    let expected =
        part("0-1", "01") + &part("4-4", "4") + &part("8-9", "89") + &format!("--{boundary}--");
    assert_eq!(parts.text(), expected);
    assert_eq!(
        ask(format!("bytes={}", ["1-2"; 10].join(","))).await.expect(200).text(),
        "0123456789"
    );
    assert_eq!(ask("bytes=1-2,0-".to_owned()).await.expect(200).text(), "0123456789");
    ask("bytes=1-2,20-30".to_owned()).await.expect(416);
}

#[tokio::test]
async fn what_is_said_to_be_gzip_has_to_be() {
    let (client, path) = database("notgz").await;
    let file = format!("{path}/a/f");
    let put = async |bytes: Vec<u8>| {
        let request = client.request("PUT", &file).header("content-encoding", "gzip");
        request.header("content-type", "text/plain").body(bytes).send().await
    };
    put(b"notgz".to_vec()).await.error_named(400, "bad_request");
    let mut whole = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut whole, &b"packed".repeat(1_000)).unwrap();
    let whole = whole.finish().unwrap();
    put(whole[..whole.len() - 4].to_vec()).await.error_named(400, "bad_request");
    client.get(&format!("{path}/a")).await.expect(404);
    put(whole).await.expect(201);
    assert_eq!(client.get(&file).await.expect(200).body.len(), 6_000);
}

#[tokio::test]
async fn what_came_packed_wrongly_by_another_way_is_told_before_it_is_sent() {
    let (client, path) = database("wronggz").await;
    let text = "--x\r\nContent-Type: application/json\r\n\r\n\
        {\"_attachments\":{\"f\":{\"follows\":true,\"content_type\":\"text/plain\",\
        \"length\":9,\"encoding\":\"gzip\",\"encoded_length\":5}}}\r\n--x\r\n\r\nnotgz\r\n--x--";
    let put = client.request("PUT", &format!("{path}/a"));
    put.header("content-type", "multipart/related; boundary=x").body(text).send().await.expect(201);
    client.get(&format!("{path}/a/f")).await.expect(500);
    let packed = client.request("GET", &format!("{path}/a/f")).header("accept-encoding", "gzip");
    assert_eq!(packed.send().await.expect(200).text(), "notgz");
}

#[tokio::test]
async fn a_stub_of_other_content_is_refused() {
    let (client, path) = database("stubs").await;
    let doc = format!("{path}/a");
    let file = json!({"f": {"content_type": "image/png", "data": "aGVsbG8="}});
    let rev = client.put(&doc, json!({"_attachments": file})).await.expect(201).member("rev");
    let stub = |digest: &str| {
        let stub = json!({"f": {"stub": true, "digest": digest, "revpos": 1}});
        json!({"_rev": rev, "_attachments": stub})
    };
    let wrong = client.put(&doc, stub("md5-AAAAAAAAAAAAAAAAAAAAAA==")).await;
    wrong.error(412, "missing_stub", "Invalid attachment stub in a for f");
    client.put(&doc, stub("md5-XUFAKrxLKna5cZ2REBfFkg==")).await.expect(201);
}
