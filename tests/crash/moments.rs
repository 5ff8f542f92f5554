//! SIGKILL at random moments under a load of every kind. `make soak` does it a thousand times.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use refuge_tests::{Node, Options};

use crate::mixed::Mixed;

/// How often the node is killed where nobody says otherwise.
const ROUNDS: u32 = 5;

/// Says how often.
const ROUNDS_VARIABLE: &str = "CRASH_ROUNDS";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_a_load_of_every_kind() {
    let rounds = std::env::var(ROUNDS_VARIABLE).ok().and_then(|text| text.parse().ok());
    let mut random = StdRng::seed_from_u64(refuge_tests::seed("killed under a load of every kind"));
    let options = Options::default()
        .set("storage.memtable_bytes=1048576")
        .set("storage.upkeep_grace_seconds=0");
    let mut node = Node::start(options);
    let mut mixed = Mixed::on(&node).await;
    for _ in 0..rounds.unwrap_or(ROUNDS) {
        let writing = mixed.start(&node);
        writing.advance(random.random_range(1..250), &node).await;
        node.kill_hard();
        let written = writing.end().await;
        mixed.verify(&mut node, written).await;
    }
    mixed.until_short_lived_left(&node).await;
}
