//! Replication over links as they are far away: one megabit a second and 300 ms, or packets that get lost.
//! Each figure is printed with what the link alone would have taken.

use std::time::{Duration, Instant};

use refuge_tests::{Client, Flow, Options, Passage, Relay, contents};
use serde_json::{Value, json};

use crate::network::{Machine, entered, stand_at_the_switch};

const BITS_PER_SECOND: f64 = 1_000_000.0;
/// What goes through for each byte: a frame of Ethernet holds 1,448 bytes of a connection and 66 of heads.
const FRAME: f64 = 1_514.0 / 1_448.0;
/// There and back.
const ROUND_TRIP: Duration = Duration::from_millis(300);

/// Documents as applications have them: names, dates, numbers, a text.
fn document(number: usize) -> Value {
    const WORDS: [&str; 16] = [
        "delivery", "invoice", "was", "sent", "before", "the", "customer", "asked", "for", "a",
        "second", "copy", "of", "their", "order", "again",
    ];
    let word = |place: usize| {
        let mixed = (number * 31 + place * 17) as u64;
        let mixed = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        WORDS[(mixed >> 60) as usize]
    };
    let note: Vec<&str> = (0..24).map(word).collect();
    let random = (number as u64).wrapping_mul(0xd134_2543_de82_ef95);
    json!({
        "_id": format!("order:{:016x}", random),
        "type": "order",
        "customer": {"id": random >> 40, "name": format!("{} {}", word(90), word(91)), "city": word(92)},
        "created_at": format!("2026-{:02}-{:02}T{:02}:{:02}:00Z", number % 12 + 1, number % 28 + 1, number % 24, number % 60),
        "lines": [
            {"article": format!("A-{}", random >> 52), "quantity": number % 7 + 1, "price": (number % 900) as f64 / 10.0},
            {"article": format!("B-{}", random >> 50 & 0xfff), "quantity": 1, "price": 19.9},
        ],
        "note": note.join(" "),
    })
}

async fn fill(client: &Client, name: &str, count: usize) -> usize {
    client.put_nothing(&format!("/{name}")).await.expect(201);
    let docs: Vec<Value> = (0..count).map(document).collect();
    let bytes = docs.iter().map(|document| document.to_string().len()).sum();
    for part in docs.chunks(500) {
        client.post(&format!("/{name}/_bulk_docs"), json!({"docs": part})).await.expect(201);
    }
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_megabit_and_300_ms_are_filled() {
    if !entered("slow::a_megabit_and_300_ms_are_filled") {
        return;
    }
    let at = stand_at_the_switch();
    let machine = |number| Machine::start(number, Options::default());
    let (one, two) = (machine(1), machine(2));
    let (here, there) = (one.node.client(), two.node.client());
    for machine in [&one, &two] {
        machine.limit("1mbit");
    }
    for (packed, count) in [(false, 4_500), (true, 12_000)] {
        let setting = "/_node/_local/_config/replicator/compression";
        there.put(setting, json!(packed.to_string())).await.expect(200);
        let name = format!("orders-{packed}");
        let bytes = fill(&here, &name, count).await;
        let passage = Passage { delay: ROUND_TRIP / 2, ..Passage::default() };
        let relay = Relay::start(at, one.http_address(), passage).await;
        let begun = Instant::now();
        let request =
            json!({"source": relay.database(&name), "target": name, "create_target": true});
        there.post("/_replicate", request).await.expect(200);
        let took = begun.elapsed().as_secs_f64();
        assert!(contents(&here, &name).await == contents(&there, &name).await);
        let (up, down) = relay.carried();
        let alone = down as f64 * FRAME * 8.0 / BITS_PER_SECOND;
        println!(
            "1 Mbit/s and 300 ms, packed {packed}: {count} documents of {bytes} bytes in {took:.1} s; \
             {down} bytes came and {up} went, which takes {alone:.1} s: {:.2} times the link's own time",
            took / alone
        );
        let expected = if packed { bytes / 2 } else { bytes * 2 };
        assert!(down < expected as u64, "{down} bytes for {bytes}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_packets_cost_time_and_nothing_else() {
    if !entered("slow::lost_packets_cost_time_and_nothing_else") {
        return;
    }
    let machine = |number| Machine::start(number, Options::default());
    let (one, two) = (machine(1), machine(2));
    let (here, there) = (one.node.client(), two.node.client());
    fill(&here, "orders", 1_000).await;
    let file = Flow { bytes: 5 << 20 };
    let head = "PUT /orders/file/file HTTP/1.1\r\nContent-Type: application/octet-stream";
    let (told, body) = file.send(&one.node, head, 0).await;
    assert!(told.starts_with("HTTP/1.1 201"), "{told} {body}");
    for machine in [&one, &two] {
        machine.limit("20mbit");
        machine.lose(3);
    }
    let begun = Instant::now();
    let database = |name: &str| format!("http://admin:secret@{}/{name}", one.http_address());
    let pull = json!({"source": database("orders"), "target": "orders", "create_target": true});
    there.post("/_replicate", pull).await.expect(200);
    assert!(contents(&here, "orders").await == contents(&there, "orders").await);
    file.compare(&two.node, "/orders/file/file").await;
    let push = json!({"source": "orders", "target": database("again"), "create_target": true});
    there.post("/_replicate", push).await.expect(200);
    assert!(contents(&here, "again").await == contents(&there, "orders").await);
    file.compare(&one.node, "/again/file/file").await;
    println!("3 % of the packets lost: there and back in {:.1} s", begun.elapsed().as_secs_f64());
}
