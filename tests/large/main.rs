//! Attachments larger than the memory that a node may take: `REFUGE_LARGE_MIB` tells how large, 128
//! where it does not; `make soak` asks for 1024.

use refuge_tests::{Flow, Node, Options, length_of, peak_resident_mib};
use serde_json::json;

/// Most memory a node may take for attachments of any size.
const MOST_RESIDENT_MIB: u64 = 150;

fn flow() -> Flow {
    let given = std::env::var("REFUGE_LARGE_MIB").ok();
    Flow::mebibytes(given.map_or(128, |text| text.parse().expect("a number of MiB")))
}

#[track_caller]
fn small(node: &Node, story: &str) {
    let peak = peak_resident_mib(node);
    println!("{story}: at most {peak} MiB resident");
    assert!(peak < MOST_RESIDENT_MIB, "{story}: {peak} MiB resident");
}

async fn put(node: &Node, path: &str) {
    let head = format!("PUT {path} HTTP/1.1\r\nContent-Type: application/octet-stream");
    let (head, body) = flow().send(node, &head, 0).await;
    assert!(head.starts_with("HTTP/1.1 201"), "{head} {body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_goes_in_and_out_and_is_never_held() {
    let node = Node::start(Options::default());
    node.client().put_nothing("/files").await.expect(201);
    put(&node, "/files/a/file").await;
    small(&node, "taken in");
    flow().compare(&node, "/files/a/file").await;
    small(&node, "given out");
    let inline = length_of(&node, "/files/a?attachments=true", "application/json").await;
    assert!(inline > flow().bytes / 3 * 4, "{inline} bytes hold no base64 of it");
    small(&node, "given out within its document");
    let related = length_of(&node, "/files/a?attachments=true", "multipart/related").await;
    assert!(related > flow().bytes, "{related} bytes hold no part of it");
    small(&node, "given out behind its document");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_comes_in_parts_and_is_never_held() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/files").await.expect(201);
    let begun = client.request("POST", "/files/_uploads").header("tus-resumable", "1.0.0");
    let begun = begun.header("upload-length", &flow().bytes.to_string()).send().await.expect(201);
    let upload = begun.header("location").splitn(4, '/').nth(3).expect("an address").to_owned();
    let half = Flow { bytes: flow().bytes / 2 };
    for (part, offset) in [(half, 0), (flow(), half.bytes)] {
        let head = format!(
            "PATCH /{upload} HTTP/1.1\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\n\
             Content-Type: application/offset+octet-stream"
        );
        let (head, body) = part.send(&node, &head, offset).await;
        assert!(head.starts_with("HTTP/1.1 204"), "{head} {body}");
    }
    small(&node, "taken in, in parts");
    let id = upload.rsplit('/').next().expect("an id");
    let path = format!("PUT /files/a/file?upload={id} HTTP/1.1");
    let (head, body) = Flow { bytes: 0 }.send(&node, &path, 0).await;
    assert!(head.starts_with("HTTP/1.1 201"), "{head} {body}");
    small(&node, "made an attachment");
    flow().compare(&node, "/files/a/file").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_is_replicated_and_never_held() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    one.client().put_nothing("/files").await.expect(201);
    put(&one, "/files/a/file").await;
    let replicate = |source: String, target: String| json!({"source": source, "target": target, "create_target": true});
    let pull = replicate(format!("{}/files", one.url()), "files".to_owned());
    replicated(&two, pull).await;
    flow().compare(&two, "/files/a/file").await;
    small(&one, "read by another node");
    small(&two, "read from another node");
    let push = replicate("files".to_owned(), format!("{}/again", one.url()));
    replicated(&two, push).await;
    flow().compare(&one, "/again/a/file").await;
    small(&two, "written to another node");
    small(&one, "written by another node");
}

/// Replicates to the end, however long it takes: a large file may outlast the patience of a request.
async fn replicated(node: &Node, request: serde_json::Value) {
    let body = request.to_string();
    let text = format!(
        "POST /_replicate HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWRtaW46c2VjcmV0\r\n\
         Content-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = refuge_tests::exchange_slowly(node.address(), text.as_bytes()).await;
    let answer = String::from_utf8(answer).expect("text");
    assert!(answer.contains("\"doc_write_failures\":0"), "{answer}");
    assert!(answer.contains("\"docs_written\":1"), "{answer}");
}
