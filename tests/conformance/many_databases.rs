//! A database a user: ten thousand of them, of which few are used at a time.

use std::fs;
use std::ops::Range;
use std::time::{Duration, Instant};

use refuge_tests::{Node, Options, eventually};
use serde_json::json;

/// Databases.
const COUNT: usize = 10_000;
/// Clients at a time.
const CLIENTS: usize = 16;
/// As many are in use at a time. The allocator keeps some of the memory that they took, which is not the
/// idle ones' cost: it is there before they are counted.
const USED: usize = 500;
/// The most that a database may take of the creator's time, on a machine that is busy with other tests.
const LONGEST_CREATION: Duration = Duration::from_millis(8);
/// What an idle database may take of memory.
const IDLE_BYTES: u64 = 4 * 1024;

fn path(number: usize) -> String {
    format!("/user-{number:05}")
}

/// Sends one request to each of the databases with these numbers, over several connections.
async fn each(node: &Node, method: &'static str, numbers: Range<usize>, status: u16) {
    let clients = (0..CLIENTS).map(|first| {
        let (client, numbers) = (node.client(), numbers.clone());
        tokio::spawn(async move {
            for number in numbers.skip(first).step_by(CLIENTS) {
                client.request(method, &path(number)).send().await.expect(status);
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.expect("a client");
    }
}

/// Makes databases, uses the last of them, and waits until none is open; the time that one takes to be
/// made.
async fn make_and_use(node: &Node, numbers: Range<usize>) -> Duration {
    let count = u32::try_from(numbers.len()).expect("a count");
    let begun = Instant::now();
    each(node, "PUT", numbers.clone(), 201).await;
    let one = begun.elapsed() / count;
    each(node, "GET", numbers.end - USED..numbers.end, 200).await;
    eventually("all are closed", || async { (open_databases(node).await == 0).then_some(()) })
        .await;
    one
}

fn open_files(node: &Node) -> usize {
    fs::read_dir(format!("/proc/{}/fd", node.process_id())).expect("the node's files").count()
}

fn resident_bytes(node: &Node) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.process_id())).expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kibibytes: u64 = line.split_whitespace().next().expect("a number").parse().expect("digits");
    kibibytes * 1024
}

async fn open_databases(node: &Node) -> usize {
    let tree = node.console().tree().await.expect("a tree");
    let open = tree.find("open-databases").expect("their supervisor").children.iter();
    open.filter(|database| database.name.starts_with("database/user-")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_databases_cost_next_to_nothing_while_nobody_uses_them() {
    // What the engine holds in memory has bounds of its own; here they are reached early.
    let options = Options::default().set("databases.idle_seconds=2");
    let options = options.set("storage.memtable_bytes=1048576").set("storage.cache_bytes=1048576");
    let node = Node::start(options);
    let client = node.client();
    make_and_use(&node, 0..USED).await;
    let (files, bytes) = (open_files(&node), resident_bytes(&node));

    let one = make_and_use(&node, USED..COUNT).await;
    println!("a database is made in {one:?}");
    assert!(one <= LONGEST_CREATION, "{one:?}");
    let tree = node.console().tree().await.expect("a tree");
    assert!(tree.walk().all(|actor| !actor.name.starts_with("database/user-")));
    eventually("connections and files are closed", || async {
        // The engine may have opened some tables meanwhile, but none for a database.
        (open_files(&node) <= files + 64).then_some(())
    })
    .await;
    let each = resident_bytes(&node).saturating_sub(bytes) / (COUNT - USED) as u64;
    println!("an idle database takes {each} bytes");
    assert!(each <= IDLE_BYTES, "{each} bytes");

    client.put("/user-00007/doc", json!({})).await.expect(201);
    let all = client.get("/_all_dbs").await.expect(200).json();
    assert!(all.as_array().is_some_and(|all| all.len() > COUNT));
    let page = client.get("/_all_dbs?startkey=%22user-09990%22&limit=3").await.expect(200).json();
    assert_eq!(page, json!(["user-09990", "user-09991", "user-09992"]));
    let last = client.get("/_dbs_info?descending=true&limit=1").await.expect(200).json();
    assert_eq!(last[0]["key"], "user-09999");
    assert_eq!(client.get("/user-00007").await.expect(200).json()["doc_count"], 1);
}
