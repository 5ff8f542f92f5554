//! `_peers`, by the console, by the command line and over HTTP.

use refuge_tests::{Certificate, Client, Node, Options, befriend};
use serde_json::{Value, json};

#[tokio::test]
async fn peers_are_added_and_changed_on_the_command_line() {
    let node = Node::start(Options::default().set("mesh.bind=127.0.0.1").set("mesh.port=0"));
    let other = Certificate::rsa(2048).node_id();
    let told = node.refuge(&[
        "peer",
        "add",
        &other,
        "--name",
        "anna",
        "--address",
        "anna.example:6984",
        "--group",
        "family",
        "--group",
        "work",
    ]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    let listed = node.refuge(&["peer", "list"]);
    for word in ["anna", "trusted", "down", "family,work", "anna.example:6984", &other] {
        assert!(listed.output.contains(word), "{word} is not in {}", listed.output);
    }
    let document = node.client().get(&format!("/_peers/{other}")).await.expect(200).json();
    assert_eq!(document["name"], "anna");
    assert_eq!(document["groups"], json!(["family", "work"]));

    assert_eq!(node.refuge(&["peer", "block", "anna"]).code, Some(0));
    assert_eq!(node.known("anna").await.unwrap()["trust"], "blocked");
    assert_eq!(node.refuge(&["peer", "trust", &other]).code, Some(0));
    assert_eq!(node.known("anna").await.unwrap()["trust"], "trusted");
    assert_eq!(node.refuge(&["peer", "remove", "anna"]).code, Some(0));
    assert_eq!(node.known("anna").await, None);
    node.client().get(&format!("/_peers/{other}")).await.expect(404);
}

#[tokio::test]
async fn ids_are_typed_as_people_type() {
    let one = Node::start(Options::default());
    let two = Node::start(Options::mesh());
    let identity = one.identity().await;
    let people = identity["people"].as_str().unwrap().to_lowercase();
    two.peer(&["add", &people, "--name", "one"]).await;
    assert_eq!(two.known("one").await.unwrap()["id"], identity["id"]);
    let mut mistyped = people.clone();
    let first = if people.starts_with('a') { "b" } else { "a" };
    mistyped.replace_range(0..1, first);
    let told = two.refuge(&["peer", "add", &mistyped]);
    assert_eq!(told.code, Some(64), "{}", told.errors);
    assert!(told.errors.contains("group 1"), "{}", told.errors);
    assert_eq!(two.refuge(&["peer", "trust", "nobody"]).code, Some(64));
}

#[tokio::test]
async fn what_is_no_peer_is_refused() {
    let node = Node::start(Options::mesh());
    let admin = node.client();
    let (one, two) = (Certificate::rsa(2048), Certificate::rsa(2048));
    let (id, other) = (one.node_id(), two.node_id());
    let pem =
        |certificate: &Certificate| std::fs::read_to_string(&certificate.certificate).unwrap();
    let refuse = |path: String, body: Value| {
        let admin = admin.clone();
        async move {
            let reply = admin.put(&path, body.clone()).await;
            assert!(matches!(reply.status, 400 | 403), "{body}: {} {}", reply.status, reply.text());
        }
    };
    for wrong in ["x", "group:family", &id[1..], &id.to_lowercase(), "_design/x"] {
        refuse(format!("/_peers/{wrong}"), json!({"name": "x"})).await;
    }
    for body in [
        json!({"name": "*"}),
        json!({"name": "group:x"}),
        json!({"name": "line\nbreak"}),
        json!({"name": "x".repeat(65)}),
        json!({"name": 1}),
        json!({"name": other}),
        json!({"trust": "perhaps"}),
        json!({"groups": ["Family"]}),
        json!({"groups": "family"}),
        json!({"addresses": ["no port"]}),
        json!({"addresses": [1]}),
        json!({"certificate": "nonsense"}),
        json!({"certificate": pem(&two)}),
    ] {
        refuse(format!("/_peers/{id}"), body).await;
    }
    let good = json!({"certificate": pem(&one), "trust": "trusted"});
    admin.put(&format!("/_peers/{id}"), good).await.expect(201);
    let stored = admin.get(&format!("/_peers/{id}")).await.json();
    assert_eq!(stored["name"], id[..13], "a missing name is the id's beginning");
    refuse(format!("/_peers/{other}"), json!({"name": id[..13]})).await;
}

#[tokio::test]
async fn peers_are_for_admins_and_no_end_of_a_replication() {
    let node = Node::start(Options::mesh());
    let admin = node.client();
    let id = Certificate::rsa(2048).node_id();
    node.peer(&["add", &id, "--name", "anna"]).await;
    for path in ["/_peers", "/_peers/_all_docs", &format!("/_peers/{id}")] {
        node.anonymous().get(path).await.expect(401);
        admin.get(path).await.expect(200);
    }
    admin.post("/_peers/_revs_diff", json!({})).await.expect(403);
    admin.post("/_peers/_bulk_get", json!({"docs": []})).await.expect(403);
    admin.put("/_peers/_local/a", json!({})).await.expect(403);
    let bulk = json!({"docs": [{"_id": id, "_rev": "1-a"}], "new_edits": false});
    admin.post("/_peers/_bulk_docs", bulk).await.expect(403);
    admin.get("/_peers/_changes").await.expect(200);
    admin.get("/_peers/_changes?style=all_docs").await.expect(403);
    let url = node.url();
    for (source, target) in [
        (json!("_peers"), json!("copy")),
        (json!("copy"), json!("_peers")),
        (json!(format!("{url}/_peers")), json!("copy")),
        (json!("copy"), json!(format!("{url}/_peers/"))),
        (json!(format!("{url}/%5fpeers")), json!("copy")),
        (json!({"node": "anna", "db": "_peers"}), json!("copy")),
    ] {
        let request = json!({"source": source, "target": target, "create_target": true});
        let reply = admin.post("/_replicate", request.clone()).await;
        assert_eq!(reply.status, 403, "{request}: {}", reply.text());
    }
    admin.get("/copy").await.expect(404);
}

#[tokio::test]
async fn a_certificate_is_filled_in_by_the_first_handshake() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    let id = two.id().await;
    let told = two.identity().await["certificate"].clone();
    let client: Client = one.client();
    let stored = refuge_tests::eventually("the certificate is written down", || async {
        let document = client.get(&format!("/_peers/{id}")).await.expect(200).json();
        document.get("certificate").cloned()
    })
    .await;
    assert_eq!(stored.as_str().map(str::trim), told.as_str().map(str::trim));
}
