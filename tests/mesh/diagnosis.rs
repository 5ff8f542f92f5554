//! `refuge peer why`: in plain words why a node is not up.

use refuge_tests::{Certificate, Node, Options, Peering, Visitor, befriend, eventually};
use serde_json::{Value, json};

/// What is advised about the node called `name`.
fn why(node: &Node, name: &str) -> String {
    let told = node.refuge(&["peer", "why", name]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    told.output
}

/// The same as JSON, once it is as it should be.
async fn diagnosed(node: &Node, name: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let (client, path) = (node.client(), format!("/_mesh/diagnose/{name}"));
    eventually("it is diagnosed", || async {
        let told = client.get(&path).await.expect(200).json();
        is_so(&told).then_some(told)
    })
    .await
}

/// An address where nobody listens.
fn nowhere() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn each_cause_is_told_with_what_to_do() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    let told = why(&one, "two");
    assert!(told.contains("two is up; nothing is to be done."), "{told}");
    two.peer(&["revoke", "one"]).await;
    one.sees("two", false).await;
    let told = why(&one, "two");
    assert!(told.contains("two does not trust this node"), "{told}");
    assert!(told.contains("reached"), "{told}");
    one.peer(&["block", "two"]).await;
    let told = why(&one, "two");
    assert!(told.contains("blocked here"), "{told}");
    let diagnosed = one.client().get("/_mesh/diagnose/two").await.expect(200).json();
    assert_eq!(diagnosed["addresses"], json!([]), "a blocked node is not spoken to");
    one.client().get("/_mesh/diagnose/nobody").await.expect(404);
    assert_eq!(one.refuge(&["peer", "why", "nobody"]).code, Some(64));
}

#[tokio::test]
async fn an_address_that_leads_nowhere_or_elsewhere_is_named() {
    let node = || Node::start(Options::mesh());
    let (one, two, three) = (node(), node(), node());
    // Without a key of its own it reaches nobody.
    one.id().await;
    let free = nowhere();
    one.trust(&two, Peering { name: "two", address: Some(free), groups: &[] }).await;
    let told = why(&one, "two");
    assert!(told.contains(&format!("tried          {free} failed: ")), "{told}");
    assert!(told.contains("firewall"), "{told}");
    let elsewhere = Some(two.mesh_address());
    one.trust(&three, Peering { name: "three", address: elsewhere, groups: &[] }).await;
    let told = why(&one, "three");
    assert!(told.contains("another node answers"), "{told}");
    assert!(told.contains(&format!("proves {}, called two here", two.id().await)), "{told}");
    let unknown = Certificate::rsa(2048).node_id();
    one.peer(&["add", &unknown, "--name", "four"]).await;
    let told = why(&one, "four");
    assert!(told.contains("No address of four is known"), "{told}");
}

#[tokio::test]
async fn certificates_links_and_hubs_are_told_of() {
    let hub = Node::start(Options::mesh().set("hub.enabled=true").set("hub.public=true"));
    let hub_id = hub.id().await;
    let (lives, gone) = (hub.mesh_address(), nowhere());
    let hubs = format!("hub.hubs=refuge:{hub_id}@{lives} refuge:{hub_id}@{gone}");
    let node = || Node::start(Options::mesh().set(&hubs));
    let (one, mut two) = (node(), node());
    befriend(&one, &two).await;
    // Asked from an address of its own: how often one may shake hands is bounded.
    let (stranger, path) = (Certificate::rsa(2048), format!("/_mesh/hub/nodes/{}", two.id().await));
    let arguments = &["--interface", "127.0.0.2"];
    let visitor = Visitor { arguments, ..Visitor::with(lives, &stranger) };
    eventually("the hub knows the node", || async {
        (visitor.get(&path).await.status == 200).then_some(())
    })
    .await;
    let told = diagnosed(&one, "two", |told| {
        told["hubs"][0]["answer"] == "knows" && told["certificate"].is_object()
    });
    let told = told.await;
    assert_eq!(told["certificate"]["proves"], told["id"]);
    assert_eq!(told["hubs"][1]["answer"], "failed", "{told}");
    assert_eq!(told["link"]["standing"], "up", "{told}");
    let told = why(&one, "two");
    assert!(told.contains("certificate    known, proves this id"), "{told}");
    assert!(told.contains("source         hub on (hub.hubs)"), "{told}");
    assert!(told.contains("two is up; nothing is to be done."), "{told}");

    let address = two.mesh_address();
    two.kill_hard();
    one.sees("two", false).await;
    let told = diagnosed(&one, "two", |told| told["link"]["last_failure"].is_string()).await;
    let failure = told["link"]["last_failure"].as_str().expect("a reason");
    assert!(failure.contains(&address.to_string()), "{told}");
    let told = why(&one, "two");
    assert!(told.contains("last failure   "), "{told}");
    assert!(told.contains(&format!("The hub refuge:{hub_id}@{gone} did not answer")), "{told}");

    let unknown = Certificate::rsa(2048).node_id();
    one.peer(&["add", &unknown, "--name", "four"]).await;
    let knows_nothing = |told: &Value| told["hubs"][0]["answer"] == "knows_nothing";
    let told = diagnosed(&one, "four", knows_nothing).await;
    assert_eq!(told["certificate"], json!(null));
    let told = why(&one, "four");
    assert!(told.contains("certificate    none was met"), "{told}");
    assert!(told.contains("No certificate of four was ever met"), "{told}");
}
