//! Two nodes that know no address of each other find each other through a third, which cannot forge where
//! they are; and nothing hangs on it.

mod introduced;
mod lying_hub;

use data_encoding::BASE64;
use lying_hub::LyingHub;
use refuge_tests::{Answer, Certificate, Node, Options, Peering, Visitor, eventually};
use serde_json::{Value, json};

/// A node that is a hub for everybody.
fn hub() -> Node {
    Node::start(Options::mesh().set("hub.enabled=true").set("hub.public=true"))
}

/// How a node names a hub in its settings.
async fn named(hub: &Node) -> String {
    format!("hub.hubs={}", address(hub).await)
}

async fn address(hub: &Node) -> String {
    format!("refuge:{}@{}", hub.id().await, hub.mesh_address())
}

/// Each trusts the other and knows no address of it.
async fn acquaint(one: &Node, two: &Node) {
    for (node, other, name) in [(one, two, "two"), (two, one, "one")] {
        node.trust(other, Peering { name, ..Peering::default() }).await;
    }
}

/// Asks a hub from an address of its own: how often one may shake hands is bounded, and nodes do.
fn visitor<'a>(hub: &Node, certificate: &'a Certificate) -> Visitor<'a> {
    let arguments = &["--interface", "127.0.0.2"];
    Visitor { arguments, ..Visitor::with(hub.mesh_address(), certificate) }
}

/// What a hub answers to him. Too many handshakes of one address end without an answer.
async fn told(visitor: &Visitor<'_>, path: &str) -> Answer {
    eventually("the hub answers", || async {
        let answer = visitor.get(path).await;
        (answer.status != 0).then_some(answer)
    })
    .await
}

async fn record(hub: &Node, of: &Node) -> Value {
    record_of(hub, &of.id().await).await
}

async fn record_of(hub: &Node, id: &str) -> Value {
    let stranger = Certificate::rsa(2048);
    let visitor = visitor(hub, &stranger);
    let path = format!("/_mesh/hub/nodes/{id}");
    eventually("the hub knows the node", || async {
        let told = visitor.get(&path).await;
        (told.status == 200).then(|| told.json())
    })
    .await
}

#[tokio::test]
async fn two_nodes_find_each_other_through_a_hub_that_neither_trusts() {
    let hub = hub();
    let options = || async { Options::mesh().set(&named(&hub).await) };
    let (one, two) = (Node::start(options().await), Node::start(options().await));
    acquaint(&one, &two).await;
    one.sees("two", true).await;
    two.sees("one", true).await;
    let events = one.client().get("/_mesh/events").await.expect(200).json();
    let found = |event: &&Value| event["event"] == "discovered" && event["source"] == "hub";
    let events = events["results"].as_array().unwrap().clone();
    let seen = events.iter().find(found);
    // Whoever is found first dials; the other need not look any more.
    if let Some(seen) = seen {
        assert_eq!(seen["name"], "two");
    }
}

#[tokio::test]
async fn two_nodes_find_each_other_through_a_hub_that_they_hear_of_while_they_run() {
    let hub = hub();
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    acquaint(&one, &two).await;
    let settings = format!("[hub]\nhubs = \"{}\"\n", address(&hub).await);
    for node in [&one, &two] {
        node.read_settings(&settings).await;
    }
    one.sees("two", true).await;
    two.sees("one", true).await;
}

#[tokio::test]
async fn a_hub_is_visited_as_soon_as_it_is_set_and_no_more_when_another_takes_its_place() {
    let (former, next) = (hub(), hub());
    // Until it has a hub it has no reason to listen for others.
    let node = Options::default().set("mesh.bind=127.0.0.1").set("mesh.port=0");
    let node = Node::start(node);
    node.read_settings(&format!("[hub]\nhubs = \"{}\"\n", address(&former).await)).await;
    let before = record(&former, &node).await;
    let settings = format!(
        "[mesh]\nname = \"another\"\n[hub]\nlisted = true\nhubs = \"{}\"\n",
        address(&next).await
    );
    node.read_settings(&settings).await;
    record(&next, &node).await;
    let stranger = Certificate::rsa(2048);
    let listed = told(&visitor(&next, &stranger), "/_mesh/hub/nodes").await.expect(200).json();
    let claims = BASE64.decode(listed["nodes"][0]["payload"].as_str().unwrap().as_bytes()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["name"], "another");
    // Hubs are visited in their order, so the former would have heard of it before.
    assert_eq!(record(&former, &node).await, before);
}

#[tokio::test]
async fn a_hub_that_is_down_or_turned_off_cuts_nothing_and_is_found_again() {
    let mut hub = hub();
    let options = || async { Options::mesh().set(&named(&hub).await) };
    let (one, two) = (Node::start(options().await), Node::start(options().await));
    acquaint(&one, &two).await;
    one.sees("two", true).await;
    hub.kill_hard();
    for actor in ["hub-client", "hub"] {
        one.console().kill(actor).await.expect("it is killed");
    }
    assert_eq!(one.known("two").await.expect("a peer")["up"], true, "no link hangs on a hub");
    hub.restart();
    record(&hub, &one).await;
}

#[tokio::test]
async fn a_private_hub_knows_trusted_nodes_alone() {
    let hub = Node::start(Options::mesh().set("hub.enabled=true"));
    let friend = Node::start(Options::mesh().set(&named(&hub).await).set("hub.listed=true"));
    hub.trust(&friend, Peering { name: "friend", ..Peering::default() }).await;
    let certificate = Certificate::rsa(2048);
    let stranger = visitor(&hub, &certificate);
    let path = format!("/_mesh/hub/nodes/{}", friend.id().await);
    told(&stranger, &path).await.expect(404);
    told(&stranger, "/_mesh/hub/nodes").await.expect(404);
    hub.peer(&["add", &certificate.node_id(), "--name", "other"]).await;
    eventually("the friend is registered", || async {
        (stranger.get(&path).await.status == 200).then_some(())
    })
    .await;
    let listed = told(&stranger, "/_mesh/hub/nodes").await.expect(200).json();
    assert_eq!(listed["nodes"][0]["issuer"], json!(friend.id().await));
    // A node that is none of a hub's has no such path, and on the plain port nobody has.
    let own = Certificate::of_node(hub.root());
    Visitor::with(friend.mesh_address(), &own).get("/_mesh/hub/nodes").await.expect(404);
    hub.client().get("/_mesh/hub/nodes").await.expect(404);
}

/// What the hub answers to a statement that comes with this certificate.
async fn put(hub: &Node, certificate: &Certificate, id: &str, statement: &Value) -> Answer {
    let visitor = visitor(hub, certificate);
    let (text, path) = (statement.to_string(), format!("/_mesh/hub/nodes/{id}"));
    let json = "content-type: application/json";
    eventually("the hub looks at it", || async {
        let request = ["-X", "PUT", "-H", json, "-d", text.as_str(), path.as_str()];
        let answer = visitor.ask(&[&request]).await.remove(0);
        // Too many handshakes of one address end without an answer.
        (![0, 429].contains(&answer.status)).then_some(answer)
    })
    .await
}

#[tokio::test]
async fn forged_replayed_and_borrowed_statements_are_not_kept() {
    let hub = hub();
    let mut node = Node::start(Options::mesh().set(&named(&hub).await));
    let id = node.id().await;
    let old = record(&hub, &node).await;
    node.restart();
    let new = eventually("a newer statement", || async {
        let now = record(&hub, &node).await;
        (now != old).then_some(now)
    })
    .await;
    // So that it does not bring another one meanwhile.
    node.kill_hard();
    let own = Certificate::of_node(node.root());
    let stranger = Certificate::rsa(2048);
    let put = async |certificate, id: &str, statement| put(&hub, certificate, id, statement).await;
    let replayed = put(&own, &id, &old).await;
    assert!(replayed.expect(403).text.contains("replayed"), "{}", replayed.text);
    put(&stranger, &id, &new).await.expect(403);
    put(&stranger, &stranger.node_id(), &new).await.expect(403);
    let mut forged = new.clone();
    let payload = BASE64.decode(new["payload"].as_str().unwrap().as_bytes()).unwrap();
    let payload = String::from_utf8(payload).unwrap().replace("127.0.0.1", "127.0.0.9");
    forged["payload"] = BASE64.encode(payload.as_bytes()).into();
    let refused = put(&own, &id, &forged).await;
    assert!(refused.expect(403).text.contains("does not hold"), "{}", refused.text);
    let unsigned = json!({"kind": "hub_record"});
    put(&own, &id, &unsigned).await.expect(400);
    assert_eq!(record_of(&hub, &id).await, new, "it is kept as it was");
    put(&own, &id, &new).await.expect(201);
}

#[tokio::test]
async fn a_hub_that_lies_does_no_harm() {
    let honest = hub();
    let two = Node::start(Options::mesh().set(&named(&honest).await));
    let truth = record(&honest, &two).await;
    let liar = LyingHub::start(truth.clone()).await;
    let setting = format!("hub.hubs=refuge:{}@{}", liar.id(), liar.address());
    let one = Node::start(Options::mesh().set(&setting));
    acquaint(&one, &two).await;
    hear_lies(&one, &liar, liar.lies()).await;
    let why = one.client().get("/_mesh/diagnose/two").await.expect(200).text();
    assert!(!why.contains(lying_hub::FORGED_HOST), "a forged address is tried: {why}");
    assert_eq!(one.known("two").await.expect("a peer")["up"], false, "{why}");
    // What the node itself signed is good, whoever tells it.
    liar.tell_the_truth();
    one.sees("two", true).await;
}

/// Lets the liar tell so many lies more, and the node hear them: a change of the peers brings it to its hub at
/// once, and who asks after the last lie has heard it.
async fn hear_lies(node: &Node, liar: &LyingHub, count: usize) {
    let last = liar.told() + count;
    let third = Certificate::rsa(2048).node_id();
    for change in 0.. {
        let told = liar.told();
        if told > last {
            break;
        }
        node.peer(&["add", &third, "--name", &format!("third-{last}-{change}")]).await;
        eventually("the next lie is told", || async { (liar.told() > told).then_some(()) }).await;
    }
}

#[tokio::test]
async fn a_hub_that_replays_where_a_node_was_is_not_believed() {
    let honest = hub();
    let options = Options::mesh().set(&named(&honest).await);
    let mut former = Node::start(options.clone());
    let old = record(&honest, &former).await;
    let (root, old_address) = (former.keep_root(), former.mesh_address().to_string());
    former.kill_hard();
    let mut two = Node::start_under(root, options);
    let new = eventually("where it is now", || async {
        let now = record(&honest, &two).await;
        (now != old).then_some(now)
    })
    .await;
    let liar = LyingHub::start(new).await;
    liar.tell_the_truth();
    let setting = format!("hub.hubs=refuge:{}@{}", liar.id(), liar.address());
    let one = Node::start(Options::mesh().set(&setting));
    acquaint(&one, &two).await;
    one.sees("two", true).await;
    let new_address = two.mesh_address().to_string();
    two.kill_hard();
    one.sees("two", false).await;
    liar.replay(&old);
    hear_lies(&one, &liar, 1).await;
    let why = one.client().get("/_mesh/diagnose/two").await.expect(200).text();
    assert!(why.contains(&new_address), "{why}");
    assert!(!why.contains(&old_address), "an address of former times is tried: {why}");
}
