//! A node that is trusted no more is cut off, whatever is under way.

use std::time::{Duration, Instant};

use refuge_tests::{
    Certificate, Events, Load, Node, Options, Visitor, befriend, contents, eventually, share,
};
use serde_json::json;

/// One second, and what a busy machine may add: what is not cut lasts for ever. The tests tell how long it took.
const CUT_LIMIT: Duration = Duration::from_secs(1 + 10);
/// Within this time what is under way has come, or never will.
const SETTLED: Duration = Duration::from_millis(1_500);

#[tokio::test]
async fn an_open_answer_ends_within_a_second() {
    let node = Node::start(Options::mesh());
    let other = Certificate::rsa(2048);
    node.peer(&["add", &other.node_id(), "--name", "other", "--group", "family"]).await;
    let admin = node.client();
    admin.put_nothing("/ours").await.expect(201);
    share(&admin, "ours", "family").await;
    for verb in ["block", "revoke", "remove"] {
        let visitor = Visitor::with(node.mesh_address(), &other);
        let mut feed = visitor.follow("/ours/_changes?feed=continuous&heartbeat=100");
        assert!(feed.next().await.is_some(), "the feed is there");
        let begun = Instant::now();
        node.peer(&[verb, "other"]).await;
        while feed.next().await.is_some() {}
        let passed = begun.elapsed();
        println!("{verb}: cut off after {passed:?}");
        assert!(passed < CUT_LIMIT, "{verb}: {passed:?}");
        if verb != "remove" {
            node.peer(&["trust", "other"]).await;
        }
    }
}

#[tokio::test]
async fn a_stranger_that_is_blocked_hears_no_more_of_what_all_may_read() {
    let node = Node::start(Options::mesh());
    let stranger = Certificate::rsa(2048);
    let admin = node.client();
    admin.put_nothing("/open").await.expect(201);
    let everybody = json!({"names": [], "roles": []});
    let security = json!({"admins": everybody, "members": everybody});
    admin.put("/open/_security", security).await.expect(200);
    let visitor = Visitor::with(node.mesh_address(), &stranger);
    let mut feed = visitor.follow("/open/_changes?feed=continuous&heartbeat=100");
    assert!(feed.next().await.is_some(), "the feed is there");
    node.peer(&["block", &stranger.node_id()]).await;
    while feed.next().await.is_some() {}
    assert_eq!(visitor.get("/open").await.status, 0);
}

#[tokio::test]
async fn a_link_ends_within_a_second() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    let mut here = Events::after(&one.client(), 0).await;
    let mut there = Events::after(&two.client(), 0).await;
    here.next_of("nodeup", "two").await;
    there.next_of("nodeup", "one").await;
    let begun = Instant::now();
    one.peer(&["block", "two"]).await;
    let down = here.next_of("nodedown", "two").await;
    assert_eq!(down["reason"], "revoked");
    println!("here it is down after {:?}", begun.elapsed());
    there.next_of("nodedown", "one").await;
    let passed = begun.elapsed();
    println!("both saw it after {passed:?}");
    assert!(passed < CUT_LIMIT, "{passed:?}");
    one.peer(&["trust", "two"]).await;
    here.next_of("nodeup", "two").await;
    there.next_of("nodeup", "one").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replication_under_way_is_cut_off() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    let (from, to) = (one.client(), two.client());
    for client in [&from, &to] {
        client.put_nothing("/work").await.expect(201);
    }
    share(&to, "work", "family").await;
    let document = json!({
        "source": "work", "target": {"node": "two", "db": "work"}, "continuous": true
    });
    from.put("/_replicator/push", document).await.expect(201);
    let load = Load::start(one.address(), "work", "load", 4);
    let arrived =
        || async { to.get("/work").await.expect(200).json()["doc_count"].as_u64().unwrap() };
    eventually("documents arrive", || async { (arrived().await > 100).then_some(()) }).await;

    two.peer(&["block", "one"]).await;
    let begun = Instant::now();
    let mut events = Events::after(&two.client(), 0).await;
    events.next_of("nodedown", "one").await;
    // One more second, told by a long poll that nothing ends before its time.
    let poll = format!("/work/_changes?feed=longpoll&since=now&timeout={}", 1_000);
    while begun.elapsed() < SETTLED {
        to.get(&poll).await.expect(200);
    }
    let cut = arrived().await;
    load.advance(500).await;
    assert_eq!(arrived().await, cut, "documents arrive from a node that is blocked");
    one.replication_is("push", "waiting").await;

    two.peer(&["trust", "one"]).await;
    let written = load.stop().await.len() as u64;
    eventually("all documents arrive after all", || async {
        (arrived().await == written).then_some(())
    })
    .await;
    assert_eq!(contents(&from, "work").await, contents(&to, "work").await);
}
