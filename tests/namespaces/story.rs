//! Two nodes meet, share a database, lose each other, go on writing, find each other again, and hold the
//! same in the end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use refuge_tests::{Client, Events, Options, Peering, contents, eventually, share};
use serde_json::{Value, json};

use crate::network::{Machine, entered};

/// From the cut to `nodedown`, by the clock of the test, which has asked for it over another network.
const SILENCE_LIMIT: Duration = Duration::from_millis(5_000 + 500);

/// From `nodeup` until both hold the same: a second for the first document, and one for the rest on a
/// busy machine.
const MEETING_LIMIT: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_cut_apart_find_each_other_again() {
    if !entered("story::nodes_that_are_cut_apart_find_each_other_again") {
        return;
    }
    let (one, two) = (Machine::start(1, Options::default()), Machine::start(2, Options::default()));
    let hooks = [&one, &two].map(|machine| tell(machine.node.root()));
    meet(&one, &two).await;
    share_work(&one, "two").await;
    share_work(&two, "one").await;
    let (here, there) = (one.node.client(), two.node.client());
    write(&here, "before-here", 20).await;
    write(&there, "before-there", 20).await;
    converge(&here, &there).await;

    let (mut silences, mut meetings) = (Vec::new(), Vec::new());
    for round in 0..3 {
        let mut events = [
            Events::after(&here, last(&here).await).await,
            Events::after(&there, last(&there).await).await,
        ];
        let begun = Instant::now();
        two.pull_out();
        for (events, name) in events.iter_mut().zip(["two", "one"]) {
            let down = events.next_of("nodedown", name).await;
            assert_eq!(down["reason"], "timeout");
            silences.push(begun.elapsed());
        }
        write(&here, &format!("apart-here-{round}"), 20).await;
        write(&there, &format!("apart-there-{round}"), 20).await;
        here.put(&format!("/work/both-{round}"), json!({"by": "one"})).await.expect(201);
        there.put(&format!("/work/both-{round}"), json!({"by": "two"})).await.expect(201);
        one.node.replication_is("push", "waiting").await;

        let begun = Instant::now();
        two.plug_in();
        for (events, name) in events.iter_mut().zip(["two", "one"]) {
            events.next_of("nodeup", name).await;
        }
        println!("joined_to_nodeup {:?}", begun.elapsed());
        let begun = Instant::now();
        converge(&here, &there).await;
        meetings.push(begun.elapsed());
    }
    println!("nodeup_to_the_same {meetings:?}");
    assert!(meetings.iter().all(|meeting| *meeting <= MEETING_LIMIT), "{meetings:?}");
    println!("cut_to_nodedown {silences:?}");
    assert!(silences.iter().all(|silence| *silence <= SILENCE_LIMIT), "{silences:?}");
    assert_eq!(contents(&here, "work").await.len(), 40 + 3 * 41);
    for round in 0..3 {
        let document =
            here.get(&format!("/work/both-{round}?conflicts=true")).await.expect(200).json();
        assert_eq!(document["_conflicts"].as_array().map(Vec::len), Some(1), "{document}");
    }
    for (file, client) in hooks.iter().zip([&here, &there]) {
        each_event_once(file, client).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_gap_is_no_departure() {
    if !entered("story::a_short_gap_is_no_departure") {
        return;
    }
    let (one, two) = (Machine::start(1, Options::default()), Machine::start(2, Options::default()));
    meet(&one, &two).await;
    let here = one.node.client();
    let before = last(&here).await;
    two.pull_out();
    // Half a second, told by a long poll that nothing ends before its time.
    here.get(&format!("/_mesh/events?feed=longpoll&since={before}&timeout=500")).await.expect(200);
    two.plug_in();
    // Longer than it would take to notice a departure.
    let told = here
        .get(&format!("/_mesh/events?feed=longpoll&since={before}&timeout=8000"))
        .await
        .expect(200)
        .json();
    assert_eq!(told["results"], json!([]));
}

/// Each makes the other known, and both see each other.
async fn meet(one: &Machine, two: &Machine) {
    for (node, other, name) in [(one, two, "two"), (two, one, "one")] {
        let peering = Peering { name, address: Some(other.mesh_address()), groups: &["family"] };
        node.node.trust(&other.node, peering).await;
    }
    one.node.sees("two", true).await;
    two.node.sees("one", true).await;
}

/// A database for the family, and a document that pushes it to the other node whenever it is up.
async fn share_work(machine: &Machine, other: &str) {
    let client = machine.node.client();
    client.put_nothing("/work").await.expect(201);
    share(&client, "work", "family").await;
    let target = if other == "two" { "group:family" } else { other };
    let document =
        json!({"source": "work", "target": {"node": target, "db": "work"}, "continuous": true});
    client.put("/_replicator/push", document).await.expect(201);
}

async fn write(client: &Client, prefix: &str, number: usize) {
    let docs: Vec<Value> =
        (0..number).map(|number| json!({"_id": format!("{prefix}-{number}")})).collect();
    client.post("/work/_bulk_docs", json!({"docs": docs})).await.expect(201);
}

async fn converge(one: &Client, two: &Client) {
    eventually("both hold the same", || async {
        (contents(one, "work").await == contents(two, "work").await).then_some(())
    })
    .await;
}

async fn last(client: &Client) -> u64 {
    client.get("/_mesh/events").await.expect(200).json()["last_seq"].as_u64().expect("a number")
}

/// Hooks that write a line for each coming and going; the file they write to.
fn tell(root: &Path) -> Arc<Path> {
    let file = root.join("told");
    for event in ["nodeup", "nodedown"] {
        let folder = root.join(format!("etc/hooks/{event}.d"));
        fs::create_dir_all(&folder).unwrap();
        let script = folder.join("10-tell");
        fs::write(&script, format!("#!/bin/sh\ncat >> '{}'\n", file.display())).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    }
    file.into()
}

/// What the hooks wrote are the comings and goings that the node tells of, each once and in order.
async fn each_event_once(file: &Path, client: &Client) {
    let all = client.get("/_mesh/events").await.expect(200).json();
    let of_interest = |event: &&Value| event["event"] == "nodeup" || event["event"] == "nodedown";
    let expected: Vec<Value> =
        all["results"].as_array().unwrap().iter().filter(of_interest).cloned().collect();
    assert_eq!(expected.len(), 1 + 2 * 3);
    let told = eventually("all hooks have run", || async {
        let text = fs::read_to_string(file).unwrap_or_default();
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (lines.len() >= expected.len()).then_some(lines)
    })
    .await;
    assert_eq!(told, expected);
}
