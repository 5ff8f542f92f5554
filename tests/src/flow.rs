//! Bodies that are larger than what a test may hold: made while they are sent, and compared while they
//! are received.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::Node;

/// Bytes that are made at a time.
const BLOCK_BYTES: usize = 256 * 1024;

/// What the admin of every test's node says.
const AUTHORIZATION: &str = "Authorization: Basic YWRtaW46c2VjcmV0";

/// Bytes that look random and are the same each time.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// How many.
    pub bytes: u64,
}

impl Flow {
    /// So many mebibytes.
    pub fn mebibytes(count: u64) -> Self {
        Self { bytes: count * 1024 * 1024 }
    }

    /// The block that begins at `number` times the length of a block.
    fn block(self, number: u64) -> Vec<u8> {
        let rest = self.bytes.saturating_sub(number * BLOCK_BYTES as u64);
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        while block.len() < BLOCK_BYTES {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend_from_slice(&state.to_le_bytes());
        }
        block.truncate(usize::try_from(rest).unwrap_or(usize::MAX).min(BLOCK_BYTES));
        block
    }

    /// Sends it from `offset` (a whole number of blocks) on as the body of a request; status line and
    /// headers, and the body of the answer.
    pub async fn send(self, node: &Node, head: &str, offset: u64) -> (String, String) {
        let mut stream = TcpStream::connect(node.address()).await.expect("a node that listens");
        let length = self.bytes - offset;
        let head = format!(
            "{head}\r\nHost: node\r\n{AUTHORIZATION}\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("a head");
        let mut number = offset / BLOCK_BYTES as u64;
        loop {
            let block = self.block(number);
            if block.is_empty() {
                break;
            }
            stream.write_all(&block).await.expect("a node that takes its body");
            number += 1;
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        let answer = String::from_utf8(answer).expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
        (head.to_owned(), body.to_owned())
    }

    /// Gets a path and compares its body with this, byte for byte.
    pub async fn compare(self, node: &Node, path: &str) {
        let mut body = get(node.address(), path, "*/*").await;
        let mut number = 0;
        loop {
            let expected = self.block(number);
            let mut came = vec![0; expected.len()];
            body.read_exact(&mut came).await.expect("as many bytes as were sent");
            assert!(came == expected, "block {number} of {path} is another one");
            if expected.is_empty() {
                break;
            }
            number += 1;
        }
        assert_eq!(body.read(&mut [0]).await.expect("an end"), 0, "more than was sent");
    }
}

/// Gets a path in a form that is taken, forgets its body, and tells how long it was.
pub async fn length_of(node: &Node, path: &str, accept: &str) -> u64 {
    let mut body = get(node.address(), path, accept).await;
    tokio::io::copy(&mut body, &mut tokio::io::sink()).await.expect("a whole body")
}

/// A body whose end is the connection's.
async fn get(address: SocketAddr, path: &str, accept: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).await.expect("a node that listens");
    // HTTP/1.0 knows no chunks.
    let head = format!("GET {path} HTTP/1.0\r\n{AUTHORIZATION}\r\nAccept: {accept}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("a head");
    let mut body = BufReader::with_capacity(BLOCK_BYTES, stream);
    let mut line = String::new();
    body.read_line(&mut line).await.expect("a status");
    assert!(line.contains(" 200 "), "{path}: {line}");
    while line != "\r\n" {
        line.clear();
        body.read_line(&mut line).await.expect("a header");
    }
    body
}

/// The most memory that a node has had resident so far, in MiB.
pub fn peak_resident_mib(node: &Node) -> u64 {
    let path = format!("/proc/{}/status", node.process_id());
    let status = std::fs::read_to_string(path).expect("a process that runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells");
    let kib = line.trim().trim_end_matches("kB").trim().parse::<u64>().expect("a number");
    kib / 1024
}
