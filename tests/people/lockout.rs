//! Who gives wrong passwords has to wait; the right user from elsewhere does not.

use std::net::{Ipv4Addr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use refuge_tests::{Client, Node, Options, eventually};
use serde_json::json;
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

/// How many passwords the node has hashed so far, told to an admin who was let in before.
async fn hashes(admin: &Client) -> u64 {
    let told = admin.get("/_node/_local/_prometheus").await.expect(200).text();
    let line = told.lines().find(|line| line.starts_with("refuge_password_hashes_total"));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tries_at_once_are_hashed_no_more_than_a_few() {
    let node = node_with_users(options().set("http.bind=0.0.0.0")).await;
    make_user(&node, "anna", "apple", &[]).await;
    assert!(from_elsewhere(&node).await.starts_with("HTTP/1.1 200 "));
    let admin = node.client();
    let before = hashes(&admin).await;
    let begun = std::time::Instant::now();
    let mut guessers = Vec::new();
    for guesser in 0..64 {
        let (nobody, name) = (node.anonymous(), format!("guess{}", guesser % 7));
        guessers.push(tokio::spawn(async move {
            let mut compared = 0;
            for number in 0..20 {
                let password = format!("{guesser} {number}");
                let form = json!({"name": name, "password": password});
                let told = nobody.post("/_session", form).await;
                assert!([401, 403, 429].contains(&told.status), "{}", told.text());
                compared += u64::from(told.status == 401);
            }
            compared
        }));
    }
    for _ in 0..10 {
        let answer = from_elsewhere(&node).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"anna\""), "{answer}");
    }
    let mut compared = 0;
    for guesser in guessers {
        compared += guesser.await.expect("no panic");
    }
    // An address gets ten tries back in a minute.
    let most = 10 + begun.elapsed().as_secs() / 6 + 1;
    assert!((1..=most).contains(&compared), "{compared}");
    let hashed = hashes(&admin).await - before;
    assert!(hashed <= most, "{hashed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_right_password_over_many_connections_is_hashed_once() {
    let node = node_with_users(options()).await;
    make_user(&node, "anna", "apple", &[]).await;
    let admin = node.client();
    let before = hashes(&admin).await;
    let coming: Vec<_> = (0..64)
        .map(|_| Client::with_credentials(node.address(), "anna", "apple"))
        .map(|client| tokio::spawn(async move { client.get("/_session").await.expect(200).json() }))
        .collect();
    for one in coming {
        assert_eq!(one.await.expect("no panic")["userCtx"]["name"], "anna");
    }
    assert_eq!(hashes(&admin).await - before, 1);
}

#[tokio::test]
async fn who_hangs_up_has_guessed() {
    let node = node_with_users(Options::default().set("http.bind=0.0.0.0")).await;
    for number in 0..40 {
        let pair = STANDARD.encode(format!("nobody{number}:x"));
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {pair}\r\n\r\n");
        let mut stream = tokio::net::TcpStream::connect(node.address()).await.expect("connected");
        stream.write_all(request.as_bytes()).await.expect("written");
        drop(stream);
    }
    eventually("the address has to wait", || async {
        (sign_in(&node, "anna", "x").await.status == 429).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_wrong_name_costs_the_work_of_a_wrong_password() {
    let node = node_with_users(options().set("lockout.mode=off")).await;
    make_user(&node, "anna", "apple", &[]).await;
    let (admin, mut work) = (node.client(), Vec::new());
    for (name, password) in
        [("anna", "x"), ("nobody", "x"), ("admin", "x"), ("node:a", "x"), ("", "x")]
    {
        let before = hashes(&admin).await;
        sign_in(&node, name, password).await.error_named(401, "unauthorized");
        work.push((name, hashes(&admin).await - before));
    }
    assert!(work.iter().all(|(_, hashed)| *hashed == 1), "{work:?}");
}

#[tokio::test]
async fn a_proxy_tells_whose_tries_they_are_if_it_is_believed() {
    let node = node_with_users(options()).await;
    make_user(&node, "anna", "apple", &[]).await;
    let nobody = node.anonymous();
    let tried = async |from: &str, name: &str, password: &str| {
        let form = json!({"name": name, "password": password}).to_string();
        let request = nobody.request("POST", "/_session").json(form);
        request.header("x-forwarded-for", from).send().await
    };
    set(&node, "http/client_address_header", "X-Forwarded-For").await;
    for number in 0..10 {
        tried("203.0.113.7", &format!("guess{number}"), "x").await.expect(401);
    }
    tried("203.0.113.7", "anna", "apple").await.error_named(429, "too_many_requests");
    // What a client writes into the header stands before what the proxy saw.
    let forged = tried("198.51.100.1, 203.0.113.7", "anna", "apple").await;
    forged.error_named(429, "too_many_requests");
    tried("203.0.113.8", "anna", "apple").await.expect(200);
    sign_in(&node, "anna", "apple").await.expect(200);
    // Of others it is passed over: all of them are this address.
    set(&node, "http/trusted_proxies", "192.0.2.1").await;
    for number in 0..10 {
        tried(&format!("203.0.113.{number}"), &format!("guess{number}"), "x").await.expect(401);
    }
    tried("203.0.113.99", "anna", "apple").await.error_named(429, "too_many_requests");
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
