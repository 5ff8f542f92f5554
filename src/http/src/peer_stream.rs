//! `POST /_mesh/link` and `POST /_mesh/reverse`: a trusted node opens a stream that is open both ways,
//! in the bodies of one request and its answer. What is said over it is not known here.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::node::{Node, PeerStreamKind};
use crate::reply::{self, Reply, allow};
use crate::request::Request;
use crate::shutdown::Shutdown;
use crate::stream::ReplySender;

/// Bytes that may be under way in each direction between the connection and who takes the stream: as
/// many as an HTTP/2 stream's window.
const UNDER_WAY_BYTES: usize = 256 * 1024;

/// Most bytes that are sent in one piece.
const PIECE_BYTES: usize = 64 * 1024;

/// Bytes of the first buffer. A link says little for most of its life, and there may be thousands of them.
const FIRST_PIECE_BYTES: usize = 1024;

/// How long what is left to say may take when the node stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// Opens the stream. Without a certificate there is no such path; a node that is not trusted now, and a
/// client that speaks with credentials instead, may not.
pub(crate) async fn open(
    node: &Arc<dyn Node>,
    request: &mut Request,
    kind: PeerStreamKind,
) -> Result<Reply, Failure> {
    let Some(peer) = request.session.peer().certificate else {
        return Err(Failure::NotFound("missing".to_owned()));
    };
    // Taken before anything is refused: its end is not waited for, which comes with the stream's.
    let incoming = request.body.take_stream();
    let with_credentials = request.headers.contains_key(AUTHORIZATION);
    if with_credentials || request.session.peer_user(node.as_ref()).is_none() {
        return Err(Failure::Forbidden(
            "only a trusted node may open this, without other credentials".to_owned(),
        ));
    }
    allow(&request.method, &[Method::POST], "POST")?;
    let incoming = incoming.ok_or_else(|| Failure::Internal("the body was read".to_owned()))?;
    let (near, far) = tokio::io::duplex(UNDER_WAY_BYTES);
    node.take_stream(&peer, kind, far).await?;
    let shutdown = request.session.shutdown().clone();
    let bytes = HeaderValue::from_static("application/octet-stream");
    Ok(reply::stream(bytes, None, |sender| carry(incoming, near, sender, shutdown)))
}

/// Carries bytes both ways until who took the stream ends it, or the other node breaks off.
async fn carry(
    incoming: Incoming,
    near: DuplexStream,
    sender: ReplySender,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let (reader, writer) = tokio::io::split(near);
    // A task of its own: an answer is asked for its bytes only while the other end takes them, and
    // two nodes that both wait for that would wait for ever. It ends with this future.
    let mut receiving = JoinSet::new();
    receiving.spawn(receive(incoming, writer));
    let broken_off = async {
        if !matches!(receiving.join_next().await, Some(Ok(Received::BrokenOff))) {
            pending::<()>().await;
        }
    };
    let stopped = async {
        shutdown.requested().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        sent = send(reader, sender) => sent,
        () = broken_off => Ok(()),
        () = stopped => Ok(()),
    }
}

/// How the other node's bytes ended.
enum Received {
    /// In order, or nobody here wants more of them: what is left to say to it is said.
    Enough,
    /// It went away.
    BrokenOff,
}

async fn receive(mut incoming: Incoming, mut writer: WriteHalf<DuplexStream>) -> Received {
    while let Some(frame) = incoming.frame().await {
        let Ok(frame) = frame else { return Received::BrokenOff };
        let Ok(mut data) = frame.into_data() else { continue };
        if writer.write_all_buf(&mut data).await.is_err() {
            return Received::Enough;
        }
    }
    // Where this fails nobody listens any more.
    let _ = writer.shutdown().await;
    Received::Enough
}

async fn send(mut reader: ReadHalf<DuplexStream>, mut sender: ReplySender) -> Result<(), Failure> {
    let mut buffer = BytesMut::new();
    let mut piece = FIRST_PIECE_BYTES;
    loop {
        // Many small pieces share one buffer.
        if buffer.capacity() < piece / 4 {
            buffer = BytesMut::with_capacity(piece);
        }
        let free = buffer.capacity();
        match reader.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return Ok(()),
            Ok(read) => {
                // More is under way than there was room for.
                piece = match read == free {
                    true => (piece * 4).min(PIECE_BYTES),
                    false => (piece / 2).max(FIRST_PIECE_BYTES),
                };
                sender.send(buffer.split().freeze()).await?;
            }
        }
    }
}
