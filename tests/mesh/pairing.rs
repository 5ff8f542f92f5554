//! Pairing by invitation: two nodes that never heard of each other, and those who come with tokens that
//! are wrong, spent or withdrawn.

mod refused;

use std::path::Path;
use std::time::Instant;

use refuge_tests::{Certificate, Node, Options, Visitor};
use serde_json::{Value, json};

/// A node that listens for nobody yet.
fn quiet() -> Node {
    Node::start(Options::default().set("mesh.bind=127.0.0.1").set("mesh.port=0"))
}

/// What `refuge invite` prints.
fn invite(node: &Node, options: &[&str]) -> Value {
    let told = node.refuge(&[&["invite", "--json"][..], options].concat());
    assert_eq!(told.code, Some(0), "{}", told.errors);
    serde_json::from_str(&told.output).expect("JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn token(invitation: &Value) -> String {
    let invitation = text(&invitation["invitation"]);
    invitation.split_once("?token=").expect("a token").1.to_owned()
}

/// A node's certificate comes with a token.
async fn come(node: &Node, certificate: &Certificate, body: &str) -> refuge_tests::Answer {
    let visitor = Visitor::with(node.mesh_address(), certificate);
    let json = "Content-Type: application/json";
    visitor.ask(&[&["-H", json, "-d", body, "/_mesh/pair"]]).await.remove(0)
}

/// Whether a file below a folder holds these bytes.
fn holds(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).expect("a folder").any(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return holds(&path, bytes);
        }
        let file = std::fs::read(&path).unwrap_or_default();
        file.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[tokio::test]
async fn an_invitation_makes_two_strangers_peers() {
    let (one, two) = (quiet(), quiet());
    one.id().await;
    let own = two.id().await;
    let invitation = invite(&one, &["--group", "family", "--name", "two"]);
    let begun = Instant::now();
    let invitation = text(&invitation["invitation"]);
    let told = two.refuge(&["pair", invitation, "--name", "one", "--group", "friends"]);
    println!("paired after {:?}", begun.elapsed());
    assert_eq!(told.code, Some(0), "{}", told.errors);
    assert!(told.output.starts_with("paired with one ("), "{}", told.output);
    one.sees("two", true).await;
    two.sees("one", true).await;
    println!("both are up after {:?}", begun.elapsed());
    let there = one.known("two").await.expect("a peer");
    assert_eq!((&there["id"], &there["groups"]), (&json!(own), &json!(["family"])));
    assert_eq!(two.known("one").await.expect("a peer")["groups"], json!(["friends"]));
}

#[tokio::test]
async fn an_invitation_is_for_one_node_which_may_repeat_it() {
    let (one, two, three) = (quiet(), quiet(), quiet());
    for node in [&one, &two, &three] {
        node.id().await;
    }
    let invitation = invite(&one, &["--name", "two"]);
    let invitation = text(&invitation["invitation"]);
    for _ in 0..2 {
        let told = two.refuge(&["pair", invitation, "--name", "one"]);
        assert_eq!(told.code, Some(0), "{}", told.errors);
    }
    let told = three.refuge(&["pair", invitation]);
    assert_ne!(told.code, Some(0));
    assert!(told.errors.contains("ask for a new one"), "{}", told.errors);
    assert_eq!(three.known("one").await, None);
    let own = one.refuge(&["pair", invitation]);
    assert!(own.errors.contains("by this node itself"), "{}", own.errors);
}

#[tokio::test]
async fn a_revoked_guest_does_not_let_itself_in_again_with_its_token() {
    let node = Node::start(Options::mesh());
    node.id().await;
    for verb in ["revoke", "remove", "block"] {
        let invitation = invite(&node, &["--name", "guest"]);
        let guest = Certificate::rsa(2048);
        let body = json!({"token": token(&invitation)}).to_string();
        for _ in 0..2 {
            come(&node, &guest, &body).await.expect(200);
        }
        node.peer(&[verb, "guest"]).await;
        let answer = come(&node, &guest, &body).await;
        // A blocked one does not get as far as a question.
        assert!(matches!(answer.status, 0 | 403), "{verb}: {}", answer.text);
        let known = node.known("guest").await.unwrap_or_default();
        assert_ne!(known["trust"], "trusted", "{verb}");
        if verb != "remove" {
            node.peer(&["remove", "guest"]).await;
            come(&node, &guest, &body).await.expect(403);
        }
        assert_eq!(node.known("guest").await, None, "{verb}");
    }
}

#[tokio::test]
async fn a_token_is_on_no_disk_and_in_no_log_and_survives_a_crash() {
    let mut one = Node::start(Options::mesh().set("log.level=debug"));
    one.id().await;
    let invitation = invite(&one, &[]);
    let token = token(&invitation);
    one.restart();
    assert!(!holds(one.root(), token.as_bytes()), "the token is on the disk");
    let guest = Certificate::rsa(2048);
    let body = json!({"token": token, "name": "guest"}).to_string();
    let answer = come(&one, &guest, &body).await;
    assert_eq!(answer.expect(200).json()["id"], json!(one.id().await));
    assert_eq!(one.known("guest").await.expect("a peer")["id"], guest.node_id());
    let wrong = format!("{}A", &token[1..]);
    let body = json!({"token": wrong}).to_string();
    come(&one, &Certificate::rsa(2048), &body).await.expect(403);
    for secret in [token, wrong] {
        assert!(!one.errors().iter().any(|line| line.contains(&secret)), "a token was logged");
        assert!(!holds(one.root(), secret.as_bytes()), "a token is on the disk");
    }
}

#[tokio::test]
async fn who_guesses_has_to_wait() {
    let node = Node::start(Options::mesh());
    node.id().await;
    let invitation = invite(&node, &[]);
    let guesser = Certificate::rsa(2048);
    for guess in 0..5 {
        let body = json!({"token": format!("{guess:032}")}).to_string();
        come(&node, &guesser, &body).await.expect(403);
    }
    let right = json!({"token": token(&invitation)}).to_string();
    let answer = come(&node, &guesser, &right).await;
    assert_eq!(answer.expect(429).json()["error"], "too_many_tries");
    assert_eq!(node.peer(&["list"]).await["peers"], json!([]));
}

#[tokio::test]
async fn who_asks_without_end_is_not_heard_whatever_it_asks() {
    let node = Node::start(Options::mesh().set("log.level=debug"));
    node.id().await;
    let stranger = Certificate::rsa(2048);
    let visitor = Visitor::with(node.mesh_address(), &stranger);
    let (json, nothing) = ("Content-Type: application/json", r#"{"rotations": []}"#);
    let rotation = ["-H", json, "-d", nothing, "/_mesh/pair/rotation"];
    let request = ["-H", json, "-d", "{}", "/_mesh/pair/request"];
    let asked: Vec<&[&str]> =
        (0..35).map(|number| if number % 2 == 0 { &rotation[..] } else { &request[..] }).collect();
    let answers = visitor.ask(&asked).await;
    let heard = answers.iter().filter(|answer| answer.status != 429).count();
    assert_eq!(heard, 30);
    answers[30].expect(429);
    assert_eq!(answers[30].json()["error"], "too_many_tries");
    let lines = node.errors().len();
    visitor.ask(&asked).await;
    let told: Vec<String> = node.errors().split_off(lines);
    let refusals = told.iter().filter(|line| line.contains("refused")).count();
    assert_eq!(refusals, 0, "{told:?}");
}

#[tokio::test]
async fn what_is_no_pairing_changes_nothing() {
    let node = Node::start(Options::mesh());
    node.id().await;
    let guest = Certificate::rsa(2048);
    for (body, status) in [
        ("", 400),
        ("{", 400),
        ("[]", 400),
        ("{}", 400),
        (r#"{"token": 7}"#, 400),
        (r#"{"token": "a", "port": 70000}"#, 400),
        (r#"{"token": ""}"#, 403),
    ] {
        let answer = come(&node, &guest, body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
    }
    let huge = json!({"token": "a".repeat(10_000)}).to_string();
    come(&node, &guest, &huge).await.expect(413);
    assert_eq!(node.peer(&["list"]).await["peers"], json!([]));
    let bad = ["refuge:ABC@a:1?token=x", "http://example.org", "refuge:@?token="];
    for invitation in bad {
        let told = node.refuge(&["pair", invitation]);
        assert_eq!(told.code, Some(64), "{invitation}: {}", told.errors);
    }
}

#[tokio::test]
async fn a_withdrawn_invitation_and_a_blocked_guest_are_refused() {
    let node = Node::start(Options::mesh());
    node.id().await;
    let invitation = invite(&node, &["--group", "family"]);
    let number = invitation["number"].to_string();
    let listed = node.refuge(&["invite", "list"]);
    assert!(listed.output.contains("family"), "{}", listed.output);
    assert!(!listed.output.contains(&token(&invitation)));
    assert_eq!(node.refuge(&["invite", "withdraw", &number]).code, Some(0));
    assert_eq!(node.refuge(&["invite", "withdraw", &number]).code, Some(64));
    let guest = Certificate::rsa(2048);
    let body = json!({"token": token(&invitation)}).to_string();
    come(&node, &guest, &body).await.expect(403);
    let invitation = invite(&node, &[]);
    node.peer(&["block", &guest.node_id()]).await;
    let body = json!({"token": token(&invitation)}).to_string();
    let answer = come(&node, &guest, &body).await;
    assert!(matches!(answer.status, 0 | 403), "{}", answer.status);
    let known = node.known(&guest.node_id()[..13]).await.expect("known");
    assert_eq!(known["trust"], "blocked");
}

#[tokio::test]
async fn a_guest_that_calls_itself_as_a_friend_gets_another_name() {
    let node = Node::start(Options::mesh());
    node.id().await;
    node.peer(&["add", &Certificate::rsa(2048).node_id(), "--name", "anna"]).await;
    let invitation = invite(&node, &[]);
    let guest = Certificate::rsa(2048);
    let body = json!({"token": token(&invitation), "name": "\u{430}nn\u{430}"}).to_string();
    come(&node, &guest, &body).await.expect(200);
    let known = node.known(&guest.node_id()[..13]).await.expect("under its id");
    assert_eq!(known["trust"], "trusted");
}

#[tokio::test]
async fn admins_invite_and_pair_over_http() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    one.id().await;
    two.id().await;
    let (here, there) = (one.client(), two.client());
    for path in [
        "/_mesh",
        "/_mesh/peers",
        "/_mesh/invitations",
        "/_mesh/introductions",
        "/_mesh/diagnose/x",
    ] {
        one.anonymous().get(path).await.expect(401);
    }
    one.anonymous().post("/_mesh/invitations", json!({})).await.expect(401);
    one.anonymous().post("/_mesh/pair", json!({})).await.expect(404);
    here.post("/_mesh/pair", json!({})).await.expect(404);
    here.post("/_mesh/invitations", json!({"minutes": 0})).await.expect(400);
    here.post("/_mesh/invitations", json!({"groups": ["Family"]})).await.expect(400);
    here.post("/_mesh/invitations", json!({"colour": "red"})).await.expect(400);
    let long = format!("{}.example.org:6984", "a".repeat(60));
    here.post("/_mesh/invitations", json!({"addresses": vec![long; 20]})).await.expect(400);
    let wish = json!({"groups": ["family"], "name": "two"});
    let made = here.post("/_mesh/invitations", wish).await.expect(201).json();
    let open = here.get("/_mesh/invitations").await.expect(200).json();
    assert_eq!(open["invitations"][0]["groups"], json!(["family"]));
    let pairing = json!({"invitation": made["invitation"], "name": "one"});
    let paired = there.post("/_mesh/peers", pairing).await.expect(201).json();
    assert_eq!(paired["id"], json!(one.id().await));
    one.sees("two", true).await;
    let overview = here.get("/_mesh").await.expect(200).json();
    assert_eq!((&overview["trusted"], &overview["up"]), (&json!(1), &json!(1)));
    let shown = here.get("/_mesh/peers/two").await.expect(200).json();
    assert_eq!(shown["groups"], json!(["family"]));
    here.get("/_mesh/peers/nobody").await.expect(404);
    let peers = here.get("/_mesh/peers").await.expect(200).json();
    assert_eq!(peers["peers"][0]["name"], "two");
    here.post("/_mesh/invitations", json!({"name": "two"})).await.expect(400);
    let wish = json!({"node": "two", "to": "*", "groups": ["Family"]});
    here.post("/_mesh/introductions", wish).await.expect(400);
    here.post("/_mesh/peers/two", json!({"action": "revoke"})).await.expect(200);
    one.sees("two", false).await;
    here.post("/_mesh/peers/two", json!({"action": "sing"})).await.expect(400);
}
