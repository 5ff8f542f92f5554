//! Input that no client means: the node refuses it and goes on.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use refuge_tests::hang_up_after;
use serde_json::json;

use crate::{NODE, database};

async fn well() {
    NODE.client().get("/_up").await.expect(200);
}

#[tokio::test]
async fn random_bytes() {
    let mut random = StdRng::seed_from_u64(refuge_tests::seed("random bytes"));
    for _ in 0..100 {
        let mut bytes = vec![0; random.random_range(1..4000)];
        random.fill(&mut bytes[..]);
        hang_up_after(NODE.address(), &bytes).await;
    }
    well().await;
}

#[tokio::test]
async fn broken_requests() {
    for request in [
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%ff%fe HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET //////// HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /?%%%=&&;;== HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://elsewhere/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT elsewhere:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage that is no frame",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
    ] {
        let answer = hang_up_after(NODE.address(), request.as_bytes()).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.contains(" 500 "), "{request:?}: {answer}");
    }
    well().await;
}

#[tokio::test]
async fn huge_heads() {
    let line = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(10_000_000));
    hang_up_after(NODE.address(), line.as_bytes()).await;
    let header = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n", "a".repeat(10_000_000));
    hang_up_after(NODE.address(), header.as_bytes()).await;
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X-Many: a\r\n".repeat(100_000));
    hang_up_after(NODE.address(), many.as_bytes()).await;
    well().await;
}

#[tokio::test]
async fn half_requests() {
    let (client, path) = database("half").await;
    let whole = format!(
        "PUT {path}/a HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YWRtaW46c2VjcmV0\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{{\"a\":12345}}"
    );
    for length in (1..whole.len()).step_by(7) {
        let answer = hang_up_after(NODE.address(), &whole.as_bytes()[..length]).await;
        assert!(
            !String::from_utf8_lossy(&answer).contains("HTTP/1.1 2"),
            "half a request was carried out"
        );
    }
    client.get(&format!("{path}/a")).await.error(404, "not_found", "missing");
    // The client hangs up after the whole request: it may or may not be carried out, but not break.
    hang_up_after(NODE.address(), whole.as_bytes()).await;
    well().await;
}

#[tokio::test]
async fn random_changes_of_right_requests() {
    let (client, path) = database("changed").await;
    let mut random = StdRng::seed_from_u64(refuge_tests::seed("random changes of right requests"));
    let document = json!({"_id": "a", "_attachments": {"f": {"content_type": "text/plain", "data": "aGVsbG8="}}, "n": [1.5, true, "x"]});
    let bodies = [
        (
            format!("{path}/_bulk_docs"),
            json!({"docs": [document, {"_id": "b", "_rev": "1-abc", "_revisions": {"start": 1, "ids": ["abc"]}}], "new_edits": false}),
        ),
        (path.clone(), document.clone()),
        (format!("{path}/_bulk_get"), json!({"docs": [{"id": "a", "rev": "1-abc"}]})),
        (format!("{path}/_revs_diff"), json!({"a": ["1-abc", "2-def"]})),
        (format!("{path}/_all_docs"), json!({"keys": ["a", "b"]})),
        (format!("{path}/_changes?filter=_doc_ids"), json!({"doc_ids": ["a"]})),
    ];
    for round in 0..300 {
        let (asked, body) = &bodies[round % bodies.len()];
        let mut text = body.to_string().into_bytes();
        for _ in 0..random.random_range(1..4) {
            let place = random.random_range(0..text.len());
            match random.random_range(0..3) {
                0 => text[place] = random.random(),
                1 => drop(text.remove(place)),
                _ => text.insert(place, random.random()),
            }
        }
        let told = client.post_text(asked, text.clone()).await;
        assert!(told.status < 500, "{asked} {}: {}", String::from_utf8_lossy(&text), told.text());
    }
    well().await;
}

#[tokio::test]
async fn strange_parameters() {
    let (client, path) = database("strange").await;
    client.put(&format!("{path}/a"), json!({})).await.expect(201);
    let odd = [
        "",
        "null",
        "-1",
        "99999999999999999999",
        "%00",
        "%22",
        "true",
        "[]",
        "{}",
        "%ff",
        "0x10",
        "1e3",
    ];
    for place in ["", "/a", "/_all_docs", "/_changes", "/a/f", "/_local/a", "/_security"] {
        for name in [
            "rev",
            "revs",
            "open_revs",
            "since",
            "limit",
            "skip",
            "startkey",
            "keys",
            "key",
            "feed",
            "style",
            "timeout",
            "atts_since",
            "heartbeat",
            "attachments",
            "descending",
        ] {
            for value in odd {
                if name == "feed" && value.is_empty() {
                    continue;
                }
                let told = client.get(&format!("{path}{place}?{name}={value}")).await;
                assert!(
                    told.status < 500 || told.status == 501,
                    "{place}?{name}={value}: {}",
                    told.text()
                );
            }
        }
    }
    well().await;
}
