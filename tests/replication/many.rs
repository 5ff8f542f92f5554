//! What an idle replication costs: `REFUGE_REPLICATIONS` tells how many there are, 300 where it does not;
//! `make soak` asks for 10,000.

use refuge_tests::{Node, Options, eventually};
use serde_json::{Value, json};

/// Most that an idle continuous replication may take, in KiB.
const MOST_KIB: u64 = 20;
/// Fewer than this say little: what the node takes anyway is spread over them.
const TELLING: u64 = 5_000;
/// Databases between which they run.
const DATABASES: u64 = 5;

fn how_many() -> u64 {
    let given = std::env::var("REFUGE_REPLICATIONS").ok();
    given.map_or(300, |text| text.parse().expect("a number of replications"))
}

fn resident_kib(node: &Node) -> u64 {
    let path = format!("/proc/{}/status", node.process_id());
    let status = std::fs::read_to_string(path).expect("a process that runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

/// Continuous replications between few databases, told apart by the roles that they act with.
async fn begin(node: &Node, count: u64) {
    let client = node.client();
    let documents = (0..count).map(|number| {
        let (source, target) = (number % DATABASES, number / DATABASES % DATABASES);
        let user = json!({"name": null, "roles": ["_admin", format!("job{number}")]});
        json!({"_id": format!("job{number:05}"), "source": format!("s{source}"),
            "target": format!("t{target}"), "continuous": true, "user_ctx": user})
    });
    for page in documents.collect::<Vec<Value>>().chunks(1_000) {
        client.post("/_replicator/_bulk_docs", json!({"docs": page})).await.expect(201);
    }
}

async fn are(node: &Node, count: u64, state: &str) {
    let client = node.client();
    let path = format!("/_scheduler/docs?states={state}&limit=0");
    let mut last = 0;
    // However long it takes as long as it goes on.
    loop {
        let known = last;
        last = eventually(&format!("{count} are {state}, and not only {known}"), || async {
            let told = client.get(&path).await.expect(200).json()["total_rows"].as_u64();
            told.filter(|told| *told > known || *told >= count)
        })
        .await;
        if last >= count {
            return;
        }
    }
}

async fn measure(what: &str, settings: &[&str], running: u64, count: u64) {
    let options = settings.iter().fold(Options::default(), |options, one| options.set(one));
    let node = Node::start(options);
    let client = node.client();
    for number in 0..DATABASES {
        for kind in ["s", "t"] {
            client.put_nothing(&format!("/{kind}{number}")).await.expect(201);
            client.put(&format!("/{kind}{number}/first"), json!({})).await.expect(201);
        }
    }
    let before = resident_kib(&node);
    begin(&node, count).await;
    are(&node, running, "running").await;
    are(&node, count - running, "pending").await;
    let cost = || resident_kib(&node).saturating_sub(before) as f64 / count as f64;
    println!("{count} replications, {what}: {:.1} KiB each as soon as they are there", cost());
    if count >= TELLING {
        // What was needed to start them goes back by and by.
        eventually(&format!("{what} takes less than {MOST_KIB} KiB"), || async {
            (cost() < MOST_KIB as f64).then_some(())
        })
        .await;
    }
    println!("{count} replications, {what}: {:.1} KiB each", cost());
    // They are none the slower to hear of something new.
    client.put("/s0/second", json!({})).await.expect(201);
    eventually("what is new arrives", || async {
        (client.get("/t0/second").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn many_that_wait_for_changes_take_little_each() {
    let count = how_many();
    measure("waiting for changes", &["replicator.max_jobs=100000"], count, count).await;
}

#[tokio::test]
async fn many_that_wait_for_their_turn_take_little_each() {
    let count = how_many();
    // Nobody else has a turn while it is measured, however busy the machine is.
    let settings = ["replicator.max_jobs=10", "replicator.interval_ms=3600000"];
    measure("waiting for its turn", &settings, 10, count).await;
}
