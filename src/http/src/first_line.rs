//! What clients such as curl send as it is in the target of a request (`?startkey="a"`), and the parser of
//! targets refuses, in the first line that a connection brings: it is percent-encoded on its way to the parser.
//!
//! Of the first line alone it is certain where it ends. Where a later request begins depends on the bodies
//! before it, and whoever counted those otherwise than the parser would take bytes of a body for a request.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection.
pub(crate) struct FirstLine<I> {
    io: I,
    /// Whether the first line came to its end.
    is_over: bool,
    /// Bytes that are to be handed on before others are read.
    waiting: Vec<u8>,
}

impl<I> FirstLine<I> {
    /// Around a new connection.
    pub(crate) fn new(io: I) -> Self {
        Self { io, is_over: false, waiting: Vec::new() }
    }

    /// Hands on what waits, as far as there is room.
    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) {
        let count = self.waiting.len().min(buffer.remaining());
        buffer.put_slice(self.waiting.get(..count).unwrap_or_default());
        self.waiting.drain(..count);
    }
}

/// How a byte stands in a target where it may not stand as it is.
fn encoded(byte: u8) -> Option<&'static [u8]> {
    match byte {
        b'"' => Some(b"%22"),
        b'<' => Some(b"%3C"),
        b'>' => Some(b"%3E"),
        b'`' => Some(b"%60"),
        _ => None,
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for FirstLine<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.waiting.is_empty() {
            self.hand_on(buffer);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(context, buffer))?;
        if self.is_over {
            return Poll::Ready(Ok(()));
        }
        let came = buffer.filled().get(before..).unwrap_or_default();
        let end = memchr::memchr(b'\n', came);
        self.is_over = end.is_some();
        let (line, rest) = came.split_at(end.unwrap_or(came.len()));
        if line.iter().any(|byte| encoded(*byte).is_some()) {
            let mut waiting = Vec::with_capacity(came.len() + 64);
            for byte in line {
                match encoded(*byte) {
                    Some(text) => waiting.extend_from_slice(text),
                    None => waiting.push(*byte),
                }
            }
            waiting.extend_from_slice(rest);
            self.waiting = waiting;
            buffer.set_filled(before);
            self.hand_on(buffer);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for FirstLine<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What comes of pieces that are each read as soon as they are there, with room for so many bytes.
    async fn read(pieces: &[&str], room: usize) -> String {
        let (mut client, server) = tokio::io::duplex(1024);
        let (mut lines, mut text) = (FirstLine::new(server), Vec::new());
        let mut bytes = vec![0; room];
        for piece in pieces {
            client.write_all(piece.as_bytes()).await.expect("room");
            let count = lines.read(&mut bytes).await.expect("bytes");
            text.extend_from_slice(&bytes[..count]);
        }
        drop(client);
        loop {
            let count = lines.read(&mut bytes).await.expect("bytes");
            if count == 0 {
                return String::from_utf8(text).expect("text");
            }
            text.extend_from_slice(&bytes[..count]);
        }
    }

    #[tokio::test]
    async fn the_first_line_alone_is_encoded() {
        let request = "GET /a?k=\"<`>\" HTTP/1.1\r\nx: \"<`>\"\r\n\r\nGET /\"b\" HTTP/1.1\r\n";
        let expected = request.replacen("\"<`>\"", "%22%3C%60%3E%22", 1);
        assert_eq!(read(&[request], 1024).await, expected);
        let plain = "GET /a HTTP/1.1\r\nx: \"\"\r\n\r\n";
        assert_eq!(read(&[plain], 1024).await, plain);
    }

    #[tokio::test]
    async fn it_may_come_in_pieces() {
        let pieces = ["GET /\"", "\" HTTP/1.1\r\n", "x: \"\r\n\r\n"];
        assert_eq!(read(&pieces, 1024).await, "GET /%22%22 HTTP/1.1\r\nx: \"\r\n\r\n");
    }

    #[tokio::test]
    async fn there_may_be_little_room() {
        assert_eq!(read(&["GET \"\"\"\n\""], 2).await, "GET %22%22%22\n\"");
    }
}
