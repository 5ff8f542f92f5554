//! A stream that tells when it is closed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::oneshot;

/// In the tests' own time, which runs ahead whenever nobody has anything to do.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Watched {
    stream: DuplexStream,
    _alive: oneshot::Sender<()>,
}

/// Resolves when the stream is gone.
pub(crate) struct Watch(oneshot::Receiver<()>);

impl Watched {
    pub(crate) fn new(stream: DuplexStream) -> (Self, Watch) {
        let (alive, watch) = oneshot::channel();
        (Self { stream, _alive: alive }, Watch(watch))
    }
}

impl Watch {
    pub(crate) async fn closed(self) {
        let gone = tokio::time::timeout(PATIENCE, self.0).await;
        assert!(gone.expect("the connection should be closed by now").is_err());
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
