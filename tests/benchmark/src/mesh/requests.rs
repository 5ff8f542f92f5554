//! Requests from one node to another, as a node makes them: over its own TLS, with its own key.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use refuge_identity::NodeIdentity;
use refuge_identity::tls::mesh::{ConnectOptions, MeshTls, Protocol};
use refuge_mesh::NodeId;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Outcome;

/// Whom a node dials.
#[derive(Clone, Copy, Debug)]
pub(super) struct Other {
    pub(super) id: NodeId,
    pub(super) address: SocketAddr,
}

/// What a link took.
pub(super) struct Times {
    /// Until both sides knew each other: TCP and TLS.
    pub(super) handshake: Duration,
    /// Until the first answer, the handshake included.
    pub(super) first: Duration,
    /// Each further request.
    pub(super) kept: Vec<Duration>,
}

/// What a node dials with.
pub(super) struct Dialler {
    tls: MeshTls,
}

impl Dialler {
    /// The node whose identity lies in `directory`.
    pub(super) fn load(directory: &Path) -> Outcome<Self> {
        let identity = NodeIdentity::load(directory)?.ok_or("this node has no identity")?;
        Ok(Self { tls: identity.tls().clone() })
    }

    /// Dials, asks once, and asks `further` times for the same.
    pub(super) async fn times(&self, other: Other, path: &str, further: usize) -> Outcome<Times> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", other.id);
        let begun = Instant::now();
        let stream = TcpStream::connect(other.address).await?;
        stream.set_nodelay(true)?;
        let options = ConnectOptions { expected: other.id, protocol: Protocol::Http1 };
        let mut stream = self.tls.connect(stream, options).await?;
        let handshake = begun.elapsed();
        exchange(&mut stream, request.as_bytes()).await?;
        let first = begun.elapsed();
        let mut kept = Vec::with_capacity(further);
        for _ in 0..further {
            let begun = Instant::now();
            exchange(&mut stream, request.as_bytes()).await?;
            kept.push(begun.elapsed());
        }
        Ok(Times { handshake, first, kept })
    }
}

/// Sends a request and reads the whole answer, which tells its length.
async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &[u8],
) -> Outcome<()> {
    stream.write_all(request).await?;
    let mut answer = Vec::with_capacity(4096);
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err("the node ended the connection".into());
        }
        let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        if !head.starts_with("http/1.1 200") {
            return Err(head.to_owned().into());
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.ok_or("an answer without a length")?.trim().parse()?;
        if body.len() >= length {
            return Ok(());
        }
    }
}
