//! HTTP itself: keep-alive, h2c, chunked bodies, HEAD, pipelining.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use refuge_tests::exchange;
use serde_json::json;
use tokio::net::TcpStream;

use crate::{NODE, database};

#[tokio::test]
async fn http2_without_tls() {
    let (_, path) = database("h2c").await;
    let stream = TcpStream::connect(NODE.address()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let mut answers = Vec::new();
    for number in 0..20 {
        let request = hyper::Request::put(format!("http://{}{path}/{number}", NODE.address()))
            .header("authorization", "Basic YWRtaW46c2VjcmV0")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(json!({"n": number}).to_string())))
            .unwrap();
        sender.ready().await.unwrap();
        answers.push(sender.send_request(request));
    }
    for answer in answers {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 201);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap()["ok"], true);
    }
}

#[tokio::test]
async fn chunked_bodies_are_taken() {
    let (client, path) = database("chunked").await;
    let request = format!(
        "PUT {path}/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Basic YWRtaW46c2VjcmV0\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{{\"a\"\r\n3\r\n:1}}\r\n0\r\n\r\n"
    );
    let answer = String::from_utf8(exchange(NODE.address(), request.as_bytes()).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(client.get(&format!("{path}/a")).await.json()["a"], 1);
}

#[tokio::test]
async fn requests_sent_at_once_are_answered_in_order() {
    let one = "GET /_up HTTP/1.1\r\nHost: a\r\n\r\n";
    let last = "GET /_session HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = exchange(NODE.address(), format!("{one}{one}{last}").as_bytes()).await;
    let answer = String::from_utf8(answer).unwrap();
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 3, "{answer}");
    assert!(answer.trim_end().ends_with('}') && answer.contains("userCtx"), "{answer}");
}

#[tokio::test]
async fn old_clients_are_answered_too() {
    let answer = exchange(NODE.address(), b"GET / HTTP/1.0\r\n\r\n").await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn expectations_are_met() {
    let (_, path) = database("expect").await;
    let request = format!(
        "PUT {path}/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Basic YWRtaW46c2VjcmV0\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    let answer = String::from_utf8(exchange(NODE.address(), request.as_bytes()).await).unwrap();
    assert!(answer.contains("HTTP/1.1 201"), "{answer}");
}

#[tokio::test]
async fn unknown_methods_and_paths() {
    let client = NODE.client();
    client.request("BREW", "/").send().await.expect(405);
    let unknown = client.get("/_nothing_of_the_kind").await;
    assert!(matches!(unknown.status, 400 | 404 | 501), "{}", unknown.text());
}

#[tokio::test]
async fn a_node_survives_many_connections() {
    let mut held = Vec::new();
    for _ in 0..500 {
        held.push(TcpStream::connect(NODE.address()).await.unwrap());
    }
    NODE.client().get("/_up").await.expect(200);
}

#[tokio::test]
async fn a_target_may_hold_quotes_as_curl_sends_them() {
    let (client, path) = database("quotes").await;
    for id in ["a", "b"] {
        client.put(&format!("{path}/{id}"), json!({})).await.expect(201);
    }
    let request = format!(
        "GET {path}/_all_docs?startkey=\"b\"&x=<`> HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Basic YWRtaW46c2VjcmV0\r\n\r\n"
    );
    let answer = String::from_utf8(exchange(NODE.address(), request.as_bytes()).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("\"id\":\"b\"") && !answer.contains("\"id\":\"a\""), "{answer}");
}
