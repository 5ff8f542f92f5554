//! A node that changes its key stays the peer that it was, and nobody else becomes it.

use refuge_tests::{Certificate, Node, Options, Visitor, befriend, eventually};
use serde_json::{Value, json};

async fn rotations(node: &Node) -> Value {
    stated(node, "rotations.json")
}

/// Those in a file of the identity's folder.
fn stated(node: &Node, file: &str) -> Value {
    let file = std::fs::read(node.root().join("var/identity").join(file)).expect("a file");
    serde_json::from_slice(&file).expect("JSON")
}

/// A certificate tells a node that it was another.
async fn claim(node: &Node, certificate: &Certificate, rotations: &Value) -> u16 {
    claims(node, certificate, std::slice::from_ref(rotations)).await[0]
}

/// The same with one claim after another over one connection: few are taken from one address at once.
async fn claims(node: &Node, certificate: &Certificate, rotations: &[Value]) -> Vec<u16> {
    let visitor = Visitor::with(node.mesh_address(), certificate);
    let body = |rotations| json!({"rotations": rotations}).to_string();
    let bodies: Vec<String> = rotations.iter().map(body).collect();
    let json = "Content-Type: application/json";
    let request = |body| ["-H", json, "-d", body, "/_mesh/pair/rotation"];
    let requests: Vec<_> = bodies.iter().map(|body| request(body.as_str())).collect();
    let requests: Vec<&[&str]> = requests.iter().map(<[&str; 5]>::as_slice).collect();
    visitor.ask(&requests).await.iter().map(|answer| answer.status).collect()
}

#[tokio::test]
async fn a_peer_with_a_new_key_keeps_its_name_its_groups_and_its_links() {
    let (mut one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    let old = one.id().await;
    // Its certificate is what the statement is checked with.
    eventually("the certificate is known", || async {
        two.peer(&["show", "one"]).await["certificate"].is_string().then_some(())
    })
    .await;
    let told = one.refuge(&["identity", "rotate"]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    assert_eq!(one.id().await, old, "until it is started again");
    // Whoever gets hold of the statements is not where they lead, and the old identity is trusted still.
    let thief = Certificate::rsa(2048);
    assert_eq!(claim(&two, &thief, &stated(&one, "next/rotations.json")).await, 403);
    one.restart();
    let new = one.id().await;
    assert_ne!(new, old);
    assert!(told.output.contains(&new), "{}", told.output);
    eventually("it is known by its new id", || async {
        let known = two.known("one").await?;
        (known["id"] == new.as_str() && known["up"] == true).then_some(known)
    })
    .await;
    let known = two.known("one").await.expect("a peer");
    assert_eq!((&known["groups"], &known["trust"]), (&json!(["family"]), &json!("trusted")));
    assert_eq!(known["rotated_from"], old.as_str());
    assert_eq!(two.peer(&["list"]).await["peers"].as_array().expect("peers").len(), 1);
    one.sees("two", true).await;

    assert_eq!(claim(&two, &thief, &rotations(&one).await).await, 403);
}

#[tokio::test]
async fn a_restart_lifts_no_block_of_an_identity_that_was_left() {
    let (mut one, mut two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    let old = one.id().await;
    eventually("the certificate is known", || async {
        two.peer(&["show", "one"]).await["certificate"].is_string().then_some(())
    })
    .await;
    assert_eq!(one.refuge(&["identity", "rotate"]).code, Some(0));
    one.restart();
    let new = one.id().await;
    eventually("it is known by its new id alone", || async {
        let known = two.known("one").await?;
        (known["id"] == new.as_str() && known["rotating"].is_null()).then_some(())
    })
    .await;
    two.peer(&["block", &old]).await;
    two.restart();
    two.id().await;
    let listed = two.peer(&["list"]).await;
    let trust = |id: &str| {
        let mut peers = listed["peers"].as_array().expect("peers").iter();
        peers.find(|peer| peer["id"] == id).map(|peer| peer["trust"].clone())
    };
    assert_eq!(trust(&old), Some(json!("blocked")), "{listed}");
    assert_eq!(trust(&new), Some(json!("trusted")), "{listed}");
}

#[tokio::test]
async fn a_rotation_that_was_broken_off_is_finished_unless_its_peer_was_blocked() {
    let mut node = Node::start(Options::mesh());
    node.id().await;
    let admin = node.client();
    let id = || Certificate::rsa(2048).node_id();
    let [old, new, blocked, next] = [id(), id(), id(), id()];
    for (before, after, name) in [(&old, &new, "anna"), (&blocked, &next, "bert")] {
        node.peer(&["add", before, "--name", name]).await;
        let begun = json!({
            "name": name, "trust": "trusted", "rotated_from": before, "rotating": true
        });
        admin.put(&format!("/_peers/{after}"), begun).await.expect(201);
    }
    node.peer(&["block", &blocked]).await;
    node.restart();
    node.id().await;
    let listed = node.peer(&["list"]).await;
    let find = |id: &str| {
        let mut peers = listed["peers"].as_array().expect("peers").iter();
        peers.find(|peer| peer["id"] == id).cloned().unwrap_or_default()
    };
    assert_eq!(find(&old), json!(null), "{listed}");
    assert_eq!(find(&new)["trust"], "trusted");
    assert_eq!((&find(&new)["name"], &find(&new)["rotating"]), (&json!("anna"), &json!(null)));
    assert_eq!(find(&blocked)["trust"], "blocked");
    assert_eq!((&find(&next)["trust"], &find(&next)["rotating"]), (&json!(null), &json!(null)));
}

#[tokio::test]
async fn neither_a_thief_nor_a_blocked_node_rotates() {
    let (mut one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    let old = one.id().await;
    two.peer(&["block", "one"]).await;
    assert_eq!(one.refuge(&["identity", "rotate"]).code, Some(0));
    one.restart();
    let new = one.id().await;
    let own = Certificate::of_node(one.root());
    let stated = rotations(&one).await;
    assert_eq!(claim(&two, &own, &stated).await, 403);
    let thief = Certificate::rsa(2048);
    let nonsense = [json!([]), json!(null), json!([{"kind": "rotation"}]), json!("x")];
    let told = claims(&two, &thief, &[&[stated], &nonsense[..]].concat()).await;
    assert_eq!((told[0], told.len()), (403, 5));
    assert!(told.iter().all(|status| matches!(status, 400 | 403)), "{told:?}");
    let known = two.known("one").await.expect("a peer");
    assert_eq!((&known["id"], &known["trust"]), (&json!(old), &json!("blocked")));
    let listed = two.peer(&["list"]).await;
    let peers = listed["peers"].as_array().expect("peers");
    assert!(peers.iter().all(|peer| peer["id"] != new.as_str()), "{listed}");
}
