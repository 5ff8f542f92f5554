//! SIGKILL while an upload comes in parts: what was acknowledged is there, and it goes on from it.

use std::io::{Read, Write};
use std::net::TcpStream;

use refuge_tests::{Client, Node, Options};

const LENGTH: usize = 24 * 1024 * 1024;

fn bytes() -> Vec<u8> {
    (0..LENGTH as u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 15) as u8).collect()
}

async fn offset(client: &Client, upload: &str) -> usize {
    let reply = client.request("HEAD", upload).header("tus-resumable", "1.0.0").send().await;
    reply.expect(200).header("upload-offset").parse().expect("an offset")
}

/// Sends a part, slowly enough to be killed within it; ends with the node.
fn send(address: std::net::SocketAddr, upload: &str, from: usize, bytes: &[u8]) {
    let Ok(mut stream) = TcpStream::connect(address) else { return };
    let head = format!(
        "PATCH {upload} HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YWRtaW46c2VjcmV0\r\n\
         Tus-Resumable: 1.0.0\r\nUpload-Offset: {from}\r\nConnection: close\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: {}\r\n\r\n",
        bytes.len() - from
    );
    if stream.write_all(head.as_bytes()).is_ok() && stream.write_all(&bytes[from..]).is_ok() {
        stream.read_to_end(&mut Vec::new()).ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_goes_on_from_what_was_acknowledged() {
    let bytes = bytes();
    let mut node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/files").await.expect(201);
    let begun = client.request("POST", "/files/_uploads").header("tus-resumable", "1.0.0");
    let begun = begun.header("upload-length", &LENGTH.to_string()).send().await.expect(201);
    let location = begun.header("location");
    let upload = format!("/{}", location.splitn(4, '/').nth(3).expect("an address"));
    let mut acknowledged = 0;
    for round in 1..=3 {
        let (address, path, part) = (node.address(), upload.clone(), bytes.clone());
        let from = acknowledged;
        let sending = std::thread::spawn(move || send(address, &path, from, &part));
        // Some of it is in; the rest is under way.
        let client = node.client();
        let wanted = (from + 1024 * 1024).min(LENGTH);
        acknowledged = refuge_tests::eventually("more of it counts", || async {
            let offset = offset(&client, &upload).await;
            (offset >= wanted).then_some(offset)
        })
        .await;
        node.kill_hard();
        sending.join().unwrap();
        node.check();
        node.restart();
        let there = offset(&node.client(), &upload).await;
        assert!(there >= acknowledged, "round {round}: {there} of {acknowledged}");
        acknowledged = there;
    }
    send(node.address(), &upload, acknowledged, &bytes);
    let client = node.client();
    assert_eq!(offset(&client, &upload).await, LENGTH);
    let id = upload.rsplit('/').next().expect("an id");
    client.put_nothing(&format!("/files/a/b?upload={id}")).await.expect(201);
    assert!(client.get("/files/a/b").await.expect(200).body == bytes);
    node.kill_hard();
    node.check();
}
