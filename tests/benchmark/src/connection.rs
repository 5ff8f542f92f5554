//! One keep-alive connection with the least of HTTP/1.1 (RFC 9112) that reads answers: a status, a
//! length or chunks. Bodies are counted; only short ones that are asked for are kept.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::Outcome;

/// What is read at once.
const PIECE_BYTES: usize = 256 * 1024;

/// A connection.
pub(crate) struct Connection {
    stream: TcpStream,
    /// What was read and not yet used begins at `start`.
    buffer: Vec<u8>,
    start: usize,
}

/// What is kept of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: u16,
    /// Length of the body in bytes, chunks' frames not counted.
    pub(crate) bytes: u64,
}

impl Answer {
    /// An error unless the status is `status`.
    pub(crate) fn expect(self, status: u16) -> Outcome<()> {
        if self.status == status {
            Ok(())
        } else {
            Err(Unexpected { status: self.status, expected: status }.into())
        }
    }
}

/// An answer of another status than was expected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unexpected {
    pub(crate) status: u16,
    pub(crate) expected: u16,
}

impl fmt::Display for Unexpected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, expected } = self;
        write!(formatter, "the server answered {status} where {expected} was expected")
    }
}

impl std::error::Error for Unexpected {}

/// How the end of a body is told.
enum Length {
    Known(u64),
    Chunks,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Outcome<Self> {
        Self::over(TcpStream::connect(address).await?)
    }

    /// The same from another address of this machine.
    pub(crate) async fn open_from(from: IpAddr, address: SocketAddr) -> Outcome<Self> {
        let socket = if from.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.bind(SocketAddr::new(from, 0))?;
        Self::over(socket.connect(address).await?)
    }

    fn over(stream: TcpStream) -> Outcome<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(PIECE_BYTES), start: 0 })
    }

    /// Sends a whole request and reads the whole answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Outcome<Answer> {
        self.send(request, None).await
    }

    /// The same, with the text of the answer's body.
    pub(crate) async fn exchange_text(&mut self, request: &[u8]) -> Outcome<(Answer, String)> {
        let mut body = Vec::new();
        let answer = self.send(request, Some(&mut body)).await?;
        Ok((answer, String::from_utf8(body)?))
    }

    async fn send(&mut self, request: &[u8], kept: Option<&mut Vec<u8>>) -> Outcome<Answer> {
        self.stream.write_all(request).await?;
        let (status, length) = self.head().await?;
        let bytes = match length {
            Length::Known(bytes) => {
                self.pass(bytes, kept).await?;
                bytes
            }
            Length::Chunks => self.chunks(kept).await?,
        };
        Ok(Answer { status, bytes })
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    async fn fill(&mut self) -> Outcome<()> {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        } else if self.buffer.len() > PIECE_BYTES {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(())
    }

    /// Takes everything up to the first `end` and `end` itself.
    async fn until(&mut self, end: &[u8]) -> Outcome<Vec<u8>> {
        loop {
            let found = self.unread().windows(end.len()).position(|window| window == end);
            if let Some(place) = found {
                let taken = self.unread().get(..place).unwrap_or_default().to_vec();
                self.start += place + end.len();
                return Ok(taken);
            }
            self.fill().await?;
        }
    }

    /// Reads so many bytes, into `kept` where they are to be kept.
    async fn pass(&mut self, bytes: u64, mut kept: Option<&mut Vec<u8>>) -> Outcome<()> {
        let mut left = usize::try_from(bytes)?;
        loop {
            let here = self.unread().len().min(left);
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(self.unread().get(..here).unwrap_or_default());
            }
            self.start += here;
            left -= here;
            if left == 0 {
                return Ok(());
            }
            self.fill().await?;
        }
    }

    async fn head(&mut self) -> Outcome<(u16, Length)> {
        let head = self.until(b"\r\n\r\n").await?;
        let head = std::str::from_utf8(&head)?;
        let mut lines = head.split("\r\n");
        let status =
            lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status line")?;
        let mut length = Length::Known(0);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                length = Length::Known(value.trim().parse()?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                length = Length::Chunks;
            }
        }
        Ok((status.parse()?, length))
    }

    async fn chunks(&mut self, mut kept: Option<&mut Vec<u8>>) -> Outcome<u64> {
        let mut bytes = 0;
        loop {
            let line = self.until(b"\r\n").await?;
            let size = std::str::from_utf8(&line)?.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16)?;
            // Trailers are not asked for, so the last chunk is followed by an empty line.
            self.pass(size, kept.as_deref_mut()).await?;
            self.pass(2, None).await?;
            if size == 0 {
                return Ok(bytes);
            }
            bytes += size;
        }
    }
}
