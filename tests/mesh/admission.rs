//! Who comes with a certificate that is trusted: his name, his roles, and what they open. The visitor
//! here is curl with another node's key.

use refuge_tests::{Certificate, Client, Node, Options, Visitor, eventually, share};
use serde_json::json;

/// A node, and the certificate of another that it trusts as a member of `family`.
async fn pair() -> (Node, Certificate) {
    let node = Node::start(Options::mesh());
    let other = Certificate::rsa(2048);
    node.peer(&["add", &other.node_id(), "--name", "other", "--group", "family"]).await;
    (node, other)
}

#[tokio::test]
async fn a_stranger_that_is_trusted_meanwhile_is_known_by_its_certificate() {
    let node = Node::start(Options::mesh());
    let admin = node.client();
    admin.put_nothing("/public").await.expect(201);
    admin.put("/public/_security", json!({"members": {"roles": []}})).await.expect(200);
    let other = Certificate::rsa(2048);
    let visitor = Visitor::with(node.mesh_address(), &other);
    let json = "content-type: application/json";
    let waiting = "/public/_changes?feed=longpoll&filter=_doc_ids&doc_ids=%5B%22trusted%22%5D";
    let one_connection: [&[&str]; 3] = [
        &["-X", "PUT", "-H", json, "-d", "{}", "/public/here"],
        &[waiting],
        // Nobody answers what is no answer; curl goes when it has waited a second.
        &["-m", "1", "-X", "POST", "-d", "x", "/_mesh/link"],
    ];
    let trusting = async {
        eventually("the stranger is here", || async {
            (admin.get("/public/here").await.status == 200).then_some(())
        })
        .await;
        node.peer(&["add", &other.node_id(), "--name", "other"]).await;
        assert_eq!(node.peer(&["show", "other"]).await["certificate"], json!(null));
        admin.put("/public/trusted", json!({})).await.expect(201);
    };
    let (answers, ()) = tokio::join!(visitor.ask(&one_connection), trusting);
    answers[0].expect(201);
    answers[1].expect(200);
    eventually("its certificate is known", || async {
        node.peer(&["show", "other"]).await["certificate"].is_string().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_trusted_node_has_a_name_and_roles() {
    let (node, other) = pair().await;
    let visitor = Visitor::with(node.mesh_address(), &other);
    let session = visitor.get("/_session").await.expect(200).json();
    let context = &session["userCtx"];
    assert_eq!(context["name"], format!("node:{}", other.node_id()));
    let mut roles: Vec<&str> =
        context["roles"].as_array().unwrap().iter().filter_map(|role| role.as_str()).collect();
    roles.sort_unstable();
    assert_eq!(roles, ["_peer", "group:family"]);
    let with_credentials = visitor.ask(&[&["-u", "admin:secret", "/_session"]]).await;
    assert_eq!(with_credentials[0].expect(200).json()["userCtx"]["name"], "admin");
}

#[tokio::test]
async fn a_database_is_shared_by_naming_the_group() {
    let (node, other) = pair().await;
    let admin = node.client();
    for database in ["ours", "theirs", "mine"] {
        admin.put_nothing(&format!("/{database}")).await.expect(201);
    }
    share(&admin, "ours", "family").await;
    share(&admin, "theirs", "work").await;
    let visitor = Visitor::with(node.mesh_address(), &other);
    let answers = visitor
        .ask(&[
            &["-X", "PUT", "-d", r#"{"by":"other"}"#, "/ours/a"],
            &["/ours/a"],
            &["/theirs"],
            &["/mine"],
            &["-X", "PUT", "-d", "{}", "/ours/_security"],
            &["-X", "PUT", "-d", "{}", "/ours/_design/a"],
            &["/_all_dbs"],
            &["/_peers/_all_docs"],
            &["-X", "PUT", "/new"],
            &["/_mesh/events"],
        ])
        .await;
    answers[0].expect(201);
    assert_eq!(answers[1].expect(200).json()["by"], "other");
    for answer in &answers[2..] {
        assert!(matches!(answer.status, 401 | 403), "{} {}", answer.status, answer.text);
    }
}

#[tokio::test]
async fn groups_and_trust_are_those_of_the_moment() {
    let (node, other) = pair().await;
    let admin = node.client();
    admin.put_nothing("/ours").await.expect(201);
    share(&admin, "ours", "work").await;
    let path = format!("/_peers/{}", other.node_id());
    let change = |member: &'static str, value: serde_json::Value| {
        let (admin, path) = (admin.clone(), path.clone());
        async move {
            // The node may fill the certificate in between.
            loop {
                let mut document = admin.get(&path).await.expect(200).json();
                document[member] = value.clone();
                let written = admin.put(&path, document).await;
                if written.status != 409 {
                    written.expect(201);
                    return;
                }
            }
        }
    };
    let visitor = Visitor::with(node.mesh_address(), &other);
    visitor.get("/ours").await.expect(403);
    change("groups", json!(["work"])).await;
    visitor.get("/ours").await.expect(200);
    change("trust", json!("blocked")).await;
    let blocked = visitor.get("/ours").await;
    assert!(matches!(blocked.status, 0 | 401 | 403), "{}", blocked.status);
    change("trust", json!("trusted")).await;
    visitor.get("/ours").await.expect(200);
    change("trust", json!(null)).await;
    visitor.get("/ours").await.expect(401);
}

#[tokio::test]
async fn nobody_takes_a_nodes_name_with_a_password() {
    let (node, other) = pair().await;
    let name = format!("node:{}", other.node_id());
    let thief = Client::with_credentials(node.address(), &name, "secret");
    thief.get("/_session").await.expect(401);
    let refused = Node::refusal(
        tempfile::tempdir().unwrap().path(),
        &Options::default().set(&format!("admins.{name}=secret")),
    );
    assert_eq!(refused.0, Some(78), "{}", refused.2);
}

#[tokio::test]
async fn a_trusted_node_that_talks_nonsense_harms_nobody() {
    let (node, other) = pair().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nonsense");
    let body = format!("@{}", file.display());
    let frame = |text: &str| [&(text.len() as u32).to_be_bytes()[..], text.as_bytes()].concat();
    for nonsense in [
        vec![0; 4096],
        vec![0xff; 4096],
        frame("no json"),
        frame("[]"),
        frame(r#"{"t":"hello","v":1,"node":"somebody"}"#),
        frame(r#"{"t":"heartbeat","v":1,"n":1}"#),
        frame(r#"{"t":"song","v":1}"#),
        frame(&"x".repeat(65_537)),
    ] {
        std::fs::write(&file, &nonsense).unwrap();
        for path in ["/_mesh/link", "/_mesh/reverse"] {
            let visitor = Visitor::with(node.mesh_address(), &other);
            // Nobody answers what is no answer; curl goes when it has waited a second.
            let arguments = ["-m", "1", "-X", "POST", "--data-binary", &body, path];
            let answer = visitor.ask(&[&arguments]).await.remove(0);
            assert!(matches!(answer.status, 0 | 200), "{path}: {} {}", answer.status, answer.text);
        }
    }
    let tree = node.console().tree().await.unwrap();
    let restarted: Vec<_> =
        tree.walk().filter(|actor| actor.restarts > 0).map(|actor| &actor.name).collect();
    assert!(restarted.is_empty(), "{restarted:?}");
    Visitor::with(node.mesh_address(), &other).get("/_session").await.expect(200);
}
