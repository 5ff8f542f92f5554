//! The key, the certificate and the id of a node.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use refuge_tests::{Certificate, Node, Options};

#[tokio::test]
async fn the_id_is_the_one_that_openssl_finds() {
    let node = Node::start(Options::default());
    let identity = node.identity().await;
    let certificate = Certificate::of_node(node.root());
    assert_eq!(identity["id"], certificate.node_id());
    let told = fs::read_to_string(&certificate.certificate).unwrap();
    assert_eq!(identity["certificate"].as_str().map(str::trim), Some(told.trim()));
    let mode = fs::metadata(&certificate.key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn people_see_an_id_a_name_and_a_code() {
    let node = Node::start(Options::mesh().set("mesh.name=kitchen"));
    let identity = node.identity().await;
    let told = node.refuge(&["identity"]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    for member in ["id", "people", "name"] {
        let text = identity[member].as_str().unwrap();
        assert!(told.output.contains(text), "{text} is not told: {}", told.output);
    }
    assert_eq!(identity["name"], "kitchen");
    assert!(told.output.contains('█'), "{}", told.output);
    let people = identity["people"].as_str().unwrap();
    let groups: Vec<&str> = people.split('-').collect();
    assert!(groups.len() == 4 && groups.iter().all(|group| group.len() == 14), "{people}");
}

#[tokio::test]
async fn an_id_stays_over_crashes_and_the_key_is_told_to_nobody() {
    let mut node = Node::start(Options::mesh());
    let identity = node.identity().await;
    let key = fs::read_to_string(Certificate::of_node(node.root()).key).unwrap();
    node.restart();
    assert_eq!(node.identity().await, identity);
    let line = key.lines().nth(1).unwrap();
    let log = node.errors().join("\n");
    assert!(!log.contains(line) && !identity.to_string().contains(line));
    assert!(!identity.to_string().contains("PRIVATE"), "{identity}");
}

#[tokio::test]
async fn a_node_answers_while_its_key_is_made_and_may_die_meanwhile() {
    let mut node = Node::start(Options::mesh());
    node.client().get("/").await.expect(200);
    // Whether the key is there by now is chance: both must do.
    node.restart();
    node.client().get("/").await.expect(200);
    let id = node.id().await;
    node.restart();
    assert_eq!(node.id().await, id);
    assert_eq!(Certificate::of_node(node.root()).node_id(), id);
}

#[tokio::test]
async fn a_key_that_others_can_read_is_not_used() {
    let mut node = Node::start(Options::mesh());
    node.id().await;
    let key = Certificate::of_node(node.root()).key;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    node.restart();
    node.error_line("that its key is open to others", |line| {
        line.contains("key.pem").then_some(())
    });
    node.client().get("/").await.expect(200);
    let told = node.console().command("identity", &[]).await.unwrap();
    assert_eq!(told["error"], "unavailable", "{told}");
}

#[tokio::test]
async fn nobody_listens_for_nodes_before_it_is_wanted() {
    let mut node = Node::start(Options::default().set("mesh.bind=127.0.0.1").set("mesh.port=0"));
    node.id().await;
    assert_eq!(node.further_output(), Vec::<String>::new());
    let stranger = Certificate::rsa(2048);
    node.peer(&["add", &stranger.node_id(), "--name", "somebody"]).await;
    assert!(node.mesh_address().ip().is_loopback());
    // From now on it does so at each start.
    node.restart();
    node.mesh_address();
}
