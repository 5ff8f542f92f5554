//! Packed bodies in both directions: what a client sends packed, and answers for clients that take them
//! so.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use refuge_packing::Coding;
use refuge_tests::{Client, Reply};
use serde_json::{Value, json};

use crate::{database, ids};

fn unpacked(reply: &Reply) -> Value {
    let mut plain = Vec::new();
    match reply.header("content-encoding") {
        "gzip" => GzDecoder::new(&reply.body[..]).read_to_end(&mut plain),
        "deflate" => ZlibDecoder::new(&reply.body[..]).read_to_end(&mut plain),
        "zstd" => {
            let reading = refuge_packing::reader(Coding::Zstd, reply.body.clone());
            reading.expect("memory").read_to_end(&mut plain)
        }
        other => panic!("{} came in {other:?}", reply.asked),
    }
    .expect("what the header says");
    serde_json::from_slice(&plain).expect("JSON")
}

async fn get(client: &Client, path: &str, accepted: &str) -> Reply {
    client.request("GET", path).header("accept-encoding", accepted).send().await.expect(200)
}

/// A database with many documents and one attachment of text.
async fn filled(story: &str) -> (Client, String) {
    let (client, path) = database(story).await;
    let documents: Vec<Value> = (0..3000).map(|n| json!({"_id": format!("{n:05}")})).collect();
    client.post(&format!("{path}/_bulk_docs"), json!({"docs": documents})).await.expect(201);
    (client, path)
}

#[tokio::test]
async fn answers_are_packed_where_the_client_takes_them_so() {
    let (client, path) = filled("packed").await;
    for rest in ["_all_docs?include_docs=true", "_changes", "_all_docs?limit=100"] {
        let asked = format!("{path}/{rest}");
        let plain = client.get(&asked).await.expect(200);
        assert_eq!(
            (plain.header("content-encoding"), plain.header("vary")),
            ("", "Accept-Encoding")
        );
        for accepted in ["gzip, deflate, br", "deflate", "gzip, deflate, br, zstd"] {
            let packed = get(&client, &asked, accepted).await;
            assert_eq!(unpacked(&packed), plain.json(), "{rest} {accepted}");
            assert!(packed.body.len() < plain.body.len() / 3, "{rest} {accepted}");
        }
        for refused in ["identity", "br", "gzip;q=0, deflate;q=0"] {
            assert_eq!(get(&client, &asked, refused).await.header("content-encoding"), "");
        }
    }
    let large = json!({"text": "to and fro ".repeat(50_000)});
    client.put(&format!("{path}/large"), large.clone()).await.expect(201);
    assert_eq!(
        unpacked(&get(&client, &format!("{path}/large"), "gzip").await)["text"],
        large["text"]
    );
    let asked = json!({"docs": [{"id": "large"}]});
    let bulk = client.request("POST", &format!("{path}/_bulk_get"));
    let bulk = bulk.header("accept-encoding", "gzip").json(asked.to_string()).send().await;
    assert_eq!(unpacked(&bulk)["results"][0]["docs"][0]["ok"]["text"], large["text"]);
}

#[tokio::test]
async fn what_packing_would_not_win_goes_out_as_it_is() {
    let (client, path) = filled("plain").await;
    let small = get(&client, &format!("{path}/00001"), "gzip").await;
    assert_eq!(small.header("content-encoding"), "");
    // Attachments have an encoding of their own, or none.
    let put = client.request("PUT", &format!("{path}/a/x.json?rev="));
    let put = put.header("content-type", "image/png").body("x".repeat(10_000));
    put.send().await.expect(201);
    let got = get(&client, &format!("{path}/a/x.json"), "gzip").await;
    assert_eq!((got.header("content-encoding"), got.body.len()), ("", 10_000));
    // A feed that stays open tells its rows one by one.
    let feed =
        client.request("GET", &format!("{path}/_changes?feed=continuous&timeout=1&limit=50"));
    let feed = feed.header("accept-encoding", "gzip").send().await.expect(200);
    assert_eq!(feed.header("content-encoding"), "");
    let head =
        client.request("HEAD", &format!("{path}/_all_docs")).header("accept-encoding", "gzip");
    assert_eq!(head.send().await.expect(200).body.len(), 0);
}

#[tokio::test]
async fn packed_requests_are_unpacked() {
    let (client, path) = database("requests").await;
    let body = json!({"docs": [{"_id": "a"}, {"_id": "b", "text": "x".repeat(100_000)}]});
    let text = body.to_string().into_bytes();
    let level = Compression::default();
    let mut gzip = GzEncoder::new(Vec::new(), level);
    gzip.write_all(&text).unwrap();
    let mut zlib = ZlibEncoder::new(Vec::new(), level);
    zlib.write_all(&text).unwrap();
    let mut raw = DeflateEncoder::new(Vec::new(), level);
    raw.write_all(&text).unwrap();
    let packed = [
        ("gzip", gzip.finish().unwrap()),
        ("deflate", zlib.finish().unwrap()),
        ("deflate", raw.finish().unwrap()),
    ];
    let post = async |encoding: &str, body: Vec<u8>| {
        let request = client.request("POST", &format!("{path}/_bulk_docs"));
        request.header("content-encoding", encoding).json(body).send().await
    };
    for (encoding, packed) in packed {
        let told = post(encoding, packed).await.expect(201).json();
        assert_eq!(told.as_array().map(Vec::len), Some(2), "{encoding}: {told}");
    }
    assert_eq!(ids(&client.get(&format!("{path}/_all_docs")).await.json()), ["a", "b"]);
    post("gzip", text.clone()).await.error_named(400, "bad_request");
    post("deflate", text.clone()).await.error_named(400, "bad_request");
    post("br", text).await.error_named(415, "bad_content_type");
    // A little that becomes much.
    let mut bomb = ZlibEncoder::new(Vec::new(), level);
    bomb.write_all(&vec![b' '; 70 * 1024 * 1024]).unwrap();
    post("deflate", bomb.finish().unwrap()).await.error_named(413, "too_large");
}

#[tokio::test]
async fn bodies_of_zstd_are_taken_and_a_database_tells_so() {
    let (client, path) = database("zstd").await;
    let told = client.get(&path).await.expect(200);
    assert_eq!(told.header("accept-encoding"), "zstd, gzip, deflate");
    let docs: Vec<Value> = (0..200).map(|number| json!({"_id": format!("{number:03}")})).collect();
    let plain = json!({"docs": docs}).to_string();
    let packed = refuge_packing::packed(Coding::Zstd, plain.as_bytes()).expect("memory");
    let post = |body: bytes::Bytes| {
        let request = client.request("POST", &format!("{path}/_bulk_docs"));
        request.header("content-encoding", "zstd").json(body).send()
    };
    post(packed.clone()).await.expect(201);
    assert_eq!(client.get(&path).await.json()["doc_count"], 200);
    post(packed.slice(..packed.len() - 5)).await.expect(400);
    post(plain.into()).await.expect(400);
    // 80 MB of spaces: more than a JSON body may have, in a few packets.
    let bomb = refuge_packing::packed(Coding::Zstd, &vec![b' '; 80_000_000]).expect("memory");
    assert!(bomb.len() < 64 << 10);
    post(bomb).await.expect(413);
}
