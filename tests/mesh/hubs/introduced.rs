//! A friend that found a node elsewhere than it was told makes it known to others as it found it.

use data_encoding::BASE64;
use refuge_tests::{Certificate, Node, Options, Peering, eventually};
use serde_json::{Value, json};

use super::{hub, named, record};

/// Where `anna` says that `bert` is, when she makes him known to `carl`.
async fn vouched(anna: &Node, bert_id: &str) -> Value {
    let told = anna.peer(&["introduce", "bert", "carl"]).await;
    let all = told["introductions"].as_array().expect("a list").clone();
    let of_bert = all.into_iter().find(|one| one["subject"] == bert_id).expect("one of bert");
    let payload = of_bert["statement"]["payload"].as_str().expect("a payload").to_owned();
    let payload = BASE64.decode(payload.as_bytes()).expect("base64");
    serde_json::from_slice::<Value>(&payload).expect("JSON")["addresses"].clone()
}

#[tokio::test]
async fn an_introduction_tells_where_a_node_is_now_before_where_it_was() {
    let hub = hub();
    let mut bert = Node::start(Options::mesh().set(&named(&hub).await));
    record(&hub, &bert).await;
    // The hub knows where it is; it knows no hub any more, and so finds nobody itself.
    let (root, address) = (bert.keep_root(), bert.mesh_address());
    bert.kill_hard();
    let options = Options::mesh().set(&format!("mesh.port={}", address.port()));
    let bert = Node::start_under(root, options);
    let bert_id = bert.id().await;
    let anna = Node::start(Options::mesh().set(&named(&hub).await));
    bert.trust(&anna, Peering { name: "anna", ..Peering::default() }).await;
    let former = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    anna.trust(&bert, Peering { name: "bert", address: Some(former), groups: &[] }).await;
    anna.peer(&["add", &Certificate::rsa(2048).node_id(), "--name", "carl"]).await;
    anna.sees("bert", true).await;
    eventually("where it was found is told first", || async {
        let told = vouched(&anna, &bert_id).await;
        (told == json!([address.to_string(), former.to_string()])).then_some(())
    })
    .await;
}
