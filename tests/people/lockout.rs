//! Who gives wrong passwords has to wait; the right user from elsewhere does not.

use std::net::{IpAddr, SocketAddr};

use refuge_tests::{Client, Node};

use crate::{cookie, make_user, node_with_users, options, path, set, sign_in, who};

/// The same node under another address of this machine, from which its connections then come.
fn elsewhere(node: &Node) -> SocketAddr {
    let address: IpAddr = "127.0.0.2".parse().expect("an address");
    SocketAddr::new(address, node.address().port())
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
    let there = elsewhere(&node);
    let from_there = Client::with_credentials(there, "anna", "apple");
    let served = from_there.request("GET", "/_session").send().await;
    // On a machine where connections to 127.0.0.2 come from 127.0.0.1, nothing is shown by this.
    assert!([200, 429].contains(&served.status), "{}", served.text());
}

#[tokio::test]
async fn it_can_be_told_alone_and_turned_off() {
    let node = node_with_users(options().set("lockout.mode=warn")).await;
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
    set(&node, "chttpd_auth_lockout/threshold", "1").await;
    sign_in(&node, "anna", "apple").await.error_named(429, "too_many_requests");
}
