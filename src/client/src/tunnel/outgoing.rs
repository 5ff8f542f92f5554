//! The body of a tunnel's request: what comes out of a pipe, as it comes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::io::{AsyncRead, DuplexStream, ReadBuf};

/// One frame of HTTP/2 holds no more unless both sides agree.
const PIECE_BYTES: usize = 16 << 10;

/// A body that ends when the other end of its pipe does.
pub(super) struct Outgoing(DuplexStream);

impl Outgoing {
    pub(super) fn new(pipe: DuplexStream) -> Self {
        Self(pipe)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let mut space = [0; PIECE_BYTES];
        let mut piece = ReadBuf::new(&mut space);
        ready!(Pin::new(&mut self.0).poll_read(context, &mut piece))?;
        match piece.filled() {
            [] => Poll::Ready(None),
            bytes => Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(bytes))))),
        }
    }
}
