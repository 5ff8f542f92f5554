//! The guide of the README, between two machines: from nothing to two paired nodes that share a database.

use std::time::{Duration, Instant};

use refuge_tests::{Options, contents, eventually};
use serde_json::{Value, json};

use crate::network::{Machine, entered};

/// What the guide takes at most, with the start of both nodes in empty directories.
const A_MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_strangers_share_a_database_in_six_commands() {
    if !entered("pairing::two_strangers_share_a_database_in_six_commands") {
        return;
    }
    let begun = Instant::now();
    let (one, two) = (Machine::start(1, Options::default()), Machine::start(2, Options::default()));
    let told = one.node.refuge(&["invite", "--name", "bob", "--group", "family", "--json"]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    let invitation: Value = serde_json::from_str(&told.output).expect("JSON");
    let invitation = invitation["invitation"].as_str().expect("a text");
    assert!(invitation.contains("@10.98.0.1:6984,"), "{invitation}");
    let told = two.node.refuge(&["pair", invitation, "--name", "anna", "--group", "family"]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    println!("paired after {:?}", begun.elapsed());
    let (here, there) = (one.node.client(), two.node.client());
    here.put_nothing("/cities").await.expect(201);
    here.put("/cities/ZRH", json!({"name": "Zurich"})).await.expect(201);
    let members = json!({"members": {"roles": ["group:family"]}});
    here.put("/cities/_security", members).await.expect(200);
    there.put_nothing("/cities").await.expect(201);
    let theirs = json!({"node": "anna", "db": "cities"});
    let from = json!({"source": theirs, "target": "cities", "continuous": true});
    there.put("/_replicator/from-anna", from).await.expect(201);
    let to = json!({"source": "cities", "target": theirs, "continuous": true});
    there.put("/_replicator/to-anna", to).await.expect(201);
    there.put("/cities/BSL", json!({"name": "Basel"})).await.expect(201);
    eventually("the documents arrive on both sides", || async {
        let arrived = there.get("/cities/ZRH").await.status == 200;
        (arrived && here.get("/cities/BSL").await.status == 200).then_some(())
    })
    .await;
    let shared = begun.elapsed();
    println!("shared after {shared:?}");
    assert!(shared < A_MINUTE, "from nothing to a shared database in {shared:?}");
    assert_eq!(contents(&here, "cities").await, contents(&there, "cities").await);
}
