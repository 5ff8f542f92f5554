//! Two nodes that replicate both ways, are written to all the while, and are killed at random: at the end both
//! hold the same trees, nothing acknowledged is lost, and `refuge check` finds nothing. `REFUGE_SOAK_SECONDS`
//! says how long that goes on, 20 where it does not; `make soak` asks for an hour.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use refuge_tests::{
    Acknowledged, Client, Node, Options, compare, consistent, contents, eventually,
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::database;

/// Documents that both sides edit.
const SHARED: u32 = 200;
/// Between two writes of a side.
const PACE: Duration = Duration::from_millis(10);
/// What a pause of a replication after many failures, and all that was written meanwhile, may take.
const CONVERGENCE: Duration = Duration::from_secs(300);

fn how_long() -> Duration {
    let given = std::env::var("REFUGE_SOAK_SECONDS").ok();
    Duration::from_secs(given.map_or(20, |text| text.parse().expect("a number of seconds")))
}

/// Whoever writes to one side, whether that lives or not.
struct Writer {
    written: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    fresh: Arc<Mutex<Acknowledged>>,
    task: JoinHandle<()>,
}

impl Writer {
    fn start(node: &Node, side: &'static str, mut dice: StdRng) -> Self {
        let (written, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let fresh = Arc::<Mutex<Acknowledged>>::default();
        let (client, count, over, told) =
            (node.client(), Arc::clone(&written), Arc::clone(&stop), Arc::clone(&fresh));
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(PACE);
            for number in 0_u64.. {
                ticks.tick().await;
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let done = match dice.random_range(0..10) {
                    0 => {
                        let id = format!("{side}-{number}");
                        let rev = put(&client, &id, json!({"number": number})).await;
                        rev.map(|rev| told.lock().unwrap().insert(id, rev)).is_some()
                    }
                    1 => attach(&client, side, number).await,
                    _ => edit(&client, side, &mut dice).await,
                };
                count.fetch_add(u64::from(done), Ordering::Relaxed);
            }
        });
        Self { written, stop, fresh, task }
    }

    async fn stop(self) -> Acknowledged {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("a writer that does not panic");
        std::mem::take(&mut *self.fresh.lock().unwrap())
    }
}

/// Stores a document; its revision where that was acknowledged.
async fn put(client: &Client, id: &str, body: Value) -> Option<String> {
    let path = format!("/soak/{id}");
    let reply = client.request("PUT", &path).json(body.to_string()).try_send().await.ok()?;
    (reply.status == 201).then(|| reply.member("rev"))
}

/// A document with an attachment of a few hundred kilobytes at most.
async fn attach(client: &Client, side: &str, number: u64) -> bool {
    let path = format!("/soak/{side}-file-{number}/file");
    let bytes =
        vec![b'0' + u8::try_from(number % 10).unwrap(); 1_000 * (number as usize % 700 + 1)];
    let request = client.request("PUT", &path).header("content-type", "application/octet-stream");
    request.body(bytes).try_send().await.is_ok_and(|reply| reply.status == 201)
}

/// Changes, deletes or brings back one of the documents that both sides edit.
async fn edit(client: &Client, side: &str, dice: &mut StdRng) -> bool {
    let id = format!("shared-{}", dice.random_range(0..SHARED));
    let path = format!("/soak/{id}");
    let Ok(known) = client.request("GET", &path).try_send().await else { return false };
    let mut body = json!({"side": side, "dice": dice.random::<u32>()});
    if known.status == 200 {
        body["_rev"] = known.member("_rev").into();
        body["_deleted"] = dice.random_ratio(1, 10).into();
    }
    put(client, &id, body).await.is_some()
}

/// The text of each leaf with its history, by document.
async fn trees(client: &Client) -> BTreeMap<String, Vec<String>> {
    let mut trees: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let leaves: Vec<Value> = contents(client, "soak")
        .await
        .into_iter()
        .flat_map(|(id, (leaves, _))| {
            leaves.into_iter().map(move |rev| json!({"id": id, "rev": rev}))
        })
        .collect();
    for some in leaves.chunks(500) {
        let asked = json!({"docs": some});
        let told = client.post("/soak/_bulk_get?revs=true", asked).await.expect(200).json();
        for result in told["results"].as_array().unwrap() {
            let texts = result["docs"].as_array().unwrap().iter().map(|one| one["ok"].to_string());
            trees.entry(result["id"].as_str().unwrap().to_owned()).or_default().extend(texts);
        }
    }
    trees
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_killed_at_random_under_writes_on_both_sides_come_to_the_same_trees() {
    let seed = refuge_tests::seed("two nodes killed at random");
    let mut dice = StdRng::seed_from_u64(seed);
    let mut nodes = [Node::start(Options::default()), Node::start(Options::default())];
    nodes[0].client().put_nothing("/soak").await.expect(201);
    nodes[1].client().put_nothing("/soak").await.expect(201);
    for (here, there) in [(0, 1), (1, 0)] {
        let push = json!({"source": "soak", "target": database(&nodes[there], "soak"),
            "continuous": true, "checkpoint_interval": 500});
        nodes[here].client().put("/_replicator/push", push).await.expect(201);
    }
    let writers = [("left", &nodes[0]), ("right", &nodes[1])]
        .map(|(side, node)| Writer::start(node, side, StdRng::seed_from_u64(dice.random())));
    let end = Instant::now() + how_long();
    let mut kills = 0;
    while Instant::now() < end {
        let written = || writers.iter().map(|one| one.written.load(Ordering::Relaxed)).sum::<u64>();
        let goal = written() + dice.random_range(20..400);
        eventually("writers go on", || async { (written() >= goal).then_some(()) }).await;
        let unlucky = dice.random_range(0..2);
        nodes[unlucky].kill_hard();
        nodes[unlucky].restart();
        kills += 1;
    }
    let mut acknowledged = Acknowledged::new();
    for writer in writers {
        acknowledged.extend(writer.stop().await);
    }
    let clients = [nodes[0].client(), nodes[1].client()];
    let begun = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    while contents(&clients[0], "soak").await != contents(&clients[1], "soak").await {
        assert!(begun.elapsed() < CONVERGENCE, "both sides do not come to hold the same");
        ticks.tick().await;
    }
    println!(
        "{kills} kills; the same on both sides {:.1} s after the last",
        begun.elapsed().as_secs_f64()
    );
    let (left, right) = (trees(&clients[0]).await, trees(&clients[1]).await);
    let conflicts = left.values().filter(|leaves| leaves.len() > 1).count();
    println!("{} documents, {conflicts} of them with several leaves", left.len());
    assert!(left == right, "equal leaves with other histories or bodies");
    for client in &clients {
        consistent(client, "soak").await;
        compare(client, "soak", &acknowledged).await;
    }
    for node in &mut nodes {
        node.terminate();
        node.ended();
        node.check();
    }
}
