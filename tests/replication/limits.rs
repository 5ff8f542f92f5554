//! What a job says of how much of a link it takes, and when; and ends that ask for patience.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use refuge_tests::{Flow, Node, Options, Passage, Relay, contents, eventually};
use serde_json::{Value, json};

use crate::{fill, replicate, same};

/// `HH:MM:SS` of this moment, so many seconds later, where midnight is UTC's.
fn time_of_day(later: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let second = (now + later) % 86_400;
    format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}

async fn state(node: &Node, document: &str) -> Option<Value> {
    let told = node.client().get(&format!("/_scheduler/docs/_replicator/{document}")).await;
    (told.status == 200).then(|| told.json())
}

async fn is_in_state(node: &Node, document: &str, wanted: &str) {
    let what = format!("{document} is {wanted}");
    eventually(&what, || async {
        state(node, document).await.filter(|told| told["state"] == wanted)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_keeps_to_its_bandwidth_in_both_directions() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    let (here, there) = (one.client(), two.client());
    here.put_nothing("/docs").await.expect(201);
    let noise: String = (0..8_000).map(|_| format!("{:08x}", rand::random::<u32>())).collect();
    let docs: Vec<Value> = (0..4).map(|number| json!({"n": number, "noise": noise})).collect();
    here.post("/docs/_bulk_docs", json!({"docs": docs})).await.expect(201);
    // 256 KB of documents, of which packing would leave half: at most a second's bytes at once, and a
    // tenth of a second's more.
    for (target, begin) in [("pushed", &here), ("pulled", &there)] {
        let (from, to) = match target {
            "pushed" => (json!("docs"), json!(format!("{}/pushed", two.url()))),
            _ => (json!(format!("{}/docs", one.url())), json!("pulled")),
        };
        let begun = Instant::now();
        let request =
            json!({"source": from, "target": to, "create_target": true, "bandwidth": 64_000});
        let told = replicate(begin, request).await.json();
        assert_eq!(told["history"][0]["docs_written"], 4, "{told}");
        assert!(begun.elapsed() > Duration::from_millis(1_800), "{target}: {:?}", begun.elapsed());
        same((&here, "docs"), (&there, target)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_waits_for_its_window_and_stops_when_that_closes() {
    let node = Node::start(Options::default().environment("TZ", "UTC"));
    let client = node.client();
    client.put_nothing("/docs").await.expect(201);
    client.put("/docs/a", json!({})).await.expect(201);
    let document = |window: String| {
        json!({"source": "docs", "target": "copy", "create_target": true, "continuous": true,
            "window": window})
    };
    let closed = document(format!("{}-{}", time_of_day(7_200), time_of_day(10_800)));
    let told = client.put("/_replicator/nightly", closed).await.expect(201).json();
    is_in_state(&node, "nightly", "pending").await;
    let told_state = state(&node, "nightly").await.expect("a document");
    assert!(told_state["info"]["reason"].as_str().unwrap().contains("is closed"), "{told_state}");
    assert_eq!(client.get("/copy").await.status, 404);

    let mut opened = document(format!("{}-{}", time_of_day(86_340), time_of_day(30)));
    opened["_rev"] = told["rev"].clone();
    client.put("/_replicator/nightly", opened).await.expect(201);
    is_in_state(&node, "nightly", "running").await;
    eventually("the document came", || async {
        (client.get("/copy/a").await.status == 200).then_some(())
    })
    .await;
    is_in_state(&node, "nightly", "pending").await;
    client.put("/docs/b", json!({})).await.expect(201);
    let jobs = client.get("/_scheduler/jobs").await.expect(200).json();
    let history: Vec<&Value> =
        jobs["jobs"][0]["history"].as_array().unwrap().iter().map(|step| &step["type"]).collect();
    assert_eq!(history, ["pending", "stopped", "started", "added"]);
    assert_eq!(contents(&client, "copy").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_limits_are_refused_with_400() {
    let node = Node::start(Options::default());
    for wrong in [
        json!({"window": "at night"}),
        json!({"window": "22:00"}),
        json!({"bandwidth": 0}),
        json!({"bandwidth": "fast"}),
        json!({"http_connections": 0}),
        json!({"socket_options": "[{keepalive}]"}),
        json!({"proxy": "somewhere"}),
    ] {
        let mut request = json!({"source": "a", "target": "b"});
        request.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let told = node.client().post("/_replicate", request).await.expect(400).json();
        assert_eq!(told["error"], "bad_request", "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_and_one_batch_are_enough() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    fill(&one.client(), "docs").await;
    let request = json!({"source": format!("{}/docs", one.url()), "target": "docs",
        "create_target": true, "http_connections": 1, "worker_processes": 1,
        "worker_batch_size": 10, "connection_timeout": 20_000});
    replicate(&two.client(), request).await;
    same((&one.client(), "docs"), (&two.client(), "docs")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_one_connection_all_else_goes_on_beside_a_document_that_is_carried() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    let (here, there) = (one.client(), two.client());
    here.put_nothing("/docs").await.expect(201);
    let file = Flow { bytes: 4 << 20 };
    let head = "PUT /docs/large/file HTTP/1.1\r\nContent-Type: application/octet-stream";
    let (told, body) = file.send(&one, head, 0).await;
    assert!(told.starts_with("HTTP/1.1 201"), "{told} {body}");
    // A minute and more for the attachment.
    let document = json!({"source": format!("{}/docs", one.url()), "target": "docs",
        "create_target": true, "continuous": true, "http_connections": 1, "bandwidth": 50_000,
        "checkpoint_interval": 300});
    there.put("/_replicator/pull", document).await.expect(201);
    eventually("the attachment is under way", || async {
        let told = state(&two, "pull").await?;
        (told["info"]["missing_revisions_found"].as_u64()? == 1).then_some(())
    })
    .await;
    here.put("/docs/small", json!({})).await.expect(201);
    eventually("the small one arrives", || async {
        (there.get("/docs/small").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(there.get("/docs/large").await.status, 404, "it is still being carried");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_settings_say_of_links_counts_where_a_job_does_not_say() {
    let source = Node::start(Options::default());
    source.client().put_nothing("/docs").await.expect(201);
    source.client().put("/docs/a", json!({})).await.expect(201);
    let silent = Passage { cut_after: Some(1), cuts: 1_000, silently: true, ..Passage::default() };
    let relay = Relay::start(IpAddr::V4(Ipv4Addr::LOCALHOST), source.address(), silent).await;
    let target = Node::start(Options::default());
    let client = target.client();
    let set = |name: &'static str, value: &'static str| {
        let path = format!("/_node/_local/_config/replicator/{name}");
        let client = client.clone();
        async move { client.put(&path, json!(value)).await.expect(200) }
    };
    // By CouchDB's name; nothing of the source's answers comes, and that is found soon.
    set("connection_timeout", "300").await;
    set("retries_per_request", "0").await;
    let pull = json!({"source": relay.database("docs"), "target": "a", "create_target": true});
    let failed = client.post("/_replicate", pull.clone()).await.expect(500).json();
    assert!(failed["reason"].as_str().unwrap().contains("no answer within 0.3 s"), "{failed}");
    // What the job says counts more.
    let mut patient = pull;
    patient["connection_timeout"] = json!(900);
    patient["retries_per_request"] = json!(1);
    let failed = client.post("/_replicate", patient).await.expect(500).json();
    let reason = failed["reason"].as_str().unwrap();
    assert!(reason.contains("failed 2 times"), "{failed}");
    assert!(reason.contains("no answer within 0.9 s"), "{failed}");
    // As it is by itself: what follows is to come through, however slow the machine.
    set("connection_timeout", "0").await;
    set("retries_per_request", "5").await;
    set("http_connections", "1").await;
    set("worker_processes", "1").await;
    set("worker_batch_size", "1").await;
    set("socket_options", "[{keepalive, false}, {nodelay, false}, {sndbuf, 8192}]").await;
    let direct = json!({"source": format!("{}/docs", source.url()), "target": "b",
        "create_target": true});
    replicate(&client, direct).await;
    same((&source.client(), "docs"), (&client, "b")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_asks_for_patience_gets_it() {
    let (one, two) = (
        Node::start(Options::default().set("http.requests_per_second=10")),
        Node::start(Options::default()),
    );
    let client = one.client();
    client.put_nothing("/docs").await;
    let docs: Vec<Value> = (0..300).map(|number| json!({"n": number})).collect();
    eventually("the documents are there", || async {
        client.put_nothing("/docs").await;
        let told = client.post("/docs/_bulk_docs", json!({"docs": docs.clone()})).await;
        (told.status == 201).then_some(())
    })
    .await;
    let request = json!({"source": format!("{}/docs", one.url()), "target": "docs",
        "create_target": true, "worker_batch_size": 30});
    let told = replicate(&two.client(), request).await.json();
    assert_eq!(told["history"][0]["docs_written"], 300, "{told}");
}

/// Bytes that the documents take on a link on which each piece is so late, pushed and pulled.
async fn carried(one: &Node, two: &Node, name: &str, delay: Duration) -> [u64; 2] {
    let (here, there) = (one.client(), two.client());
    let passage = Passage { delay, ..Passage::default() };
    let mut carried = [0; 2];
    for (pushed, bytes) in [true, false].into_iter().zip(&mut carried) {
        let target = format!("{name}-{pushed}");
        let served = if pushed { two.address() } else { one.address() };
        let relay = Relay::start(IpAddr::V4(Ipv4Addr::LOCALHOST), served, passage).await;
        let (client, from, to) = if pushed {
            (&here, "docs".to_owned(), relay.database(&target))
        } else {
            (&there, relay.database("docs"), target.clone())
        };
        let request =
            json!({"source": from, "target": to, "create_target": true, "worker_batch_size": 200});
        replicate(client, request).await;
        same((&here, "docs"), (&there, &target)).await;
        let (up, down) = relay.carried();
        *bytes = if pushed { up } else { down };
    }
    carried
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_link_is_packed_on_and_a_fast_one_is_not() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    let here = one.client();
    here.put_nothing("/docs").await.expect(201);
    let mut bytes = 0;
    for part in 0..8 {
        let docs: Vec<Value> = (0..500)
            .map(|number| {
                json!({"_id": format!("{part}-{number}"), "type": "invoice", "customer": {"name":
                    "Anna Example", "city": "Lindau"}, "lines": [{"article": number, "price": 12.5}]})
            })
            .collect();
        bytes += json!(docs).to_string().len() as u64;
        here.post("/docs/_bulk_docs", json!({"docs": docs})).await.expect(201);
    }
    let slow = carried(&one, &two, "slow", Duration::from_millis(120)).await;
    assert!(slow.iter().all(|one| *one < bytes), "slow {slow:?} of {bytes}");
    // Where the machine is busy its own link is a slow one: that is measured again.
    let mut fast = [0; 2];
    for attempt in 0..5 {
        fast = carried(&one, &two, &format!("fast{attempt}"), Duration::ZERO).await;
        println!("documents of {bytes} bytes: fast {fast:?}, slow {slow:?}");
        if fast.iter().all(|one| *one > bytes) {
            break;
        }
    }
    assert!(fast.iter().all(|one| *one > bytes), "fast {fast:?} of {bytes}");
}
