//! Links that are cut: what was stored is not sent again, and large attachments go on where they were.

use std::net::{IpAddr, Ipv4Addr};

use refuge_tests::{Client, Flow, Node, Options, Passage, Relay, database_name};
use serde_json::{Value, json};

use crate::{replicate, same};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// An attachment over a link that is cut several times within it.
const FILE: Flow = Flow { bytes: 8 << 20 };
/// Each connection carries so much.
const CUT: Passage = Passage {
    delay: std::time::Duration::ZERO,
    cut_after: Some(3 << 20),
    cuts: 4,
    silently: false,
};

/// What the heads of requests and a socket's buffers may cost beyond the bytes themselves: what was on
/// its way when a link was cut is sent again.
fn most(bytes: u64, cuts: u64) -> u64 {
    bytes + bytes / 20 + cuts * (512 << 10)
}

async fn put_file(node: &Node, path: &str) {
    let head = format!("PUT {path} HTTP/1.1\r\nContent-Type: application/octet-stream");
    let (head, body) = FILE.send(node, &head, 0).await;
    assert!(head.starts_with("HTTP/1.1 201"), "{head} {body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attachment_that_is_read_goes_on_where_its_link_was_cut() {
    let (source, target) = (Node::start(Options::default()), Node::start(Options::default()));
    source.client().put_nothing("/files").await.expect(201);
    put_file(&source, "/files/a/file").await;
    let relay = Relay::start(HERE, source.address(), CUT).await;
    let request =
        json!({"source": relay.database("files"), "target": "files", "create_target": true});
    let told = replicate(&target.client(), request).await.json();
    assert_eq!(told["history"][0]["docs_written"], 1, "{told}");
    FILE.compare(&target, "/files/a/file").await;
    let (_, back) = relay.carried();
    assert!(relay.cuts() >= 2, "{} cuts", relay.cuts());
    assert!(back < most(FILE.bytes, relay.cuts()), "{back} bytes over {} cuts", relay.cuts());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attachment_that_is_sent_goes_on_where_its_link_was_cut() {
    let (source, target) = (Node::start(Options::default()), Node::start(Options::default()));
    source.client().put_nothing("/files").await.expect(201);
    put_file(&source, "/files/a/file").await;
    let relay = Relay::start(HERE, target.address(), CUT).await;
    let request =
        json!({"source": "files", "target": relay.database("files"), "create_target": true});
    let told = replicate(&source.client(), request).await.json();
    assert_eq!(told["history"][0]["docs_written"], 1, "{told}");
    FILE.compare(&target, "/files/a/file").await;
    let (there, _) = relay.carried();
    assert!(relay.cuts() >= 2, "{} cuts", relay.cuts());
    assert!(there < most(FILE.bytes, relay.cuts()), "{there} bytes over {} cuts", relay.cuts());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_whose_source_falls_silent_is_no_refusal_of_its_target() {
    let source = Node::start(Options::default());
    // It gives up sooner than whoever sends to it.
    let target = Node::start(Options::default().set("http.body_seconds=1"));
    source.client().put_nothing("/files").await.expect(201);
    let file = Flow { bytes: 2 << 20 };
    let head = "PUT /files/a/file HTTP/1.1\r\nContent-Type: application/octet-stream";
    let (head, body) = file.send(&source, head, 0).await;
    assert!(head.starts_with("HTTP/1.1 201"), "{head} {body}");
    let passage =
        Passage { cut_after: Some(1 << 20), cuts: 1, silently: true, ..Passage::default() };
    let relay = Relay::start(HERE, source.address(), passage).await;
    let request = json!({"source": relay.database("files"), "create_target": true,
        "target": format!("{}/files", target.url()), "connection_timeout": 4_000});
    let told = replicate(&target.client(), request).await.json();
    let session = &told["history"][0];
    assert_eq!((&session["docs_written"], &session["doc_write_failures"]), (&json!(1), &json!(0)));
    assert_eq!(relay.cuts(), 1);
    file.compare(&target, "/files/a/file").await;
}

/// Documents that cannot be packed much.
async fn write_documents(client: &Client, name: &str, count: usize) -> u64 {
    client.put_nothing(&format!("/{name}")).await.expect(201);
    let mut bytes = 0;
    for part in 0..count / 500 {
        let docs: Vec<Value> = (0..500)
            .map(|number| {
                let text: String =
                    (0..60).map(|_| format!("{:08x}", rand::random::<u32>())).collect();
                json!({"_id": format!("{part:03}-{number:03}"), "text": text})
            })
            .collect();
        bytes += docs.iter().map(|document| document.to_string().len() as u64).sum::<u64>();
        let body = json!({"docs": docs});
        client.post(&format!("/{name}/_bulk_docs"), body).await.expect(201);
    }
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_that_are_stored_are_not_sent_again_after_a_cut() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    let (here, there) = (one.client(), two.client());
    let passage = Passage { cut_after: Some(700 << 10), cuts: 4, ..Passage::default() };
    for pushed in [true, false] {
        let name = database_name("cut");
        let bytes = write_documents(&here, &name, 4_000).await;
        let (runs, request, relay) = if pushed {
            let relay = Relay::start(HERE, two.address(), passage).await;
            let target = relay.database(&name);
            (&here, json!({"source": name, "target": target, "create_target": true}), relay)
        } else {
            let relay = Relay::start(HERE, one.address(), passage).await;
            let source = relay.database(&name);
            (&there, json!({"source": source, "target": name, "create_target": true}), relay)
        };
        let told = replicate(runs, request).await.json();
        assert_eq!(told["history"][0]["doc_write_failures"], 0, "{told}");
        same((&here, &name), (&there, &name)).await;
        assert!(relay.cuts() >= 2, "{} cuts", relay.cuts());
        // Ids and revisions travel a few times each: in the feed, compared, asked for.
        let (there, back) = relay.carried();
        // A cut costs at most what its connection carried.
        let most = bytes + 4_000 * 500 + relay.cuts() * (700 << 10);
        assert!(there + back < most, "{there} and {back} of {bytes} with {} cuts", relay.cuts());
    }
}
