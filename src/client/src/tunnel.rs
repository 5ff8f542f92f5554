//! A stream in both directions through one HTTP/2 request: what is written goes into its body, what is
//! read comes out of the answer's. What is said through it is not known here.

mod outgoing;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http2;
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::oneshot;

use crate::connections::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};
use crate::connector::{Cord, Cuttable, Duplex};
use crate::database::AGENT;
use crate::exchange::ERROR_BODY_BYTES;
use crate::failure::ErrorAnswer;
use outgoing::Outgoing;

/// What may be written before HTTP/2 takes it.
const PIPE_BYTES: usize = 64 << 10;
/// After a tunnel is dropped, what was written before still goes out and the peer may end its side
/// within this time; as long again it has for closing the connection, which is cut then, whatever the
/// peer does.
const FAREWELL: Duration = Duration::from_secs(1);

/// What to ask for.
#[derive(Clone, Debug)]
pub struct StreamRequest {
    /// Host of the URL, for instance a node id.
    pub authority: String,
    /// Path of the URL, from its first slash on.
    pub path: String,
}

/// Why there is no tunnel.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// Authority or path cannot stand in a URL.
    #[error("`{0}` is not the address of a stream")]
    Address(String),
    /// The connection broke, or the peer speaks no HTTP/2.
    #[error("the connection failed: {0}")]
    Connection(#[from] hyper::Error),
    /// There was an answer, but it is not 200.
    #[error("{reason}")]
    Refused {
        /// Its status.
        status: u16,
        /// What it said, for people.
        reason: String,
    },
}

/// A stream through a request. What is written is sent at once; `shutdown` ends the request's body and
/// leaves the answer open. Dropping it ends its connection, after what was written before went out.
pub struct Tunnel {
    writer: DuplexStream,
    /// Received and not read yet.
    rest: Bytes,
    /// There until the drop.
    open: Option<Open>,
    farewell: Option<oneshot::Sender<Open>>,
}

/// What keeps a tunnel open. If the answer's body went away first, HTTP/2 would reset the stream, and
/// the peer throw away what it has not read yet.
struct Open {
    reader: Incoming,
    _connection: http2::SendRequest<Outgoing>,
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tunnel")
    }
}

/// Speaks HTTP/2 over `io`, posts the request and waits for its answer. Takes as long as the peer
/// likes: give it a deadline. Dropping the future ends the connection.
///
/// # Errors
/// [`TunnelError`]; `io` is closed then.
pub async fn open_stream(
    io: Box<dyn Duplex>,
    request: StreamRequest,
) -> Result<Tunnel, TunnelError> {
    let (writer, body) = tokio::io::duplex(PIPE_BYTES);
    let request = post(&request, Outgoing::new(body))?;
    let (mut connection, farewell) = connect(io).await?;
    let response = connection.send_request(request).await?;
    if response.status() != StatusCode::OK {
        return Err(refused(response).await);
    }
    let open = Open { reader: response.into_body(), _connection: connection };
    Ok(Tunnel { writer, rest: Bytes::new(), open: Some(open), farewell: Some(farewell) })
}

type Connected = (http2::SendRequest<Outgoing>, oneshot::Sender<Open>);

async fn connect(io: Box<dyn Duplex>) -> Result<Connected, hyper::Error> {
    let cord = Cord::new();
    let io = Cuttable::new(io, cord.clone());
    let (sender, requests) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .handshake(TokioIo::new(io))
        .await?;
    // Ends when the sender is gone; the socket is in a task of hyper's own, which waits for the peer.
    tokio::spawn(requests);
    let (farewell, dropped) = oneshot::channel();
    tokio::spawn(async move {
        // A failure is a request that was given up before there was a tunnel.
        if let Ok(open) = dropped.await {
            let _ = tokio::time::timeout(FAREWELL, drain(open)).await;
            tokio::time::sleep(FAREWELL).await;
        }
        cord.cut();
    });
    Ok((sender, farewell))
}

async fn drain(mut open: Open) {
    while let Some(Ok(_)) = open.reader.frame().await {}
}

fn post(request: &StreamRequest, body: Outgoing) -> Result<Request<Outgoing>, TunnelError> {
    let uri = format!("https://{}{}", request.authority, request.path);
    Request::post(&uri)
        .header(USER_AGENT, AGENT)
        .header(CONTENT_TYPE, "application/octet-stream")
        .body(body)
        .map_err(|_| TunnelError::Address(uri))
}

async fn refused(response: Response<Incoming>) -> TunnelError {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, ERROR_BODY_BYTES).collect().await;
    let body = body.map(|collected| collected.to_bytes()).unwrap_or_default();
    let answer = ErrorAnswer::new(head.status, &head.headers, &body);
    TunnelError::Refused { status: head.status.as_u16(), reason: answer.reason() }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        if let (Some(open), Some(farewell)) = (self.open.take(), self.farewell.take()) {
            // Nobody takes it when the runtime is gone, and the connection with it.
            drop(farewell.send(open));
        }
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            let Some(open) = self.open.as_mut() else { return Poll::Ready(Ok(())) };
            match ready!(Pin::new(&mut open.reader).poll_frame(context)) {
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let bytes = self.rest.len().min(buffer.remaining());
        buffer.put_slice(self.rest.get(..bytes).unwrap_or_default());
        self.rest.advance(bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writer).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(context)
    }
}
