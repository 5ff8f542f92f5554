//! Nodes that find each other in a distributed hash table: one of twenty nodes that the test runs itself.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Instant;

use data_encoding::BASE32_NOPAD;
use mainline::{Id, Testnet};
use refuge_tests::{Events, Node, Options, Peering, eventually};
use sha1::{Digest as _, Sha1};

async fn table() -> Testnet {
    let built = tokio::task::spawn_blocking(|| Testnet::builder(20).build());
    built.await.expect("built").expect("a table")
}

/// Takes part in the table.
fn node(table: &Testnet) -> Node {
    let first = table.bootstrap[..3].join(",");
    let options = Options::mesh().set("mesh.dht=true");
    Node::start(options.set(&format!("mesh.dht_first={first}")))
}

async fn know_each_other(one: &Node, two: &Node) {
    for (node, other, name) in [(one, two, "two"), (two, one, "one")] {
        node.trust(other, Peering { name, address: None, groups: &[] }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_find_each_other_without_an_address() {
    let table = table().await;
    let (one, two) = (node(&table), node(&table));
    let begun = Instant::now();
    know_each_other(&one, &two).await;
    one.sees("two", true).await;
    two.sees("one", true).await;
    println!("found and up after {:?}", begun.elapsed());
    // One of them may have been dialled before it had found the other.
    let events = [(&one, "two"), (&two, "one")].map(|(node, name)| async move {
        let told = node.client().get("/_mesh/events").await.expect(200).json();
        let mut events = told["results"].as_array().expect("a list").clone();
        events.retain(|event| event["event"] == "discovered" && event["name"] == name);
        events
    });
    let mut found = Vec::new();
    for events in events {
        found.extend(events.await);
    }
    assert!(!found.is_empty() && found.iter().all(|event| event["source"] == "dht"), "{found:?}");

    one.console().kill("hash-table").await.expect("killed");
    let restarted = eventually("the actor is started again", || async {
        let tree = one.console().tree().await.expect("a tree");
        let restarted = tree.walk().filter(|actor| actor.restarts > 0).count();
        (restarted > 0).then_some(restarted)
    });
    assert_eq!(restarted.await, 1, "one actor was started again, alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_taken_part_in_and_left_while_the_nodes_run() {
    let table = table().await;
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    know_each_other(&one, &two).await;
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let first = table.bootstrap[..3].join(",");
    let settings =
        |port: u16| format!("[mesh]\ndht = true\ndht_first = \"{first}\"\ndht_port = {port}\n");
    one.read_settings(&settings(free.port())).await;
    two.read_settings(&settings(0)).await;
    one.sees("two", true).await;
    two.sees("one", true).await;
    UdpSocket::bind(free).expect_err("the node speaks from there");
    one.read_settings("").await;
    eventually("it speaks from there no more", || async { UdpSocket::bind(free).ok() }).await;
    assert_eq!(one.known("two").await.expect("a peer")["up"], true, "no link hangs on the table");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_liars_write_into_the_table_does_no_harm() {
    let table = table().await;
    let (one, two, third) = (node(&table), node(&table), Node::start(Options::mesh()));
    // It listens for others, and is somebody else.
    third.id().await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut lies: Vec<SocketAddr> = vec![third.mesh_address(), silent.local_addr().unwrap()];
    lies.push(TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    for (liar, lie) in table.nodes.iter().zip(&lies) {
        for node in [&one, &two] {
            let liar = liar.clone().as_async();
            liar.announce_peer(key(&node.id().await), Some(lie.port())).await.expect("written");
        }
    }
    know_each_other(&one, &two).await;
    one.sees("two", true).await;
    two.sees("one", true).await;
    let mut events = Events::after(&one.client(), 0).await;
    events.next_of("nodeup", "two").await;
    let tree = one.console().tree().await.expect("a tree");
    assert_eq!(tree.walk().filter(|actor| actor.restarts > 0).count(), 0, "nothing crashed");
}

/// Where the table has what is known of a node.
fn key(id: &str) -> Id {
    let digest = BASE32_NOPAD.decode(id.as_bytes()).expect("a node id");
    let mut hash = Sha1::new();
    hash.update(b"refuge:");
    hash.update(digest);
    let key: [u8; 20] = hash.finalize().into();
    Id::from(key)
}
