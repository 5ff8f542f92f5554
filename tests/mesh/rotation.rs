//! A node that changes its key stays the peer that it was, and nobody else becomes it.

mod liar;

use std::sync::Arc;
use std::time::Instant;

use data_encoding::BASE64;
use liar::Liar;
use refuge_identity::NodeIdentity;
use refuge_tests::{Certificate, Node, Options, Peering, Visitor, befriend, eventually, share};
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

/// Two nodes that are up to each other, of which `friend` alone knows where the other is; that one's certificate
/// is what its statements are checked with.
async fn acquaint(friend: &Node, other: &Node, name: &str) {
    let called = Peering { name, address: Some(other.mesh_address()), groups: &["family"] };
    friend.trust(other, called).await;
    other.trust(friend, Peering { name: "friend", address: None, groups: &["family"] }).await;
    friend.sees(name, true).await;
    other.sees("friend", true).await;
    eventually("the certificate is known", || async {
        friend.peer(&["show", name]).await["certificate"].is_string().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_node_that_can_only_be_dialled_stays_a_peer_and_an_end_of_replications() {
    let (mut home, friend) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    acquaint(&friend, &home, "home").await;
    let old = home.id().await;
    for node in [&home, &friend] {
        node.client().put_nothing("/work").await.expect(201);
        share(&node.client(), "work", "family").await;
    }
    let push = json!({"source": "work", "target": {"node": old, "db": "work"}, "continuous": true});
    friend.client().put("/_replicator/push", push).await.expect(201);
    friend.replication_is("push", "running").await;
    let known = home.known("friend").await.expect("a peer");
    assert_eq!((&known["addresses"], &known["told_addresses"]), (&json!(null), &json!(null)));

    assert_eq!(home.refuge(&["identity", "rotate"]).code, Some(0));
    home.restart();
    let new = home.id().await;
    assert_ne!(new, old);
    let known = eventually("it is known by its new id", || async {
        let known = friend.known("home").await?;
        (known["id"] == new.as_str() && known["up"] == true).then_some(known)
    })
    .await;
    assert_eq!((&known["groups"], &known["trust"]), (&json!(["family"]), &json!("trusted")));
    assert_eq!(known["rotations"][0]["from"], old.as_str(), "{known}");
    assert_eq!(friend.peer(&["list"]).await["peers"].as_array().expect("peers").len(), 1);
    home.sees("friend", true).await;

    friend.client().put("/work/later", json!({})).await.expect(201);
    eventually("what is written later arrives", || async {
        (home.client().get("/work/later").await.status == 200).then_some(())
    })
    .await;
    friend.replication_is("push", "running").await;
}

#[tokio::test]
async fn who_a_node_was_is_told_to_whoever_knows_it() {
    let mut node = Node::start(Options::mesh());
    let old = node.id().await;
    let path = format!("/_mesh/pair/rotation/{old}");
    let stranger = Certificate::rsa(2048);
    Visitor::with(node.mesh_address(), &stranger).get(&path).await.expect(404);
    assert_eq!(node.refuge(&["identity", "rotate"]).code, Some(0));
    node.restart();
    let new = format!("/_mesh/pair/rotation/{}", node.id().await);
    let visitor = Visitor::with(node.mesh_address(), &stranger);
    let told = visitor.ask(&[&[path.as_str()], &[new.as_str()], &["/_mesh/pair/rotation/x"]]).await;
    assert_eq!(told[0].expect(200).json(), json!({"rotations": rotations(&node).await}));
    told[1].expect(404);
    told[2].expect(404);
    node.client().get(&path).await.expect(404);
}

/// The next identity of a node that does not run any more.
fn next_identity(node: &mut Node) -> Arc<NodeIdentity> {
    assert_eq!(node.refuge(&["identity", "rotate"]).code, Some(0));
    node.kill_hard();
    let folder = node.root().join("var/identity");
    NodeIdentity::take_next(&folder).expect("the next identity is taken");
    Arc::new(NodeIdentity::load(&folder).expect("its files").expect("an identity"))
}

#[tokio::test]
async fn who_answers_with_the_rotation_of_another_is_not_believed() {
    let node = || Node::start(Options::mesh());
    let (mut home, mut other, friend) = (node(), node(), node());
    acquaint(&friend, &home, "home").await;
    acquaint(&friend, &other, "other").await;
    let (home_id, other_id) = (home.id().await, other.id().await);
    let next = next_identity(&mut home).id.to_string();
    // Its statements hold, and make it the other peer.
    let identity = next_identity(&mut other);
    let (of_home, of_other) = (rotations(&home).await, rotations(&other).await);
    let mut forged = of_home.clone();
    let payload = BASE64.decode(of_home[0]["payload"].as_str().expect("a payload").as_bytes());
    let payload = String::from_utf8(payload.expect("base64")).expect("text");
    let payload = payload.replace(&next, &identity.id.to_string());
    forged[0]["payload"] = BASE64.encode(payload.as_bytes()).into();
    let told = |rotations: &Value| json!({"rotations": rotations}).to_string();
    let lies = [
        told(&of_home),
        told(&forged),
        told(&json!([of_home[0], of_other[0]])),
        told(&json!([])),
        told(&json!([{"kind": "rotation"}])),
        "nonsense".to_owned(),
        format!("\"{}\"", "x".repeat(1 << 20)),
        told(&of_other),
    ];
    let mut liars: Vec<Liar> = Vec::new();
    let begun = Instant::now();
    // Each further address is tried at once, and all of the others once more.
    for lie in lies {
        let liar = Liar::start(Arc::clone(&identity), lie).await;
        friend.peer(&["add", &home_id, "--address", &liar.address().to_string()]).await;
        eventually("it is asked", || async { (liar.asked() > 0).then_some(()) }).await;
        liars.push(liar);
    }
    // Once a minute, however often it is met.
    let most = 1 + begun.elapsed().as_secs() / 60;
    for liar in &liars {
        let asked = liar.asked();
        assert!(asked as u64 <= most, "{asked} times at {}", liar.address());
    }
    for (name, id) in [("home", home_id), ("other", other_id)] {
        let known = friend.known(name).await.expect("a peer");
        assert_eq!((&known["id"], &known["trust"]), (&json!(id), &json!("trusted")), "{name}");
    }
    assert_eq!(friend.peer(&["list"]).await["peers"].as_array().expect("peers").len(), 2);
}

#[tokio::test]
async fn a_peer_that_nobody_named_rotates_its_key_as_well() {
    let (mut one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    let old = one.id().await;
    two.peer(&["add", &old]).await;
    let there = Peering { name: "two", address: Some(two.mesh_address()), groups: &[] };
    one.trust(&two, there).await;
    eventually("the certificate is known", || async {
        two.peer(&["show", &old]).await["certificate"].is_string().then_some(())
    })
    .await;
    assert_eq!(one.refuge(&["identity", "rotate"]).code, Some(0));
    one.restart();
    let new = one.id().await;
    eventually("it is known by its new id alone", || async {
        let listed = two.peer(&["list"]).await;
        let peers = listed["peers"].as_array()?;
        (peers.len() == 1 && peers[0]["id"] == new.as_str()).then_some(())
    })
    .await;
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
