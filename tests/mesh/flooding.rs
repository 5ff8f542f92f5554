//! What one trusted node sends, however much and whatever it is, harms no link of another and fills no memory.

mod speaker;

use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use refuge_tests::{Events, Node, Options, PATIENCE, befriend, peak_resident_mib};
use serde_json::{Value, json};
use speaker::{Speaker, SpokenLink, frame};

/// Times that the frames of a batch are sent: some 100,000 in all.
const BATCHES: usize = 1_000;
const FRAMES_OF_A_BATCH: usize = 100;
/// By so much the memory of a node may grow while it is flooded.
const MOST_MIB: u64 = 64;

/// Two nodes that see each other.
async fn friends() -> (Node, Node) {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    (one, two)
}

/// The texts of the messages that came for an application.
async fn texts(node: &Node, application: &str) -> Vec<Value> {
    let path = format!("/_mesh/messages?app={application}");
    let told = node.client().get(&path).await.expect(200).json();
    told["results"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["body"]["text"].clone())
        .collect()
}

/// A message of `from` comes through to the node that it calls `to`.
async fn comes_through((from, to): (&Node, &Node), name: &str, text: &str) {
    let message = json!({"to": name, "app": "chat", "body": {"text": text}});
    from.client().post("/_mesh/messages", message).await.expect(202);
    refuge_tests::eventually("the message came", || async {
        texts(to, "chat").await.contains(&json!(text)).then_some(())
    })
    .await;
}

/// The link between the two was not lost, and carries.
async fn unharmed(one: &Node, two: &Node) {
    comes_through((one, two), "two", "after it").await;
    comes_through((two, one), "one", "and back").await;
    for (node, name) in [(one, "two"), (two, "one")] {
        let events = node.client().get("/_mesh/events").await.expect(200).json();
        let events = events["results"].as_array().expect("events").clone();
        let lost: Vec<_> =
            events.iter().filter(|one| one["event"] == "nodedown" && one["name"] == name).collect();
        assert!(lost.is_empty(), "{lost:?}");
        let tree = node.console().tree().await.expect("a tree");
        let restarted: Vec<_> =
            tree.walk().filter(|actor| actor.restarts > 0).map(|actor| &actor.name).collect();
        assert!(restarted.is_empty(), "{restarted:?}");
    }
}

fn message(id: usize, text: &str) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis() as u64;
    let id = format!("{id:032x}");
    let body = json!({"text": text});
    frame(&json!({"t": "message", "v": 1, "id": id, "app": "flood", "sent": now, "body": body}))
}

/// In good form, and signed by nobody.
fn statement(speaker: &Speaker, audience: &str, subject: &str) -> Vec<u8> {
    let claims = json!({
        "issuer": speaker.id(), "subject": subject, "audience": audience, "serial": 1,
        "issued": "2026-01-02T03:04:05.000Z", "expires": "2026-01-03T03:04:05.000Z",
        "name": "somebody", "groups": [], "addresses": [],
    });
    let payload = BASE64.encode(claims.to_string().as_bytes());
    let statement = json!({
        "kind": "introduction", "payload": payload, "issuer": speaker.id(), "signature": "AAAA",
    });
    frame(&json!({"t": "statement", "v": 1, "statement": statement}))
}

/// Frames of all kinds that a link has use for, and of some that it has none for. They promise to be followed
/// within a minute, so that nobody takes the speaker for silent when it has said enough.
fn batch(statement: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for number in 0..FRAMES_OF_A_BATCH {
        all.extend(match number % 20 {
            0 => message(number / 20, &"x".repeat(2_048)),
            1 | 2 => statement.to_vec(),
            3 if number == 3 => frame(&json!({"t": "probe", "v": 1, "dial": false})),
            _ if number % 2 == 0 => frame(&json!({"t": "song", "v": 1, "verse": number})),
            _ => frame(&json!({"t": "heartbeat", "v": 1, "n": number, "every_ms": 60_000})),
        });
    }
    all
}

/// Says all of it; a link that ends is followed by another.
async fn flood(speaker: &Speaker, mut link: SpokenLink, batch: &[u8]) -> SpokenLink {
    for _ in 0..BATCHES {
        while !link.say(batch.to_vec()).await {
            link = speaker.link().await;
            link.forget_answers();
        }
    }
    link
}

/// What is said last is dealt with last; said again, since a message that meets too many others is passed over.
async fn all_is_dealt_with(node: &Node, speaker: &Speaker, mut link: SpokenLink) {
    let last = message(usize::MAX, "the last");
    let saying = async {
        while !texts(node, "flood").await.contains(&json!("the last")) {
            if !link.say(last.clone()).await {
                link = speaker.link().await;
                link.forget_answers();
            }
        }
    };
    tokio::time::timeout(2 * PATIENCE, saying).await.expect("the flood is dealt with");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_floods_costs_no_other_link_and_little_memory() {
    let (one, two) = friends().await;
    let speaker = Speaker::trusted_by(&one, "speaker").await;
    let mut link = speaker.link().await;
    one.sees("speaker", true).await;
    link.forget_answers();
    comes_through((&one, &two), "two", "before it").await;
    let before = peak_resident_mib(&one);
    let batch = batch(&statement(&speaker, &one.id().await, &two.id().await));
    let flooding = flood(&speaker, link, &batch);
    let (link, ()) = tokio::join!(flooding, comes_through((&one, &two), "two", "amid it"));
    all_is_dealt_with(&one, &speaker, link).await;
    let grown = peak_resident_mib(&one).saturating_sub(before);
    println!("flooded_grew_mib {grown}");
    unharmed(&one, &two).await;
    assert!(grown < MOST_MIB, "{grown} MiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_asks_without_end_and_hears_no_answer_loses_its_own_link_at_most() {
    let (one, two) = friends().await;
    let speaker = Speaker::trusted_by(&one, "speaker").await;
    let link = speaker.link().await;
    one.sees("speaker", true).await;
    let before = peak_resident_mib(&one);
    let probes = frame(&json!({"t": "probe", "v": 1, "dial": false})).repeat(FRAMES_OF_A_BATCH);
    let mut events = Events::after(&one.client(), 0).await;
    let saying = async {
        for _ in 0..BATCHES {
            if !link.say(probes.clone()).await {
                // The node tells why.
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        down = events.next_of("nodedown", "speaker") => assert!(down["reason"].is_string(), "{down}"),
        () = saying => {}
    }
    let grown = peak_resident_mib(&one).saturating_sub(before);
    println!("probes_grew_mib {grown}");
    unharmed(&one, &two).await;
    assert!(grown < MOST_MIB, "{grown} MiB");
}

#[tokio::test]
async fn half_a_frame_and_then_nothing_ends_or_waits_alone() {
    let (one, two) = friends().await;
    let speaker = Speaker::trusted_by(&one, "speaker").await;
    let heartbeat = frame(&json!({"t": "heartbeat", "v": 1, "n": 1, "every_ms": 1000}));
    for half in [&heartbeat[..2], &heartbeat[..20]] {
        let link = speaker.link().await;
        one.sees("speaker", true).await;
        assert!(link.say(half.to_vec()).await);
        one.sees("speaker", false).await;
    }
    unharmed(&one, &two).await;
}

#[tokio::test]
async fn garbage_on_a_link_ends_it_alone() {
    let (one, two) = friends().await;
    let speaker = Speaker::trusted_by(&one, "speaker").await;
    for garbage in [
        vec![0; 4_096],
        vec![0xff; 4_096],
        frame(&json!([])),
        frame(&json!({"t": "statement", "v": 1, "statement": {"kind": "introduction"}})),
        frame(&json!({"t": "message", "v": 1})),
        frame(&json!({"t": "song", "v": 1, "verse": "x".repeat(65_536)})),
    ] {
        let mut link = speaker.link().await;
        // Where it ends while this is said, that is an end, too.
        link.say(garbage).await;
        while link.next().await.is_some() {}
    }
    unharmed(&one, &two).await;
}
