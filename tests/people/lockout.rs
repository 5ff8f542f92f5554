//! Who gives wrong passwords has to wait; the right user from elsewhere does not.

use std::net::{Ipv4Addr, SocketAddr};

use refuge_tests::{Client, Node};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::{cookie, make_user, node_with_users, options, path, set, sign_in, who};

/// The answer to a request with the credentials of `anna:apple` from another address of this machine.
async fn from_elsewhere(node: &Node) -> String {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.2:0".parse().expect("an address")).expect("an address of this machine");
    let here = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), node.address().port());
    let mut stream = socket.connect(here).await.expect("a connection");
    let request = "GET /_session HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
         Authorization: Basic YW5uYTphcHBsZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn a_user_who_was_tried_too_often_is_refused_there() {
    let node = node_with_users(options().set("http.bind=0.0.0.0")).await;
    make_user(&node, "anna", "apple", &[]).await;
    let session = cookie(&sign_in(&node, "anna", "apple").await.expect(200));
    for _ in 0..5 {
        sign_in(&node, "anna", "x").await.error_named(401, "unauthorized");
    }
    let told = sign_in(&node, "anna", "apple").await;
    let reason = "Account is temporarily locked due to multiple authentication failures";
    told.error(403, "forbidden", reason);
    let basic = Client::with_credentials(node.address(), "anna", "apple");
    basic.get("/").await.error(403, "forbidden", reason);
    // Sessions go on, others come in, and so does the user with another password.
    assert_eq!(who(&node, "cookie", &session).await.json()["userCtx"]["name"], "anna");
    node.client().get("/_all_dbs").await.expect(200);
    let mut own = node.client().get(&path("anna")).await.json();
    own["password"] = "banana".into();
    node.client().put(&path("anna"), own).await.expect(201);
    sign_in(&node, "anna", "banana").await.expect(200);
}

#[tokio::test]
async fn an_address_that_tries_many_waits_and_others_do_not() {
    let node = node_with_users(options().set("http.bind=0.0.0.0")).await;
    make_user(&node, "anna", "apple", &[]).await;
    for number in 0..10 {
        sign_in(&node, &format!("guess{number}"), "x").await.error_named(401, "unauthorized");
    }
    let told = sign_in(&node, "anna", "apple").await;
    told.error_named(429, "too_many_requests");
    let wait: u64 = told.header("retry-after").parse().expect("seconds");
    assert!((1..=7).contains(&wait), "{wait}");
    for _ in 0..3 {
        let answer = from_elsewhere(&node).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"anna\""), "{answer}");
    }
}

#[tokio::test]
async fn it_can_be_told_alone_and_turned_off() {
    let node = node_with_users(options()).await;
    set(&node, "chttpd_auth_lockout/mode", "warn").await;
    make_user(&node, "anna", "apple", &[]).await;
    for _ in 0..12 {
        sign_in(&node, "anna", "x").await.error_named(401, "unauthorized");
    }
    sign_in(&node, "anna", "apple").await.expect(200);
    node.error_line("who tries too often", |line| {
        line.contains("too many wrong passwords of this user").then_some(())
    });
    set(&node, "chttpd_auth_lockout/mode", "off").await;
    for _ in 0..12 {
        sign_in(&node, "anna", "x").await.error_named(401, "unauthorized");
    }
    set(&node, "chttpd_auth_lockout/mode", "enforce").await;
    sign_in(&node, "anna", "apple").await.error_named(429, "too_many_requests");
}
