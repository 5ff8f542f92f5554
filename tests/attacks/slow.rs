//! Who sends and reads slowly, to keep what others need.

use std::time::Instant;

use refuge_tests::{Flow, Options, peak_resident_mib};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{is_well, node_with_notes};

async fn whole(mut stream: TcpStream) -> String {
    let mut told = Vec::new();
    stream.read_to_end(&mut told).await.ok();
    String::from_utf8_lossy(&told).into_owned()
}

#[tokio::test]
async fn heads_and_bodies_that_never_come_end_the_connection() {
    let options = Options::default().set("http.header_seconds=1").set("http.body_seconds=1");
    let node = node_with_notes(options).await;
    let mut ended = Vec::new();
    for begun in [
        "",
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: a\r\nX-A: ",
        "POST /notes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
        "POST /notes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        for _ in 0..8 {
            let mut stream = TcpStream::connect(node.address()).await.expect("connected");
            stream.write_all(begun.as_bytes()).await.expect("written");
            ended.push((begun, tokio::spawn(whole(stream))));
        }
    }
    let asked = Instant::now();
    node.anonymous().get("/_up").await.expect(200);
    println!("answered beside them after {:?}", asked.elapsed());
    for (begun, told) in ended {
        let told = tokio::time::timeout(refuge_tests::PATIENCE, told).await;
        let told = told.unwrap_or_else(|_| panic!("{begun:?} is waited for without end"));
        let told = told.expect("no panic");
        assert!(!told.starts_with("HTTP/1.1 2"), "{begun:?}: {told}");
    }
    is_well(&node).await;
}

#[tokio::test]
async fn who_does_not_read_costs_little_and_keeps_nobody_waiting() {
    let node = node_with_notes(Options::default()).await;
    let flow = Flow::mebibytes(32);
    let (head, _) = flow.send(&node, "PUT /notes/large/file HTTP/1.1", 0).await;
    assert!(head.starts_with("HTTP/1.1 201"), "{head}");
    let before = peak_resident_mib(&node);
    let mut readers = Vec::new();
    for _ in 0..64 {
        let mut stream = TcpStream::connect(node.address()).await.expect("connected");
        let request = "GET /notes/large/file HTTP/1.1\r\nHost: a\r\n\r\n";
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut first = [0; 64];
        stream.read_exact(&mut first).await.expect("it begins");
        readers.push(stream);
    }
    is_well(&node).await;
    let grown = peak_resident_mib(&node) - before;
    assert!(grown < 256, "64 readers who do not read took {grown} MiB");
    drop(readers);
    is_well(&node).await;
}
